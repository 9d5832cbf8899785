// What can be asked. Each gives a `look`: undefined means not yet, and on its last chance it must answer.
const first = (alternatives, choose, grace) => {
  let later = 0;
  return (last) => {
    for (const [alternative, chain] of alternatives.entries()) {
      const chosen = choose(chain);
      if (chosen === undefined) continue;
      // A later alternative is taken only when the earlier ones had their chance: a page comes in pieces.
      if (alternative > 0 && !last) {
        later ||= Date.now();
        if (Date.now() - later < grace) return undefined;
      }
      return { alternative, chosen };
    }
    return undefined;
  };
};

function census(alternatives) {
  return alternatives.map((chain) => {
    const all = query(chain);
    const seen = all.filter(displayed);
    return { found: all.length, displayed: seen.length, enabled: seen.filter(enabled).length };
  });
}

function control(element) {
  if (element.localName === 'select') return 'list';
  if (element.localName === 'textarea' || element.isContentEditable) return 'text';
  if (element.localName !== 'input') return 'none';
  if (['checkbox', 'radio'].includes(element.type)) return 'check';
  if (['date', 'datetime-local', 'month', 'week', 'time', 'color', 'range'].includes(element.type)) return 'value';
  return ['button', 'submit', 'reset', 'image', 'file', 'hidden'].includes(element.type) ? 'none' : 'text';
}

// `all`: what is typed next takes the place of what stands there.
function focusOn(element, all) {
  element.focus();
  if (all && element.value && control(element) === 'text' && element.select) element.select();
  else if (all && element.isContentEditable) getSelection().selectAllChildren(element);
}

// For scripts and handlers of frameworks that watch the property, not only the event.
function assign(element, name, value) {
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), name)?.set;
  if (setter) setter.call(element, value); else element[name] = value;
  element.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
  element.dispatchEvent(new Event('change', { bubbles: true }));
}

