"""A small network on encoded features: a second learner beside the trees, with embeddings to reuse.

Torch is imported when a network is fitted or first scores; settings and saved models do without it. Start with `fit`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
