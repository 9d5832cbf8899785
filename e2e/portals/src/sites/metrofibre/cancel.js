// The button waits for a reason; a penalty is announced before the request goes out.
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
