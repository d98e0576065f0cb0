"""Run folders."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _checks, _json
from ._arrays import Archive, named
from ._checks import Checks
from ._errors import FolderError
from ._figures import Figures
from ._records import Records
from ._states import State

FORMAT = 2
"""The version of the layout of run folders that is read."""


class Run:
    """A run folder, read when it is asked: what the files held at the first look is kept."""

    def __init__(self, folder: Union[str, os.PathLike[str]]) -> None:
        self.folder = Path(folder)
        """The folder."""
        if not (self.folder / "manifest.json").is_file():
            raise FolderError(f"{self.folder}: not the folder of a run: it has no manifest.json")
        self.manifest: dict[str, Any] = self._manifest()
        """Where the numbers come from: the contents of `manifest.json`."""
        self.records = Records(self.folder)
        """The records by name."""
        self.figures = Figures(self.folder)
        """The figures by name."""

    def _manifest(self) -> dict[str, Any]:
        path = self.folder / "manifest.json"
        manifest = _json.read(path)
        if not isinstance(manifest, dict) or "version" not in manifest:
            raise FolderError(f"{path}: not the manifest of a run")
        found = manifest.get("format", 1)
        if found != FORMAT:
            version = manifest["version"]
            raise FolderError(f"{self.folder}: format {found}, written by version {version}: expected format {FORMAT}")
        return manifest

    @property
    def status(self) -> str:
        """`running`, `interrupted` or `complete`; a run that was killed is still `running`."""
        return str(self.manifest["status"])

    @property
    def experiment(self) -> dict[str, Any]:
        """The resolved experiment: every key, defaults included."""
        experiment = self.manifest["experiment"]
        assert isinstance(experiment, dict)
        return experiment

    @property
    def warnings(self) -> list[str]:
        """What a reader of the results should know."""
        return list(self.manifest["warnings"])

    @cached_property
    def checks(self) -> Checks:
        """The checks of a complete run. Raises FolderError where there are none yet."""
        if self.status != "complete":
            raise FolderError(f"{self.folder}: the run is not complete ({self.status}), and has no checks")
        return _checks.read(self.folder / "checks.json", self.manifest.get("checks"))

    @property
    def trajectories(self) -> tuple[str, ...]:
        """The ids of the trajectories that have a state."""
        known = (str(entry["id"]) for entry in self.manifest["trajectories"])
        return tuple(name for name in known if self._keeps(name))

    def state(self, trajectory: str) -> State:
        """The first and the last state of a trajectory, such as `n32-s0` or `reference`.

        Raises KeyError, with the ids that there are, for another name, and FolderError where the file is missing or was
        changed, by its checksum in the manifest.
        """
        for entry in self.manifest["trajectories"]:
            if entry["id"] == trajectory and self._keeps(trajectory):
                self._verify_state(f"state/{trajectory}.npz")
                return State(self._state_path(trajectory), entry)
        raise KeyError(named("trajectory with a state", trajectory, self.trajectories, self.folder))

    def _keeps(self, trajectory: str) -> bool:
        return f"state/{trajectory}.npz" in self._states or self._state_path(trajectory).is_file()

    @property
    def _states(self) -> dict[str, str]:
        """The checksums of the files in `state/` by name; none of an unfinished run, and of one of an earlier version."""
        return dict(self.manifest.get("states") or {}) if self.status == "complete" else {}

    def _verify_state(self, name: str) -> None:
        expected = self._states.get(name)
        if expected is not None:
            _verify(self.folder / name, expected)

    def _state_path(self, trajectory: str) -> Path:
        return self.folder / "state" / f"{trajectory}.npz"

    @cached_property
    def data(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Inputs x (n, d) and targets y (n, K) as the networks see them, after standardisation."""
        self._verify_state("state/data.npz")
        archive = Archive(self.folder / "state" / "data.npz")
        for name in ("x", "y"):
            if name not in archive.names:
                raise FolderError(named("array", name, archive.names, archive.path))
        return archive.read("x"), archive.read("y")

    def verify(self) -> None:
        """Compares the records, checks and states of a complete run with the checksums in its manifest.

        Raises FolderError for the first file that is missing or differs, and for a run without checksums.
        """
        checksums = self.manifest.get("records")
        if not checksums:
            raise FolderError(f"{self.folder}: the manifest has no checksums ({self.status})")
        for name, expected in (checksums | self._states).items():
            _verify(self.folder / name, expected)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}: {self.experiment['name']}, {self.status})"


def _verify(path: Path, expected: str) -> None:
    """Raises FolderError where a file is missing or does not have this SHA-256."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
    except OSError as error:
        raise FolderError(f"{path}: cannot be read: {error.strerror}; restore it, or run the experiment again") from error
    if found.hexdigest() != expected:
        raise FolderError(
            f"{path}: SHA-256 {found.hexdigest()}, and {expected} in the manifest: the file was changed; "
            "restore it, or run the experiment again"
        )


def open_run(folder: Union[str, os.PathLike[str]]) -> Run:
    """Opens a run folder for reading. It needs no compiled module.

    Raises FolderError where the folder holds no run, or one of another format.
    """
    return Run(folder)
