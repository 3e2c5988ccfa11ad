"""Columns of a page as compressed typed arrays in text."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

_TYPES = {"uint8": "u1", "uint16": "u2", "uint32": "u4", "float64": "f8"}


@dataclass(frozen=True, slots=True)
class Packed:
    """Arrays as text.

    Parameters
    ----------
    text
        Base64 of the zlib-compressed bytes.
    manifest
        By array: ``name``, ``type`` (u1, u2, u4, f8, little-endian), ``offset`` in bytes and ``length``.
    """

    text: str
    manifest: list[dict[str, Any]]


def pack(arrays: dict[str, np.ndarray[Any, Any]], *, level: int = 6) -> Packed:
    """Pack arrays of one dimension.

    >>> packed = pack({"a": np.array([1, 2], dtype=np.uint8), "b": np.array([0.5])})
    >>> packed.manifest[1]
    {'name': 'b', 'type': 'f8', 'offset': 2, 'length': 1}
    """
    manifest, offset = [], 0
    press = zlib.compressobj(level)
    parts = []
    for name, values in arrays.items():
        plain = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False))
        manifest.append({"name": name, "type": _TYPES[values.dtype.name], "offset": offset, "length": len(values)})
        parts.append(press.compress(plain.tobytes()))
        offset += plain.nbytes
    parts.append(press.flush())
    return Packed(base64.b64encode(b"".join(parts)).decode("ascii"), manifest)
