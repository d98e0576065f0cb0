"""A small experiment, run once by the program and once from Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import widelimit

# Every record of the gap, dropout and paths studies in about a second.
SMALL = {
    "population.limit": 60,
    "widths.values": [8, 16],
    "widths.seeds": 3,
    "reference.particles": 64,
    "horizon.time": 0.4,
    "horizon.records": 2,
    "paths.pairs": 1,
    "run.states": "all",
    "paths.bezier": None,
    "predict": None,
    "gap.sweep": None,
    "variants": None,
    "paths.variants": None,
    "convergence": None,
}


def program() -> str:
    """The program `widelimit`, built from the same sources as the module."""
    path = os.environ.get("WIDELIMIT_PROGRAM")
    if path is None:
        pytest.skip("WIDELIMIT_PROGRAM does not name the program")
    return path


def by_program(config: str, out: Path, *arguments: str) -> None:
    """Runs an experiment by the program."""
    command = [program(), "run", config, "--out", str(out), "--quiet", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def options(overrides: dict[str, object]) -> list[str]:
    """The same overrides on the command line."""
    from widelimit import _toml

    texts: list[str] = []
    for key, value in overrides.items():
        texts += ["--unset", key] if value is None else ["--set", f"{key}={_toml.value(value, key)}"]
    return texts


def contents(run: Path, folders: Sequence[str] = ("records", "state", "figures")) -> dict[str, bytes]:
    """What a run has computed, apart from wall times: bytes by file."""
    files = [run / "checks.json", run / "experiment.toml"]
    files += [path for folder in folders for path in sorted((run / folder).rglob("*")) if path.is_file()]
    return {str(path.relative_to(run)): path.read_bytes() for path in files if path.name not in ("timings.json", "profile.json")}


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> widelimit.Run:
    """The small experiment, run from Python."""
    return widelimit.run("digits", SMALL, out=tmp_path_factory.mktemp("small") / "run", threads=2)


def in_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Python code in a process of its own, to which signals can be sent."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
