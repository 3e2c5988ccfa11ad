from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest

from tabkit.encoding.encoders.minhash import MinHash
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Statistics
from tabkit.errors import ConfigError

BITS = 2**64
NAMES = ["Müller & Söhne GmbH", "muller und sohne gmbh", "Acme Corp.", "a", "", None, "👩🏽\u200d💻", "ACME  corp."]


def reference_mix(value):
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % BITS
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % BITS
    return value ^ (value >> 31)


def reference_hash(gram):
    value = 1
    for character in gram:
        value = (value * 6364136223846793005 + ord(character)) % BITS
    return reference_mix(value)


def gram_set(text, low=2, high=4):
    squeezed = " ".join(text.lower().split())
    whole = f" {squeezed} " if squeezed else ""
    return {whole[i : i + n] for n in range(low, high + 1) for i in range(len(whole) - n + 1)}


def reference(text, components):
    values = []
    for i in range(components):
        factor = reference_mix((2 * i + 1) * 0x9E3779B97F4A7C15 % BITS) | 1
        shift = reference_mix((2 * i + 2) * 0x9E3779B97F4A7C15 % BITS)
        hashes = [(reference_hash(gram) * factor + shift) % BITS for gram in gram_set(text)]
        values.append((min(hashes) >> 11) / 2**53 if hashes else 1.0)
    return values


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


def jaccard(a, b):
    one, other = gram_set(a), gram_set(b)
    return len(one & other) / len(one | other)


@pytest.mark.parametrize("components", [1, 30, 77])
def test_components_are_the_least_hashes_of_slices_in_python(components):
    found = encode(MinHash(components=components), NAMES)
    assert found.columns == [f"t minhash {i}" for i in range(components)]
    assert set(found.dtypes) == {pl.Float64}
    expected = [[None] * components if text is None else reference(text, components) for text in NAMES]
    assert [list(row) for row in found.rows()] == expected


def test_values_never_change_since_saved_models_hang_on_them():
    assert encode(MinHash(components=3, keep=True), ["Acme Corp."]).row(0) == (
        0.006616306270961658,
        0.007142200791845799,
        0.04506449940173096,
    )


def test_a_component_does_not_hang_on_how_many_there_are():
    assert encode(MinHash(components=5), NAMES).equals(encode(MinHash(components=9), NAMES)[:, :5])


def test_texts_without_n_grams_give_one_and_all_others_less():
    found = encode(MinHash(), ["", " \t", "a", "abc"]).to_numpy()
    assert (found[:2] == 1).all()
    assert ((found[2:] >= 0) & (found[2:] < 1)).all()
    shortest = encode(MinHash(ngram=(8, 9)), ["a", "b", ""]).to_numpy()
    assert (shortest[:2] < 1).all()
    assert (shortest[0] != shortest[1]).all()


def test_the_share_of_equal_components_estimates_the_jaccard_similarity():
    generator = np.random.default_rng(3)
    firsts = ["".join(generator.choice(list("abcdefghijklmnopq"), size=generator.integers(6, 25))) for _ in range(600)]
    seconds = [_spoilt(text, generator) for text in firsts]
    components = 200
    equal = encode(MinHash(components=components), firsts).to_numpy() == (
        encode(MinHash(components=components), seconds).to_numpy()
    )
    exact = np.array([jaccard(a, b) for a, b in zip(firsts, seconds, strict=True)])
    error = (equal.mean(axis=1) - exact) / np.sqrt(exact * (1 - exact) / components)
    # The pairs share n-grams, and with them the luck of the hash functions: their mean has a wider bound.
    assert abs(error.mean()) < 0.25
    assert 0.9 < error.std() < 1.1
    assert np.abs(error).max() < 5


def _spoilt(text, generator):
    letters = list(text)
    for _ in range(generator.integers(1, 4)):
        letters[generator.integers(len(letters))] = "xyz"[generator.integers(3)]
    return "".join(letters)


def test_a_typo_is_nearer_than_another_name():
    texts = ["International Business", "Internatoinal Busines", "General Electric Motors"]
    right, typo, other = encode(MinHash(components=100), texts).to_numpy()
    assert (right == typo).mean() > 0.35 > 0.15 > (right == other).mean()


def test_a_text_with_all_n_grams_of_another_is_nowhere_above_it():
    part, whole = encode(MinHash(components=100), ["foch", "rue foch 12"]).to_numpy()
    assert (whole <= part).all()
    assert (whole < part).any()


def test_spellings_by_other_code_points_share_the_n_grams_around_them():
    composed, decomposed = encode(MinHash(components=400), ["avenue élysée", "avenue e\u0301lyse\u0301e"]).to_numpy()
    exact = jaccard("avenue élysée", "avenue e\u0301lyse\u0301e")
    assert 0 < exact < 1
    assert (composed == decomposed).mean() == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 400))


def test_capitals_count_as_small_letters_unless_told():
    same = encode(MinHash(), NAMES)
    assert same.row(2) == same.row(7)
    assert encode(MinHash(lower=False), NAMES).row(2) != same.row(2)


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["Acme", "b", ""])])
def test_categories_are_read_as_text(dtype):
    values = ["Acme", None, "b", "", "Acme"]
    assert encode(MinHash(), values, dtype).equals(encode(MinHash(), values))


def test_streaming_gives_what_memory_gives():
    values = [None if i % 50 == 0 else f"Name {i % 7_000} street" for i in range(250_000)]
    streamed = encode(MinHash(components=4), values, engine="streaming")
    assert streamed.equals(encode(MinHash(components=4), values, engine="in-memory"))


def test_no_rows_give_no_rows():
    encoder = fit(MinHash(components=3), ["a", "b"])
    for engine in ("in-memory", "streaming"):
        empty = pl.LazyFrame(schema={"t": pl.String}).select(encoder.exprs(pl.lit(None))).collect(engine=engine)
        assert empty.shape == (0, 3)
        assert set(empty.dtypes) == {pl.Float64}


@pytest.mark.parametrize(
    ("values", "why"), [([None, None], "all null"), (["a", "a"], "constant"), (["a", None], ""), (["a", "b"], "")]
)
def test_columns_that_tell_nothing_are_left_out_unless_kept(values, why):
    encoder = fit(MinHash(), values, pl.String)
    assert encoder.outputs == () if why else len(encoder.outputs) == 30
    assert not why or encoder.why == why
    assert len(fit(MinHash(keep=True), values, pl.String).outputs) == 30


def test_frozen_makes_the_same_features_from_any_rows():
    encoder = fit(MinHash(components=5), ["a", "b"])
    assert fit(encoder.frozen, [None, None], pl.String).outputs == encoder.outputs
    assert encoder.spec == MinHash(components=5)


def test_a_specification_survives_json():
    spec = MinHash(components=9, ngram=(3, 5), lower=False)
    assert MinHash(**json.loads(json.dumps(asdict(spec)))) == spec


@pytest.mark.parametrize("options", [{"ngram": (3, 2)}, {"ngram": "24"}, {"components": 0}, {"components": 2.5}])
def test_wrong_settings_are_refused_with_advice(options):
    with pytest.raises(ConfigError, match="To do:"):
        MinHash(**options)


def test_sql_is_refused():
    with pytest.raises(ConfigError, match=r"MinHash of 't'.*SQL"):
        fit(MinHash(), ["a", "b"]).sql(Input(("t",), (pl.String(),)))
