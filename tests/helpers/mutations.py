"""Changes that a stranger could make to a saved bundle: seeded, aware of each part's format, checksums made anew."""

import copy
import hashlib
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tabkit.bundle import CHECKSUM, MANIFEST

_DEEP = "\ufffddeep\ufffd"
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 1000, -(2**31), 2**31, 2**53 + 1, 2**63, 2**64, 10**12, 10**30),
    *(0.0, -0.0, 0.5, -0.5, 1.5, 1e-300, 1e18, 1e100, 1e308, -1e308, math.nan, math.inf, -math.inf),
    *("", "x", "0", "1.5", "nan", "\0", "../x", "é\u2028", "a" * 5000, "2024-13-45", "2024-02-30T25:61"),
    *([], [1], [None], ["x"], [[]], [0.5, "x", None], [math.nan], list(range(500)), {}, {"a": 1}, {"": None}),
    *("String", "Int64", "Datetime[us]", "binary", "multiclass", "regression", "target", "numeric", "log", _DEEP),
)
_TYPES = (pl.String, pl.Float32, pl.Float64, pl.Int8, pl.Int64, pl.UInt64, pl.Boolean, pl.Date, pl.Null, pl.Binary)
_NUMBERS = (0.0, -1.0, 1.0, 0.5, 1e6, 1e18, 1e300, -1e300, math.nan, math.inf, -math.inf, 1e-300)
_INTEGERS = (0, -1, 1, 2, 100, 10**6, 2**31 - 1, -(2**31), 2**62)


@dataclass(frozen=True, slots=True)
class Mutated:
    """A bundle that was changed.

    Parameters
    ----------
    files
        By name: manifest and checksum too.
    part
        What was changed last, and `how` in a word or two.
    """

    files: dict[str, bytes]
    part: str
    how: str

    def write(self, folder: Path) -> None:
        """Write it as a folder."""
        for name, data in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def mutated(bundle: Path, seed: int, *, trees: bool = False) -> Mutated:
    """Return a bundle with one to three changes, with `trees` in their text too; a seed always gives the same ones."""
    rng = np.random.default_rng(seed)
    manifest = json.loads((bundle / MANIFEST).read_bytes())
    parts = {name: (bundle / name).read_bytes() for name in manifest["parts"]}
    part, how = MANIFEST, ""
    for _ in range(1 + int(rng.random() < 0.25) + int(rng.random() < 0.1)):
        names = sorted({_like(name): name for name in parts if trees or not name.endswith(".txt")}.values())
        part = MANIFEST if rng.random() < 0.4 else _any(rng, names)
        if part == MANIFEST:
            manifest, how = changed_json(manifest, rng)
            if not isinstance(manifest, dict):
                break
        else:
            old = parts[part]
            parts[part], how = changed_part(part, old, rng)
            _told_anew(manifest, old, parts[part])
    return Mutated(sealed(manifest, parts), part, how)


def sealed(manifest: Any, parts: dict[str, bytes]) -> dict[str, bytes]:
    """Return all files of a bundle, the checksums of its parts made anew where the manifest has a place for them."""
    known = manifest.get("parts") if isinstance(manifest, dict) else None
    if isinstance(known, dict):
        for name, old in known.items():
            if isinstance(old, str) and len(old) == 64 and name in parts:
                known[name] = hashlib.sha256(parts[name]).hexdigest()
    raw = written(manifest)
    line = f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode()
    return {**parts, MANIFEST: raw, CHECKSUM: line}


def written(data: Any) -> bytes:
    """Return JSON as a stranger may write it: NaN, infinities and lists of any depth are let through."""
    text = json.dumps(data, ensure_ascii=False, indent=1)
    return text.replace(json.dumps(_DEEP, ensure_ascii=False), "[" * 3000 + "]" * 3000).encode("utf-8", "replace")


