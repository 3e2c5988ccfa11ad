"""Conditions and rules: typed sets of rows, as Polars expressions and as plain data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
