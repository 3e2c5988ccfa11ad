"""The jobs: thin compositions of what `tabkit` offers, and the `tabkit` command.

>>> from pipelines import propensity
>>> propensity.train  # doctest: +ELLIPSIS
<function train at ...>
"""
