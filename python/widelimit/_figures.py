"""The figures of a run: `figures/*.svg`, `.png` and `.pdf`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ._arrays import named
from ._errors import FolderError


@dataclass(frozen=True)
class Figure:
    """One figure; a notebook shows it."""

    path: Path
    """The SVG file; the PNG and PDF files have the same name but for the extension."""

    @property
    def name(self) -> str:
        """Its name, such as `gap-widths`."""
        return self.path.stem

    @property
    def png(self) -> Path:
        """The PNG file."""
        return self.path.with_suffix(".png")

    @property
    def pdf(self) -> Path:
        """The PDF file."""
        return self.path.with_suffix(".pdf")

    def _repr_svg_(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise FolderError(f"{self.path}: cannot be read: {error}") from error


class Figures(Mapping[str, Figure]):
    """The figures of a run by name."""

    def __init__(self, run: Path) -> None:
        self._folder = run / "figures"

    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(path.stem for path in self._folder.glob("*.svg") if not path.name.startswith(".")))

    def __getitem__(self, name: str) -> Figure:
        if name not in self._names():
            raise KeyError(named("figure", name, self._names(), self._folder))
        return Figure(self._folder / f"{name}.svg")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return f"Figures({', '.join(self._names())})"
