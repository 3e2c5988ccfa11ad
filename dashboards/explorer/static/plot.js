// HiPlot's parallel plot with scales, labels and brushes of our own. HiPlot sees places from 0 to 1 and keys such as
// "c3": no value and no name of the data ever reaches it, save as text in labels.

const NULL_SLOT = 34;
const EDGE = 0.01;      // a brush that touches an end is open there: else the drawn rows' extreme would enter the rule
const LABEL_PIXELS = 6.3;
const NAME_LENGTH = 22;

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const cut = (text, most) => (text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text);
// Names that differ at their end alone stay apart.
const cutMiddle = (text, most) => (text.length > most ? `${text.slice(0, Math.ceil(most / 2))}…${text.slice(1 - Math.floor(most / 2))}` : text);
const inMemory = (values = {}, prefix = "") => ({
  get: (name, otherwise) => (prefix + name in values ? values[prefix + name] : otherwise),
  set: (name, value) => { values[prefix + name] = value; },
  clear: () => {},
  children: (name) => inMemory(values, `${prefix}${name}.`),
});

// From places between 0 and 1 to pixels; null has a slot of its own at the bottom.
function pixelScale(axis, room) {
  let range = [0, 1];
  const slot = axis.nulls ? NULL_SLOT : 0;
  const start = () => range[0] + Math.sign(range[1] - range[0]) * slot;
  const scale = (place) => {
    if (place === null || Number.isNaN(place) || !Number.isFinite(place)) return range[0];
    return start() + (range[1] - start()) * place;
  };
  const labels = ticksOf(axis);
  return Object.assign(scale, {
    hip_type: "numeric", hip_num_values: 2,
    range: (given) => (given === undefined ? range : ((range = given), scale)),
    domain: () => [0, 1],
    invert: (pixel) => (pixel - start()) / (range[1] - start()),
    isNull: (low, high) => slot > 0 && low <= range[0] + 2 && range[0] - 2 <= high,
    copy: () => scale,
    ticks: () => shownTicks(labels, Math.abs(range[1] - start())).concat(slot ? [NaN] : []),
    tickFormat: () => (place) => (Number.isNaN(place) ? "null" : cut(labels.get(place) ?? "", Math.max(4, Math.floor(room() / LABEL_PIXELS)))),
  });
}

function ticksOf(axis) {
  if (axis.scaled) return new Map(axis.ticks);
  const slots = axis.levels.length + (axis.other ? 1 : 0);
  const labels = new Map(axis.levels.map((level, i) => [(i + 0.5) / slots, level === "" ? '""' : String(level)]));
  if (axis.other) labels.set((slots - 0.5) / slots, `other (${axis.other.toLocaleString("en")})`);
  return labels;
}

function shownTicks(labels, pixels) {
  const places = [...labels.keys()].sort((a, b) => a - b);
  const found = [];
  for (const place of places) if (!found.length || (place - found.at(-1)) * pixels >= 13) found.push(place);
  return found;
}

// What a brush from pixel `low` to `high` says about an axis; null for every row, undefined for nothing new.
function conditionOf(axis, scale, low, high) {
  const ends = [scale.invert(low), scale.invert(high)].sort((a, b) => a - b);
  const withNull = scale.isNull(low, high);
  const column = axis.name;
  if (withNull && ends[1] <= 0) return { column, null: true };
  const found = axis.scaled ? scaledCondition(axis, ends) : levelCondition(axis, ends, withNull);
  if (found.every) return axis.nulls && !withNull ? { column, null: true, not: true } : null;
  if (found.done) return found.done;
  return withNull ? { column, ...found, null: true } : { column, ...found };
}

