// What stands beside the plot. All text goes in as text: nothing of the data is ever parsed as markup.

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const whole = (n) => Math.round(n).toLocaleString("en");
const percent = (x, digits = 1) => `${(100 * x).toFixed(digits)} %`;
function amount(x) {
  const size = Math.abs(x);
  if (x === 0) return "0";
  return size >= 1000 ? x.toLocaleString("en", { maximumFractionDigits: 0 }) : x.toPrecision(4).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}
const shown = (goal, x) => (x === null || x === undefined ? "n/a" : goal.kind === "share" ? percent(x) : goal.kind === "effect" && goal.binary ? `${(100 * x).toFixed(2)} pp` : amount(x));
const span = (goal, s) => (s.low === null ? "" : `${shown(goal, s.low)} – ${shown(goal, s.high)}`);

function coverage(n, rows) {
  const share = rows ? percent(n / rows, n / rows < 0.001 ? 2 : 1) : "n/a";
  return [`${whole(n)} of ${whole(rows)}`, element("span", { class: "interval" }, share)];
}

// Rows of numbers for each goal: inside of the rule, and everywhere.
function measuresTable(page, found, level, tried) {
  const parts = [["train", "Rows you look at", level, false], ["holdout", "Hold-out", 1 - (1 - level) / Math.max(1, tried), true]];
  const head = element("tr", {}, element("th", { scope: "col" }, ""), ...parts.map(([, name]) => element("th", { scope: "col" }, name)));
  const row = (name, kind, fill) => element("tr", { class: kind }, element("th", { scope: "row" }, name),
    ...parts.map((part) => element("td", {}, ...(found[part[0]] ? fill(...part) : ["–"]))));
  const rows = [row("rows inside", "", (part) => coverage(countOf(found[part][0]), page.rows[part]))];
  page.goals.forEach((goal, i) => {
    rows.push(row(goal.short, "value", (part, _, at, exact) => {
      const s = said(goal, found[part][i].inside, at, exact);
      return [element("strong", {}, shown(goal, s.value)), element("span", { class: "interval" }, span(goal, s))];
    }), row("everywhere", "", (part) => {
      const { value } = said(goal, found[part][i].inside, level, false), base = page.base[part][i];
      return [`${shown(goal, base)}${value !== null && base > 0 && goal.kind !== "effect" ? `, lift ${(value / base).toFixed(2)}` : ""}`];
    }));
  });
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

const countOf = (goal) => goal.inside.reduce((total, [n]) => total + n, 0);

// A word and what it rests on; the same words as tabkit/rules/scoring.py.
function judged(goal, found, held, level) {
  const now = against(goal, held, level), then = against(goal, found, level).value;
  if (now.low === null) return ["too few rows", now, then];
  if (!isBalanced(goal, held)) return ["arms differ", now, then];
  if (now.low <= 0 && now.high >= 0) return ["not replicated", now, then];
  if (Math.sign(now.value) !== Math.sign(then)) return ["reversed", now, then];
  return [Math.abs(now.value) < 0.7 * Math.abs(then) ? "replicated, smaller effect" : "replicated", now, then];
}

const VERDICTS = {
  "too few rows": ["poor", "Too few hold-out rows are inside, or outside, to say anything"],
  "arms differ": ["poor", "The share of treated rows differs inside and outside: what differs may not be the treatment"],
  "not replicated": ["poor", "Not replicated on the hold-out"],
  reversed: ["poor", "Reversed on the hold-out"],
  "replicated, smaller effect": ["fair", "Replicated on the hold-out, with a smaller effect"],
  replicated: ["good", "Replicated on the hold-out"],
};

function verdictOf(page, found, level, tried) {
  const goal = page.goals[0];
  if (!found.holdout) {
    if (!page.rows.holdout) return ["plain", page.unproved];
    return ["plain", page.served ? "Counting the hold-out …" : "The hold-out rows are not in this file."];
  }
  const [word, now, then] = judged(goal, found.train[0], found.holdout[0], 1 - (1 - level) / Math.max(1, tried));
  const [kind, words] = VERDICTS[word];
  const allowing = tried > 1 ? `, allowing for the ${whole(tried)} rules tried` : "";
  if (now.low === null || word === "arms differ") return [kind, `${words}${allowing}.`];
  return [kind, `${words}${allowing}: against all other rows ${differs(goal, now.value)} (${differs(goal, now.low)} to ${differs(goal, now.high)}); `
    + `${differs(goal, then)} on the rows you look at.`];
}

const differs = (goal, x) => `${x < 0 ? "−" : "+"}${goal.binary ? `${(100 * Math.abs(x)).toFixed(1)} points` : amount(Math.abs(x))}`;

// Conditions one by one, with fields that the keyboard reaches: the brushes follow them, and they follow the brushes.
function conditionEditor(axis, condition, change) {
  const fields = axis.scaled ? rangeFields(axis, condition, change) : levelFields(axis, condition, change);
  const nulls = axis.nulls ? [checkbox("null", takesNull(condition), (on) => change(withNull(axis, condition, on)))] : [];
  if (spansMore(axis, condition)) nulls.push(element("span", { class: "remark" }, " The brush spans more than the rule takes."));
  const remove = element("button", { type: "button", class: "small", "aria-label": `remove the condition on ${axis.name}`, onclick: () => change(null) }, "×");
  return element("fieldset", { "data-axis": axis.key }, element("legend", {}, axis.name), ...fields, ...nulls, remove);
}

// Whether a condition has a gap on its axis, which a brush cannot have.
function spansMore(axis, condition) {
  const table = codesOf(axis, condition);
  if (!table) return false;
  const inside = [...Array(axis.scaled ? axis.cuts.length + 1 : axis.levels.length + (axis.other ? 1 : 0)).keys()].filter((code) => table[code]);
  return inside.length > 0 && inside.at(-1) - inside[0] + 1 > inside.length;
}

const takesNull = (c) => Boolean(c.null) !== Boolean(c.not);

function withNull(axis, c, on) {
  if (!hasBounds(c) && !c.levels) return on ? (c.not ? null : c) : { column: axis.name, null: true, not: true };
  const { null: _, ...rest } = c;
  return on !== Boolean(c.not) ? { ...rest, null: true } : rest;
}

function checkbox(words, checked, change) {
  const box = element("input", { type: "checkbox", onchange: (event) => change(event.target.checked) });
  box.checked = checked;
  return element("label", { class: "check" }, box, ` ${words}`);
}

function rangeFields(axis, condition, change) {
  const offered = axis.cuts.filter(([, after]) => !after);
  const plainRange = !condition.not && !condition.levels && condition.gt === undefined && condition.le === undefined;
  if (!plainRange) return [element("span", { class: "words" }, conditionText(condition))];
  const select = (name, words, open) => {
    const node = element("select", { "aria-label": `${axis.name} ${words}`, onchange: (event) => {
      const next = { ...condition };
      if (event.target.value === "") delete next[name]; else next[name] = offered[+event.target.value][0];
      const [from, to] = ["ge", "lt"].map((key) => (next[key] === undefined ? null : offered.findIndex(([v]) => v === next[key])));
      if (from !== null && to !== null && from >= to) delete next[name === "ge" ? "lt" : "ge"];
      change(hasBounds(next) || next.null ? next : null);
    } }, element("option", { value: "" }, open), ...offered.map(([, , , text], i) => element("option", { value: i }, text)));
    node.value = condition[name] === undefined ? "" : String(offered.findIndex(([value]) => value === condition[name]));
    return node;
  };
  return [element("span", {}, "from "), select("ge", "from", "the lowest"), element("span", {}, " to below "), select("lt", "to below", "the highest")];
}

function levelFields(axis, condition, change) {
  const table = codesOf(axis, condition) ?? new Uint8Array(256);
  const last = axis.levels.length, inside = new Set([...Array(last + (axis.other ? 1 : 0)).keys()].filter((code) => table[code]));
  const toggled = (code, on) => {
    if (on) inside.add(code); else inside.delete(code);
    const nulls = takesNull(condition) && axis.nulls;
    if (!inside.size) return change(nulls ? { column: axis.name, null: true } : null);
    const chosen = axis.levels.filter((_, i) => inside.has(i)), left = axis.levels.filter((_, i) => !inside.has(i));
    if (axis.other && inside.has(last)) {
      if (!left.length) return change(axis.nulls && !nulls ? { column: axis.name, null: true, not: true } : null);
      return change({ column: axis.name, levels: left, ...(nulls ? {} : { null: true }), not: true });
    }
    return change({ column: axis.name, levels: chosen, ...(nulls ? { null: true } : {}) });
  };
  const names = [...axis.levels.map((level) => (level === "" ? '""' : String(level))), ...(axis.other ? [`other (${whole(axis.other)})`] : [])];
  return [element("div", { class: "levels" }, ...names.map((name, code) => checkbox(name, inside.has(code), (on) => toggled(code, on))).reverse())];
}
