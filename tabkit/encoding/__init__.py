"""Columns to numbers: cross-fitted where the target is used, lazy, and saved as data.

Start with `TableEncoder`. To add an encoder: one file with a frozen specification (see `protocol`; most build on
`LevelEncoder` or `FittedExprs`), one line in `registry`, one export here, one mirrored test.
"""

from tabkit.encoding.auto import AutoText
from tabkit.encoding.codes import Codes
from tabkit.encoding.config import EncodingConfig
from tabkit.encoding.dates import DateParts
from tabkit.encoding.drop import Drop
from tabkit.encoding.durations import DurationParts
from tabkit.encoding.fitted import FittedTable, Rated
from tabkit.encoding.frequency import Frequency
from tabkit.encoding.input import Input
from tabkit.encoding.leaveoneout import LeaveOneOut
from tabkit.encoding.logtarget import LogTarget
from tabkit.encoding.lookup import LevelEncoder
from tabkit.encoding.minhash import MinHash
from tabkit.encoding.ngramhash import NGramHash
from tabkit.encoding.numeric import Numeric
from tabkit.encoding.onehot import OneHot
from tabkit.encoding.ordered import OrderedTarget
from tabkit.encoding.ordinal import Ordinal
from tabkit.encoding.protocol import Encoder, FittedEncoder, Statistics
from tabkit.encoding.quantiles import QuantileBins
from tabkit.encoding.rule import RuleFeature
from tabkit.encoding.scale import RobustScale, StandardScale
from tabkit.encoding.table import Encoded, TableEncoder
from tabkit.encoding.target import Target
from tabkit.encoding.textlength import TextLength
from tabkit.encoding.woe import WeightOfEvidence

__all__ = [
    "AutoText",
    "Codes",
    "DateParts",
    "Drop",
    "DurationParts",
    "Encoded",
    "Encoder",
    "EncodingConfig",
    "FittedEncoder",
    "FittedTable",
    "Frequency",
    "Input",
    "LeaveOneOut",
    "LevelEncoder",
    "LogTarget",
    "MinHash",
    "NGramHash",
    "Numeric",
    "OneHot",
    "OrderedTarget",
    "Ordinal",
    "QuantileBins",
    "Rated",
    "RobustScale",
    "RuleFeature",
    "StandardScale",
    "Statistics",
    "TableEncoder",
    "Target",
    "TextLength",
    "WeightOfEvidence",
]
