// Starts the page: reads what it was given, draws, and ties the buttons to what they do.

async function start() {
  const page = JSON.parse(byId("page").textContent);
  axesFrom(page.axes);
  const [drawn, train, holdout] = await Promise.all(["drawn", "train", "holdout"].map(unpacked));
  const sample = arraysOf(drawn, page.manifest.drawn);
  const count = page.served
    ? countingThere()
    : countingHere(page, arraysOf(train, page.manifest.train), holdout && arraysOf(holdout, page.manifest.holdout));
  page.provable = page.rows.holdout > 0 && (page.served || holdout !== null);
  const explorer = new Explorer(page, sample, count);
  // For tests, and for people who like their console.
  window.tabkit = { page, textOf, tomlOf, polarsOf, maskOf, count, keyOf,
    ruleNow: () => explorer.draft.rule(), take: (rule) => explorer.take(rule), tried: () => explorer.ledger.count };
  showSuggestions(explorer);
  showLedger(explorer);
  tie(explorer);
  draw(explorer, sample);
}

function draw(explorer, sample) {
  const { page } = explorer, drawable = page.axes.filter((axis) => axis.drawable);
  if (!drawable.length) {
    byId("plot").replaceChildren(element("p", { class: "nothing" }, "Nothing to draw: no column has two different values in the drawn rows."));
    explorer.ready();
    return;
  }
  const room = Math.max(4, Math.min(16, Math.floor((byId("plot").clientWidth - 166) / 68)));
  const height = Math.max(480, Math.min(900, window.innerHeight - 250));
  hiplot.render(byId("plot"), {
    experiment: experimentOf(page, sample, new Set(drawable.slice(0, room).map((axis) => axis.key))),
    plugins: { PARALLEL_PLOT: plotClass(page.axes, explorer.hooks()) },
    persistentState: inMemory({ "PARALLEL_PLOT.height": height }), dataProviderName: "none", onChange: null,
  });
}

function tie(explorer) {
  const { draft } = explorer;
  const on = (id, does) => byId(id)?.addEventListener("click", does);
  on("copy-polars", () => copy(polarsOf(draft.rule()), "a Polars expression"));
  on("copy-toml", () => copy(tomlOf(draft.rule()), "TOML"));
  on("clear", () => { draft.clear(); say("plain", ""); explorer.changed(); });
  on("or", () => { draft.next({ excepting: false }); explorer.changed(); });
  on("but-not", () => { draft.next({ excepting: true }); explorer.changed(); });
  byId("draws")?.addEventListener("change", () => explorer.drawLines(draft.rule()));
  byId("plot").addEventListener("mousedown", () => { explorer.held = true; }, true);
  window.addEventListener("mouseup", () => { explorer.held = false; }, true);
  on("save", () => save(explorer));
  on("worth", () => isItWorth(draft.rule()));
  byId("name").addEventListener("input", (event) => draft.call(event.target.value));
  byId("add").addEventListener("change", (event) => add(explorer, event.target.value));
}

function add(explorer, key) {
  const axis = explorer.byKey.get(key);
  if (!axis) return;
  explorer.addAxis(key);
  explorer.set(key, firstCondition(axis));
  byId("conditions").querySelector(`[data-axis="${key}"] :is(select, input)`)?.focus();
}

// Something to begin with: the upper half, or the uppermost level.
function firstCondition(axis) {
  if (!axis.scaled) return axis.levels.length ? { column: axis.name, levels: [axis.levels.at(-1)] } : { column: axis.name, null: true, not: true };
  const offered = axis.cuts.filter(([, after]) => !after);
  return offered.length ? { column: axis.name, ge: offered[Math.floor(offered.length / 2)][0] } : { column: axis.name, null: true, not: true };
}

async function copy(words, what) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const area = element("textarea", { class: "offscreen", "aria-hidden": "true" });
    area.value = words;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("good", `Copied as ${what}.`);
}

async function save(explorer) {
  try {
    say("good", (await ask("save", { rule: explorer.draft.rule(), tried: explorer.ledger.count })).words);
  } catch (error) { say("error", error.message); }
}

async function isItWorth(rule) {
  const meter = byId("progress"), words = byId("worth-words");
  try {
    await ask("worth", { rule });
    meter.hidden = false;
    for (let now = {}; !now.result && !now.error;) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      now = await ask("progress", {});
      meter.value = now.total ? now.done / now.total : 0;
      words.textContent = now.result?.words ?? now.error?.problem ?? `${now.what ?? "fitting"}: ${now.done} of ${now.total}`;
    }
  } catch (error) { say("error", error.message); } finally { meter.hidden = true; }
}

start().catch((error) => {
  say("error", `The page could not start: ${error.message}`);
  throw error;
});
