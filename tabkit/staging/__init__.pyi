from .disk import explain, may_write
from .file import staged_file
from .folder import recover, refuse_existing, staged_folder
from .inside import staged_inside
from .leftovers import abandoned
from .lock import exclusive
from .scratch import scratch_folder
from .version import Version, one_version, opened

__all__ = [
    "Version",
    "abandoned",
    "exclusive",
    "explain",
    "may_write",
    "one_version",
    "opened",
    "recover",
    "refuse_existing",
    "scratch_folder",
    "staged_file",
    "staged_folder",
    "staged_inside",
]
