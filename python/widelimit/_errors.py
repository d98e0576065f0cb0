"""The exceptions of the package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional


class Problem(NamedTuple):
    """What is wrong with one key of an experiment, or with the experiment as a whole."""

    file: Optional[str]
    """Its origin: a file, the name of a built-in experiment, `config` for text and dictionaries, `--set` for overrides."""
    key: Optional[str]
    """The full key, such as `dynamics.step`; None where the problem is not one of a key."""
    value: Optional[str]
    """Its value as TOML; None where the key is missing or the value does not matter."""
    message: str
    """Why it cannot be used, and what is expected."""

    def __str__(self) -> str:
        if self.key is None:
            return self.message
        value = "" if self.value is None else f" = {self.value}"
        return f"{self.file}: {self.key}{value}: {self.message}"


class WidelimitError(Exception):
    """The base of the exceptions of this package."""


class ConfigError(WidelimitError, ValueError):
    """An experiment that cannot be read. `problems` has every one of its errors."""

    problems: tuple[Problem, ...]

    def __init__(
        self, message: str, problems: Iterable[tuple[Optional[str], Optional[str], Optional[str], str]] = ()
    ) -> None:
        super().__init__(message)
        self.problems = tuple(Problem(*problem) for problem in problems)


class RunError(WidelimitError, RuntimeError):
    """A run that fails: data that cannot be read, too little memory, a folder in use or holding another run."""


class FolderError(WidelimitError, OSError):
    """A run folder that cannot be read: no run, another format, or a file that is missing or damaged."""
