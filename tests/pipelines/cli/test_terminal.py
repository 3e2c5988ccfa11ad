import io
import json
from typing import Any

import polars as pl
import pytest
from rich.console import Console, RenderableType

from pipelines import propensity
from pipelines.cli import progress
from pipelines.cli.views import kit
from pipelines.cli.views import propensity as terminal
from pipelines.cli.views.inspect import inspect_view
from pipelines.jobs.propensity import train_job
from tabkit.errors import FitError
from tabkit.kinds import inspect
from tabkit.progress import Silent
from tabkit.roles import Roles

HOSTILE = "[red]x[/red] [/] \\[a \\"
LONG = "a_very_long_name_of_a_column_" * 5


def shown(view: RenderableType, *, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(view, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.fixture(scope="module")
def facts(saved: Any) -> dict[str, Any]:
    return json.loads(json.dumps(inspect(saved)))


@pytest.fixture(scope="module")
def strange(
    customers: pl.DataFrame, roles: Any, quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What is known of a model whose columns have the worst of names."""
    path = tmp_path_factory.mktemp("strange")
    names = {"city": HOSTILE, "plan": LONG, "age": "a\x1b[2Jb", "churned": "[bold]gone[/bold]"}
    customers.rename(names).with_columns(pl.lit(1).alias("[i]same[/i]")).write_parquet(path / "[b]t.parquet")
    values = {
        **quick,
        "source": str(path / "[b]t.parquet"),
        "output": str(path / "[u]m"),
        "roles": {**roles.given(), "target": names["churned"]},
    }
    trained = train_job(values, overwrite=False, progress=Silent())
    return trained, inspect(trained["bundle"])


def test_inspect_fits_into_eighty_characters(facts: dict[str, Any]) -> None:
    text = shown(inspect_view(facts))
    assert max(map(len, text.splitlines())) <= 80
    rows = [
        line for line in text.splitlines() if line.startswith(("log_loss", "auc", "brier", "ece", "average_precision"))
    ]
    assert len(rows) == 5
    assert all(line.count("(") >= 2 for line in rows if "ece" not in line), text  # with its intervals on one line
    assert len({line.rindex(")") for line in rows if line.count("(") == 3}) == 1  # and in columns


def test_inspect_shows_everything_that_is_known(facts: dict[str, Any]) -> None:
    text = " ".join(shown(inspect_view(facts)).split())
    for expected in (
        "propensity (format 1", facts["checksum"], "churned (binary, positive is 'true')",
        "customer, time seen_at", "2,000 from a DataFrame", "2024-01-01 05:00:00 to 2024-12-30",
        "the newest rows", "train, parent none", "14 features", "polars", "lightgbm", "onehot", "target", "dates",
        "401 held-out rows, 2024-10-14 to 2024-12-30", "Importance (the 14 largest of 14",
        facts["metrics"]["verdict"], "never saw the held-out ones",
    ):  # fmt: skip
        assert expected in text, expected


def test_facts_hold_the_same_for_machines(facts: dict[str, Any], model: Any) -> None:
    assert facts["roles"] == {"id": "customer", "time": "seen_at", "target": "churned"}
    assert [column["name"] for column in facts["schema"]] == list(model.encoder.schema.names())
    assert facts["objective"] == "binary"
    assert {row["column"]: row["encoder"] for row in facts["plan"]}["city"] == "target"
    assert sum(row["share"] for row in facts["importance"]) == pytest.approx(1)
    assert facts["lineage"]["rows"] == 2000
    sizes = facts["sizes"]
    assert sizes["features"] == len(facts["importance"]) == 14
    assert sizes["bytes"] == sum(sizes["parts"].values()) > 0
    assert sizes["levels"] == 4 + 60
    assert facts["config"]["boosting"]["max_trees"] == 40
    assert facts["versions"]["polars"] == pl.__version__


@pytest.mark.parametrize("width", [60, 80, 200])
def test_names_are_shown_literally_and_whole(strange: Any, width: int) -> None:
    trained, known = strange
    for text in (shown(inspect_view(known), width=width), shown(terminal.train_view(trained), width=width)):
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= width
    whole = squeezed(shown(inspect_view(known), width=200))
    assert squeezed(HOSTILE) in whole
    assert LONG in whole
    assert "a\\x1b[2Jb" in whole
    assert "[bold]gone[/bold]" in whole
    assert "[b]t.parquet" in whole
    assert "[u]m" in squeezed(shown(terminal.train_view(trained), width=200))
    assert "[i]same[/i]" in shown(terminal.train_view(trained), width=200)


def test_types_with_brackets_are_shown(facts: dict[str, Any]) -> None:
    column = {"name": "plan", "dtype": "Datetime[us, Europe/Berlin]", "nulls": 0, "levels": None}
    text = shown(inspect_view({**facts, "schema": [column]}), width=200)
    assert "Datetime[us, Europe/Berlin]" in text


def test_intervals_go_below_their_values_where_there_is_no_room(facts: dict[str, Any]) -> None:
    narrow = shown(terminal.scores_table(facts["metrics"]), width=60)
    assert max(map(len, narrow.splitlines())) <= 60
    lines = narrow.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("log_loss"))
    assert "(" not in lines[first]
    assert lines[first + 1].count("(") == 3


def test_long_names_of_models_are_whole() -> None:
    names = [f"models/of/the/department/of/marketing/churn_{month}_version_b" for month in ("01", "02")]
    scores = [
        {"model": name, "metric": "average_precision", "value": 0.5, "low": 0.4567, "high": 0.5432} for name in names
    ]
    facts = {"scores": scores, "rows": 10, "span": None, "level": 0.95, "unit": "row"}
    text = shown(terminal.scores_table(facts))
    assert "…" not in text
    head = text[: text.index("───")]
    columns = [[line[left:right] for line in head.splitlines()] for left, right in ((19, 49), (49, 80))]
    assert all(name in squeezed("".join(parts)) for name, parts in zip(names, columns, strict=True))


def test_one_metric_has_one_number_of_digits() -> None:
    scores = [
        {"model": m, "metric": "rmse", "value": v, "low": v - w, "high": v + w}
        for m, v, w in (("model", 1234.5678, 0.3), ("linear", 1300.0, 90.0), ("base rate", 2000.0, 0.0))
    ]
    text = shown(
        terminal.scores_table({"scores": scores, "rows": 10, "span": None, "level": 0.95, "unit": "row"}), width=100
    )
    assert "1,234.57 (1,234.27–1,234.87)" in text
    assert "1,300.00 (1,210.00–1,390.00)" in text
    assert "2,000.00" in text


def test_train_says_what_was_left_out_and_dropped(strange: Any) -> None:
    trained, _ = strange
    told = {**trained, "rows_dropped": {"null target": 1234, "other": 0}, "trees": 0, "split": "time"}
    told["hints"] = ["All [x]12[/x] trees were grown."]
    text = " ".join(shown(terminal.train_view(told), width=200).split())
    assert "Dropped 1,234 rows: null target" in text
    assert "Dropped 0" not in text
    assert "No tree did better" in text
    assert "Note: All [x]12[/x] trees" in text
    measured = shown(terminal.train_view({**trained, "final": "evaluated"}), width=200)
    assert "model is the measured" in measured
    assert "Note:" not in measured


def test_score_says_what_was_odd() -> None:
    report = {"rows": 12_345, "seconds": 2.0, "outputs": ["scores/[a].parquet", "b"], "unseen": {}, "extra_columns": []}
    text = shown(terminal.score_view(report))
    assert text == "Scored 12,345 rows in 2.0 s (6,172 a second)\nWrote scores/[a].parquet and 1 more\n"
    odd = shown(terminal.score_view({**report, "unseen": {"[x]": 1000}, "extra_columns": ["[y]", "z"]}))
    assert "seen in training: [x] 1,000" in odd
    assert "training, not used: [y]," in odd
    assert "0 a second" in shown(terminal.score_view({**report, "rows": 0, "seconds": 0.0}))


@pytest.mark.parametrize("boxed", [True, False])
def test_an_error_is_one_block(boxed: bool) -> None:
    error = FitError("column '[red]x[/red]' is bad", advice="repair [it]")
    text = shown(kit.error_block(error, boxed=boxed))
    assert "tabkit: fitting" in text
    assert "column '[red]x[/red]' is bad" in text
    assert "To do: repair [it]" in text
    assert ("╭" in text) == boxed
    assert "To do" not in shown(kit.error_block(FitError("bad"), boxed=boxed))


def test_bars_are_silent_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with progress.Bars(Console(file=file)).task("work", total=10) as advance:
        advance(1)
    assert file.getvalue() == ""


def test_bars_show_nested_work_on_a_terminal() -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = Tty()
    bars = progress.Bars(Console(file=file, force_terminal=True, width=80))
    with bars.task("outer [b]", total=2) as outer:
        with bars.task("inner", total=None) as inner:
            inner(1)
        outer(1)
    assert "outer [b]" in file.getvalue()
    assert "inner" in file.getvalue()
    with bars.task("again", total=1) as advance:
        advance(1)
    assert "again" in file.getvalue()


def test_multiclass_and_regression_views(make: Any, quick: dict[str, Any], tmp_path: Any) -> None:
    for target in ("segment", "value"):
        table = make(400).select("plan", "calls", "spend", "active", target)
        propensity.train(table, roles=Roles(target=target), config=quick).save(tmp_path / target)
        text = shown(inspect_view(inspect(tmp_path / target)))
        assert ("segment (multiclass, 3 classes)" if target == "segment" else "value (regression)") in text
        assert "no time role" in text
        assert "by chance" in text
        assert max(map(len, text.splitlines())) <= 80