function scaledCondition(axis, [bottom, top]) {
  const cuts = axis.cuts.filter(([, after]) => !after);
  // The next cut above: values that lie inside of the brush are inside of the rule, also where there are gaps.
  const above = (place) => { const i = cuts.findIndex((c) => c[2] >= place - 0.002); return i < 0 ? cuts.length : i; };
  if (!cuts.length) return { every: true };
  let low = bottom <= EDGE ? null : Math.min(above(bottom), cuts.length - 1), high = top >= 1 - EDGE ? null : above(top);
  if (low !== null && high !== null && low >= high) {
    if (high < cuts.length - 1) high = low + 1; else low = high - 1;
  }
  const found = {};
  if (low !== null && low >= 0) found.ge = cuts[low][0];
  if (high !== null && high < cuts.length) found.lt = cuts[high][0];
  return Object.keys(found).length ? found : { every: true };
}

function levelCondition(axis, [bottom, top], withNull) {
  const slots = axis.levels.length + (axis.other ? 1 : 0);
  let inside = [...Array(slots).keys()].filter((i) => bottom <= (i + 0.5) / slots && (i + 0.5) / slots <= top);
  if (!inside.length) inside = [Math.min(slots - 1, Math.max(0, Math.floor(((bottom + top) / 2) * slots)))];
  if (inside.length === slots) return { every: true };
  if (!axis.other || !inside.includes(slots - 1)) return { levels: inside.map((i) => axis.levels[i]) };
  const outside = axis.levels.filter((_, i) => !inside.includes(i));
  // What is neither listed nor null: further levels are inside, also those that nobody has seen yet.
  return { done: { column: axis.name, levels: outside, ...(withNull ? {} : { null: true }), not: true } };
}

// Where the brush of a condition lies, in pixels; null if there is nothing to draw.
function extentOf(axis, scale, condition) {
  const table = codesOf(axis, condition);
  if (!table) return null;
  const onlyNull = condition.null && !condition.not && !condition.levels && !hasBounds(condition);
  const [first, last] = [scale.range()[0], scale.range()[1]];
  if (onlyNull) return axis.nulls ? [first, first + Math.sign(last - first) * NULL_SLOT * 0.6].sort((a, b) => a - b) : null;
  const count = axis.scaled ? axis.cuts.length + 1 : axis.levels.length + (axis.other ? 1 : 0);
  const inside = [...Array(count).keys()].filter((code) => table[code]);
  if (!inside.length) return null;
  const edge = (code) => (axis.scaled ? (code <= 0 ? 0 : code >= count ? 1 : axis.cuts[code - 1][2]) : code / count);
  const whole = table[axis.nullCode] && inside[0] === 0 && axis.nulls;
  const ends = [whole ? first : scale(edge(inside[0])), scale(edge(inside.at(-1) + 1))];
  return ends.sort((a, b) => a - b);
}

