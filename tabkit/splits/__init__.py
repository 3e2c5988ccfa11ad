"""Split a table into rows to fit on and rows to test on, or into folds: by chance, time, group or class."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
