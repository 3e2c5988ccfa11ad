"""Columns to numbers: cross-fitted where the target is used, lazy, and saved as data.

Start with `TableEncoder`. To add an encoder: one file with a frozen specification (see `protocol`; most build on
`LevelEncoder` or `FittedExprs`), one line in `registry`, one export here, one mirrored test.
"""

from tabkit.encoding.auto import AutoText
from tabkit.encoding.config import EncodingConfig
from tabkit.encoding.encoders.codes import Codes
from tabkit.encoding.encoders.dates import DateParts
from tabkit.encoding.encoders.drop import Drop
from tabkit.encoding.encoders.durations import DurationParts
from tabkit.encoding.encoders.frequency import Frequency
from tabkit.encoding.encoders.leaveoneout import LeaveOneOut
from tabkit.encoding.encoders.logtarget import LogTarget
from tabkit.encoding.encoders.lookup import LevelEncoder
from tabkit.encoding.encoders.minhash import MinHash
from tabkit.encoding.encoders.ngramhash import NGramHash
from tabkit.encoding.encoders.numeric import Numeric
from tabkit.encoding.encoders.onehot import OneHot
from tabkit.encoding.encoders.ordered import OrderedTarget
from tabkit.encoding.encoders.ordinal import Ordinal
from tabkit.encoding.encoders.quantiles import QuantileBins
from tabkit.encoding.encoders.rule import RuleFeature
from tabkit.encoding.encoders.scale import RobustScale, StandardScale
from tabkit.encoding.encoders.target import Target
from tabkit.encoding.encoders.textlength import TextLength
from tabkit.encoding.encoders.woe import WeightOfEvidence
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder, FittedEncoder, Statistics
from tabkit.encoding.table.encoder import Encoded, TableEncoder
from tabkit.encoding.table.fitted import FittedTable, Rated

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
