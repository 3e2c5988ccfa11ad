"""A refused row of each kind comes back with its place, its reason and its own values."""

import datetime
import math

import polars as pl
import pytest

from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.customers import customers_of
from tabkit.cltv.models import MODELS
from tabkit.cltv.summary import summarise
from tabkit.cltv.transactions import CANCELLED

DAY = datetime.date(2024, 1, 1)
ROWS = [
    ("a", DAY, 5.0, None),
    ("a", None, 5.0, "no date"),
    ("a", DAY + datetime.timedelta(400), 5.0, "after the observation end"),
    (None, DAY, 5.0, "no customer"),
    ("a", DAY, None, "amount is null"),
    ("a", DAY, math.inf, "amount is not finite"),
    ("a", DAY, 2e18, "amount is beyond 1e18"),
    ("a", DAY, 0.0, "amount is zero"),
    ("a", DAY, -5.0, "a refund"),
    ("b", DAY, 3.0, None),
    ("b", DAY + datetime.timedelta(9), 3.0, None),
]
LOG = pl.DataFrame([row[:3] for row in ROWS], schema=["who", "day", "paid"], orient="row")
COLUMNS = {"customer": "who", "date": "day", "amount": "paid"}
END = DAY + datetime.timedelta(30)


def test_each_kind_comes_back() -> None:
    found = summarise(LOG, **COLUMNS, end=END, zeros="drop")
    refused = found.refused_rows()
    expected = [(place, row[3], *row[:3]) for place, row in enumerate(ROWS) if row[3] is not None]
    assert refused.rows() == expected
    assert refused.columns == ["row", "reason", "who", "day", "paid"]
    assert dict(refused["reason"].value_counts().iter_rows()) == dict(found.refused)


def test_days_that_refunds_cancel_come_back_too() -> None:
    days = [DAY, DAY, DAY + datetime.timedelta(5), DAY + datetime.timedelta(5), None, DAY]
    log = pl.DataFrame({"who": ["a", "b", "b", "b", "b", "a"], "day": days, "paid": [5.0, 3.0, 7.0, -7.0, 1.0, -2.0]})
    found = summarise(log, **COLUMNS, refunds="net")
    assert found.refused_rows().select("row", "reason").rows() == [(2, CANCELLED), (3, CANCELLED), (4, "no date")]
    assert found.refused == {"no date": 1, CANCELLED: 2}


def test_columns_called_like_the_results_keep_their_values() -> None:
    found = summarise(
        LOG.rename({"who": "row", "paid": "reason"}), customer="row", date="day", amount="reason", end=END
    )
    refused = found.refused_rows()
    assert refused["row"].to_list()[0] == 1
    assert refused["row of the source"].to_list()[0] == "a"


def test_a_summary_without_customers_names_its_rows() -> None:
    frame = pl.DataFrame({"who": ["a", None, "b"], "frequency": [1, 2, 0], "recency": [1.0, 2.0, 0.0], "T": [5.0] * 3})
    settings = LifetimeConfig(customer="who", summary=True)
    read = customers_of(frame, settings, MODELS["bgnbd"])
    assert read.told["refused"] == {"no customer": 1}
    assert read.refused.select("row", "reason", "T").rows() == [(1, "no customer", 5.0)]


def test_nothing_refused_is_an_empty_frame() -> None:
    log = LOG.filter(pl.col("who").is_not_null() & pl.col("paid").is_between(1, 9) & (pl.col("day") < END))
    read = customers_of(log, LifetimeConfig(**COLUMNS), MODELS["bgnbd"])
    assert read.refused.columns == ["row", "reason"]
    assert read.refused.is_empty()


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_files_are_numbered_as_they_are_read(tmp_path, format_: str) -> None:
    path = tmp_path / f"log.{format_}"
    (LOG.write_parquet if format_ == "parquet" else LOG.write_csv)(path)
    found = summarise([path], **COLUMNS, end=END, zeros="drop")
    assert found.refused_rows()["row"].to_list() == [place for place, row in enumerate(ROWS) if row[3] is not None]
