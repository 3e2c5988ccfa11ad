"""Columns that tell a target too well to be known before it: one check for all doors."""

from tabkit.leaks.find import Leak, find_leaks, late

__all__ = ["Leak", "find_leaks", "late"]
