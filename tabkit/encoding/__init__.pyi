from .auto import AutoText
from .config import EncodingConfig
from .encoders.codes import Codes
from .encoders.dates import DateParts
from .encoders.drop import Drop
from .encoders.durations import DurationParts
from .encoders.frequency import Frequency
from .encoders.leaveoneout import LeaveOneOut
from .encoders.logtarget import LogTarget
from .encoders.lookup import LevelEncoder
from .encoders.minhash import MinHash
from .encoders.ngramhash import NGramHash
from .encoders.numeric import Numeric
from .encoders.onehot import OneHot
from .encoders.ordered import OrderedTarget
from .encoders.ordinal import Ordinal
from .encoders.quantiles import QuantileBins
from .encoders.rule import RuleFeature
from .encoders.scale import RobustScale, StandardScale
from .encoders.target import Target
from .encoders.textlength import TextLength
from .encoders.woe import WeightOfEvidence
from .input import Input
from .protocol import Encoder, FittedEncoder, Statistics
from .specification import table_encoder
from .table.encoder import Encoded, TableEncoder
from .table.fitted import FittedTable, Rated

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
    "table_encoder",
]
