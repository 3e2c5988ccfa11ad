"""The `tabkit` command: arguments in, one job run, one view or one JSON object out.

Imports are delayed to the command that needs them, so that `tabkit --help` answers at once.
"""

from __future__ import annotations

import io
import signal
import sys
import threading
from typing import Annotated, Any

import typer

from pipelines.cli.cltv import app as cltv
from pipelines.cli.explore import explore
from pipelines.cli.rules import app as rules_app
from pipelines.cli.run import (
    ConfigFile,
    Debug,
    Json,
    Overwrite,
    Set,
    bars,
    given_only,
    interrupted,
    merged,
    print_error,
    run,
    unheard,
)
from pipelines.cli.uplift import app as uplift
from tabkit import __version__

app = typer.Typer(
    name="tabkit",
    help="Whom to contact, what they are worth, and how sure we are: train, score and inspect tabular models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(cltv)
app.add_typer(uplift)
app.add_typer(rules_app)
app.command()(explore)

Source = Annotated[list[str] | None, typer.Argument(help="Files, globs, folders or URLs: Parquet, CSV, IPC, NDJSON.")]

# What typer raises for arguments that do not parse. Its newer versions carry a click of their own under a private
# name, its older ones import click; this base class is the same thing in both.
_USAGE_ERROR: Any = typer.BadParameter.__bases__[0]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"tabkit {__version__}")
        raise typer.Exit


