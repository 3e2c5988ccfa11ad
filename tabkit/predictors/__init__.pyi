from .config import EncodeConfig
from .encoded_table import EncodedTable, encode
from .protocol import Learner, Predictor
from .registry import LEARNERS, learner_of, predictor_of

__all__ = ["LEARNERS", "EncodeConfig", "EncodedTable", "Learner", "Predictor", "encode", "learner_of", "predictor_of"]
