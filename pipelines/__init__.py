"""Pipelines: thin compositions of what `tabkit` offers, and the `tabkit` command.

>>> import pipelines
>>> pipelines.propensity.train  # doctest: +ELLIPSIS
<function train at ...>
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
