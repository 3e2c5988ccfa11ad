"""Hidden names for unfinished output, and the removal of those that a killed process left.

A name ``.NAME.OWNER-TOKEN.part`` says whose it is and carries a checksum of itself: nothing but what tabkit wrote, and
whose writer is known to have ended, is ever removed. Where that cannot be known (another machine, a restart since,
Windows, macOS) it is left until nothing in it was touched for a day.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tabkit.staging import owner
from tabkit.staging.disk import remove

PART, OLD = ".part", ".old"
_SILENT_SECONDS = 86_400.0  # no job writes for a day without touching its files, and clocks differ by less
_LONGEST = 40  # characters of a name that are kept, lest the longest names grow beyond what systems allow
_FORM = re.compile(rf"(\.(.+)\.({owner.PATTERN})-[0-9a-f]{{8}})([0-9a-f]{{8}})(\.part|\.old)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that lies under a hidden name of ours.

    Parameters
    ----------
    path
        Where.
    stem
        The name that it was written for; see `stem_of`.
    owner
        Who wrote it; see `owner.mine`.
    """

    path: Path
    stem: str
    owner: str

    @property
    def displaced(self) -> bool:
        """Whether it is an old version that was moved aside, not a new one that was being written."""
        return self.path.suffix == OLD

    def is_abandoned(self) -> bool:
        """Say whether nobody writes it any more."""
        dead = owner.is_dead(self.owner)
        return time.time() - _last_touched(self.path) > _SILENT_SECONDS if dead is None else dead


def hidden(target: Path, *, ending: str = PART) -> Path:
    """Return a new hidden name beside `target`."""
    body = f".{stem_of(target)}.{owner.mine()}-{secrets.token_hex(4)}"
    return target.parent / f"{body}{_check(body)}{ending}"


def stem_of(target: Path) -> str:
    """Return the name of `target` as hidden names hold it: long ones are cut and stay apart by a checksum."""
    name = target.name
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}~{_check(name)}"


def found(folder: Path) -> Iterator[Leftover]:
    """Find what lies in a folder under hidden names of ours."""
    with suppress(OSError), os.scandir(folder) as entries:
        for name in sorted(entry.name for entry in entries if entry.name.endswith((PART, OLD))):
            form = _FORM.fullmatch(name)
            if form is not None and _check(form[1]) == form[4]:
                yield Leftover(folder / name, form[2], form[3])


def old_versions(target: Path) -> list[Path]:
    """Find the versions of `target` that were moved aside, the latest last."""
    paths = [left.path for left in found(target.parent) if left.displaced and left.stem == stem_of(target)]
    return sorted(paths, key=_last_touched)


def abandoned(folder: Path) -> list[str]:
    """Return the names of what ended processes left in a folder."""
    return [left.path.name for left in found(folder) if left.is_abandoned()]


def clear(target: Path) -> None:
    """Remove what ended processes left beside `target`.

    Never what a living one writes, and no old version whose new one did not come: see `folder.recover`.
    """
    for left in found(target.parent):
        place = target if left.stem == stem_of(target) else left.path.with_name(left.stem)
        with suppress(OSError):
            if (not left.displaced or os.path.lexists(place)) and left.is_abandoned():
                remove(left.path)


def _check(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _last_touched(path: Path) -> float:
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    return float(max(entry.lstat().st_mtime for entry in (path, *inside)))
