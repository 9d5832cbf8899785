// A calendar under a read-only field, with paging by month and days as links.
(function () {
  'use strict';
  var months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  var full = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
  var field = document.getElementById('EffectiveDate');
  var parts = field.getAttribute('data-today').split('-').map(Number);
  var today = { year: parts[0], month: parts[1] - 1, day: parts[2] };
  var shown = { year: today.year, month: today.month };
  var box = document.createElement('div');
  box.id = 'ui-datepicker-div';
  box.className = 'ui-datepicker';
  box.style.display = 'none';
  document.body.appendChild(box);

  function past(day) {
    return shown.year * 10000 + shown.month * 100 + day < today.year * 10000 + today.month * 100 + today.day;
  }

  function draw() {
    var lead = new Date(shown.year, shown.month, 1).getDay();
    var days = new Date(shown.year, shown.month + 1, 0).getDate();
    var html = '<div class="ui-datepicker-header"><a class="ui-datepicker-prev" title="Prev">&laquo;</a><a class="ui-datepicker-next" title="Next">&raquo;</a>' +
      '<span class="ui-datepicker-title"><span class="ui-datepicker-month">' + full[shown.month] + '</span> <span class="ui-datepicker-year">' + shown.year + '</span></span></div>' +
      '<table><tr><th>Su</th><th>Mo</th><th>Tu</th><th>We</th><th>Th</th><th>Fr</th><th>Sa</th></tr><tr>';
    for (var n = 0; n < lead; n += 1) { html += '<td></td>'; }
    for (var day = 1; day <= days; day += 1) {
      html += past(day) ? '<td class="ui-state-disabled"><span>' + day + '</span></td>' : '<td><a href="#" data-day="' + day + '">' + day + '</a></td>';
      if ((lead + day) % 7 === 0) { html += '</tr><tr>'; }
    }
    box.innerHTML = html + '</tr></table>';
  }

  function turn(by) {
    var date = new Date(shown.year, shown.month + by, 1);
    shown = { year: date.getFullYear(), month: date.getMonth() };
    draw();
  }

  field.addEventListener('click', function () {
    var place = field.getBoundingClientRect();
    box.style.left = place.left + window.scrollX + 'px';
    box.style.top = place.bottom + window.scrollY + 'px';
    draw();
    box.style.display = 'block';
  });
  box.addEventListener('click', function (event) {
    var target = event.target;
    event.preventDefault();
    if (target.className === 'ui-datepicker-prev') { turn(-1); }
    if (target.className === 'ui-datepicker-next') { turn(1); }
    if (target.getAttribute('data-day')) {
      field.value = ('0' + target.getAttribute('data-day')).slice(-2) + ' ' + months[shown.month] + ' ' + shown.year;
      box.style.display = 'none';
    }
  });
}());
