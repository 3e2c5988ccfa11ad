from .find import Leak, find_leaks, late

__all__ = ["Leak", "find_leaks", "late"]
