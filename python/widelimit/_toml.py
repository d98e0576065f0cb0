"""Writing TOML: experiments that are given as dictionaries, and values of overrides."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def document(table: Mapping[str, Any]) -> str:
    """The TOML text of a table, one line for each of its keys; keys whose value is None are left out."""
    return "".join(f"{_key(key)} = {value(entry, str(key))}\n" for key, entry in table.items() if entry is not None)


def value(entry: Any, key: str) -> str:
    """A value as TOML on one line; `key` names it in messages. In dictionaries, keys whose value is None are left out.

    Raises TypeError for values that have no TOML.
    """
    if isinstance(entry, (np.generic, np.ndarray)):
        entry = entry.tolist()
    if isinstance(entry, os.PathLike):
        entry = os.fspath(entry)
    if isinstance(entry, bool):
        return "true" if entry else "false"
    if isinstance(entry, int):
        return str(entry)
    if isinstance(entry, float):
        return _float(entry)
    if isinstance(entry, str):
        return _string(entry)
    if isinstance(entry, (list, tuple, range)):
        return "[" + ", ".join(value(item, f"{key}.{i}") for i, item in enumerate(entry)) + "]"
    if isinstance(entry, Mapping):
        keys = ((k, v) for k, v in entry.items() if v is not None)
        return "{" + ", ".join(f"{_key(k)} = {value(v, f'{key}.{k}')}" for k, v in keys) + "}"
    expected = "expected a number, a string, a bool, a list or a dict"
    raise TypeError(f"{key}: a value of type {type(entry).__name__} has no TOML: {expected}")


def _float(number: float) -> str:
    if not math.isfinite(number):
        return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
    # `1e-05` and `1.5` are TOML, and read back as the same number.
    return repr(number)


def _string(text: str) -> str:
    # The escapes of JSON are those of TOML, which also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is of type {type(key).__name__}: keys are strings")
    return key if _BARE_KEY.fullmatch(key) else _string(key)
