from .folder import check_folder, write_folder
from .sink import check_output, check_table, write
from .streaming import Predict, Scorer, Tally, stream

__all__ = [
    "Predict",
    "Scorer",
    "Tally",
    "check_folder",
    "check_output",
    "check_table",
    "stream",
    "write",
    "write_folder",
]
