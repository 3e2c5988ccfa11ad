"""tabkit: whom to contact, what they are worth, and how sure we are.

Importing this package is cheap: whatever it names, rooms too, loads when it is first used.
"""

import lazy_loader

from tabkit import threads as _threads

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
__version__ = "0.1.0"

_threads.tell_if_asked()
