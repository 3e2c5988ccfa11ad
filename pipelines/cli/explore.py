"""The `tabkit explore` command: a page as a file, or a page that is served until Ctrl-C."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipelines.cli.run import ConfigFile, Debug, Json, Overwrite, Set, bars, given_only, merged, run
from tabkit.errors import ConfigError


def explore(
    source: Annotated[
        list[str] | None, typer.Argument(help="Rows, scores or a bundle: files, globs, folders or URLs.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="A column to tell apart; of scores also: score, uplift or cltv.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The class whose share is looked for.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The column that names each row.")] = None,
    time: Annotated[str | None, typer.Option(help="When a row was known: the newest are held out.")] = None,
    group: Annotated[str | None, typer.Option(help="What rows belong together by: whole groups are held out.")] = None,
    treatment: Annotated[str | None, typer.Option(help="The column of the arm that each row was in.")] = None,
    control: Annotated[str | None, typer.Option(help="Its label for no contact.")] = None,
    arm: Annotated[str | None, typer.Option(help="The label compared with it, where there are several.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Of uplift scores: the column of what came of it.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A column that is no feature. May be repeated.")] = None,
    known: Annotated[
        list[str] | None, typer.Option(help="A column that is known before the target, however well it tells it.")
    ] = None,
    beside: Annotated[
        list[str] | None, typer.Option(help="Further columns, joined by --id: the features beside scores.")
    ] = None,
    rules: Annotated[
        str | None, typer.Option(metavar="RULES.toml", help="Rules to show; with --serve they are saved to it.")
    ] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE.html", help="The page.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the page to this machine until Ctrl-C.")] = False,
    port: Annotated[int | None, typer.Option(help="Of the server; any that is free by default.")] = None,
    embed_holdout: Annotated[
        bool, typer.Option("--holdout", help="Put the rows held out into the page, so that it proves rules alone.")
    ] = False,
    suggest: Annotated[bool, typer.Option("--suggest/--no-suggest", help="Search for rules.")] = True,
    show: Annotated[str | None, typer.Option(help="A rule to show when the page is opened, by its name.")] = None,
    title: Annotated[str | None, typer.Option(help="The heading of the page.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """See features in parallel coordinates, brush a rule, and prove it on rows that nobody looked at."""
    roles = {"target": target, "id": id_, "time": time, "group": group, "treatment": treatment, "outcome": outcome}
    given: dict[str, Any] = {
        "source": source or None,
        "roles": given_only(roles),
        "positive": positive,
        "control": control,
        "arm": arm,
        "exclude": exclude or None,
        "known": known or None,
        "beside": beside or None,
        "rules": rules,
        "output": output,
        "port": port,
        "embed_holdout": embed_holdout or None,
        "suggest": None if suggest else False,
        "show": show,
        "title": title,
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.explore import explore_job, serve_job

        settings = merged(config, set_, given)
        if serve and output is not None:
            raise ConfigError("a page is served, or written to a file", advice="give --serve or -o, not both")
        if not serve:
            return explore_job(settings, overwrite=overwrite, progress=bars())
        shown: dict[str, Any] = {}

        def ready(url: str, facts: dict[str, object]) -> None:
            shown.update(facts)
            typer.echo(f"Serving {facts['rows']:,} rows to this machine alone. Open {url}", err=True)
            typer.echo("Ctrl-C stops.", err=True)

        serve_job(settings, ready=ready, progress=bars())
        return {"served": True, **shown}

    run(job, "rules.explore_view", as_json=as_json, debug=debug)
