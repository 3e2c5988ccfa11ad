"""Change many bundles by hand and count what became of them.

python tests/helpers/fuzz.py --mutations 10000
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from hostile import KINDS, NAMES, Outcome, outcomes


def main() -> None:
    """Run, print counts by kind and outcome and everything that must not be, and write all of it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", nargs="*", default=list(NAMES), help="golden bundles")
    parser.add_argument("--out", help="a file of one line of JSON for each mutation")
    parser.add_argument("--trees", action="store_true", help="change the text of trees too")
    given = parser.parse_args()
    found: list[Outcome] = []
    for outcome in outcomes(range(given.first, given.first + given.mutations), tuple(given.only), trees=given.trees):
        found.append(outcome)
        if outcome.outcome not in ("typed", "scored"):
            _say(f"{outcome.name} {outcome.seed} {outcome.part} {outcome.how}: {outcome.outcome}: {outcome.told}")
    if given.out:
        lines = (json.dumps({name: getattr(one, name) for name in Outcome.__slots__}) for one in found)
        Path(given.out).write_text("\n".join(lines) + "\n")
    _say(table(found))


def table(found: list[Outcome]) -> str:
    """Return counts by kind of bundle and outcome; changes of the text of trees stand apart."""
    counts = Counter((KINDS[one.name] + (" text" if one.part.endswith(".txt") else ""), one.outcome) for one in found)
    ends = ("typed", "scored", "odd", "untyped", "slow", "died")
    rows = [("kind", *ends)]
    rows += [(kind, *(str(counts[kind, end]) for end in ends)) for kind in sorted({kind for kind, _ in counts})]
    return "\n".join(" ".join(f"{word:>16}" for word in row) for row in rows)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
