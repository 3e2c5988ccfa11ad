// One page: the rule in hand is shown by brushes and lines, counted, and entered in the ledger once it rests.

const REST_MS = 150;

class Explorer {
  constructor(page, sample, count) {
    Object.assign(this, { page, sample, count });
    this.codes = Object.fromEntries(page.axes.map((axis) => [axis.key, sample[`code ${axis.key}`]]));
    this.byKey = new Map(page.axes.map((axis) => [axis.key, axis]));
    this.draft = new Draft();
    this.ledger = new Ledger(page.tried);
    this.plot = null;
    this.turn = 0;
    this.timer = null;
    this.held = false;
  }

  // What the plot tells.
  hooks() {
    return {
      strong: (row) => (this.page.colour.kind === "class" ? row.t === "1" : null),
      brushed: (plot) => { this.plot = plot; this.readBrushes(); },
      mounted: (plot) => {
        this.plot = plot;
        const wait = () => (plot.pplot ? this.ready() : requestAnimationFrame(wait));
        wait();
      },
      changed: (plot) => { this.plot = plot; showAxes(this); plot.show(this.draft.box); },
    };
  }

  ready() {
    showAxes(this);
    const opened = this.page.given.find((given) => given.name === this.page.opened);
    if (opened) this.take(opened.rule); else this.changed();
    document.documentElement.dataset.ready = performance.now().toFixed(0);
  }

  // Only brushes that were moved say something new: others may stand for sets that no brush can show.
  readBrushes() {
    const { plot, draft } = this, brushes = plot.brushes();
    for (const key of plot.state.dimensions) {
      const axis = this.byKey.get(key), extent = brushes.get(key), before = draft.box.get(key);
      if (!axis || (before && extent && isSame(extentOf(axis, plot.yscale[key], before), extent))) continue;
      draft.set(key, extent ? conditionOf(axis, plot.yscale[key], ...extent) : null);
    }
    this.changed({ moveBrushes: false });
  }

  changed({ moveBrushes = true } = {}) {
    const rule = this.draft.rule(), began = performance.now();
    if (this.plot?.pplot) {
      if (moveBrushes) this.plot.show(this.draft.box);
      this.drawLines(rule);
    }
    showRule(this, rule);
    this.measure(rule, false, began);
    clearTimeout(this.timer);
    // A brush that rests for a moment is a rule that was tried: only then are hold-out rows looked at.
    this.timer = setTimeout(() => this.rests(rule), REST_MS);
  }

  // While the mouse is held a brush has not come to rest.
  rests(rule) {
    clearTimeout(this.timer);
    if (this.held) this.timer = setTimeout(() => this.rests(rule), REST_MS);
    else this.measure(rule, true);
  }

  drawLines(rule) {
    const { sample, page } = this, wanted = byId("draws")?.value ?? "";
    const inside = isEmpty(rule) ? null : maskOf(rule, this.codes, page.rows.drawn);
    if (wanted === "") { this.plot.draw(inside); return; }
    this.plot.draw(Uint8Array.from(sample.colour, (colour, i) => (inside === null || inside[i] ? Number(String(colour) === wanted) : 0)));
  }

  async measure(rule, proved, began = performance.now()) {
    const turn = ++this.turn;
    let found = null;
    try {
      found = await this.count(rule, { proved: proved && !isEmpty(rule) });
    } catch (error) {
      if (turn === this.turn) showNothing(error.message);
    }
    if (found === null || turn !== this.turn) return;
    if (found.unknown) {
      showNothing("This page cannot count that rule: it names values that are not on its axes. tabkit rules score can.");
      return;
    }
    if (proved && !isEmpty(rule)) {
      this.ledger.enter(rule, found);
      // A server remembers what was tried before the page was loaded again.
      if (found.tried) this.ledger.before = Math.max(this.ledger.before, found.tried - this.ledger.entries.size);
      showLedger(this);
    }
    showMeasures(this, rule, found, proved);
    showNext(this, found.next);
    note(rule, proved, performance.now() - began);
  }

  take(rule) {
    if (!this.draft.take(rule)) {
      say("error", `${rule.name} is nested too deep for brushes, or names a column twice: use tabkit rules score.`);
      return;
    }
    for (const key of this.draft.box.keys()) this.addAxis(key);
    this.changed();
  }

  set(key, condition) {
    this.draft.set(key, condition);
    this.changed();
  }

  addAxis(key) {
    if (this.plot?.pplot && !this.plot.state.dimensions.includes(key)) this.plot.restore_axis(key);
  }

  removeAxis(key) {
    if (this.plot?.pplot && this.plot.state.dimensions.length > 1) this.plot.remove_axis(key);
    if (this.draft.box.has(key)) this.set(key, null);
  }
}

const isSame = (a, b) => a && b && Math.abs(a[0] - b[0]) < 1.5 && Math.abs(a[1] - b[1]) < 1.5;

// For tests and benchmarks: what stands here, and how long the slowest answer to a brush took in milliseconds.
function note(rule, proved, took) {
  const facts = document.documentElement.dataset;
  facts.rule = keyOf(rule);
  facts.proved = String(Boolean(proved));
  if (!proved) facts.slowest = String(Math.max(+(facts.slowest ?? 0), took));
}
