// SPDX-License-Identifier: Apache-2.0
'use strict';

const $ = id => document.getElementById(id);
const ROWS_MAX = 1000;

// Snapshot ids and wide integers do not fit into a double: whole numbers of 16 digits and more become strings.
const parse = text => JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, t => /^-?\d{16,}$/.test(t) ? `"${t}"` : t));

// An answer or an Error with the server's message and hint.
async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, { method, body: body && JSON.stringify(body), headers: body ? { 'Content-Type': 'application/json' } : {} });
  } catch (e) {
    throw new Error('the server does not answer');
  }
  const text = await response.text();
  let doc;
  try { doc = parse(text); } catch (e) { throw new Error(`${response.status} ${text.slice(0, 300)}`); }
  if (doc.error || !response.ok) {
    const error = new Error(doc.error?.message || `status ${response.status}`);
    error.hint = doc.error?.hint;
    throw error;
  }
  return doc;
}

function element(name, props, ...children) {
  const e = Object.assign(document.createElement(name), props);
  e.append(...children.filter(c => c !== null && c !== undefined));
  return e;
}

const count = n => n === null || n === undefined ? '' : Number(n).toLocaleString('en-US');
const size = n => {
  if (n === null || n === undefined) return '';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0, v = Number(n);
  while (v >= 1000 && i < units.length - 1) { v /= 1000; i++; }
  return `${i ? v.toFixed(1) : v} ${units[i]}`;
};
const time = t => t ? String(t).replace('T', ' ').replace(/\.\d+Z$|Z$/, '') : '';
const quoted = name => name.split('.').map(p => /^[a-z_][a-z0-9_]*$/.test(p) ? p : `"${p.replaceAll('"', '""')}"`).join('.');

// ---- Tables of cells

