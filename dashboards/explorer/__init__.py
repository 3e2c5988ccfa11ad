"""The explorer: pages in which people look at features, brush rules and test them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
