from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
