// Roles and names as assistive technology computes them (W3C accname 1.2), as far as recorded selectors need it.
const INPUT_ROLES = {
  button: 'button', submit: 'button', reset: 'button', image: 'button', checkbox: 'checkbox', radio: 'radio', range: 'slider',
  number: 'spinbutton', search: 'searchbox', email: 'textbox', tel: 'textbox', text: 'textbox', url: 'textbox',
};
const ROLES = {
  article: 'article', aside: 'complementary', button: 'button', dd: 'definition', dt: 'term', datalist: 'listbox', details: 'group',
  dialog: 'dialog', fieldset: 'group', figure: 'figure', footer: 'contentinfo', form: 'form', h1: 'heading', h2: 'heading',
  h3: 'heading', h4: 'heading', h5: 'heading', h6: 'heading', header: 'banner', hr: 'separator', li: 'listitem', main: 'main',
  menu: 'list', meter: 'meter', nav: 'navigation', ol: 'list', optgroup: 'group', option: 'option', output: 'status', p: 'paragraph',
  progress: 'progressbar', section: 'region', summary: 'button', table: 'table', tbody: 'rowgroup', td: 'cell', textarea: 'textbox',
  tfoot: 'rowgroup', th: 'columnheader', thead: 'rowgroup', tr: 'row', ul: 'list',
};
const NAMED_BY_CONTENT = new Set(['button', 'cell', 'checkbox', 'columnheader', 'gridcell', 'heading', 'link', 'menuitem', 'menuitemcheckbox',
  'menuitemradio', 'option', 'radio', 'row', 'rowheader', 'switch', 'tab', 'tooltip', 'treeitem']);

const fold = (text) => text.replace(/[\u200b\u2060\ufeff\u00ad]/g, '').replace(/\s+/g, ' ').trim();

function roleOf(element) {
  const given = element.getAttribute('role')?.trim().split(/\s+/)[0];
  if (given) return given.toLowerCase();
  const kind = element.localName;
  if (kind === 'input') {
    if (element.list && element.type !== 'range') return 'combobox';
    return INPUT_ROLES[element.type] ?? null;
  }
  if (kind === 'a' || kind === 'area') return element.hasAttribute('href') ? 'link' : null;
  if (kind === 'img') return element.getAttribute('alt') === '' ? 'presentation' : 'img';
  if (kind === 'select') return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
  if (kind === 'th' && element.scope === 'row') return 'rowheader';
  return ROLES[kind] ?? null;
}

function nameOf(element) {
  const ids = element.getAttribute('aria-labelledby')?.trim().split(/\s+/) ?? [];
  const labelled = ids.map((id) => element.getRootNode().getElementById?.(id)).filter(Boolean);
  if (labelled.length) return fold(labelled.map((label) => label.getAttribute('aria-label') ?? spoken(label, element)).join(' '));
  const label = fold(element.getAttribute('aria-label') ?? '');
  if (label) return label;
  const native = nativeName(element);
  if (native) return native;
  if (NAMED_BY_CONTENT.has(roleOf(element))) {
    const content = fold(spoken(element, null));
    if (content) return content;
  }
  return fold(element.title || element.getAttribute('placeholder') || '');
}

function nativeName(element) {
  const kind = element.localName;
  if (kind === 'input' && ['button', 'submit', 'reset'].includes(element.type)) {
    return fold(element.value || { submit: 'Submit', reset: 'Reset', button: '' }[element.type]);
  }
  if (kind === 'img' || kind === 'area' || (kind === 'input' && element.type === 'image')) return fold(element.alt ?? '');
  if (element.labels?.length) return fold([...element.labels].map((label) => spoken(label, element)).join(' '));
  const part = { fieldset: 'legend', table: 'caption', figure: 'figcaption', details: 'summary' }[kind];
  const child = part && [...element.children].find((each) => each.localName === part);
  return child ? fold(spoken(child, null)) : '';
}

// The text of an element as it is read out: hidden parts and the field that is being named are left out.
function spoken(node, field) {
  let text = '';
  for (const child of node.shadowRoot?.childNodes ?? node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) text += child.data;
    if (child.nodeType !== Node.ELEMENT_NODE || child === field || ['script', 'style', 'select', 'textarea'].includes(child.localName)) continue;
    if (child.getAttribute('aria-hidden') === 'true' || !child.checkVisibility({ visibilityProperty: true })) continue;
    const own = child.getAttribute('aria-label') ?? (child.localName === 'img' ? child.alt : null);
    const inner = own ?? spoken(child, field);
    text += getComputedStyle(child).display.startsWith('inline') && own === null ? inner : ` ${inner} `;
  }
  return text;
}
