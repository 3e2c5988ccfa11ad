// What stands where on the page, made anew from the state of an explorer.

function say(kind, words) {
  byId("said").textContent = words;
  byId("said").className = kind;
}

// Numbers of an earlier rule must not stand beside a new one.
function showNothing(words) {
  say("error", words);
  byId("measures").replaceChildren();
  byId("next").replaceChildren();
  byId("alike").textContent = "";
  byId("doubts").hidden = true;
  byId("verdict").textContent = `Not counted: ${words}`;
  byId("verdict").className = "verdict poor";
}

const button = (words, attributes, onclick) => element("button", { type: "button", ...attributes, onclick }, words);

function showRule(explorer, rule) {
  const { draft } = explorer, empty = isEmpty(rule);
  byId("rule").textContent = empty ? "Drag along an axis to brush a range, or add a condition below." : textOf(rule);
  byId("rule").classList.toggle("empty", empty);
  if (document.activeElement !== byId("name")) byId("name").value = draft.name;
  byId("parts").replaceChildren(...showParts(explorer, draft.boxes, "or"), ...showParts(explorer, draft.exceptions, "but not"));
  showConditions(explorer);
  const free = explorer.page.axes.filter((axis) => !draft.box.has(axis.key));
  byId("add").replaceChildren(element("option", { value: "" }, "add a condition on …"),
    ...free.map((axis) => element("option", { value: axis.key }, axis.name)));
  for (const id of ["clear", "copy-polars", "copy-toml", "save", "worth"]) if (byId(id)) byId(id).disabled = empty;
  for (const id of ["or", "but-not"]) byId(id).disabled = !draft.box.size;
  byId("excepting").hidden = !draft.excepting;
}

function showParts(explorer, list, words) {
  return list.map((box, i) => element("p", { class: "part" }, `${words} `, element("q", {}, textOf({ all_of: box })), " ",
    button("×", { class: "small", "aria-label": `remove: ${words} ${i + 1}` }, () => { list.splice(i, 1); explorer.changed(); })));
}

// The fields are made anew; the focus goes back to where it was, so that the keyboard can go on.
function showConditions(explorer) {
  const fields = "input, select, button", area = document.activeElement?.closest?.("[data-axis]");
  const index = area ? [...area.querySelectorAll(fields)].indexOf(document.activeElement) : -1;
  byId("conditions").replaceChildren(...[...explorer.draft.box].map(([key, condition]) =>
    conditionEditor(explorer.byKey.get(key), condition, (next) => explorer.set(key, next))));
  if (index >= 0) byId("conditions").querySelector(`[data-axis="${area.dataset.axis}"]`)?.querySelectorAll(fields)[index]?.focus();
}

function showMeasures(explorer, rule, found, proved) {
  const { page, ledger } = explorer, waits = !proved && !isEmpty(rule) && page.provable;
  byId("measures").replaceChildren(measuresTable(page, found, page.level, ledger.count));
  const [kind, words] = isEmpty(rule) ? ["plain", page.everywhere] : verdictOf(page, found, page.level, ledger.count);
  byId("verdict").textContent = waits ? "…" : words;
  const doubtful = showDoubts(explorer, rule);
  byId("verdict").className = `verdict ${waits ? "plain" : doubtful && kind === "good" ? "fair" : kind}`;
  const like = found.alike;
  byId("alike").textContent = like && like.jaccard < 1
    ? `Most like “${like.name}”: ${percent(like.inside, 0)} of these rows are in it, ${percent(like.jaccard, 0)} of all rows in either are in both.`
    : "";
}

// Whatever a rule holds, a column that tells the target too well may not have been known before it.
function showDoubts(explorer, rule) {
  const used = new Set([...conditionsOf(rule)].map((condition) => condition.column));
  const words = explorer.page.axes.filter((axis) => axis.leak && used.has(axis.name)).map((axis) => axis.leak);
  byId("doubts").textContent = [...new Set(words)].join(" ");
  byId("doubts").hidden = !words.length;
  return words.length > 0;
}

function showNext(explorer, next) {
  const most = Math.max(...next.map(([, value]) => value), 1e-12);
  const rows = next.map(([key, value]) => element("li", {},
    element("button", { type: "button", class: "bar", title: "show this axis", onclick: () => { explorer.addAxis(key); flash(key); } },
      element("span", { class: "name" }, explorer.byKey.get(key).name), bar(value / most),
      element("span", { class: "figure" }, value < 0.0005 ? "< 0.001" : value.toFixed(3)))));
  byId("next").replaceChildren(...(rows.length ? rows
    : [element("li", { class: "plain" }, "No remaining axis tells these rows apart beyond chance.")]));
}

function bar(share) {
  const node = element("span", { class: "track", "aria-hidden": "true" }, element("span", { class: "fill" }));
  node.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
  return node;
}

function flash(key) {
  const axis = [...document.querySelectorAll("#plot .dimension")].find((node) => node.__data__ === key);
  const label = axis?.querySelector(".label-name");
  label?.classList.add("flash");
  setTimeout(() => label?.classList.remove("flash"), 1200);
}

function showLedger(explorer) {
  const { page, ledger } = explorer, level = ledger.level(page.level), entries = [...ledger.entries.values()];
  byId("ledger").replaceChildren(...entries.map((entry, i) => ledgerRow(explorer, entry, i + 1, level)).reverse());
  byId("ledger-words").textContent = ledger.count
    ? `${whole(ledger.count)} distinct ${ledger.count === 1 ? "rule" : "rules"} tried`
      + `${ledger.before ? `, ${whole(ledger.before)} of them before this page was opened` : ""}. Hold-out intervals hold`
      + ` for all of them at once (${percent(level, level > 0.999 ? 3 : 2)} each).${page.served ? "" : " Loading this page anew begins a new ledger."}`
    : "No rule was tried yet. Every distinct rule that rests under the brush is entered here.";
}

function ledgerRow(explorer, { rule, found }, number, level) {
  const { page } = explorer, goal = page.goals[0], seen = said(goal, found.train[0].inside, page.level, false);
  const held = found.holdout && said(goal, found.holdout[0].inside, level, true);
  const cells = [percent(seen.n / Math.max(1, page.rows.train)), shown(goal, seen.value), held ? [shown(goal, held.value), held.low === null ? "" : ` (${span(goal, held)})`].join("") : "–"];
  return element("tr", {}, element("td", {}, String(number)), element("th", { scope: "row" }, textOf(rule)),
    ...cells.map((words) => element("td", {}, words)),
    element("td", {}, button("show", { class: "small", "aria-label": `show rule ${number}` }, () => explorer.take(rule))));
}

function showSuggestions(explorer) {
  byId("suggested").replaceChildren(...explorer.page.given.map((given) => element("li", {},
    element("button", { type: "button", class: "rule", onclick: () => explorer.take(given.rule) },
      element("span", { class: "name" }, given.name), element("span", { class: "words" }, given.text),
      element("span", { class: "figure" }, given.words)))));
  byId("suggested-words").textContent = explorer.page.suggested;
}

function showAxes(explorer) {
  const { page, plot } = explorer, drawn = new Set(plot?.state.dimensions ?? []);
  byId("axes-words").textContent = `${drawn.size} of ${page.axes.length} axes are drawn`;
  byId("axes").replaceChildren(...page.axes.map((axis) => {
    const name = axis.drawable ? axis.name : `${axis.name} (the same in all drawn rows)`;
    return checkbox(name, drawn.has(axis.key), (on) => (on ? explorer.addAxis(axis.key) : explorer.removeAxis(axis.key)));
  }));
}
