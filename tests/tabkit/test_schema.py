from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tabkit.errors import SchemaError
from tabkit.schema import Column, Schema, dtype_name, family, parse_dtype

UNITS = ("ms", "us", "ns")
DTYPES: list[pl.DataType] = [
    *(pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.Int128()),
    *(pl.UInt8(), pl.UInt16(), pl.UInt32(), pl.UInt64(), pl.UInt128()),
    *(pl.Float16(), pl.Float32(), pl.Float64(), pl.Decimal(10, 2), pl.Decimal(38, 0)),
    *(pl.Boolean(), pl.String(), pl.Categorical(), pl.Binary(), pl.Date(), pl.Time(), pl.Null()),
    *(pl.Datetime(unit, zone) for unit in UNITS for zone in (None, "UTC", "Europe/Berlin", "Etc/GMT+5")),
    *(pl.Duration(unit) for unit in UNITS),
]
FAMILIES = {
    "Int8": "number",
    "UInt128": "number",
    "Float16": "number",
    "Decimal[10, 2]": "number",
    "Boolean": "boolean",
    "String": "text",
    "Categorical": "text",
    "Date": "date",
    "Datetime[us]": "datetime",
    "Datetime[ns, UTC]": "datetime",
    "Time": "time",
    "Duration[ms]": "duration",
    "Null": "null",
    "Binary": "other",
}


@pytest.mark.parametrize("dtype", DTYPES, ids=dtype_name)
def test_every_plain_type_survives_writing_and_reading(dtype):
    assert parse_dtype(dtype_name(dtype)) == dtype
    assert family(parse_dtype(dtype_name(dtype))) == family(dtype)


@settings(deadline=None)
@given(st.integers(1, 38), st.integers(0, 38))
def test_every_decimal_survives(precision, scale):
    dtype = pl.Decimal(precision, min(scale, precision))
    assert parse_dtype(dtype_name(dtype)) == dtype


@pytest.mark.parametrize(("name", "kind"), FAMILIES.items())
def test_types_belong_to_families(name, kind):
    assert family(parse_dtype(name)) == Column("x", name).family == kind


@pytest.mark.parametrize("dtype", [pl.List(pl.Int8), pl.Struct({"a": pl.Int8}), pl.Array(pl.Int8, 2), pl.Object()])
def test_nested_types_belong_to_no_family_that_can_be_learned(dtype):
    assert family(dtype) == "other"


def test_an_enum_is_text():
    assert (dtype_name(pl.Enum(["a"])), family(pl.Enum(["a"]))) == ("String", "text")


def test_long_names_are_cut():
    dtype = pl.Struct({f"field {i}": pl.Int8 for i in range(50)})
    assert len(dtype_name(dtype)) == 60
    assert dtype_name(dtype).endswith("...")


