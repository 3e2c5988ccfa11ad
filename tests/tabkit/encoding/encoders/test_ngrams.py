from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from tabkit.encoding.encoders import ngrams
from tabkit.encoding.encoders.ngrams import (
    NGramLengths,
    checked_outputs,
    checked_range,
    expressions,
    grams,
    mix,
    padded,
)
from tabkit.errors import ConfigError

BITS = 2**64
TEXTS = [
    *("Rue Foch", "a", "", "  ", "x\ty\r\nz", "élan", "e\u0301lan"),
    *("👩🏽\u200d💻 déjà", "ß\x00\x1f", "日本" * 40, "\u00a0nbsp\u2003"),
]


def reference_mix(value):
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % BITS
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % BITS
    return value ^ (value >> 31)


def reference_hash(gram):
    value = 1
    for character in gram:
        value = (value * 6364136223846793005 + ord(character)) % BITS
    return reference_mix(value)


def reference_grams(text, low=2, high=4, *, lower=True):
    squeezed = " ".join((text.lower() if lower else text).replace("\x1f", "\ue000").split()).replace("\ue000", "\x1f")
    if not squeezed:
        return []
    whole = f" {squeezed} ".ljust(low)
    return [whole[i : i + n] for n in range(low, high + 1) for i in range(len(whole) - n + 1)]


def cut_up(texts, ngram):
    return list(grams(pl.Series(texts, dtype=pl.String), ngram=ngram))


@pytest.mark.parametrize("ngram", [(1, 1), (2, 4), (3, 3), (1, 6), (12, 14)])
@pytest.mark.parametrize("lower", [True, False])
def test_n_grams_are_those_of_slices_in_python(ngram, lower):
    cut = NGramLengths(ngram=ngram, lower=lower)
    whole = pl.select(padded(pl.lit(pl.Series(TEXTS)), cut)).to_series()
    found = cut_up(whole, ngram)
    assert len(found) == ngram[1] - ngram[0] + 1
    counts = sum(part.counts for part in found)
    expected = [reference_grams(text, *ngram, lower=lower) for text in TEXTS]
    assert counts.tolist() == [len(each) for each in expected]
    hashes = [np.split(part.hashes, np.cumsum(part.counts)[:-1]) for part in found]
    for i, each in enumerate(expected):
        assert Counter(int(h) for part in hashes for h in part[i]) == Counter(map(reference_hash, each))


def test_n_grams_are_as_many_as_scikit_learn_finds():
    texts = ["Main Street 12", "st.  james's park", "a", "naïve café"]
    whole = pl.select(padded(pl.lit(pl.Series(texts)), NGramLengths(ngram=(2, 4), lower=True))).to_series()
    analyse = CountVectorizer(analyzer="char", ngram_range=(2, 4)).build_analyzer()
    theirs = [Counter(map(reference_hash, analyse(text))) for text in whole]
    found = cut_up(whole, (2, 4))
    for i, expected in enumerate(theirs):
        one = [np.split(part.hashes, np.cumsum(part.counts)[:-1])[i].tolist() for part in found]
        assert Counter(h for part in one for h in part) == expected


def test_hashes_never_change_since_saved_models_hang_on_them():
    (found,) = cut_up(["ab", "é", "👩"], (1, 1))
    assert found.hashes.tolist() == [
        10701009708727631014,
        4662008556757532687,
        8249827666341986951,
        1808351732940345811,
    ]
    (found,) = cut_up(["abc"], (3, 3))
    assert found.hashes.tolist() == [4506324785140510741]


def test_mixing_gives_the_published_numbers_of_splitmix64():
    state = np.uint64(1234567) + np.arange(1, 6, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert mix(state).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_short_texts_are_filled_and_empty_ones_have_no_n_grams():
    whole = pl.select(
        padded(pl.lit(pl.Series(["", " \t\n", "a", "ab"])), NGramLengths(ngram=(5, 5), lower=True))
    ).to_series()
    assert whole.to_list() == ["", "", " a   ", " ab  "]
    assert cut_up(whole, (5, 5))[0].counts.tolist() == [0, 0, 1, 1]


def test_n_grams_longer_than_all_texts_are_none():
    assert [found.counts.tolist() for found in cut_up(["ab", "c"], (2, 5))] == [[1, 0], [0, 0], [0, 0], [0, 0]]
    assert [found.counts.tolist() for found in cut_up([], (1, 2))] == [[], []]


def totals(found, texts):
    sizes = np.zeros((texts, 2), dtype=np.float64)
    for part in found:
        sizes[:, 0] += part.counts
        np.add.at(sizes[:, 1], np.repeat(np.arange(texts), part.counts), (part.hashes >> np.uint64(40)).astype(float))
    return sizes


def outputs_of(frame, **collect):
    exprs = expressions(pl.col("t"), totals, cut=NGramLengths(ngram=(2, 4), lower=True), outputs=2, dtype=pl.Float64())
    return frame.lazy().select(e.alias(f"{i}") for i, e in enumerate(exprs)).collect(**collect)


def test_rows_keep_their_order_and_chunks_do_not_show(monkeypatch):
    texts = [*TEXTS, None, *TEXTS[::-1], "long " * 300] * 3
    frame = pl.DataFrame({"t": texts})
    expected = [[None if t is None else float(len(reference_grams(t))) for t in texts]]
    at_once = outputs_of(frame)
    assert [at_once["0"].to_list()] == expected
    for size in (1, 7, 100):
        monkeypatch.setattr(ngrams, "_CHUNK", size)
        assert outputs_of(frame).equals(at_once)


@pytest.mark.parametrize("texts", [[], [None, None], [""], [None, "", None]])
def test_batches_without_n_grams_are_well_defined(texts):
    frame = pl.DataFrame({"t": texts}, schema={"t": pl.String})
    found = outputs_of(frame)
    assert found.dtypes == [pl.Float64, pl.Float64]
    assert found["0"].to_list() == [None if text is None else 0.0 for text in texts]


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_lazy_query_makes_all_outputs_of_a_row_at_once(engine):
    seen = []

    def counted(found, texts):
        seen.append(texts)
        return np.tile(sum(part.counts for part in found)[:, None], 20)

    frame = pl.LazyFrame({"t": [f"text {i}" for i in range(1_000)]})
    exprs = expressions(pl.col("t"), counted, cut=NGramLengths(ngram=(2, 3), lower=True), outputs=20, dtype=pl.Int32())
    frame.select(expr.alias(f"{i}") for i, expr in enumerate(exprs)).collect(engine=engine)
    assert sum(seen) == 1_000


@pytest.mark.parametrize("ngram", [3, None, "24", (4, 2), (0, 2), (2, 33), (2,), (1, 2, 3), (2.0, 4), (True, 2)])
def test_a_wrong_range_is_refused_with_what_came(ngram):
    with pytest.raises(ConfigError, match="ngram is ") as caught:
        checked_range(ngram)
    assert repr(ngram) in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, 4097, 2.0, True, None, "3"])
def test_a_wrong_number_of_outputs_is_refused(value):
    with pytest.raises(ConfigError, match="whole number from 1 to 4096"):
        checked_outputs("width", value)
