// What is remembered of a document between two looks at it. Lives as long as the document.
const KEY = Symbol.for('fno');
if (!window[KEY]) {
  const made = { document: `${Date.now()}-${Math.random()}`, leaving: 0, sensitive: new WeakSet(), covered: [], press: null };
  Object.defineProperty(window, KEY, { value: made });
  // Fires as soon as a navigation begins, long before the new document is there: what is looked for now stands on that one.
  addEventListener('beforeunload', () => { made.leaving = Date.now(); }, true);
  for (const event of ['click', 'auxclick', 'contextmenu', 'dblclick']) addEventListener(event, (happened) => noteClick(made.press, happened), true);
  addEventListener('pageshow', () => { made.leaving = 0; }, true);
}
const memory = window[KEY];

// A press is lost when its element is replaced between button down and up: then the browser makes no click of it, or one on
// something that is around both.
function noteClick(press, event) {
  if (press && !press.around.has(event.composedPath()[0]) && (event.type === 'dblclick' || press.times < 2)) press.clicked = true;
}

function expectClick(element, times) {
  const around = new WeakSet();
  for (let node = element.parentNode ?? element.host; node; node = node.parentNode ?? node.host) around.add(node);
  memory.press = { element, around, times, clicked: false };
}

// Waits until the document is the one that stays, at least so far that it can be looked at.
// A navigation that ends in nothing (a download) is waited for as long as a page may load.
async function settle(wait, pageLoad) {
  const began = Date.now();
  const over = () => Date.now() - began >= wait;
  while (memory.leaving && Date.now() - memory.leaving < pageLoad && !over()) await pause(20);
  if (memory.leaving && Date.now() - memory.leaving >= pageLoad) memory.leaving = 0;
  while (document.readyState === 'loading' && !over()) {
    await Promise.race([pause(100), new Promise((resolve) => document.addEventListener('DOMContentLoaded', resolve, { once: true }))]);
  }
  return { settled: !memory.leaving && document.readyState !== 'loading', waited: Date.now() - began };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function describePage() {
  const error = /^about:(neterror|certerror|blocked|httpsonlyerror)\b.*?(?:[?&]e=([^&]*))?/.exec(document.documentURI);
  // From `location`, the one thing of these that a page cannot make up.
  const origins = [location.origin];
  for (let view = window; view !== view.parent;) {
    view = view.parent;
    let origin = null;
    try { origin = view.location.origin; } catch { /* of another origin: the caller asks the driver */ }
    origins.push(origin);
  }
  let [url, title] = [location.href, document.title];
  if (window !== top) {
    try { [url, title] = [top.location.href, top.document.title]; } catch { [url, title] = [null, null]; }
  }
  return {
    url, title, origins, document: memory.document,
    status: performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0,
    error: error ? decodeURIComponent(/[?&]e=([^&]*)/.exec(document.documentURI)?.[1] ?? error[1]) : null,
  };
}
