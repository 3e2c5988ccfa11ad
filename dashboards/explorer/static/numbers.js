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

// The normal quantile: algorithm AS 241 of Wichura (1988), accurate to 1e-16.
function normalQuantile(p) {
  const ratio = (r, a, b) => a.reduceRight((s, c) => s * r + c, 0) / b.reduceRight((s, c) => s * r + c, 0);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return q * ratio(r, [3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
      45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727],
    [1.0, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
      39307.89580009271061, 28729.085735721942674, 5226.495278852545925]);
  }
  let r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  let value;
  if (r <= 5) {
    r -= 1.6;
    value = ratio(r, [1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
      1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4],
    [1.0, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
      0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9]);
  } else {
    r -= 5;
    value = ratio(r, [6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
      0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
    [1.0, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
      1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15]);
  }
  return q < 0 ? -value : value;
}

const zOf = (level) => -normalQuantile((1 - level) / 2);

// Moments of a goal over some rows: a triple of count, sum and squared deviations; of an effect, one for each arm.
function momentsOf(goal, mask) {
  const groups = goal.treated ? 2 : 1;
  const n = new Float64Array(groups), sum = new Float64Array(groups), squares = new Float64Array(groups);
  const { y, treated } = goal;
  for (let i = 0; i < y.length; i++) {
    if (mask !== null && !mask[i]) continue;
    const group = treated ? 1 - treated[i] : 0;
    n[group] += 1;
    sum[group] += y[i];
  }
  if (goal.kind !== "share") {
    const mean = sum.map((s, g) => (n[g] ? s / n[g] : 0));
    for (let i = 0; i < y.length; i++) {
      if (mask !== null && !mask[i]) continue;
      const group = treated ? 1 - treated[i] : 0;
      const off = y[i] - mean[group];
      squares[group] += off * off;
    }
  }
  return Array.from(n, (count, g) => [count, sum[g], squares[g]]);
}

// What moments say, with an interval: Wilson's of a share, else the normal one.
function said(kind, moments, level) {
  const [[n, sum, squares], control] = moments;
  const none = { n: n + (control ? control[0] : 0), value: null, low: null, high: null };
  if (!n || (control && !control[0])) return none;
  const z = zOf(level);
  if (control) {
    const value = sum / n - control[1] / control[0];
    if (n < 2 || control[0] < 2) return { ...none, value };
    const half = z * Math.sqrt(squares / (n - 1) / n + control[2] / (control[0] - 1) / control[0]);
    return { ...none, value, low: value - half, high: value + half };
  }
  const value = sum / n;
  if (kind === "share") {
    const middle = (sum + z * z / 2) / (n + z * z);
    const half = z / (n + z * z) * Math.sqrt(sum * (n - sum) / n + z * z / 4);
    return { ...none, value, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
  }
  if (n < 2) return { ...none, value };
  const half = z * Math.sqrt(squares / (n - 1) / n);
  return { ...none, value, low: value - half, high: value + half };
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
