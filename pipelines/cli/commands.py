"""The table of commands: of each its settings, its job, its view, and how its options are called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tabkit.config import Config, Setting

Names = Mapping[str, str]

CONTEXT = {"help_option_names": ["-h", "--help"]}
"""Of typer: that -h is short for --help."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `tabkit`.

    Parameters
    ----------
    path
        Its name behind ``tabkit``.
    settings
        The class in `pipelines.jobs.settings`.
    job
        ``module.name``: in `pipelines.jobs` the function ``name_job``, which takes settings and returns plain data, and
        in `pipelines.cli.views` the function ``name_view``, which shows that.
    help
        What it does, in a sentence.
    arguments
        Settings that are given without a name, in their order; the last may be several.
    names
        Options whose name is not that of the setting, by setting: names that are shown, and behind a bar former ones
        that still work. A setting inside a section is an option only if it stands here.
    apart
        Pairs of options that exclude each other.
    flags
        Former flags whose name means something else today, if a number follows, and what they are called now.
    view
        Where `job` does not name the view too.
    """

    path: str
    settings: str
    job: str
    help: str
    arguments: tuple[str, ...] = ("source",)
    names: Names = field(default_factory=dict)
    apart: tuple[tuple[str, str], ...] = ()
    flags: Names = field(default_factory=dict)
    view: str = ""

    def kind(self) -> type[Config]:
        """Return the class of its settings."""
        found: type[Config] = getattr(importlib.import_module("pipelines.jobs.settings"), self.settings)
        return found

    def listed(self) -> list[Setting]:
        """Return its settings."""
        from tabkit.config import described

        return list(described(self.kind()))

    def function(self) -> Callable[..., dict[str, Any]]:
        """Return its job; what settings name is looked for before the libraries of the job are loaded."""
        module, _, name = self.job.rpartition(".")

        def job(values: Mapping[str, Any], **given: Any) -> dict[str, Any]:
            from pipelines.cli.sought import look
            from pipelines.jobs.settings import filled

            look(filled(self.kind(), values), overwrite=given.get("overwrite", False))
            late = getattr(importlib.import_module(f"pipelines.jobs.{module}"), f"{name}_job")
            result: dict[str, Any] = late(values, **given)
            return result

        return job

    def today(self, arguments: list[str]) -> list[str]:
        """Return arguments with former flags as they are called today, unless a number follows them."""
        following = [*arguments[1:], ""]
        return [
            self.flags[each] if each in self.flags and not _is_number(following[place]) else each
            for place, each in enumerate(arguments)
        ]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


_ALL: Names = {"output": "--output -o"}
_ENCODING: Names = {"encoding.exclude": "--exclude", "encoding.known": "--known"}
_BUYERS: Names = {"customer": "--id | --customer", "date": "--time | --date", "covariates": "--covariate"}
_BUNDLE = ("bundle", "source")

# One row each, as a table.
# fmt: off
COMMANDS: tuple[Command, ...] = (
    Command("train", "TrainJob", "propensity.train",
        "Fit a model on a table, measure it on held-out rows beside two baselines, and save it.",
        names={**_ENCODING, "boosting.objective": "--objective", "split.holdout": "--holdout",
               "split.early_stopping": "--early-stopping"}),
    Command("encode", "EncodeJob", "propensity.encode",
        "Turn columns into features: out of fold for the rows of the fit, or with a saved encoder for new ones.",
        names=_ENCODING),
    Command("score", "ScoreJob", "propensity.score",
        "Score tables of any size in bounded memory, by a model of who acts or of whom contact changes.",
        _BUNDLE),
    Command("update", "UpdateJob", "propensity.update",
        "Update a model with new rows: try all strategies, and use the cheapest that is significantly better.",
        _BUNDLE),
    Command("history", "HistoryJob", "history.history",
        "Show the line of ancestors of a model, newest first.",
        ("bundle",)),
    Command("compare", "CompareJob", "propensity.compare",
        "Measure two models on the same rows, with the paired difference and its interval.",
        ("first", "second", "source")),
    Command("inspect", "InspectJob", "inspect.inspect",
        "Show what a bundle holds: roles, columns, metrics, importance, lineage and sizes.",
        ("bundle",)),
    Command("explore", "ExploreJob", "explore.explore",
        "See features in parallel coordinates, brush a rule, and prove it on rows that nobody looked at.",
        apart=(("serve", "output"),), flags={"--holdout": "--embed-holdout"},
        view="rules.explore"),
    Command("cltv fit", "CLTVFitJob", "cltv.fit",
        "Fit how often customers buy, when they leave and what they spend, from a log of transactions.",
        names=_BUYERS),
    Command("cltv backtest", "CLTVBacktestJob", "cltv.backtest",
        "Forecast again from earlier days, as one would have then, and compare with what came.",
        names=_BUYERS),
    Command("cltv forecast", "CLTVForecastJob", "cltv.forecast",
        "Forecast purchases and value of every customer, with intervals that hold what happens, not its mean.",
        ("bundle",)),
    Command("cltv campaigns", "CLTVCampaignsJob", "cltv.campaigns",
        "Compare what the users of each campaign are worth with what they cost, and say how much to bid.",
        _BUNDLE, names=_BUYERS),
    Command("uplift train", "UpliftTrainJob", "uplift.train",
        "Learn effects, judge them on held-out units, and save the model with its trust report.",
        names={**_ENCODING, "shares": "--share", "costs": "--cost", "placebos": "--placebo"}),
    Command("uplift report", "UpliftReportJob", "uplift.report",
        "Show the trust report as text, and write it as a page with pictures.",
        ("bundle",), names={"report": "--report -o | --output"}),
    Command("uplift update", "UpliftUpdateJob", "uplift.update",
        "Update a model with a further experiment: it is kept unless a strategy is significantly better.",
        _BUNDLE),
    Command("rules suggest", "RuleSuggestJob", "rules.suggest",
        "Search for rules on some rows, prove them on others, and write those that pass."),
    Command("rules score", "RuleScoreJob", "rules.score",
        "Measure rules on further rows, and say whether they hold.",
        ("rules", "source")),
    Command("rules worth", "AblationJob", "rules.worth",
        "Compare models with and without the rules as features, cross-validated and paired.",
        ("rules", "source"), names={**_ENCODING, "holdout": "--holdout-column | --holdout"}),
)
# fmt: on

GROUPS: Mapping[str, str] = {
    "cltv": "What customers are worth: fit a model to transactions, and forecast with intervals.",
    "uplift": "Whom contact changes: learn effects from an experiment, and judge whether they can be trusted.",
    "rules": "Rules that people can read: find them, prove them on further rows, compare models with and without.",
}


def spelled(command: Command, name: str) -> tuple[list[str], list[str]]:
    """Return the options of a setting that are shown, and former ones that still work; none if a file alone gives it.

    >>> spelled(COMMANDS[0], "drop_null_target")
    (['--drop-null-target'], [])
    """
    section, _, last = name.rpartition(".")
    own = section in ("", "roles")
    shown, _, former = {**_ALL, **command.names}.get(name, f"--{last.replace('_', '-')}" if own else "").partition("|")
    return shown.split(), former.split()
