"""The view of features, with rules that were searched for and tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dashboards.explorer.settings import ExploreConfig
from dashboards.explorer.view import OfferedRule, View
from dashboards.explorer.views.tables import joined
from tabkit.errors import ConfigError
from tabkit.predicates import check
from tabkit.progress import Progress
from tabkit.roles import Roles
from tabkit.rules import RuleFile, masks, measure, read
from tabkit.rules.discovery import suggest
from tabkit.rules.doubts import Doubts, doubts_of, without_copies
from tabkit.rules.goal import Mask
from tabkit.rules.limits import FEWEST_TO_HOLD_OUT
from tabkit.rules.measurement import Measured
from tabkit.rules.provenance import aimed_like, facts, provenance
from tabkit.rules.sample import RuleSample, of_table
from tabkit.rules.suggestion import Suggestions


def features(config: ExploreConfig, *, progress: Progress) -> View:
    """Return the view of a table's features by its target."""
    if config.beside and config.roles.get("target"):
        rows = joined(config, Roles.from_dict(config.roles))
        found = of_table(rows.table, config)
        found = replace(found, notes=(*rows.notes, *found.notes))
    else:
        found, config = aimed_like(config, _file(config).found)
    return view_of(found, config, kind="Features", progress=progress)


def view_of(
    found: RuleSample,
    config: ExploreConfig,
    *,
    kind: str,
    progress: Progress,
    searched: Sequence[str] | None = None,
    seen: bool = True,
    **more: object,
) -> View:
    """Return a view of rows, rules searched for on those to look at and proved on those held out.

    Parameters
    ----------
    found
        The rows.
    config
        Whether and how to search, and a file of rules to show.
    kind
        What the page is called.
    progress
        Is told how far the search is.
    searched
        The columns that rules are searched on; by default all that are shown.
    seen
        Whether the goal was seen: what a model says is told by its features, and no leak.
    **more
        Further fields of the view.
    """
    rule_file = _known(found, config)
    shown = found.columns if searched is None else tuple(searched)
    doubts = doubts_of(found, shown, known=config.known) if seen else Doubts((), None)
    columns = tuple(name for name in shown if name not in doubts.kept_out)
    wanted = config.suggest and found.holdout is not None and bool(columns)
    suggestions = search(found, config, columns=columns, progress=progress) if wanted else None
    others = without_copies(found, doubts.copies, suggestions.rules if suggestions else ())
    offered = [*_from_file(rule_file, found, doubts), *(_from_search(suggestions) if suggestions else [])]
    view = View(
        kind=kind,
        title=config.title or f"{found.table.short_name}: {found.goal.words()}",
        frame=found.frame,
        goals=(found.goal,),
        columns=found.columns,
        holdout=found.holdout,
        given=tuple(offered),
        suggested=_said(suggestions, found, asked=config.suggest),
        opened=_opened(config, offered),
        tried=max(int(rule_file.found.get("tried", 0)), suggestions.tested if suggestions else 0),
        warnings=doubts.warnings(sought=wanted, others=others),
        leaks=doubts.by_column(),
        notes=(*found.notes, *_whence(found, rule_file), *(suggestions.notes if suggestions else ())),
        facts=facts(found, config),
    )
    return replace(view, **more)  # type: ignore[arg-type]  # fields by name


def _opened(config: ExploreConfig, given: Sequence[OfferedRule]) -> str | None:
    names = [one.rule.name for one in given]
    if config.show is not None and config.show not in names:
        known = ", ".join(names) or "none: none was proved"
        raise ConfigError(f"there is no rule {config.show!r} to show", advice=f"the rules are {known}")
    return config.show


def search(found: RuleSample, config: ExploreConfig, *, columns: Sequence[str], progress: Progress) -> Suggestions:
    """Search for rules on some of the columns, and prove them on the rows held out."""
    return suggest(
        found.frame,
        found.goal,
        columns=list(columns),
        holdout=found.holdout,
        config=config.search,
        progress=progress,
    )


def _known(found: RuleSample, config: ExploreConfig) -> RuleFile:
    """Return the file's rules, if there is one that fits these rows."""
    content = _file(config)
    shown = {name: found.frame.schema[name] for name in found.columns}
    check(content.rules, shown, what="these rows")
    return content


def _file(config: ExploreConfig) -> RuleFile:
    """Return what is in the file of rules, which need not be there yet."""
    return RuleFile(()) if config.rules is None or not Path(config.rules).exists() else read(config.rules)


def _whence(found: RuleSample, known: RuleFile) -> list[str]:
    """Return what there is to say of rules from a file, unless these very rows were held out when they were found."""
    whence = provenance(found, known.found) if known.rules else None
    return [] if whence is None or whence.kind == "same" else [whence.note]


def _from_file(content: RuleFile, found: RuleSample, doubts: Doubts) -> Sequence[OfferedRule]:
    inside = masks(content.rules, found.frame)
    words = (_words(found, mask) for mask in inside)
    return [
        OfferedRule(rule, "; ".join([said, *doubts.of_rule(rule)]))
        for rule, said in zip(content.rules, words, strict=True)
    ]


def _words(found: RuleSample, inside: Mask) -> str:
    if found.holdout is None:
        return f"from the file; {standing(measure(inside, found.goal))}"
    said = measure(inside[found.holdout], found.goal.take(found.holdout))
    return f"from the file; {standing(said)} on the hold-out"


def _from_search(suggestions: Suggestions) -> Sequence[OfferedRule]:
    return [
        OfferedRule(one.rule, f"{standing(one.holdout)} on the hold-out, {standing(one.train)} where it was found")
        for one in suggestions.rules
    ]


def standing(found: Measured) -> str:
    """Return a measurement in a few words."""
    if found.value is None:
        return "too few rows"
    if found.lift is not None and found.treated is None:
        return f"lift {found.lift:.2f}"
    return f"{found.value:+.4g} against {found.base:+.4g}"


def _said(suggestions: Suggestions | None, found: RuleSample, *, asked: bool) -> str:
    if suggestions is None:
        why = "there are too few rows" if found.frame.height < FEWEST_TO_HOLD_OUT else "no rows are held out"
        return f"Nothing was searched for: {why} to prove anything." if asked else ""
    if not suggestions.rules:
        return f"Nothing was proved: {suggestions.searched:,} rules were looked at, {suggestions.tested} tested."
    many = "1 rule was" if len(suggestions.rules) == 1 else f"{len(suggestions.rules)} rules were"
    return (
        f"{many} proved on the {int(found.holdout.sum()) if found.holdout is not None else 0:,} rows held out, "
        f"of {suggestions.tested} tested and {suggestions.searched:,} looked at. Click one to see its box."
    )
