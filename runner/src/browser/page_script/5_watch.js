// Looks whenever the page changes, not at intervals. `look(last)` gives a value when it is content; `last` is its last chance.
function watch(look, wait) {
  return new Promise((resolve, reject) => {
    const end = Date.now() + wait;
    const events = ['transitionend', 'animationend', 'load', 'input', 'change', 'scroll', 'toggle', 'readystatechange', 'hashchange', 'popstate'];
    let [planned, seen, over] = [false, 0, false];
    const finish = (settle, value) => {
      over = true;
      observer.disconnect();
      clearInterval(coarse);
      clearTimeout(alarm);
      for (const event of events) removeEventListener(event, plan, true);
      settle(value);
    };
    const run = () => {
      planned = false;
      if (over) return;
      seen = Date.now();
      try {
        const value = look(seen >= end);
        if (value !== undefined) finish(resolve, value);
      } catch (error) {
        finish(reject, error);
      }
    };
    // A page that changes without pause is looked at every 10 ms, not more often.
    const plan = () => {
      if (planned || over) return;
      planned = true;
      setTimeout(run, Math.max(0, 10 - (Date.now() - seen)));
    };
    const observer = new MutationObserver(plan);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    for (const event of events) addEventListener(event, plan, true);
    // Styles, scripted properties and closed trees change without telling anyone.
    const coarse = setInterval(plan, 100);
    const alarm = setTimeout(run, wait);
    run();
  });
}