def changed_part(name: str, data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change a part in the way of its format; one in ten, and what is no longer of its format, as bytes."""
    if rng.random() < 0.1:
        return changed_bytes(data, rng)
    try:
        return _by_format(name, data, rng)
    except (ValueError, RecursionError, pl.exceptions.PolarsError):  # changed twice
        return changed_bytes(data, rng)


def _by_format(name: str, data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    if name.endswith(".json"):
        found, how = changed_json(json.loads(data), rng)
        return written(found), how
    if name.endswith(".parquet"):
        return changed_parquet(data, rng)
    if name.endswith(".txt"):
        return changed_text(data, rng)
    return changed_safetensors(data, rng) if name.endswith(".safetensors") else changed_bytes(data, rng)


def changed_json(data: Any, rng: np.random.Generator) -> tuple[Any, str]:
    """Walk down to some value, and replace, drop, repeat, move or surround it."""
    path: list[Any] = []
    at = data
    while isinstance(at, dict | list) and at and rng.random() < (0.99 if not path else 0.85):
        key = _any(rng, list(at)) if isinstance(at, dict) else int(rng.integers(len(at)))
        path.append(key)
        at = at[key]
    if not path:
        return _value(rng), "all replaced"
    holder = data
    for key in path[:-1]:
        holder = holder[key]
    return data, _ways(holder, path[-1], rng)


def _ways(holder: Any, key: Any, rng: np.random.Generator) -> str:
    old, way = holder[key], _any(rng, ["replace"] * 6 + ["drop", "swap", "wrap", "scale", "shorten", "add"])
    where = key if isinstance(key, str) else "item"
    if way == "drop":
        del holder[key]
    elif way == "swap":
        other = _any(rng, list(holder)) if isinstance(holder, dict) else int(rng.integers(len(holder)))
        holder[key], holder[other] = holder[other], holder[key]
    elif way == "wrap":
        holder[key] = [old]
    elif way == "scale" and isinstance(old, int | float):
        holder[key] = old * _any(rng, [-1, 0, 2, 1000, 10**9, 0.5])
    elif way == "shorten" and isinstance(old, list | str):
        holder[key] = old[: len(old) // 2]
    elif way == "add" and isinstance(old, list):
        holder[key] = old + (old[-1:] or [_value(rng)])
    elif way == "add" and isinstance(old, dict):
        holder[key] = {**old, "more": _value(rng)}
    else:
        new = _value(rng)
        holder[key] = new
        return f"{where} := {str(new)[:12]}"
    return f"{where} {way}"


def changed_parquet(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Drop, rename, retype or fill a column, or change which rows there are."""
    frame = pl.read_parquet(io.BytesIO(data))
    name = _any(rng, frame.columns)
    way = _any(rng, list(_FRAMES))
    try:
        found = _FRAMES[way](frame, name, rng)
    except pl.exceptions.PolarsError:  # not every type takes every value
        found, way = frame.drop(name), "drop"
    buffer = io.BytesIO()
    found.write_parquet(buffer)
    return buffer.getvalue(), f"{way} {name}"


def _filled(frame: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame:
    dtype = frame.schema[name]
    value: Any = "new" if dtype == pl.String else _any(rng, _NUMBERS) if dtype.is_float() else _any(rng, _INTEGERS)
    if dtype == pl.Boolean:
        value = bool(rng.random() < 0.5)
    here = pl.Series(rng.random(frame.height) < _any(rng, [0.1, 1.0]))
    return frame.with_columns(pl.when(here).then(pl.lit(value).cast(dtype)).otherwise(pl.col(name)).alias(name))


def _holed(frame: pl.DataFrame, name: str, rng: np.random.Generator) -> pl.DataFrame:
    here = pl.Series(rng.random(frame.height) < _any(rng, [0.1, 1.0]))
    return frame.with_columns(pl.when(~here).then(pl.col(name)).alias(name))


_FRAMES: dict[str, Callable[[pl.DataFrame, str, np.random.Generator], pl.DataFrame]] = {
    "drop": lambda f, n, _: f.drop(n),
    "rename": lambda f, n, _: f.rename({n: f"{n}_"}),
    "retype": lambda f, n, rng: f.with_columns(pl.col(n).cast(_any(rng, _TYPES), strict=False)),
    "list": lambda f, n, _: f.with_columns(pl.col(n).reshape((-1, 1)).cast(pl.List(f.schema[n]))),
    "fill": _filled,
    "hole": _holed,
    "no rows": lambda f, n, _: f.head(0),
    "one row": lambda f, n, _: f.head(1),
    "half": lambda f, n, _: f.head(f.height // 2),
    "twice": lambda f, n, _: pl.concat([f, f]),
    "shuffle": lambda f, n, rng: f.sample(fraction=1.0, shuffle=True, seed=int(rng.integers(2**31))),
    "add": lambda f, n, _: f.with_columns(more=pl.lit(1.0)),
    "copy": lambda f, n, rng: f.with_columns(f[_any(rng, f.columns)].alias(n)),
    "many": lambda f, n, _: f.head(1).select(pl.all().repeat_by(300_000).explode()),
}


def changed_text(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change a token of a text, or drop, repeat or move a line."""
    lines = data.decode().split("\n")
    at, way = int(rng.integers(len(lines))), _any(rng, ["token"] * 6 + ["drop", "repeat", "cut"])
    if way == "drop":
        del lines[at]
    elif way == "repeat":
        lines.insert(at, lines[at])
    elif way == "cut":
        lines = lines[:at]
    else:
        key, sign, value = lines[at].partition("=")
        tokens = value.split(" ")
        tokens[int(rng.integers(len(tokens)))] = str(_any(rng, [0, -1, 1, 10**6, 2**31, 1e300, "nan", "x", "", 1e-9]))
        lines[at] = key + sign + " ".join(tokens)
        return "\n".join(lines).encode(), f"{key[:20]} token"
    return "\n".join(lines).encode(), f"line {way}"


def changed_safetensors(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change the header, or the numbers behind it."""
    size = int.from_bytes(data[:8], "little")
    if rng.random() < 0.4:
        body = bytearray(data)
        for at in rng.integers(8 + size, len(data), 8):
            body[at] = int(rng.integers(256))
        return bytes(body), "weights"
    header, how = changed_json(json.loads(data[8 : 8 + size]), rng)
    raw = written(header)
    return len(raw).to_bytes(8, "little") + raw + data[8 + size :], how


def changed_bytes(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Flip, cut, repeat or empty the bytes."""
    way = _any(rng, ["flip", "flip", "cut", "twice", "empty", "noise"])
    body = bytearray(data)
    for at in rng.integers(0, max(len(body), 1), 4) if body and way == "flip" else ():
        body[at] ^= 1 << int(rng.integers(8))
    found = {
        "flip": bytes(body),
        "cut": data[: int(rng.integers(len(data) + 1))],
        "twice": data + data,
        "empty": b"",
        "noise": rng.bytes(200),
    }
    return found[way], f"bytes {way}"


def _told_anew(manifest: Any, old: bytes, new: bytes) -> None:
    """Write the checksum of a changed text wherever the manifest tells that of the old one."""
    before, after = (hashlib.sha256(data).hexdigest() for data in (old, new))
    stack = [manifest]
    while stack:
        at = stack.pop()
        for key, value in list(at.items()) if isinstance(at, dict) else list(enumerate(at)):
            if value == before:
                at[key] = after
            elif isinstance(value, dict | list):
                stack.append(value)


def _like(name: str) -> str:
    """Return what is changed alike: of thirty texts of trees one is enough."""
    return name.rpartition(".")[2] if name.endswith(".txt") else name


def _value(rng: np.random.Generator) -> Any:
    """Return a value of its own: the next change may change what is in it."""
    return copy.deepcopy(_any(rng, _VALUES))


def _any(rng: np.random.Generator, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]
