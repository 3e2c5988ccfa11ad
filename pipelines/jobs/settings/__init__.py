"""Settings of jobs: those of a model, and beside them what is read and written.

What a TOML file, `--set` and the arguments of a command fill is one of these; a setting is written here or in the
settings of its model, and nowhere else: options, their help and the tables of the README are made of it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
