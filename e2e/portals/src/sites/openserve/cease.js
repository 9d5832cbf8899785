// The "Cease service" page: form, date picker, confirmation dialog.
'use strict';

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const iso = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;

async function cease(mine, number) {
  draw(loading('cease form'), 'Cease service');
  const { status, body } = await call(`/api/services/${encodeURIComponent(number)}/cease`);
  await sleep(DELAY);
  if (mine !== visit) return;
  if (status === 403) { go('/access-denied', true); return; }
  if (status !== 200) { go(`/services/${encodeURIComponent(number)}`, true); return; }
  draw(`
    <nav class="crumbs"><a href="/services">Services</a> / <a href="/services/${encodeURIComponent(number)}">${esc(number)}</a> / Cease</nav>
    <section class="service" data-state="ready"><h1>Cease service ${esc(number)}</h1><p class="sub">${esc(body.customer)}, ${esc(body.address)}</p>
      <form id="cease-form" novalidate>
        <label>External reference *<input id="external-reference" name="externalReference" autocomplete="off"></label>
        <label>Reason<select id="cease-reason" name="reason"><option>Customer request</option><option>Customer moved</option><option>Non-payment</option></select></label>
        <label class="dated">Cease date *<input id="cease-date" name="date" placeholder="YYYY-MM-DD" autocomplete="off"><span class="picker" hidden></span></label>
        <p class="problem" role="alert" hidden></p>
        <p class="actions"><a class="os-button ghost" href="/services/${encodeURIComponent(number)}">Back</a><button class="os-button" id="cease-continue">Continue</button></p>
      </form></section>`, 'Cease service');
  const form = root.querySelector('#cease-form');
  const problem = form.querySelector('.problem');
  const say = (text) => { problem.textContent = text; problem.hidden = !text; };
  pickDates(form.querySelector('#cease-date'), form.querySelector('.picker'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!form.externalReference.value.trim()) return say('External reference is required.');
    if (!/^\d{4}-\d\d-\d\d$/.test(form.date.value.trim())) return say('Cease date must be a date (YYYY-MM-DD).');
    say('');
    confirmCease(number, body.customer, () => send(number, form, say));
  });
}

function confirmCease(number, customer, onYes) {
  const dialog = document.createElement('div');
  dialog.className = 'veil';
  dialog.innerHTML = `
    <div class="confirm" role="alertdialog" aria-modal="true" aria-labelledby="confirm-title">
      <h2 id="confirm-title">Cease service ${esc(number)}?</h2>
      <p>The service of <b>${esc(customer)}</b> will be disconnected on the cease date. This cannot be undone.</p>
      <p class="actions"><button type="button" class="os-button ghost no">No, go back</button><button type="button" class="os-button danger yes">Yes, cease service</button></p>
    </div>`;
  root.append(dialog);
  dialog.querySelector('.no').addEventListener('click', () => dialog.remove());
  dialog.querySelector('.yes').addEventListener('click', () => { dialog.remove(); onYes(); }, { once: true });
}

async function send(number, form, say) {
  const button = form.querySelector('#cease-continue');
  button.disabled = true;
  const data = JSON.stringify({ externalReference: form.externalReference.value, reason: form.reason.value, date: form.date.value });
  try {
    const { status, body } = await call(`/api/services/${encodeURIComponent(number)}/cease`, { method: 'POST', body: data, headers: { 'Content-Type': 'application/json' } });
    if (status === 200) go(`/orders/${encodeURIComponent(body.orderNumber)}`);
    else if (status === 403) go('/access-denied');
    else say(body.message);
  } catch {
    say('A network error occurred. Check your connection and try again.');
  }
  button.disabled = false;
}

// A date picker that opens under the field. The date may also be typed.
function pickDates(input, picker) {
  let month = new Date(Date.now() + Number(document.body.dataset.noticeDays) * 86400000);
  month.setDate(1);
  const show = () => {
    const days = new Date(month.getFullYear(), month.getMonth() + 1, 0).getDate();
    picker.innerHTML = `<span class="month"><button type="button" data-by="-1" aria-label="Previous month">&lsaquo;</button>
      ${MONTHS[month.getMonth()]} ${month.getFullYear()}<button type="button" data-by="1" aria-label="Next month">&rsaquo;</button></span>
      <span class="days">${Array.from({ length: days }, (_, at) => `<button type="button" data-day="${at + 1}">${at + 1}</button>`).join('')}</span>`;
  };
  input.addEventListener('focus', () => { show(); picker.hidden = false; });
  input.addEventListener('input', () => { picker.hidden = /^\d{4}-\d\d-\d\d$/.test(input.value.trim()); });
  input.addEventListener('blur', () => setTimeout(() => { picker.hidden = true; }, 150));
  picker.addEventListener('mousedown', (event) => {
    event.preventDefault(); // the field keeps the focus
    const { by, day } = event.target.dataset;
    if (by) { month.setMonth(month.getMonth() + Number(by)); show(); }
    if (day) { input.value = iso(new Date(month.getFullYear(), month.getMonth(), Number(day))); picker.hidden = true; }
  });
}
