"""Wide networks trained by heavy ball beside their mean-field limit.

>>> import widelimit
>>> run = widelimit.run("digits", {"widths.seeds": 4})   # doctest: +SKIP
>>> run.records["widths"].sup_function.shape              # doctest: +SKIP
(5, 4)

`run` carries out an experiment and returns its run folder as a `Run`; `open` reads a folder that exists, and needs no
compiled module. `validate` lists what is wrong with an experiment. Records are NumPy arrays whose names and axes are
those of the reference of the run folder.
"""

from ._checks import Check, Checks
from ._errors import ConfigError, FolderError, Problem, RunError, WidelimitError
from ._figures import Figure, Figures
from ._folder import Run
from ._folder import open_run as open
from ._records import Record, Records
from ._running import ExperimentName, experiments, run, show, validate, version
from ._states import Parts, PhasePoint, State

__all__ = [
    "Check",
    "Checks",
    "ConfigError",
    "ExperimentName",
    "Figure",
    "Figures",
    "FolderError",
    "Parts",
    "PhasePoint",
    "Problem",
    "Record",
    "Records",
    "Run",
    "RunError",
    "State",
    "WidelimitError",
    "experiments",
    "open",
    "run",
    "show",
    "validate",
    "version",
]
