"""A small network on encoded features: the baseline beside the trees, with a hidden layer to hand on.

Torch is imported when a network is fitted or first scores; settings and saved models do without it. Start with `fit`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
