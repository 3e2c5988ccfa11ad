"""LightGBM models on encoded features, with the base score outside the trees, and the base rate."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