const REQUESTS = {
  look: () => () => ({}),

  find: ({ alternatives, need, offset, grace, focus, sensitive, times }) => {
    const usable = (chain) => shown(chain).find((element) => need === 'displayed' || enabled(element));
    const choose = first(alternatives, usable, grace);
    return (last) => {
      const found = choose(last);
      if (!found) return last ? { missing: { census: census(alternatives) } } : undefined;
      const { chosen: element, alternative } = found;
      let why = need === 'editable' && element.readOnly ? 'read-only' : null;
      let point = {};
      if (need === 'reachable') {
        point = moving(element) ? { why: 'moving' } : reach(element, offset);
        why = point.why ?? null;
      }
      if (why) return last ? { missing: { alternative, why: `${tag(element)} is ${why}`, census: census(alternatives) } } : undefined;
      if (sensitive) memory.sensitive.add(element);
      if (times) expectClick(element, times);
      if (focus) focusOn(element, focus === 'all');
      return { found: { element, alternative, dx: point.dx ?? 0, dy: point.dy ?? 0, control: control(element), checked: element.checked === true, filled: Boolean(element.value ?? element.textContent), tag: tag(element) } };
    };
  },

  // Whether the last press was lost. An element that is still there got it, even if the page keeps the click to itself.
  lost: () => () => ({ lost: Boolean(memory.press && !memory.leaving && !memory.press.clicked && !memory.press.element.isConnected) }),

  // What a field shows after it was typed into. `expected` is not given for secrets.
  typed: ({ element, expected }) => () => ({
    here: element.isConnected,
    same: expected === null || fold(element.value ?? element.innerText ?? '') === fold(expected),
    shows: expected === null ? null : String(element.value ?? element.innerText ?? '').slice(0, 100),
  }),

  assign: ({ element, value }) => () => {
    assign(element, 'value', value);
    return { same: element.value === value, shows: element.value };
  },

  choose: ({ alternatives, by, value, grace }) => {
    const wanted = fold(value);
    const same = {
      Label: (option) => fold(option.label) === wanted,
      Value: (option) => option.value === value,
      Index: (option) => option.index === Number(value),
      Either: (option) => option.value === value || fold(option.label) === wanted,
    }[by];
    const choose = first(alternatives, (chain) => shown(chain).find((element) => enabled(element)), grace);
    return (last) => {
      const found = choose(last);
      if (!found) return last ? { missing: { census: census(alternatives) } } : undefined;
      const { chosen: list, alternative } = found;
      if (list.localName !== 'select') throw new WrongSelector(`${tag(list)} is no list: click it and its entry`);
      const option = [...list.options].find((each) => same(each) && !each.disabled && !each.parentElement.disabled);
      if (!option) {
        const has = [...list.options].slice(0, 20).map((each) => fold(each.label)).join(', ');
        return last ? { missing: { alternative, why: `${tag(list)} has no entry ${JSON.stringify(value)} that can be chosen; it has ${has}`, census: [] } } : undefined;
      }
      if (!option.selected || list.multiple) {
        list.focus();
        for (const other of list.options) other.selected = other === option;
        list.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
        list.dispatchEvent(new Event('change', { bubbles: true }));
      }
      return { found: { alternative, chosen: fold(option.label) } };
    };
  },

  count: ({ alternatives, visible, attributes, properties, operator, count, grace }) => {
    const like = (wanted, value) => (wanted && typeof wanted === 'object'
      ? value !== null && value !== undefined && Object.entries(wanted).every(([key, inner]) => like(inner, value[key]))
      : wanted === value);
    const fits = (element) => displayed(element) === visible
      && Object.entries(attributes).every(([name, value]) => element.getAttribute(name) === value) && (properties === null || like(properties, element));
    const holds = { '>=': (n) => n >= count, '==': (n) => n === count, '<=': (n) => n <= count }[operator];
    const some = (chain) => {
      const n = query(chain).filter(fits).length;
      return n > 0 && holds(n) ? n : undefined;
    };
    const choose = first(alternatives, some, grace);
    return (last) => {
      const found = choose(last);
      if (found) return { found: { alternative: found.alternative, count: found.chosen } };
      // "None" must hold for every way to name the element.
      if (holds(0) && alternatives.every((chain) => !query(chain).some(fits))) return { found: { alternative: 0, count: 0 } };
      return last ? { missing: { census: census(alternatives) } } : undefined;
    };
  },

  ask: ({ questions, before }) => (last) => {
    const answers = questions.map(({ kind, chain }) => {
      const elements = shown(chain);
      return { Exists: () => elements.length > 0, Count: () => elements.length, Text: () => (elements[0] ? fold(textOf(elements[0])) : '') }[kind]();
    });
    const now = JSON.stringify(answers);
    return before === now && !last ? undefined : { answers, now };
  },

  // `before` is what was read last: then the answer waits for something else.
  read: ({ alternatives, from, attribute, before, grace }) => {
    const readable = (chain) => {
      const hidden = ['Attribute', 'Property', 'Value'].includes(from);
      const elements = query(chain).filter((element) => displayed(element) || (hidden && element.matches(NEVER_SHOWN)));
      return elements.length ? elements : undefined;
    };
    const choose = first(alternatives, readable, grace);
    return (last) => {
      const found = choose(last);
      let value = null;
      if (found && from === 'Table') value = readTable(found.chosen[0]);
      else if (found && from === 'List') value = found.chosen.map(textOf);
      else if (found) value = readOne(from, attribute, found.chosen[0]);
      const now = JSON.stringify(value);
      if (now === (before ?? 'null') && !last) return undefined;
      return { value, now, alternative: found?.alternative ?? null, census: found ? [] : census(alternatives) };
    };
  },

  scroll: ({ alternatives, x, y, grace }) => {
    const choose = alternatives.length ? first(alternatives, (chain) => shown(chain)[0], grace) : () => ({ alternative: 0, chosen: window });
    return (last) => {
      const found = choose(last);
      if (!found) return last ? { missing: { census: census(alternatives) } } : undefined;
      if (x === null && y === null) found.chosen.scrollIntoView?.({ block: 'center', behavior: 'instant' });
      else found.chosen.scrollTo({ left: x ?? 0, top: y ?? 0, behavior: 'instant' });
      return { found: { alternative: found.alternative } };
    };
  },

  // Ends early when a native dialog opens: then the driver answers with nothing at all.
  sleep: () => (last) => (last ? {} : undefined),

  expression: () => (last) => {
    const value = expression();
    return value || last ? { holds: Boolean(value) } : undefined;
  },

  arrive: ({ wanted }) => (last) => {
    const arrived = (location.origin + location.pathname).replace(/\/+$/, '') === wanted;
    return arrived || last ? { arrived } : undefined;
  },

  // The one element that names what is about to be acted on. Two of them are as bad as none.
  identify: ({ alternatives, grace }) => {
    const choose = first(alternatives, (chain) => { const all = shown(chain); return all.length ? all : undefined; }, grace);
    return (last) => {
      const found = choose(last);
      if (found?.chosen.length === 1) return { found: { alternative: found.alternative, says: fold(textOf(found.chosen[0])) } };
      if (!last) return undefined;
      return { missing: { why: found ? `${found.chosen.length} elements match, it must be one` : null, census: census(alternatives) } };
    };
  },

  viewport: () => () => ({ inner: [innerWidth, innerHeight], outer: [outerWidth, outerHeight] }),
  cover: (request) => () => { coverAll(request); return { covered: memory.covered.length }; },
  uncover: () => () => { uncoverAll(); return {}; },
};

async function answer(request) {
  // What is asked about this very document, whatever becomes of it.
  const now = ['lost', 'cover', 'uncover'].includes(request.ask);
  const { settled, waited } = await settle(now ? 0 : request.wait, request.pageLoad);
  const page = describePage();
  if (!settled && !now) return { page, waited, unsettled: true };
  if (request.ask === 'clock') return { page, waited, ...await readClock() };
  // Nothing more will come on a page that is an error: only what is there already counts.
  const hopeless = page.error ? 0 : page.status >= 500 ? 1000 : Infinity;
  const result = await watch(REQUESTS[request.ask](request), Math.max(0, Math.min(request.wait - waited, hopeless)));
  return { page: describePage(), waited, ...result };
}

function reply(request, done) {
  answer(request).then(done, (error) => done({ page: describePage(), waited: 0, wrong: error.message, selector: error instanceof WrongSelector }));
}

// For the next request: then only the request itself needs to be sent.
memory.reply = reply;
reply(arguments[0], arguments[arguments.length - 1]);
