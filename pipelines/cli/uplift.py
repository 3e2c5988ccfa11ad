"""The `tabkit uplift` commands: arguments in, one job run, one view or one JSON object out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipelines.cli.run import ConfigFile, Debug, Json, Overwrite, Set, bars, given_only, merged, run

app = typer.Typer(
    name="uplift",
    help="Whom contact changes: learn effects from an experiment, and judge whether they can be trusted.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Source = Annotated[list[str] | None, typer.Argument(help="A row per unit: files, globs, folders or URLs.")]


@app.command()
def train(
    source: Source = None,
    treatment: Annotated[str | None, typer.Option(help="The column of the arm that each unit was in.")] = None,
    control: Annotated[str | None, typer.Option(help="Its label for no contact.")] = None,
    outcome: Annotated[str | None, typer.Option(help="The column of what came of it.")] = None,
    design: Annotated[
        str | None, typer.Option(help="randomised if chance alone decided the arms, else observational.")
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option(metavar="ARM=SHARE", help="Planned share of an arm. Repeat for every arm.")
    ] = None,
    strata: Annotated[
        str | None, typer.Option(help="A column within whose values chance decided, with shares of their own.")
    ] = None,
    cost: Annotated[
        list[str] | None,
        typer.Option(metavar="ARM=COST", help="Of giving a unit the arm, in the outcome's unit. May be repeated."),
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The column that names each unit.")] = None,
    time: Annotated[str | None, typer.Option(help="When a unit was contacted: the newest are held out.")] = None,
    group: Annotated[
        str | None, typer.Option(help="What units belong together by, such as a household: errors cluster by it.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="A column that is no feature, such as one known afterwards. Repeat.")
    ] = None,
    placebo: Annotated[
        list[str] | None, typer.Option(help="A column known before contact: the effect on it must be none. Repeat.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="A column with an arm for each unit, to compare with.")] = None,
    positive: Annotated[str | None, typer.Option(help="The positive label of an outcome with two.")] = None,
    learner: Annotated[
        str | None, typer.Option(help="s, t, x, r, dr, stack (of these), uplift_forest or causal_forest.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="tabkit, or causalml for CausalML's own classes.")] = None,
    allow_imbalance: Annotated[
        bool, typer.Option("--allow-imbalance", help="Go on although features differ between arms beyond chance.")
    ] = False,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The bundle to write.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Learn effects, judge them on held-out units, and save the model with its trust report."""
    roles = {"treatment": treatment, "outcome": outcome, "id": id_, "time": time, "group": group}

    def job() -> dict[str, Any]:
        from pipelines.jobs.uplift import train_job

        given = {
            "source": source or None,
            "roles": given_only(roles),
            "control": control,
            "design": design,
            "shares": _by_arm(share, "--share"),
            "strata": strata,
            "costs": _by_arm(cost, "--cost"),
            "encoding": {"exclude": exclude} if exclude else None,
            "placebos": placebo or None,
            "policy": policy,
            "positive": positive,
            "learner": learner,
            "engine": engine,
            "allow_imbalance": allow_imbalance or None,
            "output": output,
        }
        return train_job(merged(config, set_, given), overwrite=overwrite, progress=bars())

    run(job, "uplift.train_view", as_json=as_json, debug=debug)


@app.command()
def report(
    bundle: Annotated[str, typer.Argument(help="The bundle of an uplift model.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE.html", help="The page; by default beside the bundle.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the trust report as text, and write it as a page with pictures."""

    def job() -> dict[str, Any]:
        from pipelines.jobs.uplift import report_job

        return report_job(bundle, page=output, overwrite=overwrite)

    run(job, "uplift.report_view", as_json=as_json, debug=debug)


@app.command()
def update(
    bundle: Annotated[str | None, typer.Argument(help="The bundle of an uplift model.")] = None,
    source: Annotated[
        list[str] | None, typer.Argument(help="Units of a further experiment of the same design.")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="auto tries all; or keep, calibrate, recalibrate, refit, extend, retrain."),
    ] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The new bundle; the old one stays.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Learn from a further experiment: try what is possible, and keep the model unless something surely helps."""
    given = {"bundle": bundle, "source": source or None, "strategy": strategy, "output": output}

    def job() -> dict[str, Any]:
        from pipelines.jobs.uplift import update_job

        return update_job(merged(config, set_, given), overwrite=overwrite, progress=bars())

    run(job, "uplift.update_view", as_json=as_json, debug=debug)


def _by_arm(given: list[str] | None, option: str) -> dict[str, float] | None:
    """Read ARM=NUMBER; an arm may hold a = of its own."""
    from tabkit.errors import ConfigError

    found = {}
    for item in given or ():
        arm, _, number = item.rpartition("=")
        try:
            found[arm] = float(number)
        except ValueError:
            arm = ""
        if not arm:
            raise ConfigError(f"{option} is {item!r}; ARM=NUMBER was expected", advice=f"write {option} mail=0.5")
    return found or None
