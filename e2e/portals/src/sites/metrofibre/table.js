// Data table: the server searches and pages, the table draws the rows. A search starts after a pause in typing.
(function () {
  'use strict';
  var box = document.getElementById('lines_wrapper');
  var body = box.querySelector('tbody');
  var search = box.querySelector('input[type=search]');
  var size = box.querySelector('select');
  var busy = document.getElementById('lines_processing');
  var delay = Number(box.dataset.renderDelay);
  var state = { page: 1, asked: 0 };

  function cell(row, text) { row.insertCell().textContent = text; }

  function button(text, page, enabled) {
    var link = document.createElement('a');
    link.textContent = text;
    link.className = 'paginate_button' + (enabled ? '' : ' disabled') + (page === state.page && enabled === 'current' ? ' current' : '');
    link.href = '#';
    link.addEventListener('click', function (event) {
      event.preventDefault();
      if (enabled === true) { state.page = page; load(); }
    });
    return link;
  }

  function draw(data, query) {
    body.textContent = '';
    data.rows.forEach(function (item) {
      var row = body.insertRow();
      row.dataset.id = item.id;
      item.cells.forEach(function (text) { cell(row, text); });
      row.addEventListener('click', function () {
        Array.prototype.forEach.call(body.rows, function (other) { other.classList.remove('selected'); });
        row.classList.add('selected');
      });
      row.addEventListener('dblclick', function () { window.location.href = '/lines/' + item.id; });
    });
    if (!data.rows.length) {
      var empty = body.insertRow();
      cell(empty, query ? 'No matching records found' : 'No data available in table');
      empty.cells[0].colSpan = 7;
      empty.cells[0].className = 'dataTables_empty';
    }
    var first = data.rows.length ? (data.page - 1) * Number(size.value) + 1 : 0;
    var last = data.rows.length ? first + data.rows.length - 1 : 0;
    document.getElementById('lines_info').textContent = 'Showing ' + first + ' to ' + last + ' of ' + data.total + ' entries' +
      (query ? ' (filtered by "' + query + '")' : '');
    var pages = document.getElementById('lines_paginate');
    pages.textContent = '';
    pages.appendChild(button('Previous', data.page - 1, data.page > 1));
    for (var n = Math.max(1, data.page - 2); n <= Math.min(data.pages, data.page + 2); n += 1) {
      pages.appendChild(button(String(n), n, n === data.page ? 'current' : true));
    }
    pages.appendChild(button('Next', data.page + 1, data.page < data.pages));
  }

  function load() {
    var ticket = state.asked += 1;
    var query = search.value.trim();
    busy.style.display = 'block';
    var url = '/data/lines?list=' + box.dataset.list + '&search=' + encodeURIComponent(query) + '&page=' + state.page + '&size=' + size.value;
    fetch(url, { credentials: 'same-origin' }).then(function (response) {
      if (response.status === 401) { window.location.href = '/login?timeout=1'; throw new Error('logged out'); }
      return response.json();
    }).then(function (data) {
      setTimeout(function () {
        if (ticket !== state.asked) { return; }
        draw(data, query);
        busy.style.display = 'none';
      }, delay);
    }).catch(function () { busy.textContent = 'The list could not be loaded.'; });
  }

  var typing;
  search.addEventListener('input', function () {
    clearTimeout(typing);
    typing = setTimeout(function () { state.page = 1; load(); }, 300);
  });
  size.addEventListener('change', function () { state.page = 1; load(); });
  load();
}());
