"""The checks of a run: `checks.json`."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union, overload

from . import _json
from ._arrays import named
from ._errors import FolderError

if TYPE_CHECKING:
    import pandas

Interval = tuple[float, float]


@dataclass(frozen=True)
class Check:
    """A statement, a measurement, and a verdict."""

    name: str
    """Stable name, such as `gap-widths-function`."""
    section: str
    """`theory` for statements of the theory, `program` for what every correct program meets."""
    statement: str
    """The statement."""
    measured: float
    """The measured value; NaN where nothing could be measured."""
    interval: Optional[Interval]
    """The 95 % interval of this measurement alone, where it has one."""
    joint_interval: Optional[Interval]
    """Its interval at the level of the decision: all joint intervals of a run cover together in 95 % of runs."""
    p_value: Optional[float]
    """The level of significance at which this measurement alone just contradicts the statement."""
    expected: Optional[float]
    """The value or the limit of the theory, where it gives one."""
    verdict: str
    """`holds`, `fails` or `not resolved`."""
    detail: str
    """The reason for the verdict, in a sentence."""


def _check(entry: dict[str, Any]) -> Check:
    def interval(key: str) -> Optional[Interval]:
        ends = entry.get(key)
        return None if ends is None else (_json.number(ends[0]), _json.number(ends[1]))

    return Check(
        name=entry["name"],
        section=entry.get("section", "theory"),
        statement=entry["statement"],
        measured=_json.number(entry["measured"]),
        interval=interval("interval"),
        joint_interval=interval("joint_interval"),
        p_value=entry.get("p_value"),
        expected=entry.get("expected"),
        verdict=entry["verdict"],
        detail=entry["detail"],
    )


def read(path: Path, count: Optional[int]) -> Checks:
    """The checks of a run, which has `count` of them where that is known.

    Raises FolderError for a file that is missing or damaged.
    """
    entries = _json.read(path)
    try:
        checks = Checks([_check(entry) for entry in entries])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FolderError(f"{path}: not the checks of a run ({error!r}); the file is damaged") from error
    if count is not None and len(checks) != count:
        raise FolderError(f"{path}: {len(checks)} checks, and {count} in manifest.json; the file is damaged")
    return checks


class Checks(Sequence[Check]):
    """The checks of a run, in their order; by position or by name."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = tuple(checks)

    @overload
    def __getitem__(self, key: Union[int, str]) -> Check: ...

    @overload
    def __getitem__(self, key: slice) -> Checks: ...

    def __getitem__(self, key: Union[int, str, slice]) -> Union[Check, Checks]:
        if isinstance(key, slice):
            return Checks(self._checks[key])
        if isinstance(key, str):
            for check in self._checks:
                if check.name == key:
                    return check
            raise KeyError(named("check", key, tuple(check.name for check in self._checks), "checks.json"))
        return self._checks[key]

    def __len__(self) -> int:
        return len(self._checks)

    def __iter__(self) -> Iterator[Check]:
        return iter(self._checks)

    def with_verdict(self, verdict: str) -> Checks:
        """The checks with this verdict: `holds`, `fails` or `not resolved`."""
        return Checks(check for check in self._checks if check.verdict == verdict)

    def to_pandas(self) -> pandas.DataFrame:
        """The checks as a `pandas.DataFrame`, one row for each, with the ends of intervals in columns of their own.

        Raises ImportError where pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs the package pandas: pip install pandas") from error
        frame: pandas.DataFrame = pandas.DataFrame([_row(check) for check in self._checks], columns=_COLUMNS)
        return frame

    def __repr__(self) -> str:
        lines = [
            f"{check.verdict:12}  {check.name}: {_number(check.measured)}{_in(check.joint_interval or check.interval)}"
            for check in self._checks
        ]
        return "\n".join(lines) or "Checks()"

    def _repr_html_(self) -> str:
        titles = ("check", "statement", "measured", "joint interval", "expected", "verdict")
        rows = "".join(_html_row(check) for check in self._checks)
        return f"<table><thead><tr>{''.join(f'<th>{t}</th>' for t in titles)}</tr></thead><tbody>{rows}</tbody></table>"


_COLOURS = {"holds": "#117733", "fails": "#aa0000"}

_INTERVALS = ("interval", "joint_interval")

_COLUMNS = [
    column
    for field in Check.__dataclass_fields__
    for column in ((f"{field}_low", f"{field}_high") if field in _INTERVALS else (field,))
]


def _row(check: Check) -> dict[str, Any]:
    row = asdict(check)
    for field in _INTERVALS:
        row[f"{field}_low"], row[f"{field}_high"] = row.pop(field) or (math.nan, math.nan)
    return {key: math.nan if value is None else value for key, value in row.items()}


def _number(value: Optional[float]) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"


def _in(interval: Optional[Interval]) -> str:
    return "" if interval is None else f" [{_number(interval[0])}, {_number(interval[1])}]"


def _html_row(check: Check) -> str:
    cells = (
        check.name,
        check.statement,
        _number(check.measured),
        _in(check.joint_interval or check.interval).strip(),
        _number(check.expected),
    )
    colour = _COLOURS.get(check.verdict, "#777777")
    verdict = f'<td style="color: {colour}" title="{html.escape(check.detail)}">{html.escape(check.verdict)}</td>'
    return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}{verdict}</tr>"
