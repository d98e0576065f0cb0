"""The records of a run: `records/*.npz` and `records/*.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from numpy.typing import NDArray

from . import _json
from ._arrays import Archive, named
from ._errors import FolderError

if TYPE_CHECKING:
    import xarray


class Record:
    """One record: the arrays of `records/NAME.npz`, as attributes and by key, and the contents of `records/NAME.json`.

    >>> widths = run.records["widths"]      # doctest: +SKIP
    >>> widths.risk.shape                   # doctest: +SKIP
    (5, 16, 21)
    >>> widths.axes["risk"]                 # doctest: +SKIP
    ('values', 'seeds', 'times')

    Arrays are of float64, in C order, and read-only: copy what you change.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder

    @cached_property
    def _archive(self) -> Optional[Archive]:
        path = self._folder / f"{self.name}.npz"
        return Archive(path) if path.exists() else None

    @cached_property
    def json(self) -> Any:
        """The contents of `records/NAME.json`. Raises FolderError where there is none."""
        return _json.read(self._folder / f"{self.name}.json")

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the axes of each array, as in the reference of the run folder. An axis of fixed size has its size
        for a name. Empty for runs of versions that did not write them."""
        return {} if self._archive is None else self._archive.axes

    def keys(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return () if self._archive is None else self._archive.names

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if self._archive is None or name not in self._archive.names:
            raise KeyError(named("array", name, self.keys(), f"records/{self.name}"))
        return self._archive.read(name)

    def __getattr__(self, name: str) -> NDArray[np.float64]:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self.keys() if name.isidentifier())]

    def __repr__(self) -> str:
        lines = [f"records/{self.name}"]
        for name in self.keys():
            sizes = self[name].shape
            axes = self.axes.get(name, tuple("?" for _ in sizes))
            shape = ", ".join(str(n) if axis in ("?", str(n)) else f"{axis}: {n}" for axis, n in zip(axes, sizes))
            lines.append(f"  {name} ({shape})")
        return "\n".join(lines)

    def to_xarray(self) -> xarray.Dataset:
        """The arrays as an `xarray.Dataset` with named dimensions.

        An array that has the name of its only axis, such as `times`, is a coordinate. A dimension whose name is that of
        another array has `_index` behind it; an axis of fixed size is called after the array and its position.

        Raises ImportError where xarray is not installed.
        """
        try:
            import xarray
        except ImportError as error:
            raise ImportError("to_xarray needs the package xarray: pip install xarray") from error
        arrays = {name: self[name] for name in self.keys()}
        dimensions = {name: self._dimensions(name, array.ndim) for name, array in arrays.items()}
        coordinates = {name for name, axes in dimensions.items() if axes == (name,)}
        taken = set(arrays) - coordinates
        variables = {
            name: (tuple(f"{axis}_index" if axis in taken else axis for axis in dimensions[name]), array)
            for name, array in arrays.items()
        }
        dataset: xarray.Dataset = xarray.Dataset(
            {name: variable for name, variable in variables.items() if name not in coordinates},
            {name: variable for name, variable in variables.items() if name in coordinates},
            {"record": self.name},
        )
        return dataset

    def _dimensions(self, name: str, count: int) -> tuple[str, ...]:
        axes = self.axes.get(name, ("",) * count)
        if len(axes) != count:
            raise FolderError(f"records/{self.name}.npz: array '{name}' has {count} axes, and names of {len(axes)}")
        return tuple(f"{name}_{i}" if not axis or axis.isdigit() else axis for i, axis in enumerate(axes))


class Records(Mapping[str, Record]):
    """The records of a run by name: groups of networks (`widths`, ...), `reference`, and the studies."""

    def __init__(self, run: Path) -> None:
        self._folder = run / "records"
        self._records: dict[str, Record] = {}

    def _names(self) -> tuple[str, ...]:
        if not self._folder.is_dir():
            return ()
        files = (path for path in self._folder.iterdir() if not path.name.startswith("."))
        return tuple(sorted({path.stem for path in files if path.suffix in (".npz", ".json")}))

    def __getitem__(self, name: str) -> Record:
        if name not in self._names():
            raise KeyError(named("record", name, self._names(), self._folder))
        return self._records.setdefault(name, Record(self._folder, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return f"Records({', '.join(self._names())})"
