"""Reading the JSON files of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ._errors import FolderError

_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def read(path: Path) -> Any:
    """The contents of a file, with the numbers that are not finite as numbers; null is None.

    Raises FolderError for a file that is missing or damaged.
    """
    try:
        return _numbers(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise FolderError(f"{path}: missing") from error
    except OSError as error:
        raise FolderError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise FolderError(f"{path}: not readable JSON ({error}); the file is damaged") from error


def _numbers(value: Any) -> Any:
    if isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    return value


def number(value: Any) -> float:
    """A number that is always there: null is NaN."""
    return float("nan") if value is None else float(value)
