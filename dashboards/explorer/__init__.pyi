from .board import Board, prepare
from .building import build
from .settings import ExploreConfig
from .view import OfferedRule, Shade, View
from .writing import serve, write

__all__ = [
    "Board",
    "ExploreConfig",
    "OfferedRule",
    "Shade",
    "View",
    "build",
    "prepare",
    "serve",
    "write",
]
