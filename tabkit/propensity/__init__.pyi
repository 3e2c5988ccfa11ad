from .ablation.result import Worth
from .ablation.study import worth
from .comparison import compare
from .config import SplitConfig, TrainConfig, UpdateConfig, WorthConfig
from .evaluation import Evaluation, Gain, Score, evaluate
from .model import PropensityModel
from .training import load, train
from .updating.update import UpdateReport, update

__all__ = [
    "Evaluation",
    "Gain",
    "PropensityModel",
    "Score",
    "SplitConfig",
    "TrainConfig",
    "UpdateConfig",
    "UpdateReport",
    "Worth",
    "WorthConfig",
    "compare",
    "evaluate",
    "load",
    "train",
    "update",
    "worth",
]
