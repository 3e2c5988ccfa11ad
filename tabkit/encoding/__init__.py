"""Columns to numbers: cross-fitted where the target is used, lazy, and saved as data.

Start with `TableEncoder`. To add an encoder: one file with a frozen specification and a fitted counterpart
(see `protocol`), one line in `fitted.FITTED`, one export here, one mirrored test.
"""

from tabkit.encoding.auto import AutoText
from tabkit.encoding.config import EncodingConfig
from tabkit.encoding.dates import DateParts
from tabkit.encoding.drop import Drop
from tabkit.encoding.fitted import FittedTable
from tabkit.encoding.numeric import Numeric
from tabkit.encoding.onehot import OneHot
from tabkit.encoding.protocol import Encoder, FittedEncoder, Input, Statistics
from tabkit.encoding.table import Encoded, TableEncoder
from tabkit.encoding.target import Target

__all__ = [
    "AutoText",
    "DateParts",
    "Drop",
    "Encoded",
    "Encoder",
    "EncodingConfig",
    "FittedEncoder",
    "FittedTable",
    "Input",
    "Numeric",
    "OneHot",
    "Statistics",
    "TableEncoder",
    "Target",
]
