// Selectors: a chain of locators, each searched below what the one before it found.
class WrongSelector extends Error {}

function deep(root, visit) {
  for (const element of root.querySelectorAll('*')) {
    visit(element);
    if (element.shadowRoot) deep(element.shadowRoot, visit);
  }
}

function deepList(root) {
  const found = [];
  if (root.shadowRoot) deep(root.shadowRoot, (element) => found.push(element));
  deep(root, (element) => found.push(element));
  return found;
}

const LOCATE = {
  css: (root, { value }) => [...(root.shadowRoot?.querySelectorAll(value) ?? []), ...root.querySelectorAll(value)],
  pierce: (root, { value }) => deepList(root).filter((element) => element.matches(value)),
  xpath: (root, { value }) => {
    const page = root.ownerDocument ?? root;
    // XPath knows no shadow trees: each of their top elements is a start of its own.
    const tops = [...root.shadowRoot?.children ?? []];
    const inside = value.replace(/^\/\/(?=[\w*])/, 'descendant-or-self::').replace(/^\/\//, './/').replace(/^\/(?!\/)/, 'self::');
    const outside = root === page ? value : value.replace(/^\/\//, './/').replace(/^\/(?!\/)/, './');
    const found = [];
    for (const start of [...tops, root]) {
      const below = start === root ? outside : inside;
      const result = page.evaluate(below, start, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
      for (let at = 0; at < result.snapshotLength; at += 1) {
        const node = result.snapshotItem(at);
        if (node.nodeType === Node.ELEMENT_NODE) found.push(node);
      }
    }
    return found;
  },
  text: (root, { value }) => {
    const found = [];
    const open = opaque(root);
    const says = (node) => {
      if (['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'HEAD'].includes(node.nodeName)) return false;
      const here = fold(isButton(node) ? node.value : node.textContent ?? (node.body ?? node).textContent).includes(value);
      let below = false;
      if (here || open.has(node)) {
        for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) below = says(child) || below;
      }
      if (here && !below && node.nodeType === Node.ELEMENT_NODE) found.push(node);
      return here || below;
    };
    says(root);
    return found;
  },
  aria: (root, { name, role }) => deepList(root).filter((element) => {
    const own = roleOf(element);
    if (role && own !== role.toLowerCase()) return false;
    return !name || ((own || element.hasAttribute('aria-label') || element.hasAttribute('aria-labelledby') || element.labels) && nameOf(element) === name);
  }),
};

const isButton = (node) => node.localName === 'input' && ['button', 'submit', 'reset'].includes(node.type);

// What must be looked into although its own text does not tell: whatever holds a shadow tree or a button written as input.
function opaque(root) {
  const open = new Set();
  for (const element of deepList(root)) {
    if (!element.shadowRoot && !isButton(element)) continue;
    for (let node = element; node && !open.has(node); node = node.parentNode ?? node.host) open.add(node);
  }
  return open;
}

function query(chain, root = document) {
  let nodes = [root];
  for (const locator of chain.locators) {
    try {
      nodes = [...new Set(nodes.flatMap((node) => LOCATE[locator.kind](node, locator)))];
    } catch (error) {
      throw new WrongSelector(`${chain.written}: ${error.message}`);
    }
  }
  return nodes;
}

const shown = (chain) => query(chain).filter(displayed);
