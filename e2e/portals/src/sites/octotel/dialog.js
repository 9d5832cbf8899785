// The "Change request" modal.
'use strict';

const REASONS = {
  Cancellation: ['Customer request', 'Customer moved', 'Non-payment', 'Migrated to another provider', 'Duplicate line'],
  Relocation: ['Customer moved', 'Building works'],
  'Speed change': ['Upgrade', 'Downgrade'],
};

function openDialog(service, onDone) {
  const line = service.fields.lineReference;
  const proposed = new Date(Date.now() + Number(document.body.dataset.noticeDays) * 86400000);
  const two = (n) => String(n).padStart(2, '0');
  const date = `${two(proposed.getDate())}/${two(proposed.getMonth() + 1)}/${proposed.getFullYear()}`;
  const dialogs = document.getElementById('dialogs');
  dialogs.innerHTML = `
    <div class="backdrop"><div class="dialog" role="dialog" aria-modal="true" aria-labelledby="cr-title">
      <h2 id="cr-title">Change request for ${escapeHtml(line)}</h2>
      <form id="cr-form" novalidate>
        <p class="muted">${escapeHtml(service.fields.customer)}<br>${escapeHtml(service.fields.address)}</p>
        <label>Type <select id="cr-type" name="type"><option value="">Select&hellip;</option>
          ${Object.keys(REASONS).map((type) => `<option>${type}</option>`).join('')}</select></label>
        <label>Reason <select id="cr-reason" name="reason" disabled><option value="">Select a type first</option></select></label>
        <label>Date <input id="cr-date" name="date" value="${date}" placeholder="DD/MM/YYYY" autocomplete="off"></label>
        <label>Comment <textarea id="cr-comment" name="comment" rows="3"></textarea></label>
        <p class="form-error" role="alert" hidden></p>
        <div class="actions"><button type="button" class="btn dismiss">Cancel</button>
          <button type="submit" class="btn btn-primary" id="cr-submit" disabled>Submit request</button></div>
      </form></div></div>`;
  const form = dialogs.querySelector('form');
  const submit = form.querySelector('#cr-submit');
  const error = form.querySelector('.form-error');
  const check = () => { submit.disabled = !(form.type.value && form.reason.value && /^\d\d\/\d\d\/\d{4}$/.test(form.date.value.trim())); };

  form.type.addEventListener('change', async () => {
    form.reason.disabled = true;
    await pause(RENDER_DELAY);
    const reasons = REASONS[form.type.value] ?? [];
    form.reason.innerHTML = `<option value="">Select&hellip;</option>${reasons.map((r) => `<option>${r}</option>`).join('')}`;
    form.reason.disabled = reasons.length === 0;
    check();
  });
  form.addEventListener('input', check);
  form.addEventListener('change', check);
  form.querySelector('.dismiss').addEventListener('click', () => { dialogs.innerHTML = ''; });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    submit.textContent = 'Submitting\u2026';
    const body = JSON.stringify({
      service: service.id, type: form.type.value, reason: form.reason.value, date: form.date.value, comment: form.comment.value,
    });
    try {
      const { reference } = await api('/api/change-requests', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
      await pause(RENDER_DELAY);
      dialogs.querySelector('.dialog').innerHTML = `
        <h2>Request submitted</h2>
        <p class="success">Change request <strong id="cr-reference">${escapeHtml(reference)}</strong> was submitted for ${escapeHtml(line)}.</p>
        <div class="actions"><button type="button" class="btn btn-primary done">Done</button></div>`;
      dialogs.querySelector('.done').addEventListener('click', () => { dialogs.innerHTML = ''; });
      onDone();
    } catch (failure) {
      if (failure.message === 'session') return;
      error.textContent = failure instanceof TypeError ? 'Something went wrong. Please try again later.' : failure.message;
      error.hidden = false;
      submit.textContent = 'Submit request';
      check();
    }
  });
}
