"""Sources of tables: files and folders, their formats, and the types of text in them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
