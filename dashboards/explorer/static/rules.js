// Rules as the page holds them: the same plain data as tabkit/predicates/plain.py, and the same words.

const byName = new Map();   // axes by the name of their column, filled in when the page starts

function axesFrom(list) {
  for (const axis of list) {
    axis.cutIndex = new Map(axis.cuts.map(([value, after], i) => [JSON.stringify([value, after]), i]));
    axis.textOf = new Map(axis.cuts.map(([value, , , text]) => [JSON.stringify(value), text]));
    axis.levelIndex = new Map(axis.levels.map((level, i) => [level, i]));
    byName.set(axis.name, axis);
  }
  return list;
}

// Which codes of an axis a condition takes, as a table of 256; null where the page cannot tell.
function codesOf(axis, condition) {
  const table = new Uint8Array(256);
  const found = axis.scaled ? scaledCodes(axis, condition, table) : levelCodes(axis, condition, table);
  if (!found) return null;
  if (condition.null) table[axis.nullCode] = 1;
  if (condition.not) for (let code = 0; code <= axis.nullCode; code++) table[code] = 1 - table[code];
  return table;
}

function scaledCodes(axis, condition, table) {
  const at = (value, after) => axis.cutIndex.get(JSON.stringify([value, after]));
  const fill = (first, last) => { for (let code = first; code <= last; code++) table[code] = 1; };
  if (condition.levels) {
    for (const level of condition.levels) {
      const first = at(level, false), last = at(level, true);
      if (first === undefined || last === undefined) return false;
      fill(first + 1, last);
    }
    return true;
  }
  const { ge, gt, le, lt } = condition;
  if (ge === undefined && gt === undefined && le === undefined && lt === undefined) return true;
  let first = 0, last = axis.cuts.length;
  for (const [bound, after, low] of [[ge, false, true], [gt, true, true], [lt, false, false], [le, true, false]]) {
    if (bound === undefined) continue;
    const index = at(bound, after);
    if (index === undefined) return false;
    if (low) first = index + 1; else last = index;
  }
  fill(first, last);
  return true;
}

function levelCodes(axis, condition, table) {
  for (const level of condition.levels ?? []) {
    const index = axis.levelIndex.get(level);
    if (index === undefined) return false;
    table[index] = 1;
  }
  return condition.levels !== undefined || condition.null === true;
}

// Which rows a rule takes, as bytes; null where the page cannot tell.
function maskOf(rule, columns, count) {
  const mask = new Uint8Array(count).fill(1);
  for (const condition of rule.all_of ?? []) {
    const axis = byName.get(condition.column);
    const table = axis && columns[axis.key] ? codesOf(axis, condition) : null;
    if (!table) return null;
    const codes = columns[axis.key];
    for (let i = 0; i < count; i++) mask[i] &= table[codes[i]];
  }
  if ((rule.any_of ?? []).length) {
    const some = new Uint8Array(count);
    for (const inner of rule.any_of) {
      const found = maskOf(inner, columns, count);
      if (!found) return null;
      for (let i = 0; i < count; i++) some[i] |= found[i];
    }
    for (let i = 0; i < count; i++) mask[i] &= some[i];
  }
  for (const inner of rule.none_of ?? []) {
    const found = maskOf(inner, columns, count);
    if (!found) return null;
    for (let i = 0; i < count; i++) mask[i] &= 1 - found[i];
  }
  return mask;
}

function* conditionsOf(rule) {
  yield* rule.all_of ?? [];
  for (const inner of [...(rule.any_of ?? []), ...(rule.none_of ?? [])]) yield* conditionsOf(inner);
}

const isEmpty = (rule) => conditionsOf(rule).next().done;

// A text that is equal for rules of equal parts.
function keyOf(rule) {
  const sorted = (list) => [...new Set(list)].sort();
  const condition = (c) => JSON.stringify(Object.keys(c).sort().map((k) => [k, c[k]]));
  return JSON.stringify([sorted((rule.all_of ?? []).map(condition)), sorted((rule.any_of ?? []).map(keyOf)),
    sorted((rule.none_of ?? []).map(keyOf))]);
}

