"""Parameters and momenta of trajectories: `state/ID.npz`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arrays import Archive, named

_PARTS = ("w", "b", "u", "c", "a")


class Parts(Mapping[str, NDArray[Any]]):
    """Parameters, or momenta, of the neurons by part, as attributes and by key.

    With two layers `w` (N, d), `b` (N, 1) where there is a bias, `a` (N, K); with three layers `w` (N1, d), `b` (N1, 1),
    `u` (N1, N2), `c` (N2, 1), `a` (N2, K). Row i is particle `first + i` of the trajectory. The type is float64 or
    float32, as the experiment's `precision`.
    """

    def __init__(self, archive: Archive, suffix: str) -> None:
        self._archive = archive
        self._files = {part: f"{part}_{suffix}" for part in _PARTS if f"{part}_{suffix}" in archive.names}

    def __getitem__(self, part: str) -> NDArray[Any]:
        if part not in self._files:
            raise KeyError(named("part", part, tuple(self._files), self._archive.path))
        return self._archive.read(self._files[part])

    def __getattr__(self, part: str) -> NDArray[Any]:
        if part.startswith("_"):
            raise AttributeError(part)
        try:
            return self[part]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._files]

    def matrix(self) -> NDArray[Any]:
        """The neurons of a two-layer network, one per row: (N, p), with columns in the order w, b, a.

        Raises ValueError for three layers, whose units have no common rows.
        """
        if "u" in self._files:
            raise ValueError("a three-layer network has no matrix of neurons: take its parts w, b, u, c, a")
        return np.concatenate([self[part] for part in self], axis=1)

    def __repr__(self) -> str:
        return f"Parts({', '.join(f'{part} {self[part].shape}' for part in self)})"


class PhasePoint:
    """Parameters theta and momenta r at one time."""

    def __init__(self, archive: Archive, when: str) -> None:
        self.theta = Parts(archive, when)
        """Parameters."""
        self.momentum = Parts(archive, f"momentum_{when}")
        """Momenta r = d theta / dt."""

    def __repr__(self) -> str:
        return f"PhasePoint(theta={self.theta!r})"


class State:
    """The first and the last state of a trajectory.

    >>> run.state("n32-s0").final.theta.w.shape     # doctest: +SKIP
    (32, 64)
    """

    def __init__(self, path: Path, trajectory: Mapping[str, Any]) -> None:
        archive = Archive(path)
        self.id: str = path.stem
        """The trajectory."""
        self.trajectory = trajectory
        """Its entry in the manifest: width, first particle, method, step, and why it stopped."""
        self.initial = PhasePoint(archive, "initial")
        """At time 0."""
        self.final = PhasePoint(archive, "final")
        """At the horizon; of a trajectory that diverged, where it stopped."""

    def __repr__(self) -> str:
        return f"State({self.id}: {self.final.theta!r})"
