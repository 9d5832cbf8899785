// What a person sees and may use.
function displayed(element) {
  if (element.localName === 'option' || element.localName === 'optgroup') {
    const list = element.closest('select');
    return list ? displayed(list) : false;
  }
  const inside = () => [...(element.shadowRoot ?? element).children].some(displayed);
  if (getComputedStyle(element).display === 'contents') return inside();
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
  for (const box of element.getClientRects()) {
    // What stands left of or above the page cannot be scrolled to: the usual way to hide a copy.
    if (box.width > 0 && box.height > 0) return box.right + scrollX > 0 && box.bottom + scrollY > 0;
  }
  return inside();
}

function enabled(element) {
  return !element.matches(':disabled') && !element.closest('[aria-disabled="true"], [inert]');
}

// Colours may change under the pointer as they like.
const MOVES = /^(transform|translate|scale|rotate|offset|top|left|right|bottom|inset|margin|padding|border|width|height|min|max|flex|grid|font|line|zoom)/;

function moving(element) {
  return document.getAnimations().some(({ playState, effect }) => playState === 'running' && effect?.target?.contains(element)
    && effect.getComputedTiming().iterations !== Infinity
    && effect.getKeyframes().some((frame) => Object.keys(frame).some((property) => MOVES.test(property))));
}

// The middle of the part of the element's first box that is in view: where WebDriver takes an element's place from.
function middle(element) {
  const box = element.getClientRects()[0] ?? element.getBoundingClientRect();
  const [left, right] = [Math.max(0, box.left), Math.min(innerWidth, box.right)];
  const [top, bottom] = [Math.max(0, box.top), Math.min(innerHeight, box.bottom)];
  return { x: (left + right) / 2, y: (top + bottom) / 2 };
}

function topmost(x, y) {
  let found = document.elementFromPoint(x, y);
  while (found?.shadowRoot) {
    const deeper = found.shadowRoot.elementFromPoint(x, y);
    if (!deeper || deeper === found) break;
    found = deeper;
  }
  return found;
}

function holds(outer, inner) {
  for (let node = inner; node; node = node.parentNode ?? node.host) {
    if (node === outer) return true;
  }
  return false;
}

// Where to press so that the element gets it, scrolled into view; or what stands in the way.
function reach(element, offset) {
  const target = element.closest('button, a, label, [role=button], [role=link], option, summary') ?? element;
  let obstacle = null;
  for (const block of [null, 'center', 'end', 'start']) {
    if (block) element.scrollIntoView({ block, inline: 'nearest', behavior: 'instant' });
    const at = middle(element);
    const box = element.getBoundingClientRect();
    const [x, y] = offset ? [box.left + offset.x, box.top + offset.y] : [at.x, at.y];
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) continue;
    const hit = topmost(x, y);
    if (hit && (holds(target, hit) || target.control === hit || hit.closest?.('label')?.control === element)) {
      return { dx: Math.round(x - at.x), dy: Math.round(y - at.y) };
    }
    obstacle = hit ? tag(hit) : obstacle;
  }
  return { why: obstacle ? `covered by ${obstacle}` : 'out of view' };
}

// An element in a word or two, for messages.
function tag(element) {
  const id = element.id ? `#${element.id}` : '';
  const classes = [...element.classList].slice(0, 2).map((name) => `.${name}`).join('');
  return `<${element.localName}${id}${classes}>`;
}