@pytest.mark.parametrize(
    "name", ["", "int64", "Datetime", "Datetime[s]", "Decimal[a, 2]", "List(Int8)", "Datetime[us,UTC]"]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(SchemaError, match="unknown column type"):
        parse_dtype(name)


columns = st.builds(
    Column, st.text(), st.sampled_from([dtype_name(d) for d in DTYPES]), st.integers(0), st.none() | st.integers(0)
)


@settings(deadline=None)
@given(st.lists(columns, unique_by=lambda column: column.name))
def test_a_schema_survives_json_and_fits_itself(found):
    schema = Schema(tuple(found))
    assert Schema.from_list(json.loads(json.dumps(schema.to_list()))) == schema
    assert schema.check(schema.dtypes()) == ()
    assert schema.check(dict(reversed(schema.dtypes().items()))) == ()


@pytest.mark.parametrize("rows", [[{"name": "a"}], [{"name": "a", "dtype": "Int8", "colour": 1}], [5]])
def test_what_is_no_schema_is_refused(rows):
    with pytest.raises(SchemaError, match="this is no saved schema"):
        Schema.from_list(rows)


SCHEMA = Schema(
    (Column("age", "Int64"), Column("city", "String"), Column("day", "Date"), Column("when", "Datetime[us]"))
)
FITTING = {"age": pl.Int64(), "city": pl.String(), "day": pl.Date(), "when": pl.Datetime("us")}


def test_order_does_not_matter_and_extra_columns_are_reported():
    found = {"new": pl.List(pl.Int8), **dict(reversed(FITTING.items())), "id": pl.Int8()}
    assert SCHEMA.check(found) == ("new", "id")
    assert SCHEMA.check(found, expected=["id"]) == ("new",)


def test_types_may_be_given_as_classes():
    assert SCHEMA.check({**FITTING, "age": pl.Float32, "city": pl.String}) == ()


def test_all_that_is_wrong_is_listed_at_once():
    with pytest.raises(SchemaError) as caught:
        SCHEMA.check({"age": pl.String(), "day": pl.Datetime("us"), "when": pl.Boolean()}, expected=["id", "city"])
    assert caught.value.problem == (
        "the data does not fit the model; missing columns: 'id', 'city'; columns of another type: "
        "'age' was Int64 and is now String; 'when' was Datetime[us] and is now Boolean"
    )
    assert caught.value.advice


@pytest.mark.parametrize(
    ("fitted", "found", "fits"),
    [
        ("Int64", pl.Float32(), True),
        ("Int8", pl.Decimal(10, 2), True),
        ("Decimal[10, 2]", pl.Int8(), True),
        ("Int64", pl.Boolean(), False),
        ("Int64", pl.String(), False),
        ("Boolean", pl.Int8(), False),
        ("String", pl.Categorical(), True),
        ("String", pl.Enum(["a"]), True),
        ("Categorical", pl.String(), True),
        ("Categorical", pl.Enum(["a"]), True),
        ("String", pl.Int64(), False),
        ("String", pl.Binary(), False),
        ("Date", pl.Datetime("ms"), True),
        ("Date", pl.Datetime("ms", "UTC"), True),
        ("Datetime[us]", pl.Date(), False),
        ("Datetime[us]", pl.Datetime("ns"), True),
        ("Datetime[us]", pl.Datetime("us", "UTC"), False),
        ("Datetime[us, UTC]", pl.Datetime("us"), False),
        ("Datetime[us, UTC]", pl.Datetime("ms", "Europe/Berlin"), True),
        ("Date", pl.String(), False),
        ("Date", pl.Int32(), False),
        ("Time", pl.Time(), True),
        ("Duration[us]", pl.Duration("ms"), True),
        ("Duration[us]", pl.Int64(), False),
        ("Int64", pl.List(pl.Int64), False),
        *((name, pl.Null(), True) for name in FAMILIES if name != "Binary"),
    ],
)
def test_types_may_change_within_a_family_alone(fitted, found, fits):
    schema = Schema((Column("x", fitted),))
    if fits:
        assert schema.check({"x": found}) == ()
        aligned = pl.DataFrame({"x": []}, schema={"x": found}).select(schema.align({"x": found}))
        assert family(aligned.schema["x"]) == schema.columns[0].family
    else:
        with pytest.raises(SchemaError, match=r"'x' was .* and is now "):
            schema.check({"x": found})


def test_aligned_columns_have_the_order_and_the_values_of_the_fit():
    noon = dt.datetime(2020, 1, 2, 23, tzinfo=dt.UTC)
    schema = Schema((
        Column("zone", "Datetime[us, Europe/Berlin]"),
        Column("day", "Date"),
        Column("level", "Categorical"),
        Column("empty", "Int8"),
        Column("none", "Categorical"),
        Column("price", "Float64"),
    ))  # fmt: skip
    frame = pl.DataFrame(
        {
            "price": [Decimal("1.50")],
            "none": [None],
            "empty": [None],
            "extra": [1],
            "level": pl.Series(["a"], dtype=pl.Enum(["b", "a"])),
            "day": [noon],
            "zone": [noon],
        }
    )
    found = frame.select(schema.align(frame.schema))
    assert found.columns == list(schema.names())
    assert found["zone"].dtype == pl.Datetime("us", "Europe/Berlin")
    assert found["zone"].to_list() == [noon]
    assert found.row(0)[1:] == (dt.date(2020, 1, 2), "a", None, None, Decimal("1.50"))
    assert found.dtypes[2:5] == [pl.String, pl.Int8, pl.String]


# Reading other types


def _coerced(fitted: str, values: list[object] | pl.Series) -> list[object]:
    schema, frame = Schema((Column("x", fitted),)), pl.DataFrame({"x": values})
    with pytest.raises(SchemaError, match="'x' was "):
        schema.check(frame.schema)
    assert schema.check(frame.schema, coerce=True) == ()
    lazy = frame.lazy().select(schema.align(frame.schema, coerce=True))
    found = frame.select(schema.align(frame.schema, coerce=True))
    assert_frame_equal(lazy.collect(engine="streaming"), found)
    assert family(found.schema["x"]) == schema.columns[0].family
    return found["x"].to_list()


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("fitted", "values", "expected"),
    [
        ("Int64", ["9007199254740993", " -2 ", "3.0", None], [2**53 + 1, -2, 3, None]),
        ("Float64", ["1.5", " -2 ", "1e3", None], [1.5, -2, 1000, None]),
        ("Float32", pl.Series(["1", "2"], dtype=pl.Categorical), [1, 2]),
        ("Decimal[10, 2]", ["1.25", "3"], [1.25, 3]),
        ("Int64", [True, False, None], [1, 0, None]),
        ("Decimal[10, 2]", [True, False, None], [1, 0, None]),
        ("Boolean", ["true", "False ", "1", "0", None], [True, False, True, False, None]),
        ("String", [1, -2, None], ["1", "-2", None]),
        ("String", [1.0, 2.5, -0.0, 1e6, float("nan"), None], ["1", "2.5", "0", "1000000", None, None]),
        ("Categorical", [Decimal("1.00"), Decimal("2.50"), None], ["1", "2.5", None]),
        ("String", [True, False, None], ["true", "false", None]),
        ("String", [dt.date(2024, 1, 31), None], ["2024-01-31", None]),
        ("Date", [" 2024-01-31 ", "1969-12-31", None], [dt.date(2024, 1, 31), dt.date(1969, 12, 31), None]),
        (
            "Datetime[us]",
            ["2024-01-31", "2024-01-31 10:00", "2024-01-31T10:00:05", " 2024-01-31 10:00:05.25", None],
            [dt.datetime(2024, 1, 31), dt.datetime(2024, 1, 31, 10), dt.datetime(2024, 1, 31, 10, 0, 5),
             dt.datetime(2024, 1, 31, 10, 0, 5, 250_000), None],
        ),
        (
            "Datetime[ms, Europe/Berlin]",
            ["2024-01-31 10:00", "2024-01-31T10:00:00Z", "2024-01-31 10:00+05:00", "2024-01-31T10:00:00.5-0100", None],
            [dt.datetime(2024, 1, 31, 10, tzinfo=BERLIN), dt.datetime(2024, 1, 31, 11, tzinfo=BERLIN),
             dt.datetime(2024, 1, 31, 6, tzinfo=BERLIN), dt.datetime(2024, 1, 31, 12, 0, 0, 500_000, tzinfo=BERLIN),
             None],
        ),
        *(
            (name, pl.Series([None, None], dtype=pl.String), [None, None])
            for name in ("Int8", "Boolean", "Date", "Datetime[us]", "Datetime[us, UTC]")
        ),
    ],
)  # fmt: skip
def test_values_are_read_as_the_type_of_the_fit(fitted, values, expected):
    assert _coerced(fitted, values) == expected