const isIdentifier = (name) => /^[\p{XID_Start}_][\p{XID_Continue}]*$/u.test(name);
const named = (column) => (isIdentifier(column) ? column : JSON.stringify(column));

function textOfBound(column, value) {
  return byName.get(column)?.textOf.get(JSON.stringify(value)) ?? String(value);
}

function textOf(rule) {
  const parts = (rule.all_of ?? []).map(conditionText);
  const any = rule.any_of ?? [];
  if (any.length) {
    const options = any.map((inner) => `(${textOf(inner)})`).join(" or ");
    parts.push(parts.length && any.length > 1 ? `(${options})` : options);
  }
  for (const inner of rule.none_of ?? []) parts.push(`not (${textOf(inner)})`);
  return parts.join(" and ") || "every row";
}

const hasBounds = (c) => c.ge !== undefined || c.gt !== undefined || c.le !== undefined || c.lt !== undefined;

function conditionText(c) {
  const column = named(c.column);
  if (!hasBounds(c) && !c.levels) return c.not ? `${column} is not null` : `${column} is null`;
  if (c.not) {
    const inside = hasBounds(c) ? rangeText(c) : levelsText(c, "is not", "not in");
    const two = (c.ge ?? c.gt) !== undefined && (c.le ?? c.lt) !== undefined;
    const words = hasBounds(c) ? (two ? `not (${inside})` : `not ${inside}`) : inside;
    return c.null ? `${words} and not null` : `(${words} or ${column} is null)`;
  }
  const words = hasBounds(c) ? rangeText(c) : levelsText(c, "is", "in");
  return c.null ? `(${words} or ${column} is null)` : words;
}

function rangeText(c) {
  const column = named(c.column), say = (value) => textOfBound(c.column, value);
  const low = c.ge ?? c.gt, high = c.le ?? c.lt;
  if (low === undefined) return `${column} ${c.le === undefined ? "<" : "<="} ${say(high)}`;
  if (high === undefined) return `${column} ${c.ge === undefined ? ">" : ">="} ${say(low)}`;
  return `${say(low)} ${c.ge === undefined ? "<" : "<="} ${column} ${c.le === undefined ? "<" : "<="} ${say(high)}`;
}

function levelsText(c, one, several) {
  const shown = c.levels.map((level) => (typeof level === "string" ? JSON.stringify(level) : textOfBound(c.column, level)));
  return shown.length === 1 ? `${named(c.column)} ${one} ${shown[0]}` : `${named(c.column)} ${several} {${shown.join(", ")}}`;
}

// As TOML: a [[rules]] table that `tabkit rules` and `tabkit train --rules` read.
function tomlOf(rule) {
  const lines = ["[[rules]]", `name = ${tomlText(rule.name)}`];
  if ((rule.all_of ?? []).length) lines.push(`all_of = [\n${rule.all_of.map((c) => `    ${tomlCondition(c)},`).join("\n")}\n]`);
  for (const part of ["any_of", "none_of"]) {
    if ((rule[part] ?? []).length) lines.push(`${part} = [\n${rule[part].map((inner) => `    ${tomlInline(inner)},`).join("\n")}\n]`);
  }
  return `${lines.join("\n")}\n`;
}

function tomlInline(rule) {
  const parts = [`name = ${tomlText(rule.name)}`];
  if ((rule.all_of ?? []).length) parts.push(`all_of = [${rule.all_of.map(tomlCondition).join(", ")}]`);
  for (const part of ["any_of", "none_of"]) {
    if ((rule[part] ?? []).length) parts.push(`${part} = [${rule[part].map(tomlInline).join(", ")}]`);
  }
  return `{ ${parts.join(", ")} }`;
}

