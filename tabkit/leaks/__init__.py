"""Columns that tell a target too well to be known before it: one check for all doors."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
