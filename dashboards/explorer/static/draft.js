// The rule in hand: the box that brushes make, further boxes, exceptions, and what it is called.

class Draft {
  constructor() { this.clear(); }

  clear() {
    this.box = new Map();       // conditions by the key of their axis
    this.boxes = [];
    this.exceptions = [];
    this.excepting = false;     // whether the box in hand is to be left out
    this.name = "rule";
    this.named = false;         // whether a person chose the name
  }

  set(key, condition) {
    if (condition) this.box.set(key, condition); else this.box.delete(key);
  }

  // Put the box in hand where it belongs; the next one is an alternative, or is left out.
  next({ excepting }) {
    if (this.box.size) (this.excepting ? this.exceptions : this.boxes).push([...this.box.values()]);
    this.box = new Map();
    this.excepting = excepting;
  }

  call(name) {
    this.named = Boolean(name.trim());
    this.name = name.trim() || "rule";
  }

  rule() {
    const hand = this.box.size ? [[...this.box.values()]] : [];
    const boxes = [...this.boxes, ...(this.excepting ? [] : hand)], exceptions = [...this.exceptions, ...(this.excepting ? hand : [])];
    if (!this.named) this.name = nameOf([...new Set(boxes.flat().map((condition) => condition.column))]);
    const rule = { name: this.name };
    if (boxes.length === 1) rule.all_of = boxes[0];
    else if (boxes.length) rule.any_of = boxes.map((box, i) => ({ name: `box_${i + 1}`, all_of: box }));
    if (exceptions.length) rule.none_of = exceptions.map((box, i) => ({ name: `except_${i + 1}`, all_of: box }));
    return rule;
  }

  // Take a rule in hand; false if boxes cannot hold it.
  take(rule) {
    if (!isOfBoxes(rule)) return false;
    const boxes = (rule.any_of ?? []).length ? rule.any_of.map((inner) => inner.all_of ?? []) : [rule.all_of ?? []];
    this.box = new Map(boxes.at(-1).map((condition) => [byName.get(condition.column).key, condition]));
    this.boxes = boxes.slice(0, -1);
    this.exceptions = (rule.none_of ?? []).map((inner) => inner.all_of ?? []);
    this.excepting = false;
    this.name = rule.name;
    this.named = true;
    return true;
  }
}

// Boxes have one condition a column; they stand side by side, with exceptions, and no deeper.
function isOfBoxes(rule) {
  const any = rule.any_of ?? [], none = rule.none_of ?? [];
  const simple = (inner) => !(inner.any_of ?? []).length && !(inner.none_of ?? []).length;
  const once = (inner) => {
    const columns = (inner.all_of ?? []).map((condition) => condition.column);
    return new Set(columns).size === columns.length && columns.every((column) => byName.has(column));
  };
  return [...any, ...none].every(simple) && !(any.length && (rule.all_of ?? []).length) && [rule, ...any].every(once);
}

// A rule is a feature beside its columns: it cannot be called like one of them.
function nameOf(columns) {
  const name = columns.join("_").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 40) || "rule";
  return byName.has(name) ? `${name}_rule` : name;
}

// Every distinct rule that was tried, for intervals that allow for all of them.
class Ledger {
  constructor(before) {
    this.before = before;
    this.entries = new Map();
  }

  get count() { return this.entries.size + this.before; }

  level(level) { return 1 - (1 - level) / Math.max(1, this.count); }

  enter(rule, found) { this.entries.set(keyOf(rule), { rule: structuredClone(rule), found }); }
}
