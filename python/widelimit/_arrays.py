"""Reading the arrays of a run."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import FolderError


class Archive:
    """An `.npz` file, whose arrays are read when they are first needed, in C order, and cannot be written to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays: dict[str, NDArray[Any]] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                self.names = tuple(name[: -len(".npy")] for name in archive.namelist() if name.endswith(".npy"))
                comment = archive.comment
        except FileNotFoundError as error:
            raise FolderError(f"{path}: missing") from error
        except (OSError, zipfile.BadZipFile) as error:
            raise FolderError(f"{path}: not a readable archive of arrays ({error}); the file is damaged") from error
        self.axes: dict[str, tuple[str, ...]] = _axes(comment, path)

    def read(self, name: str) -> NDArray[Any]:
        """An array; the name must be one of `names`."""
        if name not in self._arrays:
            try:
                with np.load(self.path, allow_pickle=False) as archive:
                    array: NDArray[Any] = np.ascontiguousarray(archive[name])
            except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise FolderError(f"{self.path}: array '{name}': {error}; the file is damaged") from error
            array.flags.writeable = False
            self._arrays[name] = array
        return self._arrays[name]


def _axes(comment: bytes, path: Path) -> dict[str, tuple[str, ...]]:
    """The names of axes, which are in the comment of the archive; none in archives of earlier versions."""
    if not comment:
        return {}
    try:
        axes = json.loads(comment)["axes"]
        return {str(name): tuple(str(axis) for axis in names) for name, names in axes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(f"{path}: no readable names of axes ({error}); the file is damaged") from error


def named(kind: str, name: str, known: tuple[str, ...], where: object) -> str:
    """The message that there is no such name, with those that there are."""
    return f"{where}: no {kind} is called '{name}'; there are {', '.join(known) or 'none'}"
