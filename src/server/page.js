// SPDX-License-Identifier: Apache-2.0
'use strict';

const $ = id => document.getElementById(id);
const ROWS_MAX = 1000, FILES_MAX = 100, COMMITS_PAGE = 50, EVENTS_SHOWN = 200, NAMESPACES_MAX = 200;

// Snapshot ids and wide integers do not fit into a double: whole numbers of 16 digits and more become strings.
const parse = text => JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, t => /^-?\d{16,}$/.test(t) ? `"${t}"` : t));

// ---- Who asks: a token that this tab keeps

const token = {
  get: () => { try { return sessionStorage.getItem('firn-token'); } catch (e) { return null; } },
  set: t => { try { t ? sessionStorage.setItem('firn-token', t) : sessionStorage.removeItem('firn-token'); } catch (e) { /* this tab keeps nothing */ } },
};

function askWho(message) {
  $('signin').hidden = false;
  document.body.classList.add('asking');
  document.querySelectorAll('[role=tabpanel]').forEach(p => { p.hidden = true; });
  if (message) showError($('signin-error'), new Error(message));
  $('client').focus();
}

// A client's credentials become a token; a token alone is tried as it is.
async function signIn() {
  const client = $('client').value.trim(), secret = $('secret').value.trim();
  $('signin-error').hidden = true;
  let got = secret;
  if (client) {
    const response = await fetch('/iceberg/v1/oauth/tokens', { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: client, client_secret: secret, scope: 'PRINCIPAL_ROLE:ALL' }) });
    const doc = await response.json().catch(() => ({}));
    if (!response.ok || !doc.access_token) return askWho(doc.error_description || doc.error?.message || `the server refused these credentials (${response.status})`);
    got = doc.access_token;
  }
  token.set(got);
  $('secret').value = '';
  $('signin').hidden = true;
  document.body.classList.remove('asking');
  await load();
}

