from .folds import kfold, time_blocks
from .parts import Holdout, Way, divide, holdout, way_of

__all__ = ["Holdout", "Way", "divide", "holdout", "kfold", "time_blocks", "way_of"]
