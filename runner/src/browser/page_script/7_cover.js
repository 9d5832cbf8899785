// Makes fields that hold secrets empty places while a picture is taken.
const CODE_WORDS = /(^|[^a-z])(otp|totp|mfa|2fa|passcode|one.?time|verification.?code|security.?code)([^a-z]|$)/i;

function holdsSecret(element, chains) {
  if (!element.matches('input, textarea, [contenteditable]')) return false;
  const words = [element.id, element.getAttribute('name'), element.autocomplete].join(' ');
  return element.type === 'password' || CODE_WORDS.test(words) || memory.sensitive.has(element) || chains.includes(element);
}

function coverAll({ chains, frames }) {
  const pages = [document];
  for (let at = 0; at < pages.length; at += 1) {
    const named = chains.flatMap((chain) => query(chain, pages[at]));
    for (const element of deepList(pages[at])) {
      if (element.matches('iframe, frame')) {
        if (element.contentDocument) pages.push(element.contentDocument);
        else if (frames) cover(element);
      } else if (holdsSecret(element, named) || element.ownerDocument.defaultView?.[KEY]?.sensitive.has(element)) {
        cover(element);
      }
    }
  }
}

function cover(element) {
  memory.covered.push([element, element.getAttribute('style')]);
  // Opacity, because neither what is inside nor a selected text can show through it.
  for (const rule of ['opacity: 0', 'transition: none', 'animation: none']) {
    element.style.setProperty(...rule.split(': '), 'important');
  }
}

function uncoverAll() {
  for (const [element, style] of memory.covered.splice(0).reverse()) {
    if (style === null) element.removeAttribute('style'); else element.setAttribute('style', style);
  }
}
