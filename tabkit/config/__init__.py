"""Settings: frozen models, how files, overrides and arguments fill them, and what each says of itself."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
