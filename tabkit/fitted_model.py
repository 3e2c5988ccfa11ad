"""What every fitted model can do: say what it is in three lines, be saved, loaded and updated, and write its page."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from tabkit import bundle
from tabkit.errors import TabkitError
from tabkit.frames import Source
from tabkit.kinds import KINDS, at
from tabkit.untrusted.manifest import building

M = TypeVar("M")
_WIDEST = 120
"""Characters of a line of `repr`: a terminal's width. Names come from data, and may be as long as they like."""


class Updated(NamedTuple, Generic[M]):
    """What an update gave: ``model, report = old.update(rows)``.

    Parameters
    ----------
    model
        The new model; the old one is not changed.
    report
        What was tried and found, such as `tabkit.propensity.updating.update.UpdateReport`.
    """

    model: M
    report: Any

    def __repr__(self) -> str:
        return f"Updated: {self.model!r}"


@dataclass(frozen=True, slots=True)
class BundleParts:
    """What a model is saved as: plain data for the manifest, and files by name."""

    content: Mapping[str, Any]
    files: Mapping[str, bytes]


class FittedModel(ABC):
    """A fitted model: frozen, saved as a bundle of its kind.

    A room's model gives `kind`, `summary`, `lines`, `to_parts` and `from_parts`; the rest is the same for all.
    """

    __slots__ = ()
    kind: ClassVar[str]

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Return the headline numbers and the ``warnings`` that belong to them, as plain data."""

    @abstractmethod
    def lines(self) -> tuple[str, str, str]:
        """Return what the model is, what it was made from, and how good it is: a line each."""

    @abstractmethod
    def to_parts(self) -> BundleParts:
        """Return what the model is saved as."""

    @classmethod
    @abstractmethod
    def from_parts(cls, found: bundle.Bundle) -> Self:
        """Rebuild a model from what `to_parts` gave; errors of any kind are those of a stranger's data."""

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write a bundle and return its checksum; see `tabkit.bundle.write`."""
        parts = self.to_parts()
        return bundle.write(path, kind=self.kind, content=parts.content, parts=parts.files, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a bundle, every checksum verified; `BundleError` if that fails."""
        return cls.from_bundle(bundle.read(path, kinds=[cls.kind]))

    @classmethod
    def from_bundle(cls, found: bundle.Bundle) -> Self:
        """Rebuild a model from a bundle that was read; `BundleError` if it lacks something, or is of another kind."""
        bundle.check_kind(found.manifest, [cls.kind], what="this")
        with building():
            return cls.from_parts(found)

    def update(self, source: Source, *, strategy: str = "auto", **options: Any) -> Updated[Self]:
        """Bring the model up to date with new rows; this one is not changed.

        Parameters
        ----------
        source
            New rows, with what is learned from: anything that `tabkit.frames.scan` takes.
        strategy
            ``auto``, or the one to use; the kind's own `update` names those that there are.
        options
            Those of the kind's own `update`: see `tabkit.propensity.updating.update.update`,
            `tabkit.uplift.updating.update` and `tabkit.cltv.updating.update`.

        Raises
        ------
        TabkitError
            If the rows cannot be used.
        """
        chosen = {} if strategy == "auto" else {"strategy": strategy}  # else the settings among the options decide
        return Updated(*at(KINDS[self.kind].update)(self, source, **chosen, **options))

    def report(
        self,
        path: str | Path,
        source: Source | None = None,
        *,
        title: str | None = None,
        overwrite: bool = False,
        **options: Any,
    ) -> None:
        """Write the model's page: one HTML file that needs no network and holds no script.

        Parameters
        ----------
        path
            The file.
        source
            What to measure on. Of who acts: rows with the target that the model was not fitted on; without them the
            page shows what was held out at the fit. Of effects: units of a further experiment. Of customers' value:
            the transactions of the fit, which are then tracked.
        title
            The page's heading.
        overwrite
            Replace what stands there, whatever file it is.
        options
            Those of the kind's own page: see `dashboards.reports.models`.

        Raises
        ------
        TabkitError
            If the rows cannot be used, or the page cannot be written or may not go there.
        ImportError
            If the extra `dashboards` is not installed.
        """
        at(KINDS[self.kind].page)(self, path, source, title=title, overwrite=overwrite, **options)

    def __repr__(self) -> str:
        return "\n".join(self._shown())

    def _repr_html_(self) -> str:
        """Return the same for a notebook; names are data there, neither markup nor formulas."""
        first, *others = (html.escape(line) for line in self._shown())
        rest = "".join(f"<br>{line}" for line in others)
        return f'<div class="mathjax_ignore tex2jax_ignore"><strong>{first}</strong>{rest}</div>'

    def _shown(self) -> list[str]:
        name = type(self).__name__
        try:
            with building("what it tells of itself"):
                first, *others = self.lines()
        except TabkitError as error:  # a stranger's bundle may say of itself what it likes: a model is still shown
            first, others = "says nothing of itself that can be shown", [error.problem]
        return [_one_line(text) for text in (f"{name}: {first}", *others)]


def counted_warnings(warnings: int) -> str:
    """Say how much there is to mind, for the end of a line.

    >>> counted_warnings(0), counted_warnings(2)
    ('', '; 2 warnings in summary()')
    """
    return f"; {warnings:,} warning{'s' if warnings > 1 else ''} in summary()" if warnings else ""


def _one_line(text: str) -> str:
    r"""Return text as a line of limited width that shows what a terminal would obey.

    >>> _one_line("a\nb\x1b[2J")
    'a\\nb\\x1b[2J'
    """
    near = text[: _WIDEST + 1]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in near)
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 3]}..."
