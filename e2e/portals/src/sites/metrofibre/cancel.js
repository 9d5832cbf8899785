// The button is disabled until a reason is chosen. An alert announces a penalty before the request is sent.
(function () {
  'use strict';
  var form = document.getElementById('cancel');
  var reason = document.getElementById('reason');
  var button = document.getElementById('submit');
  reason.addEventListener('change', function () { button.disabled = !reason.value; });
  form.addEventListener('submit', function () {
    window.alert('Line ' + form.dataset.number + ': an early termination penalty of R 1 499.00 may apply.');
  });
}());
