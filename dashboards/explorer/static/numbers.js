// Bytes, and the few statistics that a page needs. The same formulas stand in tabkit/rules/measure.py.

async function unpacked(id) {
  const element = document.getElementById(id);
  if (!element) return null;
  const text = atob(element.textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function arraysOf(buffer, manifest) {
  const kinds = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f8: Float64Array };
  const found = {};
  for (const { name, type, offset, length } of manifest) {
    const kind = kinds[type];
    found[name] = new kind(buffer.slice(offset, offset + length * kind.BYTES_PER_ELEMENT));
  }
  return found;
}

// The logarithm of the gamma function: Lanczos' series with Godfrey's coefficients (g = 7).
function logGamma(x) {
  const series = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const t = x + 6.5;
  const sum = series.reduce((total, c, i) => total + c / (x + i), 0.99999999999980993);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

// The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), Lentz's method.
function betaInc(a, b, x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaInc(b, a, 1 - x);
  const tiny = 1e-300, guard = (value) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1, d = 1 / guard(1 - (a + b) * x / (a + 1)), fraction = d;
  for (let m = 1; m < 20000; m++) {
    for (const term of [m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))]) {
      d = 1 / guard(1 + term * d);
      c = guard(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) * fraction / a;
}

function betaQuantile(a, b, p) {
  let low = 0, high = 1;
  for (let step = 0; step < 100 && high - low > 1e-17; step++) {
    const middle = (low + high) / 2;
    if (betaInc(a, b, middle) < p) low = middle; else high = middle;
  }
  return (low + high) / 2;
}

// The two-sided quantile of Student's t, and of the normal distribution as its limit.
function tOf(level, dof) {
  const x = betaQuantile(dof / 2, 0.5, 1 - level);
  return Math.sqrt(dof * (1 - x) / x);
}
const zOf = (level) => tOf(level, 1e9);

// Moments of a goal over the rows of a mask, or over all others: count, sum, squared deviations (summed within what is
// independent) and how many are independent; of an effect for the treated, then for controls.
function momentsOf(goal, mask, others = false) {
  const { y, treated, unit } = goal, arms = treated ? 2 : 1, wanted = others ? 0 : 1;
  const n = new Float64Array(arms), sum = new Float64Array(arms), squares = new Float64Array(arms), units = new Float64Array(arms);
  const isIn = (i) => (mask === null ? wanted : mask[i] === wanted);
  for (let i = 0; i < y.length; i++) {
    if (!isIn(i)) continue;
    const arm = treated ? 1 - treated[i] : 0;
    n[arm] += 1;
    sum[arm] += y[i];
  }
  const mean = sum.map((total, arm) => (n[arm] ? total / n[arm] : 0));
  if (unit) {
    const off = Array.from(n, () => new Float64Array(goal.units)), seen = Array.from(n, () => new Uint8Array(goal.units));
    for (let i = 0; i < y.length; i++) {
      if (!isIn(i)) continue;
      const arm = treated ? 1 - treated[i] : 0;
      off[arm][unit[i]] += y[i] - mean[arm];
      seen[arm][unit[i]] = 1;
    }
    for (let arm = 0; arm < arms; arm++) for (let g = 0; g < goal.units; g++) { squares[arm] += off[arm][g] ** 2; units[arm] += seen[arm][g]; }
  } else {
    for (let arm = 0; arm < arms; arm++) units[arm] = n[arm];
    if (goal.binary) squares.forEach((_, arm) => { squares[arm] = n[arm] * mean[arm] * (1 - mean[arm]); });
    else for (let i = 0; i < y.length; i++) if (isIn(i)) squares[treated ? 1 - treated[i] : 0] += (y[i] - mean[treated ? 1 - treated[i] : 0]) ** 2;
  }
  return Array.from(n, (count, arm) => [count, sum[arm], squares[arm], units[arm]]);
}

const SURE = { low: null, high: null };

// An interval of one mean: of a share Clopper and Pearson's (exact) or Wilson's, else Student's; none for too few rows.
function limitsOf(goal, [n, sum, squares, units], level, exact) {
  const value = n ? sum / n : null;
  const none = { value, ...SURE };
  if (!n || (goal.clustered && units < 10) || (!goal.binary && n < 20)) return none;
  const error = units > 1 ? units / (units - 1) * squares / (n * n) : null;
  if (!goal.binary) {
    const half = tOf(level, units - 1) * Math.sqrt(error);
    return { value, low: value - half, high: value + half };
  }
  const rows = !goal.clustered ? n : error > 0 ? Math.min(n, value * (1 - value) / error) : units;
  const k = value * rows, alpha = 1 - level;
  if (exact) {
    return { value, low: sum === 0 ? 0 : betaQuantile(k, rows - k + 1, alpha / 2), high: sum === n ? 1 : betaQuantile(k + 1, rows - k, 1 - alpha / 2) };
  }
  const z = zOf(level), middle = (k + z * z / 2) / (rows + z * z);
  const half = z / (rows + z * z) * Math.sqrt(k * (rows - k) / rows + z * z / 4);
  return { value, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

// The interval of a difference from the intervals of both (Zou and Donner 2008).
function less(one, other) {
  if (one.value === null || other.value === null) return { value: null, ...SURE };
  const value = one.value - other.value;
  if (one.low === null || other.low === null) return { value, ...SURE };
  return { value, low: value - Math.hypot(one.value - one.low, other.high - other.value), high: value + Math.hypot(one.high - one.value, other.value - other.low) };
}

// What moments say of the goal, with an interval.
function said(goal, moments, level, exact) {
  const n = moments.reduce((total, [count]) => total + count, 0);
  const found = goal.kind === "effect"
    ? less(limitsOf(goal, moments[0], level, exact), limitsOf(goal, moments[1], level, exact))
    : limitsOf(goal, moments[0], level, exact);
  return { n, ...found };
}

// The rows inside against all others.
const against = (goal, found, level) => less(said(goal, found.inside, level, true), said(goal, found.rest, level, true));

// Whether the share of treated rows is the same inside and outside, but for chance; see Measured.balanced.
function isBalanced(goal, found) {
  if (goal.kind !== "effect") return true;
  const [[t1, , , u1], [c1, , , v1]] = found.inside, [[t0, , , u0], [c0, , , v0]] = found.rest, n1 = t1 + c1, n0 = t0 + c0;
  // Shares are of rows; what is independent decides how sure they are.
  const pooled = (t1 + t0) / (n1 + n0), error = Math.sqrt(pooled * (1 - pooled) * (1 / (u1 + v1) + 1 / (u0 + v0)));
  return !(error > 0) || Math.abs(t1 / n1 - t0 / n0) / error <= 4;
}

// The number by row whose mean is the goal; see Goal.signal in tabkit/rules/goal.py.
function signalOf(goal) {
  if (!goal.treated) return goal.y;
  let mean = 0, p = 0;
  for (let i = 0; i < goal.y.length; i++) { mean += goal.y[i]; p += goal.treated[i]; }
  mean /= goal.y.length;
  p /= goal.y.length;
  return Float64Array.from(goal.y, (y, i) => (y - mean) * (goal.treated[i] - p) / (p * (1 - p)));
}

// Epsilon squared (Kelley 1935): the share of the signal's variance between groups of codes, chance taken off.
function usefulness(codes, groupOf, signal, rows) {
  const n = new Float64Array(256), sum = new Float64Array(256), count = rows.length;
  let mean = 0, all = 0;
  for (const i of rows) mean += signal[i];
  mean /= count || 1;
  for (const i of rows) {
    const group = groupOf[codes[i]], off = signal[i] - mean;
    n[group] += 1;
    sum[group] += off;
    all += off * off;
  }
  let used = 0, between = 0;
  for (let g = 0; g < 256; g++) if (n[g]) { used += 1; between += sum[g] * sum[g] / n[g]; }
  if (count <= used || !(all > 0)) return 0;
  return Math.max(0, 1 - (Math.max(0, all - between) / (count - used)) / (all / (count - 1)));
}
