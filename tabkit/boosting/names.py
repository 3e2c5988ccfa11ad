"""The names of features as LightGBM's text can hold them."""

from __future__ import annotations

import re
from collections.abc import Sequence


def safe_names(names: Sequence[str]) -> list[str]:
    """Return distinct names without JSON's special characters and spaces, which LightGBM refuses.

    >>> safe_names(["age", "plan: basic", "plan; basic", ""])
    ['age', 'plan_basic', 'plan_basic_2', 'f3']
    """
    safe: dict[str, None] = {}
    for i, name in enumerate(names):
        plain = re.sub(r"[^0-9A-Za-z_.=-]+", "_", name) or f"f{i}"
        while plain in safe:
            plain = f"{plain}_{i}"
        safe[plain] = None
    return list(safe)
