"""Checks that the parts of a saved encoder fit each other; any of them may have been edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.rule import RuleFeature
from tabkit.encoding.protocol import Encoder
from tabkit.encoding.table.source import Source
from tabkit.schema import Schema, family
from tabkit.untrusted.manifest import damaged, is_number, is_text, shown


def check_sources(sources: Sequence[Source], aims: Sequence[Aim]) -> None:
    """Refuse sources of one name, and statistics of other targets than those of the fit.

    Raises
    ------
    BundleError
        Naming the source.
    """
    names = [source.input.name for source in sources]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise damaged(f"the encoder has two sources called {twice!r}")
    wanted = [max(1, len(aim.classes)) for aim in aims]
    for source in sources:
        found = [] if source.levels is None else [sums.sums.shape[2] for sums in source.levels.targets]
        if source.levels is not None and found != wanted:
            raise damaged(f"the levels of {source.input.name!r} have sums of {found} columns; {wanted} were expected")


def check_part(spec: Encoder, requested: Encoder, source: Source, scalars: Mapping[str, Any]) -> None:
    """Refuse an encoder that does not take such a column, or aggregates that are no plain values or not all there.

    Raises
    ------
    BundleError
        Naming the source.
    """
    column = source.input
    if (column.label is None) == isinstance(spec, RuleFeature) or (not column.columns and column.label is None):
        raise damaged(f"the source {column.name!r} is of a rule, or its encoder is, and not both")
    if column.family not in spec.families:
        raise damaged(f"{column.name!r} is {column.family}, which its encoder {spec.kind!r} does not take")
    wanted = {name for each in (spec, requested) for name in each.scalars(column, pl.lit(1.0))}
    missing = wanted - scalars.keys()
    if scalars and missing:  # where there are none they were not kept
        raise damaged(f"the aggregates of {column.name!r} lack {', '.join(sorted(missing))}")
    good = (None.__class__, bool)
    for name, value in scalars.items():
        if not (isinstance(value, good) or is_number()(value) or is_text(value)):
            raise damaged(f"{name} of {column.name!r} is {shown(value)}; a number or a text was expected")


def check_schema(schema: Schema, needed: Schema) -> None:
    """Refuse a schema that lacks a column which the features are made of, or has it as another kind.

    Raises
    ------
    BundleError
        Naming the column.
    """
    dtypes = schema.dtypes()
    for name, dtype in needed.dtypes().items():
        if name not in dtypes or family(dtypes[name]) != family(dtype):
            raise damaged(f"the encoder's schema has {name!r} as {dtypes.get(name)}; {dtype} was expected")
