"""Progress as text."""

from __future__ import annotations

import sys
import time
from typing import Optional, TextIO

_WIDTH = 30


class TextProgress:
    """Writes one line per stage to standard error, over the last one while the stage goes on."""

    def __init__(self, out: Optional[TextIO] = None) -> None:
        self._out = sys.stderr if out is None else out
        self._stage = ""
        self._length = 0
        self._started = time.monotonic()

    def __call__(self, stage: str, done: float, total: float) -> None:
        """Reports that `done` of `total` units of the work of a stage are done."""
        if stage != self._stage:
            self.close()
            self._stage, self._started = stage, time.monotonic()
        share = min(done / total, 1.0) if total > 0 else 1.0
        bar = "#" * int(share * _WIDTH)
        line = f"{stage:26} |{bar:{_WIDTH}}| {share:4.0%} {time.monotonic() - self._started:6.1f} s"
        self._out.write("\r" + line.ljust(self._length))
        self._out.flush()
        self._length = len(line)

    def close(self) -> None:
        """Ends the line of the present stage."""
        if self._stage:
            self._out.write("\n")
            self._out.flush()
        self._stage, self._length = "", 0