@pytest.mark.parametrize(
    ("fitted", "value"),
    [
        ("Int64", "abc"),
        ("Int64", ""),
        ("Int64", "1,5"),
        ("Float64", "1_000"),
        ("Boolean", "maybe"),
        ("Boolean", "2"),
        ("Date", "31/01/2024"),
        ("Date", "2024-02-30"),
        ("Date", "2024-01-31 10:00"),
        ("Datetime[us]", "noon"),
        ("Datetime[us]", "01/02/2024"),
        ("Datetime[us]", "2024-01-31T10:00:00Z"),
        ("Datetime[us, UTC]", "2024-13-01T10:00:00"),
        ("Datetime[us, UTC]", "2024-01-31T10:00:00+99:99"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_wherever_it_stands(fitted, value):
    good = {"Int64": "1", "Float64": "1", "Boolean": "true"}.get(fitted, "2024-01-31")
    for values in ([value, good], [good, None, value]):
        with pytest.raises(pl.exceptions.InvalidOperationError) as caught:
            _coerced(fitted, values)
        assert value in str(caught.value)


@pytest.mark.parametrize("moment", ["2024-03-31 02:30", "2024-10-27 02:30"])
def test_local_times_that_are_none_or_two_are_refused(moment):
    with pytest.raises(pl.exceptions.ComputeError, match="2024"):
        _coerced("Datetime[us, Europe/Berlin]", [moment])


@pytest.mark.parametrize(
    ("fitted", "found"),
    [
        ("Boolean", pl.Int8()),
        ("Int64", pl.Date()),
        ("Date", pl.Int64()),
        ("Time", pl.String()),
        ("Duration[us]", pl.String()),
        ("Duration[us]", pl.Int64()),
        ("Datetime[us]", pl.Date()),
        ("Datetime[us]", pl.Datetime("us", "UTC")),
        ("String", pl.Binary()),
        ("Int64", pl.List(pl.Int64)),
    ],
)
def test_what_would_be_a_guess_is_refused_even_so(fitted, found):
    with pytest.raises(SchemaError, match="'x' was "):
        Schema((Column("x", fitted),)).check({"x": found}, coerce=True)


def test_columns_that_fit_are_read_alike_with_and_without_coercion():
    frame = pl.DataFrame({"age": [1], "city": ["a"], "day": [dt.date(2024, 1, 1)], "when": [dt.datetime(2024, 1, 1)]})
    plain, coerced = (frame.select(SCHEMA.align(frame.schema, coerce=coerce)) for coerce in (False, True))
    assert_frame_equal(plain, coerced)
