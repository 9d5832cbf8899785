// The portal's application: list, side panel, change requests. No library.
'use strict';

const app = document.getElementById('app');
const RENDER_DELAY = Number(document.body.dataset.renderDelay);
const STATUSES = ['Active', 'Suspended', 'Pending Cancellation', 'Cancelled', 'All'];

const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const badge = (status) => `<span class="badge badge-${status.toLowerCase().replace(/ /g, '-')}">${escapeHtml(status)}</span>`;

async function api(path, options) {
  const response = await fetch(path, { credentials: 'same-origin', ...options });
  if (response.status === 401) {
    showLanding('Your session has expired. Please log in again.');
    throw new Error('session');
  }
  const body = await response.json();
  if (!response.ok) throw new Error(body.message);
  return body;
}

function showLanding(message) {
  document.getElementById('dialogs').innerHTML = '';
  app.innerHTML = `
    <div class="landing">
      <div class="logo logo-large">octotel<span>fibre network</span></div>
      <h1>Partner portal</h1>
      <p>Manage services, orders and change requests on the Octotel open-access network.</p>
      ${message ? `<p class="notice" role="status">${escapeHtml(message)}</p>` : ''}
      <a class="btn btn-primary btn-login" href="/login">Log in</a>
      <small>Trouble signing in? Contact partner support on 021 555 0199.</small>
    </div>`;
}

function showShell(user) {
  app.innerHTML = `
    <header class="topbar">
      <div class="logo">octotel<span>partner portal</span></div>
      <nav aria-label="Main">
        <a href="/services" data-view="services">Services</a>
        <a href="/change-requests" data-view="change-requests">Change requests</a>
      </nav>
      <div class="user"><span class="avatar">${escapeHtml(user[0].toUpperCase())}</span>
        <span class="user-name">${escapeHtml(user)}</span><a id="logout" href="/logout">Log out</a></div>
    </header>
    <div class="app-body"><main id="view"></main><aside id="service-panel" hidden aria-label="Service details"></aside></div>`;
  for (const link of app.querySelectorAll('nav a')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      history.pushState({}, '', link.getAttribute('href'));
      route();
    });
  }
}

function route() {
  const requests = location.pathname === '/change-requests';
  for (const link of app.querySelectorAll('nav a')) {
    link.classList.toggle('current', (link.dataset.view === 'change-requests') === requests);
  }
  closePanel();
  document.title = requests ? 'Change requests | Octotel' : 'Services | Octotel';
  if (requests) requestsView(); else servicesView();
}

