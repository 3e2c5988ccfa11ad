"""Scores over tables larger than memory: a stream in, whole files out."""

from tabkit.scoring.folder import check_folder, write_folder
from tabkit.scoring.sink import check_output, write
from tabkit.scoring.streaming import Predict, Scorer, Tally, stream

__all__ = ["Predict", "Scorer", "Tally", "check_folder", "check_output", "stream", "write", "write_folder"]
