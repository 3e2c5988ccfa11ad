"""Columns to numbers: cross-fitted where the target is used, lazy, and saved as data.

Start with `TableEncoder`. To add an encoder: one file with a frozen specification (see `protocol`; most build on
`LevelEncoder` or `FittedExprs`), one line in `registry`, one export here, one mirrored test.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