function tomlCondition(c) {
  const timed = ["date", "datetime"].includes(byName.get(c.column)?.family);
  const value = (v) => (typeof v === "string" && !timed ? tomlText(v) : String(v));
  const parts = [`column = ${tomlText(c.column)}`];
  for (const name of ["ge", "gt", "le", "lt"]) if (c[name] !== undefined) parts.push(`${name} = ${value(c[name])}`);
  if (c.levels) parts.push(`levels = [${c.levels.map(value).join(", ")}]`);
  if (c.null) parts.push("null = true");
  if (c.not) parts.push("not = true");
  return `{ ${parts.join(", ")} }`;
}

const tomlText = (text) => JSON.stringify(text).replace(/\x7f/g, "\\u007f");

// As a Polars expression that gives the same rows, null and NaN told apart from values.
function polarsOf(rule) {
  const parts = (rule.all_of ?? []).map(polarsCondition);
  const any = (rule.any_of ?? []).map((inner) => `(${polarsOf(inner)})`);
  if (any.length) parts.push(any.length > 1 ? `(${any.join(" | ")})` : any[0]);
  for (const inner of rule.none_of ?? []) parts.push(`~(${polarsOf(inner)})`);
  return parts.join(" & ") || "pl.lit(True)";
}

function polarsColumn(c) {
  // Polars reads some names as patterns of names.
  const pattern = c.column === "*" || /^\^.*\$$/s.test(c.column), name = JSON.stringify(c.column);
  const axis = byName.get(c.column), column = pattern ? `pl.selectors.by_name(${name}).as_expr()` : `pl.col(${name})`;
  if (axis.dtype.startsWith("Float")) {
    return `${column}${axis.dtype === "Float64" ? "" : ".cast(pl.Float64)"}.fill_nan(None)`;
  }
  if (axis.dtype.startsWith("Decimal")) return `${column}.cast(pl.Float64)`;
  if (axis.family === "duration") {
    return axis.dtype.includes("ns") ? `(${column}.dt.total_nanoseconds() / 1e9)` : `(${column}.dt.total_microseconds() / 1e6)`;
  }
  if (axis.family === "datetime") return `${column}.dt.replace_time_zone(None).cast(pl.Datetime("us"))`;
  return axis.family === "text" && axis.dtype !== "String" ? `${column}.cast(pl.String)` : column;
}

function polarsValue(c, value) {
  const family = byName.get(c.column).family;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (family !== "date" && family !== "datetime") return typeof value === "string" ? JSON.stringify(value) : String(value);
  const parts = value.split(/[-T:.]/).map(Number);
  if (family === "date" || parts.length === 3) return `pl.${family}(${parts.join(", ")})`;
  const micros = /\.(\d+)/.exec(value);
  return `pl.datetime(${[...parts.slice(0, 6), ...(micros ? [Number(micros[1].padEnd(6, "0"))] : [])].join(", ")})`;
}

function polarsCondition(c) {
  const column = polarsColumn(c), value = (v) => polarsValue(c, v);
  let said;
  if (!hasBounds(c) && !c.levels) said = `${column}.is_null()`;
  else {
    const signs = { ge: ">=", gt: ">", le: "<=", lt: "<" };
    const bounds = Object.keys(signs).filter((k) => c[k] !== undefined).map((k) => `(${column} ${signs[k]} ${value(c[k])})`);
    const timed = ["date", "datetime"].includes(byName.get(c.column).family);
    const inside = c.levels
      ? (timed ? c.levels.map((v) => `(${column} == ${value(v)})`).join(" | ") : `${column}.is_in([${c.levels.map(value).join(", ")}])`)
      : bounds.join(" & ");
    const single = c.levels ? !timed : bounds.length === 1;
    said = `${single ? inside : `(${inside})`}.fill_null(${c.null ? "True" : "False"})`;
  }
  return c.not ? `~${said}` : said;
}
