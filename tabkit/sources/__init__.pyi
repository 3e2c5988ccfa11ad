from .failures import reading
from .names import Part, describe, is_path, parts

__all__ = ["Part", "describe", "is_path", "parts", "reading"]
