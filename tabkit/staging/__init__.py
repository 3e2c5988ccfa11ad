"""Atomic writes: a name is the whole new content, the whole old content, or absent.

Content is written under a hidden name beside its target, flushed to the disk and renamed; a folder that takes the place
of another is exchanged with it in one step. Whatever interrupts the writing (a full disk, Ctrl-C, an error) removes the
hidden name and leaves the old content. What a killed process left is removed by the next one that writes beside it.
A target that is a link is replaced itself; what it leads to is left as it is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
