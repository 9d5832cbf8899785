// Router and pages. Every change of state redraws the whole page, so elements become stale quickly.
'use strict';

const root = document.getElementById('root');
const DELAY = Number(document.body.dataset.renderDelay);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const esc = (text) => String(text ?? '').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

let user = '';
let visit = 0; // counts navigations: answers to an earlier one are discarded
let ticker = 0;

async function call(path, options) {
  const response = await fetch(path, { credentials: 'same-origin', ...options });
  const body = await response.json();
  if (response.status === 401) {
    location.replace(`/auth/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    await new Promise(() => {}); // the page is being left
  }
  return { status: response.status, body };
}

function go(path, replace) {
  history[replace ? 'replaceState' : 'pushState']({}, '', path);
  navigate();
}

function draw(main, title) {
  document.title = `${title} - Openserve Connect`;
  const on = (path) => (location.pathname.startsWith(path) ? 'class="active"' : '');
  root.innerHTML = `
    <header class="os-header"><span class="os-brand">open<b>serve</b> <i>connect</i></span>
      <nav><a href="/dashboard" ${on('/dashboard')}>Dashboard</a><a href="/services" ${on('/services')}>Services</a></nav>
      <span class="os-user">${esc(user)} <a href="/auth/logout" data-external class="sign-out">Sign out</a></span></header>
    <main class="os-main">${main}</main>
    <footer class="os-footer">Openserve Connect 4.12 &middot; Wholesale partners only</footer>`;
}

root.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="/"]');
  if (!link || 'external' in link.dataset) return;
  event.preventDefault();
  go(link.getAttribute('href'));
});

const loading = (what) => `<div class="os-loading" role="progressbar" aria-label="Loading">Loading ${esc(what)}&hellip;</div>`;

function dashboard() {
  draw(`
    <h1>Welcome back</h1>
    <section class="tiles"><a class="tile" href="/services"><b>Services</b><span>Find and manage active services</span></a>
      <div class="tile"><b>Network status</b><span class="ok">All regions operational</span></div>
      <div class="tile"><b>Support</b><span>0800 555 018, Mon&ndash;Fri 07:00&ndash;19:00</span></div></section>
    <form class="quick"><label for="quick-find">Go to service number</label><input id="quick-find" placeholder="B53..."><button>Open</button></form>`, 'Dashboard');
  root.querySelector('.quick').addEventListener('submit', (event) => {
    event.preventDefault();
    go(`/services/${encodeURIComponent(root.querySelector('#quick-find').value.trim())}`);
  });
}

async function services(mine) {
  const params = new URLSearchParams(location.search);
  const [q, page] = [params.get('q') ?? '', Number(params.get('page') ?? 1)];
  const bar = `<h1>Services</h1><form class="find" role="search"><input id="find" name="q" value="${esc(q)}" aria-label="Search services" placeholder="Service number, customer or address"><button>Search</button></form>`;
  const show = (rest) => {
    draw(bar + rest, 'Services');
    root.querySelector('.find').addEventListener('submit', (event) => {
      event.preventDefault();
      go(`/services?q=${encodeURIComponent(root.querySelector('#find').value.trim())}`);
    });
  };
  show(loading('services'));
  const { body } = await call(`/api/services?${new URLSearchParams({ q, page })}`);
  await sleep(DELAY);
  if (mine !== visit) return;
  const turn = (to, text) => (to < 1 || to > body.pages ? `<span class="off">${text}</span>` : `<a href="/services?${new URLSearchParams({ q, page: to })}">${text}</a>`);
  show(`
    <p class="count">${body.total} result${body.total === 1 ? '' : 's'}${q ? ` for <em>${esc(q)}</em>` : ''}</p>
    <ul class="cards">${body.rows.map((row) => `<li class="card"><a href="/services/${encodeURIComponent(row.serviceNumber)}">${esc(row.serviceNumber)}</a>
      <span>${esc(row.product)}</span><span>${esc(row.customer)}</span><span>${esc(row.address)}</span><em>${esc(row.orderStatus)}</em></li>`).join('')}</ul>
    <p class="turn">${turn(page - 1, '&laquo; Newer')} page ${body.page} of ${body.pages} ${turn(page + 1, 'Older &raquo;')}</p>`);
}

const TABS = {
  Overview: [['serviceNumber', 'Service number'], ['product', 'Product'], ['speed', 'Speed'], ['accessStatus', 'Access status'], ['partnerStatus', 'Partner status']],
  Order: [['orderNumber', 'Order number'], ['orderType', 'Order type'], ['orderStatus', 'Order status'], ['externalReference', 'External reference'], ['created', 'Created'], ['implemented', 'Implemented']],
  Customer: [['customer', 'Customer'], ['address', 'Installation address']],
};
const LATE = ['accessStatus', 'partnerStatus'];

async function service(mine, number) {
  draw(loading(number), number);
  const { status, body } = await call(`/api/services/${encodeURIComponent(number)}`);
  if (mine !== visit) return;
  if (status === 404) {
    await sleep(DELAY);
    if (mine === visit) draw(`<div class="not-found"><h1>Service not found</h1><p>We could not find service <b>${esc(number)}</b>.</p><a href="/services">Back to services</a></div>`, 'Not found');
    return;
  }
  const fields = body.fields;
  let tab = 'Overview';
  let live = false;
  const show = () => {
    const value = (key) => (LATE.includes(key) && !live ? '<span class="fetching">Retrieving&hellip;</span>' : esc(fields[key] ?? '\u2014'));
    draw(`
      <nav class="crumbs"><a href="/services">Services</a> / ${esc(fields.serviceNumber)}</nav>
      <section class="service" data-state="${live ? 'ready' : 'retrieving'}">
        <h1>${esc(fields.serviceNumber)}</h1><p class="sub">${esc(fields.product)}</p>
        <div role="tablist">${Object.keys(TABS).map((name) => `<button type="button" role="tab" aria-selected="${name === tab}">${name}</button>`).join('')}</div>
        <div role="tabpanel" aria-label="${tab}">${TABS[tab].map(([key, label]) => `<div class="kv"><span class="k">${label}</span><span class="v" data-key="${key}">${value(key)}</span></div>`).join('')}</div>
        <p class="actions"><a class="os-button ghost" href="/services/${encodeURIComponent(fields.serviceNumber)}/cease">Cease service</a></p>
        <p class="stamp">Last refreshed ${new Date().toLocaleTimeString('en-GB')}</p>
      </section>`, fields.serviceNumber);
    for (const button of root.querySelectorAll('[role=tab]')) {
      button.addEventListener('click', () => { tab = button.textContent; show(); });
    }
  };
  show();
  await sleep(DELAY);
  if (mine !== visit) return;
  live = true;
  show();
  ticker = setInterval(show, 3000);
}

async function order(mine, reference) {
  draw(loading('order'), reference);
  const { status, body } = await call(`/api/orders/${encodeURIComponent(reference)}`);
  await sleep(DELAY);
  if (mine !== visit) return;
  if (status !== 200) {
    draw('<div class="not-found"><h1>Order not found</h1></div>', 'Not found');
    return;
  }
  draw(`
    <section class="service order" data-state="ready"><h1>Order ${esc(body.orderNumber)}</h1><p class="sub">Your cease order was submitted.</p>
      ${[['orderNumber', 'Order number'], ['orderType', 'Order type'], ['serviceNumber', 'Service number'], ['externalReference', 'External reference'], ['ceaseDate', 'Cease date'], ['customer', 'Customer']]
    .map(([key, label]) => `<div class="kv"><span class="k">${label}</span><span class="v" data-key="${key}">${esc(body[key] ?? '\u2014')}</span></div>`).join('')}
      <p class="actions"><a class="os-button" href="/services/${encodeURIComponent(body.serviceNumber)}">Back to service</a></p></section>`, reference);
}

function navigate() {
  const mine = ++visit;
  clearInterval(ticker);
  const parts = location.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  if (parts[0] === 'services' && parts[2] === 'cease') cease(mine, parts[1]);
  else if (parts[0] === 'services' && parts[1]) service(mine, parts[1]);
  else if (parts[0] === 'services') services(mine);
  else if (parts[0] === 'orders' && parts[1]) order(mine, parts[1]);
  else if (parts[0] === 'access-denied') draw('<div class="denied"><h1>Access denied</h1><p>You are not allowed to perform this action on this service.</p><a href="/services">Back to services</a></div>', 'Access denied');
  else dashboard();
}

async function boot() {
  if (location.pathname === '/signed-out') {
    root.innerHTML = '<div class="splash"><p>You have been signed out.</p><a class="os-button" href="/auth/login?next=/dashboard" data-external>Sign in</a></div>';
    return;
  }
  const { body } = await call('/api/session');
  user = body.user;
  window.addEventListener('popstate', navigate);
  navigate();
}