// An answer or an Error with the server's message and hint.
async function call(method, path, body, signal) {
  let response;
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  try {
    response = await fetch(path, { method, signal, body: body && JSON.stringify(body), headers });
  } catch (e) {
    throw signal?.aborted ? e : new Error('the server does not answer');
  }
  if (response.status === 401) {
    askWho(token.get() ? 'these credentials do not hold (any more)' : '');
    token.set(null);
    $('signout').hidden = true;
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
  if (value instanceof Node) return element('td', {}, value);
  if (value === null || value === undefined) return element('td', { className: number ? 'null number' : 'null', textContent: 'null' });
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
  $('outcome').textContent = `${count(doc.rows.length)} ${doc.rows.length === 1 ? 'row' : 'rows'}${doc.truncated ? ' (there are more)' : ''} in ${ms} ms${scans ? ' · ' + scans : ''}`;
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
  const [t, snapshots, files] = await Promise.all([call('GET', at + branch), call('GET', `${at}/snapshots${branch}&limit=50`),
    call('GET', `${at}/files${branch}&limit=${FILES_MAX}`).catch(e => e)]);
  if (!$('sql').value.trim() || $('sql').dataset.made === $('sql').value) {
    $('sql').value = `SELECT * FROM ${quoted(name)} LIMIT 100`;
    $('sql').dataset.made = $('sql').value;
  }
  return [
    element('h2', { textContent: name }),
    facts([['rows', count(t.rows)], ['files', t.files === null ? '' : `${count(t.files)} (${size(t.bytes)})`], ['partitioned by', t.partition_by], ['sorted by', t.sort_by], ['updated', time(t.updated)], ['format', t.format_version && `version ${t.format_version}`], ['uuid', t.uuid], ['location', t.location]]),
    element('h3', { textContent: 'Columns' }),
    element('div', { className: 'scroll' }, grid([{ name: 'column' }, { name: 'type' }], t.columns.map(c => [c.name, c.type + (c.required ? ' not null' : '')]))),
    element('h3', { textContent: `Snapshots (${count(t.snapshots)})` }),
    element('div', { className: 'scroll' }, grid([{ name: 'snapshot' }, { name: 'time' }, { name: 'operation' }, { name: 'added', number: true }, { name: 'deleted', number: true }, { name: 'rows', number: true }, { name: 'files', number: true }],
      snapshots.slice().reverse().map(s => [s.snapshot_id + (s.current ? ' (current)' : ''), time(s.timestamp), s.operation, count(s.added_rows), count(deletedRows(s)), count(s.total_rows), count(s.total_files)]))),
    element('h3', { textContent: `Files (${count(t.files)})` }),
    fileList(files, t.location),
    element('h3', { textContent: 'Properties' }),
    Object.keys(t.properties || {}).length ? facts(Object.entries(t.properties)) : element('div', { className: 'quiet', textContent: 'none' }),
    ...(t.refs?.length ? [element('h3', { textContent: 'Refs of the table' }), facts(t.refs.map(r => [`${r.kind} ${r.name}`, String(r.snapshot_id)]))] : []),
  ];
}

// Rows that went with their files, and those that files of deletes mark.
function deletedRows(s) {
  const marked = Number(s.summary?.['added-position-deletes'] || 0), gone = Number(s.deleted_rows || 0);
  return marked || gone ? gone + marked : null;
}

// What may not be read is said in its place.  Paths are shown from the table's folder on.
function fileList(files, location) {
  if (files instanceof Error) {
    const box = element('div', { className: 'error' });
    showError(box, files);
    return box;
  }
  const list = Array.isArray(files) ? files : files.files || [];
  return element('div', { className: 'scroll' }, grid([{ name: 'path' }, { name: 'format' }, { name: 'rows', number: true }, { name: 'size', number: true }],
    list.slice(0, FILES_MAX).map(f => [f.path.startsWith(`${location}/`) ? f.path.slice(location.length + 1) : f.path, f.format, count(f.rows), size(f.bytes)])));
}

async function viewDetail(path, name) {
  const doc = await call('GET', path), m = doc.metadata;
  const version = m.versions.find(v => String(v['version-id']) === String(m['current-version-id'])) || m.versions[0];
  const schema = (m.schemas || []).find(s => String(s['schema-id']) === String(version['schema-id']));
  return [
    element('h2', { textContent: name }),
    facts([['version', String(m['current-version-id'])], ['uuid', m['view-uuid']], ['location', m.location]]),
    ...version.representations.flatMap(r => [element('h3', { textContent: `SQL (${r.dialect})` }), element('pre', { textContent: r.sql })]),
    element('h3', { textContent: 'Columns' }),
    element('div', { className: 'scroll' }, grid([{ name: 'column' }, { name: 'type' }], (schema?.fields || []).map(f => [f.name, typeof f.type === 'string' ? f.type : f.type.type]))),
    element('h3', { textContent: 'Properties' }),
    facts(Object.entries(m.properties || {})),
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
    const note = t.error ? 'unreadable' : `${count(t.rows)} ${Number(t.rows) === 1 ? 'row' : 'rows'} · ${count(t.snapshots)} ${Number(t.snapshots) === 1 ? 'snapshot' : 'snapshots'}`;
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

// Views, through the catalog's own protocol: namespace by namespace.
async function viewItems() {
  const root = `/iceberg/v1/${encodeURIComponent($('branch').value)}/namespaces`, items = [], spaces = [''];
  for (let i = 0; i < spaces.length && i < NAMESPACES_MAX; i++) {
    const parent = spaces[i];
    const below = await call('GET', `${root}?pageSize=${NAMESPACES_MAX}${parent ? `&parent=${encodeURIComponent(parent)}` : ''}`);
    spaces.push(...below.namespaces.map(n => n.join('\x1f')));
    if (!parent) continue;
    const at = `${root}/${encodeURIComponent(parent)}/views`;
    for (const v of (await call('GET', at)).identifiers || []) {
      const name = [...v.namespace, v.name].join('.');
      items.push(item(name, 'view', () => viewDetail(`${at}/${encodeURIComponent(v.name)}`, name)));
    }
  }
  return items;
}

async function showViews() {
  await fill($('views'), 'no views', viewItems);
  $('views-section').hidden = !$('views').querySelector('button');
}

// ---- History

const short = id => id.slice(0, 12);

function link(text, act, title) {
  const b = element('button', { type: 'button', className: 'link', textContent: text, title: title || '' });
  b.addEventListener('click', act);
  return b;
}

let commits = [], olderToken = null;

async function showHistory(more) {
  if (!more) { commits = []; olderToken = null; $('commit').hidden = true; }
  try {
    const page = await call('GET', `/api/commits?ref=${encodeURIComponent($('branch').value)}&limit=${COMMITS_PAGE}${more && olderToken ? `&page_token=${encodeURIComponent(olderToken)}` : ''}`);
    commits.push(...page.commits);
    olderToken = page.next_page_token;
    $('older').hidden = !olderToken;
    $('commits').replaceChildren(grid([{ name: 'commit' }, { name: 'time' }, { name: 'author' }, { name: 'message' }],
      commits.map(c => [link(short(c.id), () => showCommit(c.id), c.id), time(c.time), c.author || '', c.message])));
  } catch (e) { problem($('commits'), e); }
}

function problem(where, e) {
  const box = element('div', { className: 'error', role: 'alert' });
  showError(box, e);
  where.replaceChildren(box);
}

const changeGrid = changes => changes.length
  ? element('div', { className: 'scroll' }, grid([{ name: 'change' }, { name: 'type' }, { name: 'name' }, { name: 'snapshot before', number: true }, { name: 'snapshot after', number: true }],
    changes.map(c => [c.change, c.type, c.name, c.from_snapshot_id ?? '', c.to_snapshot_id ?? ''])))
  : element('div', { className: 'quiet', textContent: 'no differences' });

async function showCommit(id) {
  try {
    const c = await call('GET', `/api/commits/${encodeURIComponent(id)}`);
    $('commit').replaceChildren(
      element('h2', { textContent: c.message }),
      facts([['commit', c.id], ['author', c.author], ['time', time(c.time)]]),
      element('h3', { textContent: 'Parents' }),
      element('div', {}, ...(c.parents.length ? c.parents.map(p => link(short(p), () => showCommit(p), p)).flatMap(b => [b, ' ']) : ['none'])),
      element('h3', { textContent: `Changes (${count(c.changes.length)})` }),
      changeGrid(c.changes));
  } catch (e) { problem($('commit'), e); }
  $('commit').hidden = false;
  $('commit').scrollIntoView({ block: 'nearest' });
}

// ---- Compare: what a merge would bring, and do

const verdict = (text, bad) => element('div', { className: bad ? 'verdict bad' : 'verdict', textContent: text });

function mergePreview(m) {
  if (m instanceof Error) {
    const box = element('div', { className: 'error' });
    showError(box, m);
    return [box];
  }
  const conflicts = Number(m.conflicts);
  const text = m.up_to_date ? 'nothing to merge: it is all there' : conflicts ? `${conflicts === 1 ? '1 conflict' : `${count(conflicts)} conflicts`}: nothing would be merged`
    : m.fast_forward ? 'would merge by moving the branch forward' : 'would merge without conflicts';
  const rows = m.entries.map(e => {
    const action = element('span', { textContent: e.action });
    if (e.conflict) action.className = 'verdict bad';
    return [action, e.type, e.name, e.reason || ''];
  });
  return [verdict(text, conflicts > 0), ...(rows.length ? [element('div', { className: 'scroll' }, grid([{ name: 'action' }, { name: 'type' }, { name: 'name' }, { name: 'why' }], rows))] : [])];
}

async function compare() {
  const from = $('from').value, into = $('into').value;
  $('compared').textContent = 'comparing …';
  try {
    const [diff, preview] = await Promise.all([call('GET', `/api/diff?from=${encodeURIComponent(into)}&to=${encodeURIComponent(from)}`),
      call('POST', '/api/merge', { from, into, dry_run: true }).catch(e => e)]);
    $('difference').replaceChildren(
      element('h3', { textContent: `Merge preview: ${from} into ${into} (nothing is changed)` }), ...mergePreview(preview),
      element('h3', { textContent: `What ${from} has that ${into} has not (${count(diff.length)})` }), changeGrid(diff));
  } catch (e) { problem($('difference'), e); }
  $('compared').textContent = '';
}

// ---- Branches and tags

function showRefs(list) {
  $('refs').replaceChildren(grid([{ name: 'name' }, { name: 'kind' }, { name: 'commit' }, { name: 'created' }, { name: 'moved' }],
    list.map(r => [link(r.name, () => choose(r.name)), r.kind, link(short(r.commit_id), () => { openTab('history'); showCommit(r.commit_id); }, r.commit_id), time(r.created), time(r.updated)])));
}

function choose(name) {
  $('branch').value = name;
  $('detail').hidden = true;
  openTab('data');
  refresh();
}

// ---- Events, as they come

let watching = null;

async function watchEvents() {
  const watch = watching = new AbortController(), shown = [];
  const draw = () => $('events').replaceChildren(grid([{ name: 'time' }, { name: 'type' }, { name: 'subject' }, { name: 'branch' }, { name: 'who' }],
    shown.map(e => [time(e.time), e.type.replace('io.firn.catalog.', ''), e.subject, e.data.ref || '', e.data.author || e.data.principal || ''])));
  try {
    const end = await call('GET', '/api/events?after=latest', undefined, watch.signal);
    let after = Math.max(0, parseInt(end.cursor, 10) - EVENTS_SHOWN), wait = 0;
    while (!watch.signal.aborted) {
      let page;
      try {
        page = await call('GET', `/api/events?after=${after}&limit=${EVENTS_SHOWN}&wait=${wait}`, undefined, watch.signal);
      } catch (e) {
        if (after !== Math.max(0, parseInt(end.cursor, 10) - EVENTS_SHOWN) || after === 0) throw e;
        after = 0; // older ones are not kept any more
        continue;
      }
      after = page.cursor;
      shown.unshift(...page.events.reverse());
      shown.length = Math.min(shown.length, EVENTS_SHOWN);
      draw();
      $('live').textContent = page.more ? '' : '· live';
      wait = page.more ? 0 : 25;
    }
  } catch (e) {
    $('live').textContent = '';
    if (!watch.signal.aborted) problem($('events'), e);
  }
}

// ---- Views of this page

const tabs = ['data', 'history', 'compare', 'refs', 'events'];

function openTab(name) {
  for (const t of tabs) {
    const on = t === name;
    $(`view-${t}`).hidden = !on;
    $(`tab-${t}`).setAttribute('aria-selected', String(on));
    $(`tab-${t}`).tabIndex = on ? 0 : -1;
  }
  if (watching) { watching.abort(); watching = null; }
  if (name === 'history') showHistory();
  if (name === 'refs' || name === 'compare') refs();
  if (name === 'events') watchEvents();
  window.history.replaceState(null, '', `${location.pathname}${location.search}${name === 'data' ? '' : `#${name}`}`);
}

// Arrows lead from tab to tab, as in other lists of tabs.
function tabKeys(e) {
  const at = tabs.indexOf(e.target.id.replace('tab-', ''));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[e.key];
  if (at < 0 || to === undefined) return;
  e.preventDefault();
  const name = tabs[(to + tabs.length) % tabs.length];
  openTab(name);
  $(`tab-${name}`).focus();
}

function refresh() {
  return Promise.all([
    showViews(),
    fill($('tables'), 'no tables yet: firn ingest FILE bronze.name', tableItems),
    fill($('features'), 'no features yet: firn feature apply DIR', featureItems),
    fill($('models'), 'no models yet: firn model train FILE', modelItems),
  ]);
}

async function refs() {
  const chosen = $('branch').value || 'main';
  const list = await call('GET', '/api/refs');
  const options = (all, picked) => all.map(r => element('option', { value: r.name, textContent: r.kind === 'tag' ? `${r.name} (tag)` : r.name, selected: r.name === picked }));
  $('branch').replaceChildren(...options(list, chosen));
  const from = $('from').value || list.find(r => r.name !== 'main')?.name, into = $('into').value || 'main';
  $('from').replaceChildren(...options(list, from));
  $('into').replaceChildren(...options(list.filter(r => r.kind === 'branch'), into));
  if (!$('view-refs').hidden) showRefs(list);
}

async function start() {
  $('run').addEventListener('click', run);
  $('sql').addEventListener('keydown', e => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); run(); }
  });
  $('branch').addEventListener('change', () => { $('detail').hidden = true; refresh(); if (!$('view-history').hidden) showHistory(); });
  for (const t of tabs) {
    $(`tab-${t}`).addEventListener('click', () => openTab(t));
    $(`tab-${t}`).addEventListener('keydown', tabKeys);
  }
  $('older').addEventListener('click', () => showHistory(true));
  $('compare').addEventListener('click', compare);
  $('signin').addEventListener('submit', e => { e.preventDefault(); signIn().catch(problem => askWho(problem.message)); });
  $('signout').addEventListener('click', () => { token.set(null); location.reload(); });
  // A link may bring a query, but never runs it: it could come from anywhere.
  const wanted = new URLSearchParams(location.search).get('sql');
  if (wanted) $('sql').value = wanted;
  await load();
}

// All that the server is asked for when the page opens, or somebody has signed in.
async function load() {
  try {
    await refs();
    const s = await call('GET', '/api/status');
    $('status').textContent = `${s.data_dir} · firn ${s.version}`;
  } catch (e) {
    if (!$('signin').hidden) return;
    showError($('error'), e);
  }
  $('signout').hidden = !token.get();
  const wanted = location.hash.slice(1);
  openTab(tabs.includes(wanted) ? wanted : 'data');
  await refresh();
}

start();