// A list with a search box and paging. Until an answer arrives, the old rows stay, faded.
function list({ view, path, noun, heads, cells, onRow, params }) {
  const results = view.querySelector('.results');
  const search = view.querySelector('input[type=search]');
  let latest = 0;

  async function load(page) {
    const ticket = ++latest;
    const query = search.value.trim();
    results.setAttribute('aria-busy', 'true');
    const answer = await api(`${path}?${new URLSearchParams({ q: query, page, ...params() })}`);
    await pause(RENDER_DELAY);
    if (ticket !== latest) return;
    draw(answer, query);
  }

  function draw({ rows, total, page, pages }, query) {
    const label = query ? `${total} ${noun}${total === 1 ? '' : 's'} for \u201c${query}\u201d` : `${total} ${noun}s`;
    results.innerHTML = `
      <p class="result-summary" role="status">${escapeHtml(label)}</p>
      ${rows.length === 0 ? `<div class="empty">No ${noun}s match your search.</div>` : `
      <table class="${noun.replace(' ', '-')}s">
        <thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
        <tbody>${rows.map((row, at) => `<tr data-row="${at}">${cells(row).map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('')}</tbody>
      </table>
      <nav class="pager" aria-label="Pages">
        <button type="button" class="btn prev" ${page <= 1 ? 'disabled' : ''}>Previous</button>
        <span>Page ${page} of ${pages}</span>
        <button type="button" class="btn next" ${page >= pages ? 'disabled' : ''}>Next</button>
      </nav>`}`;
    results.dataset.query = query;
    results.setAttribute('aria-busy', 'false');
    results.querySelector('.prev')?.addEventListener('click', () => load(page - 1));
    results.querySelector('.next')?.addEventListener('click', () => load(page + 1));
    if (onRow) {
      for (const row of results.querySelectorAll('tbody tr')) {
        row.addEventListener('click', () => onRow(rows[Number(row.dataset.row)]));
      }
    }
  }

  search.addEventListener('keydown', (event) => { if (event.key === 'Enter') load(1); });
  load(1);
  return load;
}

function servicesView() {
  const view = document.getElementById('view');
  view.innerHTML = `
    <h1>Services</h1>
    <div class="toolbar">
      <label>Status <select id="status-filter">${STATUSES.map((s) => `<option>${s}</option>`).join('')}</select></label>
      <input type="search" id="service-search" aria-label="Search services" placeholder="Line reference, customer or address" autocomplete="off">
      <span class="hint">Press Enter to search</span>
    </div>
    <div class="results" id="results" aria-busy="true"><div class="skeleton"></div><div class="skeleton"></div><div class="skeleton"></div></div>`;
  const filter = view.querySelector('#status-filter');
  const load = list({
    view,
    path: '/api/services',
    noun: 'service',
    heads: ['Line Reference', 'Customer', 'Address', 'Speed Profile', 'Start Date', 'Status'],
    cells: (row) => [`<strong>${escapeHtml(row.lineReference)}</strong>`, escapeHtml(row.customer), escapeHtml(row.address),
      escapeHtml(row.speedProfile), escapeHtml(row.startDate), badge(row.status)],
    onRow: (row) => openPanel(row.id),
    params: () => ({ status: filter.value }),
  });
  filter.addEventListener('change', () => load(1));
}

function requestsView() {
  const view = document.getElementById('view');
  view.innerHTML = `
    <h1>Change requests</h1>
    <div class="toolbar">
      <input type="search" id="request-search" aria-label="Search change requests" placeholder="Change request or line reference" autocomplete="off">
    </div>
    <div class="results" id="results" aria-busy="true"><div class="skeleton"></div><div class="skeleton"></div></div>`;
  list({
    view,
    path: '/api/change-requests',
    noun: 'change request',
    heads: ['ID', 'Line Reference', 'Type', 'Status', 'Due Date', 'Requested By'],
    cells: (row) => [row.id, row.lineReference, row.type, row.status, row.dueDate, row.requestedBy].map(escapeHtml),
    params: () => ({}),
  });
}

const LABELS = [
  ['serviceId', 'Service ID'], ['lineReference', 'Line Reference'], ['type', 'Type'], ['startDate', 'Start Date'],
  ['ispOrderNumber', 'ISP Order Number'], ['customer', 'Customer'], ['address', 'Address'], ['speedProfile', 'Speed Profile'],
  ['node', 'Node'], ['ont', 'ONT'], ['status', 'Status'],
];

function closePanel() {
  const panel = document.getElementById('service-panel');
  panel.hidden = true;
  panel.innerHTML = '';
}

// The panel shows the previous service until the next one has arrived.
let latestPanel = 0;
async function openPanel(id) {
  const ticket = ++latestPanel;
  const panel = document.getElementById('service-panel');
  panel.hidden = false;
  panel.setAttribute('aria-busy', 'true');
  if (!panel.innerHTML) panel.innerHTML = '<div class="boot"><span class="spinner"></span> Loading service&hellip;</div>';
  const service = await api(`/api/services/${id}`);
  await pause(RENDER_DELAY);
  if (ticket !== latestPanel) return;
  const { fields, requests } = service;
  const value = (key) => (key === 'status' ? badge(fields[key]) : escapeHtml(fields[key]));
  panel.innerHTML = `
    <header><h2>${escapeHtml(fields.lineReference)}</h2><button type="button" class="close" aria-label="Close panel">&times;</button></header>
    <dl>${LABELS.map(([key, label]) => `<div><dt>${label}</dt><dd data-field="${key}">${value(key)}</dd></div>`).join('')}</dl>
    <h3>Change requests</h3>
    ${requests.length === 0 ? '<p class="muted">No change requests.</p>' : `
    <table class="panel-requests"><thead><tr><th>ID</th><th>Type</th><th>Status</th><th>Due Date</th><th>Requested By</th></tr></thead>
      <tbody>${requests.map((r) => `<tr>${[r.id, r.type, r.status, r.dueDate, r.requestedBy].map((c) => `<td>${escapeHtml(c)}</td>`).join('')}</tr>`).join('')}</tbody></table>`}
    <footer><button type="button" class="btn btn-primary" id="change-request" ${service.changeable ? '' : 'disabled title="No change can be requested for this service"'}>Change request</button></footer>`;
  panel.setAttribute('aria-busy', 'false');
  panel.querySelector('.close').addEventListener('click', closePanel);
  panel.querySelector('#change-request').addEventListener('click', () => openDialog(service, () => openPanel(id)));
}

window.addEventListener('popstate', route);
window.addEventListener('unhandledrejection', (event) => {
  if (event.reason?.message === 'session') event.preventDefault();
});

(async () => {
  const response = await fetch('/api/me', { credentials: 'same-origin' });
  await pause(RENDER_DELAY);
  if (response.ok) {
    showShell((await response.json()).name);
    route();
  } else {
    showLanding(location.search === '?signed-out' ? 'You have been logged out.' : '');
  }
})();
