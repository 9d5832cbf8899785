// Reading values. What was typed as a secret is never read back.
const NEVER_SHOWN = 'input[type=hidden], meta, link, title, script';

function mayRead(element) {
  if (element.type === 'password' || memory.sensitive.has(element)) throw new WrongSelector(`${tag(element)} holds a secret and is not read`);
}

function textOf(element) {
  if (element.localName === 'select') return [...element.selectedOptions].map((option) => option.label).join(' ');
  if (element.matches('input, textarea')) {
    mayRead(element);
    return element.value;
  }
  return element.innerText ?? element.textContent;
}

const READ = {
  Text: textOf,
  Value: (element) => { mayRead(element); return element.value; },
  Attribute: (element, name) => { if (name === 'value') mayRead(element); return element.getAttribute(name); },
  Property: (element, name) => {
    if (name === 'value') mayRead(element);
    const value = element[name];
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
  },
};

function readOne(from, attribute, element) {
  const value = READ[from](element, attribute);
  return value === undefined || value === null ? null : String(value);
}

// A table of rows and cells, also one made of roles. Hidden rows are not there; what spans rows stands in each of them.
const TABLE = 'table, [role=table], [role=grid], [role=treegrid]';
const MOST_ROWS = 5000;

function readTable(found) {
  const table = found.matches(TABLE) ? found : found.querySelector(TABLE) ?? found.closest(TABLE);
  if (!table) throw new WrongSelector(`${tag(found)} is no table and holds none`);
  const own = (element) => element.parentElement.closest(TABLE) === table;
  const rows = [...table.querySelectorAll('tr, [role=row]')].filter((row) => own(row) && displayed(row));
  if (rows.length > MOST_ROWS) throw new WrongSelector(`${tag(table)} has ${rows.length} rows, ${MOST_ROWS} are read at most: let the page filter them`);
  const cells = (row) => [...row.querySelectorAll('td, th, [role=cell], [role=gridcell], [role=columnheader], [role=rowheader]')]
    .filter((cell) => cell.closest('tr, [role=row]') === row);
  const heading = (row) => cells(row).length > 0 && cells(row).every((cell) => cell.matches('th, [role=columnheader]'));
  let head = rows.findLastIndex((row, at) => heading(row) && (row.closest('thead') || at < 3));
  if (head < 0) head = rows.findIndex((row) => row.closest('thead'));
  if (head < 0) head = 0;
  const spans = [];
  const texts = (row) => {
    const line = [];
    const all = cells(row);
    const carry = () => {
      while (spans[line.length]?.rows > 0) {
        spans[line.length].rows -= 1;
        line.push(spans[line.length].text);
      }
    };
    for (const cell of all) {
      carry();
      const text = fold(textOf(cell) || [...cell.querySelectorAll('input:not([type=password]), select')].filter(displayed).map(textOf).join(' '));
      // One cell over the whole row is a remark, not a row.
      const width = all.length > 1 ? cell.colSpan ?? 1 : 1;
      for (let n = 0; n < width; n += 1) {
        if ((cell.rowSpan ?? 1) > 1) spans[line.length] = { rows: cell.rowSpan - 1, text };
        line.push(text);
      }
    }
    carry();
    return line;
  };
  const lines = rows.map(texts);
  return { headers: lines[head] ?? [], rows: lines.filter((_, at) => at > head) };
}
