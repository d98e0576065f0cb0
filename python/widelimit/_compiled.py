"""The compiled module, or a clear message that it is missing."""

from __future__ import annotations

try:
    from ._native import built_in, problems, run, version
except ImportError as error:
    raise ImportError(
        f"widelimit was installed without its compiled module ({error}): only widelimit.open works; "
        "build a wheel with maturin, and install that"
    ) from error

__all__ = ["built_in", "problems", "run", "version"]
