"""The compiled part of the package. Not part of the interface: see widelimit.run, widelimit.validate."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Optional

import numpy as np
from numpy.typing import NDArray

def built_in() -> list[tuple[str, str, str]]: ...
def version() -> tuple[str, str]: ...
def problems(
    config: str, is_text: bool, replaced: Sequence[str], removed: Sequence[str]
) -> list[tuple[Optional[str], Optional[str], Optional[str], str]]: ...
def run(
    config: str,
    is_text: bool,
    replaced: Sequence[str],
    removed: Sequence[str],
    arrays: Optional[tuple[NDArray[np.float64], NDArray[np.float64]]],
    out: Optional[str],
    resume: bool,
    force: bool,
    accept_revision: bool,
    figures: bool,
    threads: Optional[int],
    notify: Callable[[str], None],
    progress: Optional[Callable[[str, float, float], object]],
) -> os.PathLike[str]: ...
