"""One check for columns that tell a target too well, on leaks of many shapes and on honest tables."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from tabkit.leaks import Leak, find_leaks, late

ROWS = 1500
CHANCE = np.random.default_rng(0)
Y = CHANCE.random(ROWS) < 0.2
BASE = {"x": CHANCE.normal(size=ROWS) + Y, "z": CHANCE.normal(size=ROWS), "job": CHANCE.choice(list("abc"), ROWS)}
AMOUNT = CHANCE.normal(100, 20, ROWS)


def found(y: Any, kind: Any = "binary", *, classes: Sequence[str] = ("no", "yes"), **columns: Any) -> list[Leak]:
    frame = pl.DataFrame({**BASE, **columns})
    values = np.asarray(y, dtype=np.float64)
    return list(find_leaks(frame, values, kind=kind, target="y", columns=frame.columns, classes=classes))


def seen(y: Any, kind: Any = "binary", *, classes: Sequence[str] = ("no", "yes"), **columns: Any) -> str:
    [leak] = found(y, kind, classes=classes, **columns)
    assert set(leak.columns) == set(columns)
    return leak.seen


def some(share: float) -> Any:
    return np.random.default_rng(1).random(ROWS) < share


def test_a_status_that_tells_all() -> None:
    assert "AUC of 1.000" in seen(Y, status=np.where(Y, "closed", "open"))
    assert "AUC of 1.000" in seen(Y, flag=Y)


def test_a_level_that_only_one_class_has() -> None:
    level = np.where(Y & some(0.4), "cancelled", np.where(some(0.5), "a", "b"))
    rows = int((Y & some(0.4)).sum())
    assert seen(Y, status=level) == f"y is yes in {rows} of {rows} rows where 'status' is 'cancelled'"
    half = Y & some(0.4)
    assert "where 'fee' is not 0" in seen(Y, fee=np.where(half, AMOUNT, 0.0))


def test_what_is_null_unless_the_target_happened() -> None:
    closed = [date(2024, 1, 1) + timedelta(days=i % 90) if y else None for i, y in enumerate(Y)]
    assert f"{Y.sum()} of {Y.sum()} rows" in seen(Y, closed=closed)
    assert "'closed' is not null" in seen(Y, closed=closed)
    assert "'churn_reason' is not null" in seen(Y, churn_reason=[f"reason {i}" if y else None for i, y in enumerate(Y)])


def test_what_the_target_never_goes_without() -> None:
    visit = Y | some(0.1)
    told = seen(Y, visit=visit.astype(int))
    assert "y is yes in 0 of" in told
    assert "where 'visit' is 0" in told
    # Most people have a phone: that those without never bought by phone is no leak.
    assert not found(Y, phone=Y | some(0.8))


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (lambda y, i: f"{'C' if y else 'A'}{i}", "alphabetical order of 'id'"),
        (lambda y, i: f"{i}-{'C' if y else 'A'}", "end of 'id'"),
        (lambda y, i: f"K-{i * 7 % 1501 + 5000 * y}", "number in 'id'"),
        (lambda y, i: f"{i * 7919 % 16**4:04x}" + int(y) * f"{i % 16:x}", "length of 'id'"),
    ],
)
def test_an_id_that_hides_the_target(form: Any, told: str) -> None:
    order = np.random.default_rng(2).permutation(ROWS)
    assert told in seen(Y, id=[form(y, int(i)) for i, y in zip(order, Y, strict=True)])


def test_numbers_that_are_the_target_in_other_words() -> None:
    assert "explains 99.9" in seen(AMOUNT, "regression", euros=np.round(AMOUNT * 0.9))
    assert "explains" in seen(AMOUNT, "regression", log=-np.log(AMOUNT))
    assert not found(AMOUNT, "regression", estimate=AMOUNT + CHANCE.normal(0, 5, ROWS))


def test_whether_a_number_is_zero_is_told() -> None:
    spend = np.where(Y, AMOUNT, 0)
    assert "y is not 0 in 0 of" in seen(spend, "regression", visit=(Y | some(0.1)).astype(int))
    assert "where 'bought' is true" in seen(spend, "regression", bought=Y)


def test_accounts_that_add_up_or_multiply() -> None:
    a, b, c = (CHANCE.exponential(5, ROWS) for _ in range(3))
    told = seen(a + b - c, "regression", a=a, b=b, c=c)
    assert "'a' + 'b' - 'c'" in told
    pieces, price = CHANCE.integers(1, 9, ROWS), np.exp(CHANCE.normal(3, 1, ROWS)).round(2)
    assert "product or quotient" in seen(pieces * price, "regression", pieces=pieces, price=price)
    assert not found(a + b + CHANCE.normal(0, 2, ROWS), "regression", a=a, b=b)


def test_differences_of_two_columns() -> None:
    start, days = CHANCE.integers(0, 1000, ROWS), CHANCE.normal(30, 20, ROWS)
    assert "AUC of 1.0000" in seen(days > 40, start=start, last=start + days)
    begun = [datetime(2024, 1, 1) + timedelta(days=int(d)) for d in start]
    ended = [day + timedelta(days=float(d)) for day, d in zip(begun, days, strict=True)]
    assert "'begun' - 'ended'" in seen(days > 40, begun=begun, ended=ended)


def test_several_classes() -> None:
    code = CHANCE.integers(0, 3, ROWS)
    names = ("r", "s", "t")
    assert "spares 100.0%" in seen(code, "multiclass", classes=names, label=np.array(["u", "v", "w"])[code])
    assert "y is s in" in seen(code, "multiclass", classes=names, reason=np.where(code == 1, 3.0, np.nan))


def test_rows_of_one_group_count_once() -> None:
    group = pl.Series(np.arange(ROWS) % 40)
    y = (group.to_numpy() % 2).astype(float)
    frame = pl.DataFrame({"shop": group.cast(pl.String)})
    options: dict[str, Any] = {"kind": "binary", "target": "y", "columns": ["shop"], "classes": ("0", "1")}
    assert find_leaks(frame, y, **options)
    assert not find_leaks(frame, y, **options, groups=group)


def test_of_many_rows_some_are_looked_at_and_that_is_said() -> None:
    y = np.arange(40_000) % 10 == 0
    [leak] = find_leaks(
        pl.DataFrame({"flag": y}), y.astype(float), kind="binary", target="y", columns=["flag"], classes=("0", "1")
    )
    assert leak.seen.endswith("(30,000 of 40,000 rows)")


def test_dates_after_the_time_unless_all_are() -> None:
    day = [date(2024, 1, 1)] * 4
    frame = pl.DataFrame({"day": day, "closed": [date(2024, 2, 1), None, None, None], "due": [date(2024, 3, 1)] * 4})
    [leak] = late(frame, time="day", columns=["closed", "due"], target="y")
    assert leak.seen == "'closed' lies after 'day' in 1 of 4 rows"
    assert "known before y?" in leak.question()
    assert not late(frame.with_columns(day=pl.Series([1, 2, 3, 4])), time="day", columns=["closed"], target="y")


def test_lists_and_constants_are_passed_over() -> None:
    assert not found(Y, tags=[["a"]] * ROWS, same=[1] * ROWS, empty=pl.Series([None] * ROWS))


def test_odd_names_and_values() -> None:
    x = CHANCE.normal(size=ROWS)
    x[:5], x[5:9], x[9:15], x[15:18] = np.inf, -np.inf, np.nan, 1e300
    days = [timedelta(hours=int(hour)) for hour in CHANCE.integers(0, 24, ROWS)]
    odd = {"*": x, "^a.*$": CHANCE.integers(0, 9, ROWS), "": days, "inf": -x}
    wide = pl.Series([2**63 + i for i in range(ROWS)], dtype=pl.UInt64)
    assert not found(Y, **odd, wide=wide)
    assert not found(AMOUNT, "regression", **odd)
    assert [leak.columns for leak in found(Y, **odd, **{"^b$": Y})] == [("^b$",)]
    assert [leak.columns for leak in found(AMOUNT * 1e200, "regression", **odd, b=AMOUNT)] == [("b",)]


def honest(n: int, seed: int) -> tuple[pl.DataFrame, Any]:
    """Strong columns of many kinds, none of them a leak: the last is a state that lasts, in 97 % and 95 %."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 8))
    score = rng.choice([1, 3, 5]) * z[:, 0] + 1.5 * z[:, 1]
    y = rng.random(n) < 1 / (1 + np.exp(2 - score))
    frame = pl.DataFrame(z, schema=[f"x{i}" for i in range(8)], orient="row").with_columns(
        asked=pl.Series(np.where(rng.random(n) < np.where(y, 0.9, 0.1), np.nan, z[:, 2])),
        fee=pl.Series(np.where(rng.random(n) < np.where(y, 0.2, 0.95), 0, np.exp(z[:, 3]))),
        text=pl.Series([f"c{i}" for i in rng.integers(0, n // 3, n)]),
        calls=pl.Series(rng.poisson(np.exp(0.5 + y))),
        lasts=pl.Series(rng.random(n) < np.where(y, 0.97, 0.05)),
    )
    return frame, y.astype(np.float64)


@pytest.mark.parametrize("rows", [150, 600, 3000])
def test_strong_honest_columns_give_no_alarm(rows: int) -> None:
    alarms = 0
    for seed in range(15):
        frame, y = honest(rows, seed)
        alarms += bool(find_leaks(frame, y, kind="binary", target="y", columns=frame.columns, classes=("0", "1")))
    assert alarms == 0


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "digits", "diabetes"])
def test_public_tables_give_no_alarm(name: str) -> None:
    data = getattr(datasets, f"load_{name}")()
    frame = pl.DataFrame(data.data, schema=[f"c{i}" for i in range(data.data.shape[1])], orient="row")
    classes = [str(label) for label in np.unique(data.target)]
    kind: Any = "regression" if len(classes) > 10 else "binary" if len(classes) == 2 else "multiclass"
    y = data.target.astype(np.float64)
    assert not find_leaks(frame, y, kind=kind, target="y", columns=frame.columns, classes=classes)
