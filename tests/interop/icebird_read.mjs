// SPDX-License-Identifier: Apache-2.0
// icebird_read.mjs WORK: reads each table of WORK/tables with icebird and compares its rows with WORK/NAME.json, which Firn
// wrote.  Ends with "N passed, N failed".
import { readFileSync, statSync } from 'node:fs'
import { icebergRead } from 'icebird'

const work = process.argv[2]
let passed = 0, failed = 0

// icebird asks for URLs: locations are files here.
globalThis.fetch = async (url, init = {}) => {
  const path = String(url).replace(/^file:\/\//, '')
  let bytes
  try { bytes = readFileSync(path) } catch (e) { return new Response('', { status: 404 }) }
  const range = new Headers(init.headers).get('range')
  const headers = { 'content-length': String(statSync(path).size) }
  if (init.method === 'HEAD') return new Response(null, { headers })
  if (!range) return new Response(bytes, { headers })
  const [, from, to] = /bytes=(\d*)-(\d*)/.exec(range)
  const part = from === '' ? bytes.subarray(bytes.length - Number(to)) : bytes.subarray(Number(from), to === '' ? bytes.length : Number(to) + 1)
  return new Response(part, { status: 206, headers: { 'content-length': String(part.length) } })
}

// Whole numbers beyond 2^53 stay exact, as text.
const parse = text => JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, t => /^-?\d{16,}$/.test(t) ? `"${t}"` : t))

// Digits of a decimal as a number: icebird reads decimals as doubles.
function norm(value, type) {
  if (value === null || value === undefined) return null
  if (typeof type === 'object') {
    if (type.type === 'struct') return Object.fromEntries(type.fields.map(f => [f.name, norm(value[f.name], f.type)]))
    if (type.type === 'list') return value.map(v => norm(v, type.element))
    const pairs = Array.isArray(value) ? value.map(p => [p.key, p.value]) : value instanceof Map ? [...value] : Object.entries(value)
    return pairs.map(([k, v]) => [String(k), norm(v, type.value)]).sort()
  }
  if (/^decimal|^float|^double/.test(type)) return Number(Number(value).toPrecision(14))
  if (type === 'long' || type === 'int') return String(value)
  if (type === 'date') return value instanceof Date ? value.toISOString().slice(0, 10) : String(value).slice(0, 10)
  // Dates of JavaScript hold whole milliseconds, cut towards 1970.
  if (type === 'timestamp' || type === 'timestamptz') {
    if (value instanceof Date) return value.getTime()
    const [, head, fraction = ''] = /^(.*?:\d\d)(?:\.(\d+))?Z?$/.exec(value)
    return Math.trunc(Date.parse(head.replace(' ', 'T') + 'Z') + Number(fraction.padEnd(6, '0')) / 1000)
  }
  return typeof value === 'bigint' ? String(value) : value
}

// Columns whose values icebird gives in a form of its own (times as numbers, bytes and uuids as arrays or text): not compared.
const opaque = type => ['time', 'binary', 'uuid'].includes(type)

// What icebird 0.3 cannot read at all: Avro's fixed in manifests, and columns under other names than Spark's spelling of them.
const unable = ['t.by_truncate_decimal', 't.odd name']

function rowsOf(rows, fields) {
  return rows.map(r => JSON.stringify(fields.map(f => norm(r[f.name], f.type)))).sort()
}

for (const line of readFileSync(`${work}/tables`, 'utf8').trim().split('\n')) {
  const at = line.indexOf(' /'), name = line.slice(0, at), location = line.slice(at + 1)
  if (unable.includes(name)) continue
  try {
    const metadata = JSON.parse(readFileSync(location, 'utf8').replace(/("(?:current-)?snapshot-id"|"parent-snapshot-id"):\s*(-?\d+)/g, '$1:"$2"'))
    const schema = metadata.schemas.find(s => s['schema-id'] === metadata['current-schema-id'])
    const fields = schema.fields.filter(f => !opaque(f.type))
    const want = rowsOf(parse(readFileSync(`${work}/${name}.json`, 'utf8')), fields)
    const got = want.length === 0 ? [] : rowsOf(await icebergRead({ tableUrl: metadata.location, metadata }), fields)
    const i = want.findIndex((w, k) => w !== got[k])
    if (got.length !== want.length || i >= 0) throw new Error(`${got.length} rows against ${want.length}: ${got[i]} against ${want[i]}`)
    passed++
  } catch (e) {
    failed++
    console.log(`FAILED ${name}: ${e.message}`.slice(0, 900))
  }
}
console.log(`${passed} passed, ${failed} failed`)
