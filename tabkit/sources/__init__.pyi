from .guard import reading
from .names import SourceFile, describe, is_path, parts

__all__ = ["SourceFile", "describe", "is_path", "parts", "reading"]