@app.command()
def train(
    source: Source = None,
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The column that names each row.")] = None,
    time: Annotated[str | None, typer.Option(help="When a row was known: splits run along it.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Rows of one group stay in one part, unless --time divides them.")
    ] = None,
    weight: Annotated[str | None, typer.Option(help="Row weights.")] = None,
    exposure: Annotated[str | None, typer.Option(help="Time or volume at risk, for counts and amounts.")] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="auto, binary, multiclass, regression, poisson, gamma, tweedie or quantile."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="lightgbm, or mlp, a small network.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Measure the other learner too; without -o nothing is saved.")
    ] = False,
    curve: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Draw the network's learning curve (.png, .svg, .html).")
    ] = None,
    rules: Annotated[
        str | None, typer.Option(metavar="RULES.toml", help="Rules that become features of 0 and 1 beside all others.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The positive label of a binary target.")] = None,
    drop_null_target: Annotated[
        bool, typer.Option("--drop-null-target", help="Leave out rows without a target.")
    ] = False,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The bundle to write.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a model on a table, measure it on held-out rows beside two baselines, and save it."""
    roles = {
        "target": target,
        "id": id_,
        "time": time,
        "group": group,
        "weight": weight,
        "exposure": exposure,
    }
    given = {
        "source": source or None,
        "output": output,
        "model": model,
        "compare": compare or None,
        "curve": curve,
        "rules": rules,
        "positive": positive,
        "drop_null_target": drop_null_target or None,
        "roles": given_only(roles),
        "boosting": given_only({"objective": objective}),
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.propensity import train_job

        return train_job(merged(config, set_, given), overwrite=overwrite, progress=bars())

    run(job, "train_view", as_json=as_json, debug=debug)


@app.command()
def encode(
    source: Source = None,
    target: Annotated[str | None, typer.Option(help="The column to predict: it is used, but never leaks.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The column that names each row.")] = None,
    time: Annotated[str | None, typer.Option(help="Rows are encoded by earlier ones only.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Rows are encoded by other groups only, unless --time is given.")
    ] = None,
    weight: Annotated[str | None, typer.Option(help="Row weights.")] = None,
    treatment: Annotated[str | None, typer.Option(help="Arms: the target is encoded for each of them.")] = None,
    drop_null_target: Annotated[
        bool, typer.Option("--drop-null-target", help="Leave out rows without a target.")
    ] = False,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The file of features to write.")] = None,
    save: Annotated[str | None, typer.Option(help="A bundle to save the fitted encoder in.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Encode new rows with the encoder of this bundle, and fit nothing.")
    ] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Turn columns into features: out of fold for the rows of the fit, or with a saved encoder for new ones."""
    roles = {"target": target, "id": id_, "time": time, "group": group, "weight": weight, "treatment": treatment}
    given = {
        "source": source or None,
        "output": output,
        "save": save,
        "encoder": encoder,
        "drop_null_target": drop_null_target or None,
        "roles": given_only(roles),
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.propensity import encode_job

        return encode_job(merged(config, set_, given), overwrite=overwrite, progress=bars())

    run(job, "encode_view", as_json=as_json, debug=debug)


@app.command()
def score(
    bundle: Annotated[str | None, typer.Argument(help="The bundle of a trained model.")] = None,
    source: Source = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A file for all rows, or a folder for a file per source."),
    ] = None,
    contributions: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Add the K largest reasons to each row.")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="A column to carry through. May be repeated.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Score tables of any size in bounded memory, by a model of who acts or of whom contact changes."""
    given = {
        "bundle": bundle,
        "source": source or None,
        "output": output,
        "contributions": contributions,
        "keep": keep or None,
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.propensity import score_job

        return score_job(merged(config, set_, given), overwrite=overwrite, progress=bars())

    run(job, "score_view", as_json=as_json, debug=debug)


@app.command()
def update(
    bundle: Annotated[str | None, typer.Argument(help="The bundle of a trained model.")] = None,
    source: Source = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="auto tries all and chooses; or keep, recalibrate, refit, extend, refit_extend, retrain; of a network "
            "keep, recalibrate, fine_tune, fine_tune_all, retrain."
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            help="Of fine_tune: hidden trains the head alone, none all, a number what lies behind so many layers."
        ),
    ] = None,
    decay: Annotated[float | None, typer.Option(help="Of refit: how much of the old leaves stays, 0 to 1.")] = None,
    reference: Annotated[
        list[str] | None, typer.Option(help="Older rows that a retraining may use. May be repeated.")
    ] = None,
    drop_null_target: Annotated[
        bool, typer.Option("--drop-null-target", help="Leave out rows without a target.")
    ] = False,
    report: Annotated[
        str | None, typer.Option(metavar="FILE.html", help="Write what was tried as a page, with a picture.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The new bundle, by default BUNDLE-updated; the old one stays.")
    ] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Bring a model up to date with new rows: try what is possible, and use the cheapest that surely helps."""
    given = {
        "bundle": bundle,
        "source": source or None,
        "strategy": strategy,
        "freeze": freeze,
        "decay": decay,
        "reference": reference or None,
        "drop_null_target": drop_null_target or None,
        "report": report,
        "output": output,
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.propensity import update_job

        return update_job(merged(config, set_, given), overwrite=overwrite, progress=bars())

    run(job, "update_view", as_json=as_json, debug=debug)


@app.command()
def history(
    bundle: Annotated[str, typer.Argument(help="The bundle of a model.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the line of ancestors of a model, newest first."""

    def job() -> dict[str, Any]:
        from tabkit.propensity.ancestry import history as walk

        return walk(bundle)

    run(job, "history_view", as_json=as_json, debug=debug)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="The bundle of a model.")],
    second: Annotated[str, typer.Argument(help="The bundle of another model of the same target.")],
    source: Annotated[list[str], typer.Argument(help="Labelled rows that neither has seen.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure two models on the same rows, with the paired difference and its interval."""

    def job() -> dict[str, Any]:
        from tabkit.propensity.comparison import comparison

        return comparison(first, second, source)

    run(job, "compare_view", as_json=as_json, debug=debug)


@app.command()
def inspect(
    bundle: Annotated[str, typer.Argument(help="The bundle of a trained model.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a bundle holds: roles, columns, metrics, importance, lineage and sizes."""

    def job() -> dict[str, Any]:
        from pipelines.jobs.inspect import inspect as look

        return look(bundle)

    run(job, "inspect.inspect_view", as_json=as_json, debug=debug)


def main() -> None:
    """Run the command: exit 0, 2 for what the user can mend, 130 for Ctrl-C, 1 for a fault of ours."""
    _prepare()
    try:
        code = app(standalone_mode=False)
    except _USAGE_ERROR as error:
        error.show()
        if "--json" in sys.argv:
            print_error("usage", error.format_message(), "see --help")
        code = 2
    except OSError as error:  # of the help or of messages: what a job meets is said by `run`
        code = unheard(error)
    except (KeyboardInterrupt, typer.Abort):
        code = interrupted(as_json="--json" in sys.argv)
    sys.exit(code if isinstance(code, int) else 0)


def _prepare() -> None:
    """Let a terminal of few characters show the others as ?, and let a polite kill clean up as Ctrl-C does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
