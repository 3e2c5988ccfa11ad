from .background import Background
from .requests import Call, Limits, Site
from .server import running, serve

__all__ = ["Background", "Call", "Limits", "Site", "running", "serve"]