const isNumber = column => column.number || /^(U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|DOUBLE|FLOAT|DECIMAL)(?!.*\[)/.test(column.type || '');

function cell(value, number) {
  if (value === null) return element('td', { className: number ? 'null number' : 'null', textContent: 'null' });
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return element('td', { textContent: text, title: text.length > 60 ? text : '', className: number ? 'number' : '' });
}

function grid(columns, rows) {
  const head = element('tr', {}, ...columns.map(c => element('th', { className: isNumber(c) ? 'number' : '' }, c.name, c.type ? element('small', { textContent: c.type.length > 40 ? c.type.slice(0, 39) + '…' : c.type, title: c.type }) : null)));
  const body = rows.map(r => element('tr', {}, ...r.map((v, i) => cell(v, isNumber(columns[i])))));
  return element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
}

function facts(pairs) {
  return element('dl', {}, ...pairs.filter(([, v]) => v !== '' && v !== null && v !== undefined).flatMap(([k, v]) => [element('dt', { textContent: k }), element('dd', { textContent: v })]));
}

// ---- Query

function showError(where, e) {
  where.replaceChildren(e.message, ...(e.hint ? [element('span', { className: 'hint', textContent: e.hint })] : []));
  where.hidden = false;
}

function showAnswer(doc, ms) {
  if (!doc.columns) {
    const rows = doc.rows_written === null || doc.rows_written === undefined ? '' : `, ${count(doc.rows_written)} rows`;
    $('outcome').textContent = `${doc.kind}${rows} in ${ms} ms`;
    $('result').replaceChildren();
    refresh();
    return;
  }
  const scans = (doc.stats?.scans || []).map(s => `${s.table}: ${s.files_read} of ${s.files_total} files`).join(', ');
  $('outcome').textContent = `${count(doc.rows.length)} rows${doc.truncated ? ' (there are more)' : ''} in ${ms} ms${scans ? ' · ' + scans : ''}`;
  $('result').replaceChildren(grid(doc.columns, doc.rows));
}

let running = false;
async function run() {
  const sql = $('sql').value;
  if (running || !sql.trim()) return;
  running = true;
  $('run').disabled = true;
  $('error').hidden = true;
  $('outcome').textContent = 'running …';
  const began = performance.now();
  try {
    showAnswer(await call('POST', '/api/sql', { sql, branch: $('branch').value, max_rows: ROWS_MAX }), Math.round(performance.now() - began));
  } catch (e) {
    $('outcome').textContent = '';
    $('result').replaceChildren();
    showError($('error'), e);
  }
  running = false;
  $('run').disabled = false;
}

// ---- Details

function mark(button) {
  document.querySelectorAll('.list button[aria-current]').forEach(b => b.removeAttribute('aria-current'));
  button.setAttribute('aria-current', 'true');
}

async function show(button, load) {
  mark(button);
  try {
    $('detail').replaceChildren(...await load());
  } catch (e) {
    const box = element('div', { className: 'error' });
    showError(box, e);
    $('detail').replaceChildren(box);
  }
  $('detail').hidden = false;
  $('detail').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}

async function tableDetail(name) {
  const branch = `?branch=${encodeURIComponent($('branch').value)}`, at = `/api/tables/${encodeURIComponent(name)}`;
  const [t, snapshots] = await Promise.all([call('GET', at + branch), call('GET', `${at}/snapshots${branch}&limit=50`)]);
  if (!$('sql').value.trim() || $('sql').dataset.made === $('sql').value) {
    $('sql').value = `SELECT * FROM ${quoted(name)} LIMIT 100`;
    $('sql').dataset.made = $('sql').value;
  }
  return [
    element('h2', { textContent: name }),
    facts([['rows', count(t.rows)], ['files', t.files === null ? '' : `${count(t.files)} (${size(t.bytes)})`], ['partitioned by', t.partition_by], ['sorted by', t.sort_by], ['updated', time(t.updated)], ['location', t.location]]),
    element('h3', { textContent: 'Columns' }),
    element('div', { className: 'scroll' }, grid([{ name: 'column' }, { name: 'type' }], t.columns.map(c => [c.name, c.type + (c.required ? ' not null' : '')]))),
    element('h3', { textContent: `Snapshots (${count(t.snapshots)})` }),
    element('div', { className: 'scroll' }, grid([{ name: 'snapshot' }, { name: 'time' }, { name: 'operation' }, { name: 'added', number: true }, { name: 'rows', number: true }, { name: 'files', number: true }],
      snapshots.slice().reverse().map(s => [s.snapshot_id + (s.current ? ' (current)' : ''), time(s.timestamp), s.operation, count(s.added_rows), count(s.total_rows), count(s.total_files)]))),
  ];
}

async function jsonDetail(title, path) {
  const doc = await call('GET', path);
  return [element('h2', { textContent: title }), element('pre', { textContent: JSON.stringify(doc, null, 2) })];
}

// ---- Lists

function item(name, note, load) {
  const b = element('button', { type: 'button', title: name }, element('span', { className: 'name', textContent: name }), element('span', { className: 'note', textContent: note }));
  b.addEventListener('click', () => show(b, load));
  return b;
}

async function fill(where, empty, load) {
  try {
    const items = await load();
    where.replaceChildren(...(items.length ? items : [element('div', { className: 'quiet', textContent: empty })]));
  } catch (e) {
    const box = element('div', { className: 'error' });
    showError(box, e);
    where.replaceChildren(box);
  }
}

async function tableItems() {
  const tables = await call('GET', `/api/tables?branch=${encodeURIComponent($('branch').value)}`);
  let space = null;
  return tables.flatMap(t => {
    const head = t.namespace === space ? [] : [element('h3', { textContent: t.namespace })];
    space = t.namespace;
    const note = t.error ? 'unreadable' : `${count(t.rows)} rows · ${count(t.snapshots)} ${Number(t.snapshots) === 1 ? 'snapshot' : 'snapshots'}`;
    const b = item(t.name, note, () => tableDetail(t.name));
    b.firstChild.textContent = t.name.slice(t.namespace.length + 1);
    return [...head, b];
  });
}

async function featureItems() {
  const features = await call('GET', '/api/features');
  let kind = null;
  return features.flatMap(f => {
    const head = f.kind === kind ? [] : [element('h3', { textContent: { entity: 'entities', feature_view: 'views', feature_service: 'services' }[f.kind] || f.kind })];
    kind = f.kind;
    const note = f.materialized ? `${count(f.rows)} online` : `version ${f.version}`;
    return [...head, item(f.name, note, () => jsonDetail(f.name, `/api/features/${f.kind}/${encodeURIComponent(f.name)}`))];
  });
}

async function modelItems() {
  const models = await call('GET', '/api/models');
  return models.map(m => item(m.name, `version ${m.version}`, () => jsonDetail(m.name, `/api/models/${encodeURIComponent(m.name)}`)));
}

function refresh() {
  return Promise.all([
    fill($('tables'), 'no tables yet: firn ingest FILE bronze.name', tableItems),
    fill($('features'), 'no features yet: firn feature apply DIR', featureItems),
    fill($('models'), 'no models yet: firn model train FILE', modelItems),
  ]);
}

async function refs() {
  const chosen = $('branch').value || 'main';
  const list = await call('GET', '/api/refs');
  $('branch').replaceChildren(...list.map(r => element('option', { value: r.name, textContent: r.kind === 'tag' ? `${r.name} (tag)` : r.name, selected: r.name === chosen })));
}

async function start() {
  $('run').addEventListener('click', run);
  $('sql').addEventListener('keydown', e => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); run(); }
  });
  $('branch').addEventListener('change', () => { $('detail').hidden = true; refresh(); });
  try {
    await refs();
    const s = await call('GET', '/api/status');
    $('status').textContent = `${s.data_dir} · firn ${s.version}`;
  } catch (e) {
    showError($('error'), e);
  }
  await refresh();
  // A link may bring a query, but never runs it: it could come from anywhere.
  const wanted = new URLSearchParams(location.search).get('sql');
  if (wanted) $('sql').value = wanted;
}

start();
