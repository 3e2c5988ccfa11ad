"""Writing so that a name is either the whole new content, the whole old content, or absent.

Content is written under a hidden name beside its target, flushed to the disk and renamed; a folder that takes the place
of another is exchanged with it in one step. Whatever interrupts the writing (a full disk, Ctrl-C, an error) removes the
hidden name and leaves the old content. What a killed process left is removed by the next one that writes beside it.
A target that is a link is replaced itself; what it leads to is left as it is.
"""

from tabkit.staging.disk import explain, may_write
from tabkit.staging.file import staged_file
from tabkit.staging.folder import recover, refuse_existing, staged_folder
from tabkit.staging.inside import staged_inside
from tabkit.staging.leftovers import abandoned
from tabkit.staging.lock import exclusive
from tabkit.staging.scratch import scratch_folder
from tabkit.staging.version import Version, one_version, opened

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
