"""Minimum sizes of the rules room, with their reasons."""

from __future__ import annotations

FEWEST_SIDE_ROWS = 5
"""Rows inside of a rule, or outside, below which no test says anything."""

FEWEST_ARM_ROWS = 10
"""Rows of an arm inside of a rule, or outside, likewise."""

FEWEST_TO_HOLD_OUT = 40
"""With fewer rows than this nothing is held out."""

FEWEST_NUMBERS = 20
"""With fewer rows than this a mean has no interval."""

FEWEST_LEVEL_ROWS = 10
"""Rows of a level, below which its mean is no reason to name it."""

FEWEST_GROUP_ROWS = 10
"""Rows of a group, and of an arm in it half of them, below which its shares say little."""

FEWEST_KNOWN_ROWS = 20
"""Rows of which it must be told before "none of them was there" is said: of fewer a tenth may be missed by chance."""
