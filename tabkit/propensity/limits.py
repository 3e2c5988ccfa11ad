"""Minimum sizes of the propensity room, with their reasons."""

from __future__ import annotations

FEWEST_ROWS = 50
"""Rows of a table to train on: three parts (fit, stop, test) of a dozen rows at least."""

FEWEST_FIT_ROWS = 50
"""Rows that a model of an ablation is fitted to: trees on fewer are noise."""

FEWEST_CLASS_ROWS = 30
"""Held-out rows of a class below which its metrics are noise."""
