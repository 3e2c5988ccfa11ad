// Starts the page: one state (boxes, exceptions, the box in hand), one way to show it, one way to count it.

async function start() {
  const page = JSON.parse(byId("page").textContent);
  axesFrom(page.axes);
  const [drawn, train, holdout] = await Promise.all(["drawn", "train", "holdout"].map(unpacked));
  const sample = arraysOf(drawn, page.manifest.drawn);
  const count = page.served
    ? countingThere()
    : countingHere(page, arraysOf(train, page.manifest.train), holdout && arraysOf(holdout, page.manifest.holdout));
  const sampleCodes = Object.fromEntries(page.axes.map((axis) => [axis.key, sample[`code ${axis.key}`]]));
  const byKey = new Map(page.axes.map((axis) => [axis.key, axis]));

  const state = { box: new Map(), boxes: [], exceptions: [], name: "", named: false, turn: 0 };
  const ledger = { keys: new Map(), before: page.tried };
  const tried = () => ledger.keys.size + ledger.before;
  let plot = null, timer = null;

  const conjunction = (conditions, name) => ({ name, all_of: conditions });
  function ruleNow() {
    const here = [...state.box.values()];
    const columns = [...new Set([...here, ...state.boxes.flat()].map((c) => c.column))];
    if (!state.named) state.name = columns.join("_").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 40) || "rule";
    // A rule is a feature beside its columns: it cannot be called like one of them.
    if (!state.named && (byName.has(state.name) || columns.includes(state.name))) state.name += "_rule";
    const boxes = [...state.boxes, ...(here.length ? [here] : [])];
    const rule = { name: state.name };
    if (boxes.length === 1) rule.all_of = boxes[0];
    else if (boxes.length) rule.any_of = boxes.map((box, i) => conjunction(box, `box_${i + 1}`));
    if (state.exceptions.length) rule.none_of = state.exceptions.map((box, i) => conjunction(box, `except_${i + 1}`));
    return rule;
  }

  function changed({ moveBrushes = true } = {}) {
    const rule = ruleNow(), began = performance.now();
    if (plot?.pplot) {
      if (moveBrushes) plot.show(state.box);
      plot.draw(isEmpty(rule) ? null : maskOf(rule, sampleCodes, page.rows.drawn));
    }
    showRule(rule);
    measureNow(rule, false, began);
    clearTimeout(timer);
    // A brush that rests for a moment is a rule that was tried: only then are hold-out rows looked at.
    timer = setTimeout(() => measureNow(rule, true), 150);
  }

  async function measureNow(rule, proved, began = performance.now()) {
    const turn = ++state.turn;
    let found;
    try {
      found = await count(rule, { proved: proved && !isEmpty(rule) });
    } catch (error) {
      if (turn === state.turn) say("error", error.message);
      return;
    }
    if (turn !== state.turn) return;
    if (found.unknown) { say("error", "This page cannot count that rule: it names values that are not on its axes. `tabkit rules score` can."); return; }
    if (proved && !isEmpty(rule)) enter(rule, found);
    state.found = found;
    showMeasures(rule, found, proved);
    showNext(found.next);
    // For tests and benchmarks: what stands here, and how long the slowest answer to a brush took in milliseconds.
    const facts = document.documentElement.dataset;
    facts.rule = keyOf(rule);
    facts.proved = String(Boolean(proved));
    if (!proved) facts.slowest = String(Math.max(+(facts.slowest ?? 0), performance.now() - began));
  }

  function enter(rule, found) {
    const key = keyOf(rule);
    if (!ledger.keys.has(key)) ledger.keys.set(key, { rule: structuredClone(rule), found });
    else ledger.keys.get(key).found = found;
    showLedger();
  }

  function take(rule) {
    const plainBox = !(rule.any_of ?? []).length;
    const simple = (inner) => !(inner.any_of ?? []).length && !(inner.none_of ?? []).length;
    if (![...(rule.any_of ?? []), ...(rule.none_of ?? [])].every(simple) || (!plainBox && (rule.all_of ?? []).length) || !oneEach(rule)) {
      say("error", `${rule.name} is nested too deep for brushes: score it with tabkit rules score.`);
      return;
    }
    state.boxes = plainBox ? [] : rule.any_of.slice(0, -1).map((inner) => inner.all_of ?? []);
    const last = plainBox ? rule.all_of ?? [] : rule.any_of.at(-1).all_of ?? [];
    state.box = new Map(last.map((c) => [byName.get(c.column).key, c]));
    state.exceptions = (rule.none_of ?? []).map((inner) => inner.all_of ?? []);
    state.name = rule.name;
    state.named = true;
    for (const key of state.box.keys()) addAxis(key);
    changed();
  }

  const oneEach = (rule) => [rule, ...(rule.any_of ?? [])].every((inner) => {
    const columns = (inner.all_of ?? []).map((c) => c.column);
    return new Set(columns).size === columns.length && columns.every((column) => byName.has(column));
  });

  function addAxis(key) {
    if (plot?.pplot && !plot.state.dimensions.includes(key)) plot.restore_axis(key);
  }

  function set(key, condition) {
    if (condition) state.box.set(key, condition); else state.box.delete(key);
  }

  const hooks = {
    strong: (row) => (page.colour.kind === "class" ? row.t === "1" : null),
    brushed(from) {
      plot = from;
      const brushes = from.brushes();
      for (const key of from.state.dimensions) {
        const extent = brushes.get(key);
        const axis = byKey.get(key);
        if (!axis) continue;
        const before = state.box.get(key);
        const still = before && extent && sameExtent(extentOf(axis, from.yscale[key], before), extent);
        if (!still) set(key, extent ? conditionOf(axis, from.yscale[key], ...extent) : null);
      }
      changed({ moveBrushes: false });
    },
    mounted(from) {
      plot = from;
      const wait = () => (from.pplot ? ready() : requestAnimationFrame(wait));
      wait();
    },
    changed(from) {
      plot = from;
      showAxes();
      from.show(state.box);
    },
  };

  const sameExtent = (a, b) => a && b && Math.abs(a[0] - b[0]) < 1.5 && Math.abs(a[1] - b[1]) < 1.5;

  function ready() {
    showAxes();
    const opened = page.given.find((given) => given.name === page.opened);
    if (opened) take(opened.rule); else changed();
    document.documentElement.dataset.ready = performance.now().toFixed(0);
  }

  function say(kind, words) {
    byId("said").textContent = words;
    byId("said").className = kind;
  }

  function showRule(rule) {
    byId("rule").textContent = isEmpty(rule) ? "Drag along an axis to brush a range, or add a condition below." : textOf(rule);
    byId("rule").classList.toggle("empty", isEmpty(rule));
    if (document.activeElement !== byId("name")) byId("name").value = state.name;
    const parts = (list, words, from) => list.map((box, i) => element("p", { class: "part" }, `${words} `, element("q", {}, textOf({ all_of: box })), " ",
      element("button", { type: "button", class: "small", "aria-label": `remove: ${words} ${i + 1}`, onclick: () => { from.splice(i, 1); changed(); } }, "×")));
    byId("parts").replaceChildren(...parts(state.boxes, "or", state.boxes), ...parts(state.exceptions, "but not", state.exceptions));
    const focused = document.activeElement?.closest?.("[data-axis]")?.dataset.axis;
    const index = focused ? [...document.activeElement.closest("[data-axis]").querySelectorAll("input, select, button")].indexOf(document.activeElement) : -1;
    byId("conditions").replaceChildren(...[...state.box].map(([key, condition]) =>
      conditionEditor(byKey.get(key), condition, (next) => { set(key, next); changed(); })));
    if (focused && index >= 0) byId("conditions").querySelector(`[data-axis="${focused}"]`)?.querySelectorAll("input, select, button")[index]?.focus();
    const free = page.axes.filter((axis) => !state.box.has(axis.key));
    byId("add").replaceChildren(element("option", { value: "" }, "add a condition on …"), ...free.map((axis) => element("option", { value: axis.key }, axis.name)));
    for (const id of ["or", "but-not", "clear", "copy-polars", "copy-toml", "save", "worth"]) if (byId(id)) byId(id).disabled = isEmpty(rule) || (id === "or" && !state.box.size) || (id === "but-not" && !state.box.size);
  }

  function showMeasures(rule, found, proved) {
    byId("measures").replaceChildren(measuresTable(page, found, page.level, tried()));
    const [kind, words] = isEmpty(rule) ? ["plain", page.everywhere] : verdictOf(page, found, page.level, tried());
    byId("verdict").textContent = !proved && !isEmpty(rule) && page.rows.holdout && (page.served || holdout) ? "…" : words;
    byId("verdict").className = `verdict ${kind}`;
    const like = found.alike;
    byId("alike").textContent = like && like.jaccard < 1 ? `Most like “${like.name}”: ${percent(like.inside, 0)} of these rows are in it, ${percent(like.jaccard, 0)} of all rows in either are in both.` : "";
  }

  function showNext(next) {
    const most = Math.max(...next.map(([, value]) => value), 1e-12);
    byId("next").replaceChildren(...next.map(([key, value]) => element("li", {},
      element("button", { type: "button", class: "bar", title: "show this axis", onclick: () => { addAxis(key); flash(key); } },
        element("span", { class: "name" }, byKey.get(key).name), bar(value / most), element("span", { class: "figure" }, value < 0.0005 ? "< 0.001" : value.toFixed(3))))));
    if (!next.length) byId("next").replaceChildren(element("li", { class: "plain" }, "No remaining axis tells these rows apart beyond chance."));
  }

  function bar(share) {
    const node = element("span", { class: "track", "aria-hidden": "true" }, element("span", { class: "fill" }));
    node.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
    return node;
  }

  function flash(key) {
    const label = [...document.querySelectorAll("#plot .dimension")].find((node) => node.__data__ === key)?.querySelector(".label-name");
    if (!label) return;
    label.classList.add("flash");
    setTimeout(() => label.classList.remove("flash"), 1200);
  }

  function showLedger() {
    const level = 1 - (1 - page.level) / Math.max(1, tried());
    const rows = [...ledger.keys.values()].reverse().map(({ rule, found }, i, all) => {
      const goal = page.goals[0], s = said(goal.kind, found.train[0], page.level), h = found.holdout && said(goal.kind, found.holdout[0], level);
      const n = (moments) => moments[0].reduce((total, [k]) => total + k, 0);
      return element("tr", {}, element("td", {}, String(all.length - i)), element("th", { scope: "row" }, textOf(rule)),
        element("td", {}, percent(n(found.train) / Math.max(1, page.rows.train))), element("td", {}, shown(goal, s.value)),
        element("td", {}, h ? `${shown(goal, h.value)} (${span(goal, h)})` : "–"),
        element("td", {}, element("button", { type: "button", class: "small", onclick: () => take(rule) }, "show")));
    });
    byId("ledger").replaceChildren(...rows);
    byId("ledger-words").textContent = ledger.keys.size || ledger.before
      ? `${whole(tried())} distinct rules tried${ledger.before ? `, ${whole(ledger.before)} of them before this page was opened` : ""}. Hold-out intervals hold for all of them at once (${percent(level, level > 0.999 ? 3 : 2)} each).`
      : "No rule was tried yet. Every distinct rule that rests under the brush is entered here.";
  }

  function showSuggestions() {
    byId("suggested").replaceChildren(...page.given.map((given) => element("li", {},
      element("button", { type: "button", class: "rule", onclick: () => take(given.rule) },
        element("span", { class: "name" }, given.name), element("span", { class: "words" }, given.text), element("span", { class: "figure" }, given.words)))));
    byId("suggested-words").textContent = page.suggested;
  }

  function showAxes() {
    const dims = new Set(plot?.state.dimensions ?? []);
    byId("axes-words").textContent = `${dims.size} of ${page.axes.length} axes are drawn, the most useful first`;
    byId("axes").replaceChildren(...page.axes.map((axis) => checkbox(`${axis.name}${axis.drawable ? "" : " (the same in all drawn rows)"}`, dims.has(axis.key), (on) => {
      if (on) addAxis(axis.key); else if (plot.state.dimensions.length > 1) plot.remove_axis(axis.key);
      if (!on) { state.box.delete(axis.key); changed(); }
      setTimeout(showAxes, 50);
    })));
  }

  async function copy(words, what) {
    try { await navigator.clipboard.writeText(words); } catch {
      const area = element("textarea", { class: "offscreen", "aria-hidden": "true" });
      area.value = words;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say("good", `Copied as ${what}.`);
  }

  byId("copy-polars").addEventListener("click", () => copy(polarsOf(ruleNow()), "a Polars expression"));
  byId("copy-toml").addEventListener("click", () => copy(tomlOf(ruleNow()), "TOML"));
  byId("clear").addEventListener("click", () => { state.box = new Map(); state.boxes = []; state.exceptions = []; state.named = false; say("plain", ""); changed(); });
  byId("or").addEventListener("click", () => { state.boxes.push([...state.box.values()]); state.box = new Map(); changed(); });
  byId("but-not").addEventListener("click", () => { state.exceptions.push([...state.box.values()]); state.box = new Map(); changed(); });
  byId("name").addEventListener("input", (event) => { state.name = event.target.value.trim() || "rule"; state.named = Boolean(event.target.value.trim()); });
  byId("add").addEventListener("change", (event) => {
    const axis = byKey.get(event.target.value);
    if (!axis) return;
    addAxis(axis.key);
    set(axis.key, firstCondition(axis));
    changed();
    byId("conditions").querySelector(`[data-axis="${axis.key}"] :is(select, input)`)?.focus();
  });

  function firstCondition(axis) {
    if (!axis.scaled) return { column: axis.name, levels: [axis.levels.at(-1)] };
    const offered = axis.cuts.filter(([, after]) => !after);
    return offered.length ? { column: axis.name, ge: offered[Math.floor(offered.length / 2)][0] } : { column: axis.name, null: true, not: true };
  }

  if (byId("save")) byId("save").addEventListener("click", async () => {
    try { const answer = await ask("save", { rule: ruleNow(), tried: tried() }); say("good", answer.words); } catch (error) { say("error", error.message); }
  });
  if (byId("worth")) byId("worth").addEventListener("click", () => isItWorth(ruleNow()));

  async function isItWorth(rule) {
    const meter = byId("progress"), button = byId("worth");
    try {
      await ask("worth", { rule });
      button.disabled = true;
      meter.hidden = false;
      for (;;) {
        const now = await ask("progress", {});
        meter.value = now.total ? now.done / now.total : 0;
        byId("worth-words").textContent = now.result ? now.result.words : now.error ? now.error.problem : `${now.what ?? "fitting"}: ${now.done} of ${now.total}`;
        if (now.result || now.error) break;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    } catch (error) { say("error", error.message); } finally { meter.hidden = true; button.disabled = isEmpty(ruleNow()); }
  }

  // For tests, and for people who like their console.
  window.tabkit = { page, ruleNow, textOf, tomlOf, polarsOf, maskOf, count, take, keyOf, tried };
  showSuggestions();
  showLedger();
  const drawable = page.axes.filter((axis) => axis.drawable);
  const room = Math.max(4, Math.min(16, Math.floor((byId("plot").clientWidth - 166) / 68)));
  const first = new Set(drawable.slice(0, room).map((axis) => axis.key));
  if (!drawable.length) {
    byId("plot").replaceChildren(element("p", { class: "nothing" }, "Nothing to draw: no column has two different values in the drawn rows."));
    ready();
    return;
  }
  const height = Math.max(480, Math.min(900, window.innerHeight - 250));
  const memory = inMemory({ "PARALLEL_PLOT.height": height });
  hiplot.render(byId("plot"), {
    experiment: experimentOf(page, sample, first), plugins: { PARALLEL_PLOT: plotClass(page.axes, hooks) },
    persistentState: memory, dataProviderName: "none", onChange: null,
  });
}

start().catch((error) => {
  byId("said").textContent = `The page could not start: ${error.message}`;
  byId("said").className = "error";
  throw error;
});
