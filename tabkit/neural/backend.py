"""Torch, imported on first use; settings and saved models do not need it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tabkit import forked
from tabkit.errors import ConfigError
from tabkit.extras import require
from tabkit.threads import count as thread_count

_ONE = threading.RLock()


def device_of(wanted: str) -> str:
    """Return the device to use: ``cuda`` or ``mps`` where ``auto`` finds one, else ``cpu``.

    Raises
    ------
    ConfigError
        If one is asked for that is not there.
    """
    torch = require("torch", extra="neural")
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(name for name, found in there.items() if found)
    if not there[wanted]:
        raise ConfigError(
            f"device is {wanted!r}, but torch {torch.__version__} sees no such device here",
            advice="choose device 'auto' or 'cpu', or install the build of torch for your GPU",
        )
    return wanted


def check_device(wanted: str) -> None:
    """Raise before any work if torch is not installed, or sees no such device; see `device_of`."""
    device_of(wanted)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Limit torch's threads within a context; 0 means its default, as far as this process may use it."""
    forked.check()
    torch = require("torch", extra="neural")
    before = torch.get_num_threads()
    count = count or min(before, thread_count())
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int, *, device: str) -> Iterator[Any]:
    """Seed torch within a context, without touching the global generator.

    On a GPU dropout draws from torch's own stream, which belongs to the whole process: it is seeded in here, one caller
    at a time, and left where it was.
    """
    torch = require("torch", extra="neural")
    generator = torch.Generator().manual_seed(seed)
    if device == "cpu":
        yield generator
        return
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    with _ONE, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield generator
