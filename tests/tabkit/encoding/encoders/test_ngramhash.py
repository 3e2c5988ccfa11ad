from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest

from tabkit.encoding.encoders.ngramhash import NGramHash
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Statistics, pool_scalars
from tabkit.errors import ConfigError

BITS = 2**64
NAMES = ["Müller & Söhne GmbH", "muller und sohne gmbh", "Acme Corp.", "a", "", None, "👩🏽\u200d💻", "ACME  corp."]


def reference_hash(gram):
    value = 1
    for character in gram:
        value = (value * 6364136223846793005 + ord(character)) % BITS
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % BITS
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % BITS
    return value ^ (value >> 31)


def reference(text, *, width=32, signed=False, low=2, high=4):
    counts = [0] * width
    squeezed = " ".join(text.lower().split())
    whole = f" {squeezed} " if squeezed else ""
    for n in range(low, high + 1):
        for i in range(len(whole) - n + 1):
            value = reference_hash(whole[i : i + n])
            counts[(value >> 32) * width >> 32] += -1 if signed and value & 1 else 1
    return counts


def fit(spec, values, dtype=None):
    series = pl.Series("t", values, dtype=dtype)
    column = Input(("t",), (series.dtype,))
    frame = series.to_frame()
    asked = frame.select(expr.alias(name) for name, expr in spec.scalars(column, pl.lit(1.0)).items())
    found = Statistics(frame.height, series.null_count(), asked.row(0, named=True))
    return spec.finish(column, found, ())


def encode(spec, values, dtype=None, **collect):
    frame = pl.DataFrame({"t": pl.Series("t", values, dtype=dtype)})
    return frame.lazy().select(fit(spec, values, dtype).exprs(pl.lit(None))).collect(**collect)


@pytest.mark.parametrize("options", [{}, {"width": 7}, {"signed": True}, {"width": 1}, {"width": 300, "signed": True}])
def test_counts_are_those_of_slices_in_python(options):
    found = encode(NGramHash(**options), NAMES)
    width = options.get("width", 32)
    assert found.columns == [f"t ngram {i}" for i in range(width)]
    assert set(found.dtypes) == {pl.Int32}
    expected = [[None] * width if text is None else reference(text, **options) for text in NAMES]
    assert [list(row) for row in found.rows()] == expected


@pytest.mark.parametrize("signed", [True, False])
def test_counts_of_euclidean_length_one(signed):
    counts = np.array(encode(NGramHash(signed=signed), NAMES).drop_nulls().rows())
    found = encode(NGramHash(signed=signed, norm="l2"), NAMES)
    assert set(found.dtypes) == {pl.Float64}
    length = np.linalg.norm(counts, axis=1, keepdims=True)
    assert found.drop_nulls().to_numpy() == pytest.approx(counts / np.where(length, length, 1))


def test_values_never_change_since_saved_models_hang_on_them():
    found = encode(NGramHash(width=8, keep=True), ["Acme Corp."])
    assert found.row(0) == (6, 3, 5, 1, 4, 7, 2, 2)
    signed = encode(NGramHash(width=8, signed=True, keep=True), ["Acme Corp."])
    assert signed.row(0) == (4, 1, 1, 1, 0, -3, 0, -2)


def test_capitals_count_as_small_letters_unless_told():
    same = encode(NGramHash(), NAMES)
    assert same.row(2) == same.row(7)
    different = encode(NGramHash(lower=False), NAMES)
    assert different.row(2) != different.row(7)


def test_a_typo_is_nearer_than_another_name():
    texts = ["international business", "internatoinal busines", "general electric motors"]
    right, typo, other = encode(NGramHash(width=256, norm="l2"), texts).to_numpy()
    assert right @ typo > 0.6 > 0.4 > right @ other


def test_signed_counts_keep_dot_products_in_expectation():
    words = [f"{a}{b}" for a in ("river", "garden", "bridge", "market") for b in ("side", "town", "gate", "field")]
    exact = np.array([[_dot(a, b) for b in words] for a in words])
    plain = encode(NGramHash(width=16), words).to_numpy().astype(float)
    signed = encode(NGramHash(width=16, signed=True), words).to_numpy().astype(float)
    off = ~np.eye(len(words), dtype=bool)
    assert abs((signed @ signed.T - exact)[off].mean()) < 0.2 * (plain @ plain.T - exact)[off].mean()


def _dot(a, b):
    return sum((_grams(a) & _grams(b)).values())


def _grams(text):
    return Counter(f" {text} "[i : i + n] for n in (2, 3, 4) for i in range(len(text) + 3 - n))


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["Acme", "b", ""])])
def test_categories_are_read_as_text(dtype):
    values = ["Acme", None, "b", "", "Acme"]
    assert encode(NGramHash(), values, dtype).equals(encode(NGramHash(), values))


def test_streaming_gives_what_memory_gives():
    values = [None if i % 50 == 0 else f"Name {i % 7_000} street" for i in range(250_000)]
    streamed = encode(NGramHash(width=4), values, engine="streaming")
    assert streamed.equals(encode(NGramHash(width=4), values, engine="in-memory"))


def test_no_rows_give_no_rows():
    encoder = fit(NGramHash(width=3), ["a", "b"])
    for engine in ("in-memory", "streaming"):
        empty = pl.LazyFrame(schema={"t": pl.String}).select(encoder.exprs(pl.lit(None))).collect(engine=engine)
        assert empty.shape == (0, 3)
        assert set(empty.dtypes) == {pl.Int32}


@pytest.mark.parametrize(
    ("values", "why"), [([None, None], "all null"), (["a", "a"], "constant"), (["a", None], ""), (["a", "b"], "")]
)
def test_columns_that_tell_nothing_are_left_out_unless_kept(values, why):
    encoder = fit(NGramHash(), values, pl.String)
    assert encoder.outputs == () if why else len(encoder.outputs) == 32
    assert not why or encoder.why == why
    assert len(fit(NGramHash(keep=True), values, pl.String).outputs) == 32


def test_frozen_makes_the_same_features_from_any_rows():
    encoder = fit(NGramHash(width=5), ["a", "b"])
    again = fit(encoder.frozen, [None, None], pl.String)
    assert again.outputs == encoder.outputs
    assert encoder.spec == NGramHash(width=5)


def test_parts_pool_to_the_whole():
    assert NGramHash().pool([{"low": "b", "high": "b"}, {"low": None, "high": None}]) == {"low": "b", "high": "b"}
    assert pool_scalars([{"low": "b", "high": "b"}, {"low": "a", "high": "a"}]) == {"low": "a", "high": "b"}


def test_a_specification_survives_json():
    spec = NGramHash(ngram=(3, 5), width=9, signed=True, norm="l2", lower=False)
    assert NGramHash(**json.loads(json.dumps(asdict(spec)))) == spec


@pytest.mark.parametrize(
    "options", [{"ngram": (0, 1)}, {"ngram": 3}, {"width": 0}, {"width": 1e3}, {"norm": "l1"}, {"norm": None}]
)
def test_wrong_settings_are_refused_with_advice(options):
    with pytest.raises(ConfigError, match="To do:"):
        NGramHash(**options)


def test_sql_is_refused():
    with pytest.raises(ConfigError, match=r"NGramHash of 't'.*SQL"):
        fit(NGramHash(), ["a", "b"]).sql(Input(("t",), (pl.String(),)))
