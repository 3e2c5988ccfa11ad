"""The `tabkit cltv` commands: arguments in, one job run, one view or one JSON object out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipelines.cli.run import ConfigFile, Debug, Json, Overwrite, Set, bars, given_only, merged, run

app = typer.Typer(
    name="cltv",
    help="What customers are worth: fit a model to transactions, and forecast with intervals.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Source = Annotated[list[str] | None, typer.Argument(help="Transactions: files, globs, folders or URLs.")]


@app.command()
def fit(
    source: Source = None,
    customer: Annotated[str | None, typer.Option(help="The column that names the customer.")] = None,
    date: Annotated[str | None, typer.Option(help="The column of the day of purchase.")] = None,
    amount: Annotated[
        str | None, typer.Option(help="The column of what was paid; without it there is no value.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="bgnbd, mbgnbd, paretonbd, bgbb or sbg.")] = None,
    inference: Annotated[str | None, typer.Option(help="laplace, which is checked, or nuts.")] = None,
    unit: Annotated[str | None, typer.Option(help="Of time: day, week or year.")] = None,
    end: Annotated[str | None, typer.Option(help="The last day observed, such as 2024-12-31.")] = None,
    group: Annotated[str | None, typer.Option(help="A column that parameters are partially pooled over.")] = None,
    covariate: Annotated[list[str] | None, typer.Option(help="A number known at acquisition. May be repeated.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="The source has one row per customer already.")] = False,
    widen_origins: Annotated[
        int | None, typer.Option(help="Backtest first from so many earlier days, and widen forecasts as that teaches.")
    ] = None,
    widen_days: Annotated[int | None, typer.Option(help="How far the forecasts of that backtest reach.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The bundle to write.")] = None,
    overwrite: Overwrite = False,
    report: Annotated[str | None, typer.Option(help="A page of pictures to write, such as report.html.")] = None,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit how often customers buy, when they leave and what they spend, from a log of transactions."""
    given = {
        "source": source or None,
        "customer": customer,
        "date": date,
        "amount": amount,
        "model": model,
        "inference": inference,
        "unit": unit,
        "end": end,
        "group": group,
        "covariates": covariate or None,
        "summary": summary or None,
        "widen_origins": widen_origins,
        "widen_days": widen_days,
        "output": output,
        "report": report,
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.cltv import fit_job

        return fit_job(merged(config, set_, given_only(given)), overwrite=overwrite, progress=bars())

    run(job, "cltv.fit_view", as_json=as_json, debug=debug)


@app.command()
def backtest(
    source: Source = None,
    customer: Annotated[str | None, typer.Option(help="The column that names the customer.")] = None,
    date: Annotated[str | None, typer.Option(help="The column of the day of purchase.")] = None,
    amount: Annotated[
        str | None, typer.Option(help="The column of what was paid; without it there is no value.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="bgnbd, mbgnbd, paretonbd, bgbb or sbg.")] = None,
    inference: Annotated[str | None, typer.Option(help="laplace, which is checked, or nuts.")] = None,
    unit: Annotated[str | None, typer.Option(help="Of time: day, week or year.")] = None,
    end: Annotated[str | None, typer.Option(help="The last day observed, such as 2024-12-31.")] = None,
    group: Annotated[str | None, typer.Option(help="A column that parameters are partially pooled over.")] = None,
    covariate: Annotated[list[str] | None, typer.Option(help="A number known at acquisition. May be repeated.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="The source has one row per customer already.")] = False,
    horizon_days: Annotated[int | None, typer.Option(help="How far each forecast reaches.")] = None,
    origins: Annotated[int | None, typer.Option(help="From how many earlier days forecasts are made again.")] = None,
    widen: Annotated[bool | None, typer.Option(help="Learn from earlier origins how far to widen intervals.")] = None,
    report: Annotated[str | None, typer.Option(help="A page of pictures to write, such as report.html.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Forecast again from earlier days, as one would have then, and compare with what came."""
    given = {
        "source": source or None,
        "customer": customer,
        "date": date,
        "amount": amount,
        "model": model,
        "inference": inference,
        "unit": unit,
        "end": end,
        "group": group,
        "covariates": covariate or None,
        "summary": summary or None,
        "horizon_days": horizon_days,
        "origins": origins,
        "widen": widen,
        "report": report,
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.cltv import backtest_job

        return backtest_job(merged(config, set_, given_only(given)), overwrite=overwrite, progress=bars())

    run(job, "cltv.backtest_view", as_json=as_json, debug=debug)


@app.command()
def forecast(
    bundle: Annotated[str | None, typer.Argument(help="The bundle of a fitted model.")] = None,
    horizon_days: Annotated[float | None, typer.Option(help="For how long after the end of the observation.")] = None,
    quantiles: Annotated[str | None, typer.Option(help="Levels, such as 0.03,0.5,0.97.")] = None,
    annual_discount: Annotated[float | None, typer.Option(help="What money loses in a year, such as 0.1.")] = None,
    draws: Annotated[int | None, typer.Option(help="Predictive draws of each customer.")] = None,
    by: Annotated[str | None, typer.Option(help="A column of the summary that totals are given by.")] = None,
    widen: Annotated[bool | None, typer.Option(help="Widen intervals as the model's own backtest taught.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The file to write.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Forecast purchases and value of every customer, with intervals that hold what happens, not its mean."""
    given = {
        "bundle": bundle,
        "horizon_days": horizon_days,
        "quantiles": None if quantiles is None else [part.strip() for part in quantiles.split(",")],
        "annual_discount": annual_discount,
        "draws": draws,
        "by": by,
        "widen": widen,
        "output": output,
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.cltv import forecast_job

        return forecast_job(merged(config, set_, given_only(given)), overwrite=overwrite, progress=bars())

    run(job, "cltv.forecast_view", as_json=as_json, debug=debug)


@app.command()
def campaigns(
    bundle: Annotated[str | None, typer.Argument(help="The bundle of a fitted model, with amounts.")] = None,
    source: Annotated[list[str] | None, typer.Argument(help="Acquired users, one row each: files or globs.")] = None,
    campaign: Annotated[str | None, typer.Option(help="The column that names the campaign.")] = None,
    cost: Annotated[str | None, typer.Option(help="The column of what acquiring the user cost.")] = None,
    customer: Annotated[str | None, typer.Option(help="The customer column, if not called as in the model.")] = None,
    volume: Annotated[str | None, typer.Option(help="A table of users by bid: bid, users, and campaign.")] = None,
    horizon_days: Annotated[int | None, typer.Option(help="The age up to which a user's value is counted.")] = None,
    ahead_days: Annotated[int | None, typer.Option(help="The days whose users are decided on.")] = None,
    margin: Annotated[float | None, typer.Option(help="The share of what is paid that remains, such as 0.3.")] = None,
    confidence: Annotated[float | None, typer.Option(help="Of the bid that makes no loss, such as 0.9.")] = None,
    likelihood: Annotated[str | None, typer.Option(help="Of a day's mean: student_t or zero_inflated.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="A table to write, a row per campaign.")] = None,
    report: Annotated[str | None, typer.Option(help="A page of pictures to write, such as report.html.")] = None,
    overwrite: Overwrite = False,
    config: ConfigFile = None,
    set_: Set = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare what the users of each campaign are worth with what they cost, and say how much to bid."""
    given = {
        "bundle": bundle,
        "source": source or None,
        "campaign": campaign,
        "cost": cost,
        "customer": customer,
        "volume": volume,
        "horizon_days": horizon_days,
        "ahead_days": ahead_days,
        "margin": margin,
        "confidence": confidence,
        "likelihood": likelihood,
        "output": output,
        "report": report,
    }

    def job() -> dict[str, Any]:
        from pipelines.jobs.cltv import campaigns_job

        return campaigns_job(merged(config, set_, given_only(given)), overwrite=overwrite, progress=bars())

    run(job, "cltv.campaigns_view", as_json=as_json, debug=debug)
