from .protocol import Learner, Predictor
from .registry import LEARNERS, learner_of, predictor_of

__all__ = ["LEARNERS", "Learner", "Predictor", "learner_of", "predictor_of"]
