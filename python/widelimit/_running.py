"""Running experiments: the functions that need the compiled module, which they import when they are called."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _toml
from ._errors import Problem
from ._folder import Run
from ._progress import TextProgress

Config = Union[str, "os.PathLike[str]", Mapping[str, Any]]
"""A built-in experiment by name, a TOML file by path, TOML text (a string with a line break), or a dictionary."""

Overrides = Union[Iterable[str], Mapping[str, Any]]
"""Texts `key=value`, or a dictionary by dotted keys, in which None removes a key or a table."""

Progress = Callable[[str, float, float], object]
"""Called with the name of a stage, the work that is done, and all work of the stage, in the same units."""


class ExperimentName(NamedTuple):
    """A built-in experiment."""

    name: str
    title: str


def experiments() -> list[ExperimentName]:
    """The built-in experiments, with their titles."""
    from . import _compiled

    return [ExperimentName(name, title) for name, _, title in _compiled.built_in()]


def show(name: str) -> str:
    """The TOML text of a built-in experiment. Raises KeyError, with the names that there are, for another name."""
    from . import _compiled

    texts = {known: text for known, text, _ in _compiled.built_in()}
    if name not in texts:
        raise KeyError(f"no built-in experiment is called '{name}'; there are {', '.join(texts)}")
    return texts[name]


def version() -> tuple[str, str]:
    """Version and revision of the compiled library, which manifests record."""
    from . import _compiled

    return _compiled.version()


def validate(config: Config, overrides: Overrides = ()) -> list[Problem]:
    """Everything that is wrong with an experiment; an empty list where it can be run.

    Nothing is computed, and data files are not read.
    """
    from . import _compiled

    replaced, removed = _override_texts(overrides)
    return [Problem(*problem) for problem in _compiled.problems(*_config_text(config), replaced, removed)]


def run(
    config: Config,
    overrides: Overrides = (),
    *,
    x: Optional[ArrayLike] = None,
    y: Optional[ArrayLike] = None,
    labels: str = "real",
    standardise: str = "none",
    out: Optional[Union[str, os.PathLike[str]]] = None,
    resume: bool = False,
    force: bool = False,
    accept_revision: bool = False,
    figures: bool = True,
    threads: Optional[int] = None,
    progress: Union[Progress, bool, None] = None,
) -> Run:
    """Runs an experiment into a folder, and returns the run.

    The folder is the one that `widelimit run` writes, byte for byte, and each continues what the other began. The
    interpreter's lock is released while the run computes. Ctrl-C interrupts it: the running steps are completed, checkpoints
    are written, and KeyboardInterrupt is raised; the same call with `resume=True` continues.

    config: a built-in experiment by name, a TOML file by path, TOML text (a string with a line break), or a dictionary.
        Relative data paths are relative to the file; in text and dictionaries, to the current folder.
    overrides: texts `key=value`, as of `--set`, or a dictionary by dotted keys, in which None removes a key or a table, as
        `--unset`; removals come first.
    x, y: inputs (n, d) and targets (n,) or (n, K), in the place of the experiment's population. They are kept in the run
        folder as `population.npz`, so that the run can be resumed and repeated without the caller.
    labels: the kind of `y`: `real`, `sign` (-1 and +1) or `classes` (whole numbers from 0).
    standardise: of `x`: `none`, `global` or `per-feature`.
    out: the folder; by default `runs/NAME` in the current folder.
    resume: continues an unfinished run, and returns a complete one; starts a run where there is none.
    force: deletes a run that is in the folder, and starts over.
    accept_revision: with `resume`, continues a run that another version or revision of the program has begun.
    figures: whether the figures of a complete run are drawn.
    threads: threads to use, by default one per processor; results do not depend on it.
    progress: called as `progress(stage, done, total)` about every 20 ms on the calling thread, or True for a line of text
        per stage on standard error. What it raises interrupts the run, as Ctrl-C does.

    Raises ConfigError for an experiment that cannot be read, with every error in `problems`, and RunError for a run that
    fails; ValueError and TypeError for arguments of another shape or type. Keys of the experiment that were renamed are
    named by a FutureWarning.
    """
    from . import _compiled

    if resume and force:
        raise ValueError("resume and force: expected at most one of the two")
    if accept_revision and not resume:
        raise ValueError("accept_revision: expected resume=True with it")
    if threads is not None and not 1 <= threads <= 1024:
        raise ValueError(f"threads = {threads}: expected a whole number from 1 to 1024")
    replaced, removed = _override_texts(overrides)
    arrays = _arrays(x, y)
    if arrays is not None:
        # The path is that of a file in the run folder, which is not known before the name of the experiment.
        population = {"kind": "file", "path": "population.npz", "labels": labels, "standardise": standardise}
        replaced.insert(0, f"population={_toml.value(population, 'population')}")
    text, is_text = _config_text(config)
    folder = None if out is None else os.fspath(out)

    def start(report: Optional[Progress]) -> Run:
        options = (resume, force, accept_revision, figures, threads)
        return Run(_compiled.run(text, is_text, replaced, removed, arrays, folder, *options, _notify, report))

    if progress is True:
        with closing(TextProgress()) as written:
            return start(written)
    return start(progress or None)


def _notify(note: str) -> None:
    # Above this function are the compiled module, `start`, and `run`.
    warnings.warn(note, FutureWarning, stacklevel=4)


def _config_text(config: Config) -> tuple[str, bool]:
    """A name or path, or TOML text; and whether it is text."""
    if isinstance(config, Mapping):
        return _toml.document(config), True
    if isinstance(config, str):
        return config, "\n" in config
    if isinstance(config, os.PathLike):
        return os.fspath(config), False
    raise TypeError(f"config of type {type(config).__name__}: expected a name, a path, TOML text or a dict")


def _override_texts(overrides: Overrides) -> tuple[list[str], list[str]]:
    """Texts `key=value`, and keys that are removed."""
    if isinstance(overrides, str):
        raise TypeError(f"overrides = {overrides!r}: expected a list of texts 'key=value', or a dict")
    if not isinstance(overrides, Mapping):
        texts = list(overrides)
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"overrides: {text!r} of type {type(text).__name__}: expected texts 'key=value'")
        return texts, []
    replaced = [f"{key}={_toml.value(value, key)}" for key, value in overrides.items() if value is not None]
    return replaced, [key for key, value in overrides.items() if value is None]


def _arrays(
    x: Optional[ArrayLike], y: Optional[ArrayLike]
) -> Optional[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise ValueError("x and y: expected both or neither")
    inputs, targets = _doubles(x, "x"), _doubles(y, "y")
    if targets.ndim == 1:
        targets = targets[:, None]
    for name, array, shapes in (("x", inputs, "(n, d)"), ("y", targets, "(n,) or (n, K)")):
        if array.ndim != 2:
            raise ValueError(f"{name} has shape {array.shape}: expected {shapes}")
    if len(inputs) != len(targets):
        raise ValueError(f"x has {len(inputs)} rows but y has {len(targets)}: expected one row of each per sample")
    return inputs, targets


def _doubles(values: ArrayLike, name: str) -> NDArray[np.float64]:
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries: expected a number for every entry")
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}: expected real numbers, whole numbers or bools")
    return np.ascontiguousarray(array, dtype=np.float64)