function plotClass(axes, hooks) {
  const base = hiplot.build_props({}).plugins.PARALLEL_PLOT;
  const byKey = new Map(axes.map((axis) => [axis.key, axis]));
  return class extends base {
    constructor(props) {
      super(props);
      this.m = [96, 60, 14, 62];
      const brushed = () => { if (!this.moving) hooks.brushed(this); };
      brushed.cancel = () => {};
      this.onBrushChange = brushed;
      this.sendBrushExtents = Object.assign(() => {}, { cancel: () => {} });
      const line = this.path;
      this.path = (row, canvas, colour) => {
        if (canvas === this.foreground && hooks.strong(row) !== null) {
          // Lines come in an order of chance, and both colours weigh alike: what is seen is the share, not the order.
          const rows = this.props.rows_selected.length;
          const alpha = (hooks.strong(row) ? 0.7 : 0.8) * Math.pow(Math.max(1, rows), -0.16);
          line(row, canvas, `${colour.slice(0, colour.lastIndexOf(","))},${alpha.toFixed(3)})`);
        } else line(row, canvas, colour);
      };
    }

    // Room for labels to the left of an axis: three quarters of the way to the next one, or to the edge.
    room(key) {
      const between = 0.75 * (this.w ?? 800) / Math.max(1, this.state.dimensions.length);
      return key === this.state.dimensions[0] ? Math.min(between, this.m[3] + 32) : between;
    }

    compute_dimensions() {
      // Room for the last name, which leans to the right.
      const last = byKey.get(this.state.dimensions.at(-1))?.name ?? "";
      this.m[1] = Math.max(16, 6.6 * Math.min(NAME_LENGTH, last.length) - 30);
      super.compute_dimensions();
    }

    createScale(key) {
      const axis = byKey.get(key);
      if (!axis) return null;
      const scale = pixelScale(axis, () => this.room(key));
      scale.range(this.state.invert.has(key) ? [0, this.h] : [this.h, 0]);
      scale.parallel_plot_axis = key;
      return scale;
    }

    updateAxisTitlesAnglesAndFontSize() {
      for (const label of this.root_ref.current.querySelectorAll(".label-name")) {
        label.style.fontSize = "13px";
        label.style.transform = "rotate(-32deg)";
        label.parentElement.parentElement.setAttribute("y", "-22");
      }
    }

    componentDidMount() { super.componentDidMount(); hooks.mounted(this); }

    componentDidUpdate(before, state) {
      super.componentDidUpdate(before, state);
      if (state.dimensions !== this.state.dimensions && this.pplot) hooks.changed(this);
    }

    brushes() {
      const found = new Map();
      for (const node of this.root_ref.current.querySelectorAll(".pplot-brush")) {
        const selection = node.__brush?.selection;
        if (selection) found.set(node.__data__, [selection[0][1], selection[1][1]]);
      }
      return found;
    }

    // Move the real brushes to where the conditions lie, and draw the rows of the rule.
    show(conditions) {
      this.moving = true;
      try {
        for (const key of this.state.dimensions) {
          const axis = byKey.get(key), condition = conditions.get(key);
          const extent = condition ? extentOf(axis, this.yscale[key], condition) : null;
          this.d3brush.move(this.dimensions_dom.selectAll(".pplot-brush").filter((name) => name === key), extent);
        }
      } finally { this.moving = false; }
    }

    draw(mask) {
      const rows = this.props.rows_filtered;
      this.props.setSelected(mask ? rows.filter((row) => mask[+row.uid]) : rows, null);
    }
  };
}

function experimentOf(page, sample, shown) {
  const datapoints = [];
  const axes = page.axes.filter((axis) => axis.drawable);
  for (let i = 0; i < page.rows.drawn; i++) {
    const values = { t: page.colour.kind === "class" ? (sample.colour[i] ? "1" : "0") : 1 - sample.colour[i] / 65534 };
    for (const axis of axes) {
      const place = sample[`place ${axis.key}`][i];
      values[axis.key] = place === 65535 ? null : place / 65534;
    }
    datapoints.push({ uid: String(i), from_uid: null, values });
  }
  const plain = { type: "numeric", colors: null, colormap: null, label_css: null, label_html: null };
  const definition = Object.fromEntries(axes.map((axis) => [axis.key,
    { ...plain, force_value_min: 0, force_value_max: 1, label_html: `${axis.leak ? "⚠ " : ""}${escaped(cutMiddle(axis.name, NAME_LENGTH))}` }]));
  definition.t = page.colour.kind === "class"
    ? { ...plain, type: "categorical", colors: { 0: page.colour.low, 1: page.colour.high }, label_html: "colour" }
    : { ...plain, colormap: "interpolateRdYlBu", force_value_min: 0, force_value_max: 1, label_html: "colour" };
  const hidden = axes.filter((axis) => !shown.has(axis.key)).map((axis) => axis.key);
  return {
    datapoints, parameters_definition: definition, colorby: "t", colormap: null, weightcolumn: null,
    // HiPlot draws from right to left.
    display_data: { PARALLEL_PLOT: { order: axes.map((axis) => axis.key).reverse(), hide: ["t", "uid", "from_uid", ...hidden] } },
    enabled_displays: ["PARALLEL_PLOT"],
  };
}
