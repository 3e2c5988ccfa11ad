// Two ways to count the same things: here, over codes of one byte, or by asking the server that holds the rows.

function countingHere(page, train, holdout) {
  const parts = { train: partOf(page, train, page.rows.train), holdout: holdout && partOf(page, holdout, page.rows.holdout) };
  const signal = signalOf(parts.train.goals[0]);
  const known = page.given.map(({ name, rule }) => ({ name, rule, mask: null }));
  return async (rule, { proved }) => {
    const mask = isEmpty(rule) ? null : maskOf(rule, parts.train.columns, parts.train.count);
    if (mask === null && !isEmpty(rule)) return { unknown: true };
    const rows = rowsOf(mask, parts.train.count);
    return {
      train: countedIn(parts.train, mask),
      holdout: proved && parts.holdout ? countedIn(parts.holdout, isEmpty(rule) ? null : maskOf(rule, parts.holdout.columns, parts.holdout.count)) : null,
      next: nextAxes(page, parts.train, signal, rule, rows),
      alike: mask === null ? null : alike(known, parts.train, mask, rows.length),
    };
  };
}

function partOf(page, arrays, count) {
  const columns = Object.fromEntries(page.axes.filter((axis) => arrays[axis.key]).map((axis) => [axis.key, arrays[axis.key]]));
  const goals = page.goals.map((goal, i) => ({ ...goal, y: arrays[`y ${i}`], treated: goal.kind === "effect" ? arrays[`treated ${i}`] : null,
    unit: arrays.unit ?? null, units: arrays.unit ? arrays.unit.reduce((most, code) => Math.max(most, code), 0) + 1 : 0 }));
  return { columns, goals, count };
}

// Moments inside of a mask and outside of it, for each goal.
const countedIn = (part, mask) => part.goals.map((goal) => ({ inside: momentsOf(goal, mask), rest: momentsOf(goal, mask, true) }));

function rowsOf(mask, count) {
  let inside = count;
  if (mask !== null) { inside = 0; for (let i = 0; i < count; i++) inside += mask[i]; }
  const rows = new Uint32Array(inside);
  let at = 0;
  for (let i = 0; i < count; i++) if (mask === null || mask[i]) rows[at++] = i;
  return rows;
}

// The axes that are not in the rule yet, by how well they tell the rule's rows apart.
function nextAxes(page, part, signal, rule, rows) {
  const used = new Set([...conditionsOf(rule)].map((c) => c.column));
  return page.axes.filter((axis) => !used.has(axis.name) && part.columns[axis.key])
    .map((axis) => [axis.key, usefulness(part.columns[axis.key], axis.groups, signal, rows)])
    .filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]).slice(0, 8);
}

// The given rule whose rows are most like these.
function alike(known, part, mask, inside) {
  let best = null;
  for (const one of known) {
    one.mask ??= maskOf(one.rule, part.columns, part.count) ?? new Uint8Array(part.count);
    let both = 0, other = 0;
    for (let i = 0; i < part.count; i++) { both += mask[i] & one.mask[i]; other += one.mask[i]; }
    const some = inside + other - both;
    const jaccard = some ? both / some : 0;
    if (!best || jaccard > best.jaccard) best = { name: one.name, jaccard, inside: inside ? both / inside : 0 };
  }
  return best && best.jaccard > 0 ? best : null;
}

async function ask(name, body) {
  const answer = await fetch(`/api/${name}`, {
    method: "POST", cache: "no-store", credentials: "omit", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Tabkit-Token": new URLSearchParams(location.search).get("token") ?? "" },
  });
  const found = await answer.json().catch(() => ({ error: { problem: `the server answered ${answer.status}`, advice: "" } }));
  if (found.error) throw new Error([found.error.problem, found.error.advice].filter(Boolean).join(". "));
  return found;
}

const countingThere = () => (rule, { proved }) => ask("measure", { rule, proved });
