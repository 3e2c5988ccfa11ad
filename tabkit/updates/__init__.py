"""Bringing a model up to date, whatever it predicts: strategies are tried, and the cheapest that surely helps is used.

A question hands in its strategies, how a candidate is measured, and how two candidates compare; this room tries,
chooses and says why. A difference of losses is the new one less the old one: below zero is better.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
