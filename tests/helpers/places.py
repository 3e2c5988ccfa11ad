"""Where tests find the project, the saved artefacts of released formats, and real tables that not every machine has."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "format1"
DATA = Path(os.environ.get("TABKIT_REFERENCE_DATA") or ROOT.parent / "shared" / "data")
