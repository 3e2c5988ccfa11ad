"""How long `import tabkit` and `tabkit --help` take, beside an empty Python, in seconds and as ratios.

python benchmarks/startup.py [--repeats 9]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import tabkit": [sys.executable, "-c", "import tabkit"],
    "tabkit --help": [str(Path(sys.executable).parent / "tabkit"), "--help"],
}
AIMS = {"import tabkit": 0.3, "tabkit --help": 0.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(repeats + 1):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if turn:  # the first turn fills the caches
                seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    empty = medians["python -c pass"]
    for name, median in medians.items():
        aim = f"  (aim: under {AIMS[name]} s)" if name in AIMS else ""
        print(f"{name:<16} {median:.3f} s, {median / empty:.1f} times an empty Python{aim}")


if __name__ == "__main__":
    main()
