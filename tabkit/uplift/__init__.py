"""Uplift: whom contact changes. Experiments, learners of effects, metrics, verdicts and policies.

Regressions are handed in (`regressor.Learn`), so that this room needs neither LightGBM nor CausalML; only `bridge` and
`forests` run CausalML, when they are called.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
