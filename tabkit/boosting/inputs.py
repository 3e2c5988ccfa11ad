"""What models are fitted to: rows and an objective, which the ground defines and this room hands on."""

from tabkit.objective import OBJECTIVES, Objective, variance_power
from tabkit.rows import Rows

__all__ = ["OBJECTIVES", "Objective", "Rows", "variance_power"]
