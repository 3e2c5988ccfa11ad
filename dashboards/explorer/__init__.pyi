from .board import Board, prepare
from .building import build
from .settings import ExploreConfig, RulesConfig
from .view import OfferedRule, Shade, View
from .writing import serve, write

__all__ = [
    "Board",
    "ExploreConfig",
    "OfferedRule",
    "RulesConfig",
    "Shade",
    "View",
    "build",
    "prepare",
    "serve",
    "write",
]
