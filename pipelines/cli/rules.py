"""The `tabkit rules` commands: arguments in, one job run, one view or one JSON object out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipelines.cli.run import ConfigFile, Debug, Json, Overwrite, Set, bars, given_only, merged, run

app = typer.Typer(
    name="rules",
    help="Rules that people can read: find them, prove them on further rows, compare models with and without.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Source = Annotated[list[str] | None, typer.Argument(help="Rows with a target: files, globs, folders or URLs.")]
RulesFile = Annotated[str | None, typer.Argument(metavar="RULES.toml", help="A file of rules.")]
Target = Annotated[str | None, typer.Option(help="The column that rules tell apart, or the outcome of a treatment.")]
Positive = Annotated[str | None, typer.Option(help="The class whose share is looked for.")]
Time = Annotated[str | None, typer.Option(help="When a row was known: the newest are held out.")]
Id = Annotated[str | None, typer.Option("--id", help="The column that names each row.")]
Group = Annotated[str | None, typer.Option(help="What rows belong together by: whole groups are held out.")]
Treatment = Annotated[str | None, typer.Option(help="The column of the arm that each row was in.")]
Control = Annotated[str | None, typer.Option(help="Its label for no contact.")]
Arm = Annotated[str | None, typer.Option(help="The label that is compared with it, where there are several.")]
Exclude = Annotated[list[str] | None, typer.Option(help="A column that is no feature. May be repeated.")]

Known = Annotated[
    list[str] | None, typer.Option(help="A column that is known before the target, however well it tells it.")
]


@app.command()
def suggest(
    source: Source = None,
    target: Target = None,
    positive: Positive = None,
    id_: Id = None,
    time: Time = None,
    group: Group = None,
    treatment: Treatment = None,
    control: Control = None,
    arm: Arm = None,
    exclude: Exclude = None,
    known: Known = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The TOML file to write.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Search for rules on some rows, prove them on others, and write those that pass."""
    roles = {"target": target, "id": id_, "time": time, "group": group, "treatment": treatment}
    given = {"positive": positive, "control": control, "arm": arm, "exclude": exclude or None, "output": output}
    given["known"] = known or None

    def job() -> dict[str, Any]:
        from pipelines.jobs.rules import suggest_job

        settings = {"source": source or None, "roles": given_only(roles), **given}
        return suggest_job(merged(config, set_, settings), overwrite=overwrite, progress=bars())

    run(job, "rules.suggest_view", as_json=as_json, debug=debug)


@app.command()
def score(
    rules: RulesFile = None,
    source: Source = None,
    target: Target = None,
    positive: Positive = None,
    id_: Id = None,
    time: Time = None,
    group: Group = None,
    treatment: Treatment = None,
    control: Control = None,
    arm: Arm = None,
    exclude: Exclude = None,
    known: Known = None,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure rules on further rows, and say whether they hold."""
    roles = {"target": target, "id": id_, "time": time, "group": group, "treatment": treatment}
    given = {"positive": positive, "control": control, "arm": arm, "exclude": exclude or None}
    given["known"] = known or None

    def job() -> dict[str, Any]:
        from pipelines.jobs.rules import score_job

        settings = {"rules": rules, "source": source or None, "roles": given_only(roles), **given}
        return score_job(merged(config, set_, settings), progress=bars())

    run(job, "rules.score_view", as_json=as_json, debug=debug)


@app.command()
def worth(
    rules: RulesFile = None,
    source: Source = None,
    target: Target = None,
    positive: Positive = None,
    id_: Id = None,
    time: Time = None,
    group: Group = None,
    holdout: Annotated[
        str | None, typer.Option(help="A column of true for rows that the rules' author never saw.")
    ] = None,
    exclude: Exclude = None,
    known: Known = None,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare models with and without the rules as features, cross-validated and paired."""
    roles = {"target": target, "id": id_, "time": time, "group": group}
    encoding = given_only({"exclude": exclude or None, "known": known or None})
    given = {"positive": positive, "holdout": holdout, "encoding": encoding or None}

    def job() -> dict[str, Any]:
        from pipelines.jobs.rules import worth_of_job

        settings = {"rules": rules, "source": source or None, "roles": given_only(roles), **given}
        return worth_of_job(merged(config, set_, settings), progress=bars())

    run(job, "rules.worth_view", as_json=as_json, debug=debug)
