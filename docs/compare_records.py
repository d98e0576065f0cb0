#!/usr/bin/env python3
"""Compare what two versions of widelimit record, bit by bit.

A refactoring must not change any number that the program writes. This script runs every built-in experiment at a small
size with a former and with the present version, takes a digest of what each recorded, and compares the digests. It
needs NumPy, both programs, and the four MNIST files (without them the experiments on MNIST are left out).

    python docs/compare_records.py run FORMER_PROGRAM former --former --mnist FOLDER
    python docs/compare_records.py run PROGRAM present --mnist FOLDER
    python docs/compare_records.py digest former > former.json
    python docs/compare_records.py digest present > present.json
    python docs/compare_records.py compare former.json present.json

`run` writes the run folder of each case to OUT/CASE and the messages of the program to OUT/logs/CASE.txt. OUT must be
new or empty, so that no record of an earlier run is taken for one of this run. The cases are in compare_cases.py.

`digest` covers the arrays of all `.npz` files in `records/` and `state/` (SHA-256 of type, shape and contents), the
numbers of all JSON files in `records/`, and the checks. Wall times are left out.

`compare` translates the names of the former version and reports what is different, missing and new. Entries that are
new are no failure. Exit status 0 when everything that the former version recorded is equal, 1 otherwise.

Both versions must run on the same instruction set: AVX2 and AVX-512 give the same bits, the portable path others.

Names that differ between the versions are in three tables: `FORMER_SETTINGS` (experiment files), `RENAMED` (what is
recorded) and `NO_LONGER_WRITTEN`. They hold what revision 525a189 named otherwise. For a later comparison, empty them
and enter the names of the former version of that comparison.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy

from compare_cases import CASES, DRAWS, Case

# Pairs (pattern, replacement) for `re.sub`, applied in this order.
Substitutions = list[tuple[str, str]]

# From the settings of a case, as texts KEY=VALUE, to those of the former version.
FORMER_SETTINGS: Substitutions = [(r"^paths\.", "connect."), (r"^convergence\.", "converge.")]

# From the names of the former version's entries to those of the present one:
#
#     arrays   CASE/records/FILE.npz:ARRAY and CASE/state/FILE.npz:ARRAY
#     numbers  CASE/records/FILE.json:KEY.KEY.INDEX
#     checks   CASE/CHECK:measured, :interval, :expected and :verdict
#
# A pair is applied to entries of all three kinds, so patterns are anchored.
RENAMED: Substitutions = [
    # The groups of networks and the limit's own error are recorded by every run of networks, not by the gap study.
    (r"^([^/]+/records)/gap\.json:(reference|groups)\.", r"\1/groups.json:\2."),
    (r"^([^/]+/records)/clouds\.json:", r"\1/groups.json:clouds."),
    # Records and checks have the name of their study.
    (r"^([^/]+/records)/connect\.json:", r"\1/paths.json:"),
    (r"^([^/]+/records)/recovery\.json:summaries\.", r"\1/recover.json:summaries."),
    (r"^([^/]+)/((?:widths|steps-|batches)[^/]*:)", r"\1/gap-\2"),
    (r"^([^/]+)/converge-([^/]*:)", r"\1/convergence-\2"),
]

# Entries of the former version, under their new names, that may be missing where they had this value: pairs (pattern,
# value as a text). Without a table [gap] there is no gap.json, where the former version wrote one without a bound.
NO_LONGER_WRITTEN: list[tuple[str, str]] = [(r"[^/]+/records/gap\.json:bound", "None")]

# Files of records that hold wall times.
WALL_TIMES = {"timings.json", "profile.json"}

# Names printed of each kind of difference.
LISTED = 20


def renamed(name: str, pairs: Substitutions) -> str:
    """The name after all substitutions."""
    for pattern, replacement in pairs:
        name = re.sub(pattern, replacement, name)
    return name


# --- run


def toml(value: object) -> str:
    """A value as `--set` takes it. Texts are TOML already, or need no quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def command(args: argparse.Namespace, name: str, case: Case) -> list[str]:
    """The command line of a case."""
    settings = dict(case.settings)
    if case.mnist:
        settings[case.mnist] = json.dumps(str(args.mnist.resolve()))
    line = [args.program, "run", case.experiment, "--out", str(args.out / name), "--quiet"]
    line += ["--simd", args.simd, "--threads", str(args.threads)]
    for key, value in settings.items():
        text = f"{key}={toml(value)}".replace("INPUTS", str((args.out / "inputs").resolve()))
        line += ["--set", renamed(text, FORMER_SETTINGS) if args.former else text]
    return line


def execute(line: list[str], log: Path) -> bool:
    """Runs a command and writes its messages to `log`; whether it succeeded."""
    done = subprocess.run(line, capture_output=True, text=True)
    log.write_text(f"{done.stdout}{done.stderr}")
    if done.returncode != 0:
        print(f"exit status {done.returncode}: {' '.join(line)}\n{done.stderr}", file=sys.stderr)
    return done.returncode == 0


def write_inputs(folder: Path) -> None:
    """Writes the data files of the cases, from a multiplicative congruence, so that they need no random generator."""
    folder.mkdir(parents=True)
    n, d = 150, 7
    x = ((numpy.arange(1, n * d + 1, dtype=numpy.int64) * 48271 % 65537) / 32768.5 - 1.0).reshape(n, d)
    y = numpy.round(x[:, 0] * x[:, 1] + 0.5 * x[:, 2], 6)
    rows = [",".join(map(repr, map(float, row))) for row in numpy.column_stack([x, y])]
    header = ",".join([*(f"x{i}" for i in range(d)), "y"])
    (folder / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    numpy.savez(folder / "data.npz", x=x, y=numpy.arange(n) % 3)
    truth = numpy.array([1.5, 0.0, -0.5, 0.0, 0.0, 2.0, 0.25])
    numpy.savez(folder / "problem.npz", X=x, y=x @ truth, w_star=truth)


def without_case(program: str) -> list[str]:
    """Built-in experiments without a case."""
    out = subprocess.run([program, "list"], capture_output=True, text=True, check=True).stdout
    covered = {case.experiment for case in CASES.values()}
    return [line.split()[0] for line in out.splitlines() if line.strip() and line.split()[0] not in covered]


def write_draws(args: argparse.Namespace, logs: Path, names: list[str]) -> bool:
    """Writes the random draws of the trajectories in `DRAWS`, of the cases that were run; whether all were written."""
    folder = args.out / "draws" / "state"
    folder.mkdir(parents=True)
    succeeded = True
    for name, trajectory in DRAWS:
        if name in names:
            file = folder / f"{name}-{trajectory}.npz"
            line = [args.program, "draws", str(args.out / name), trajectory, "--out", str(file)]
            succeeded &= execute(line, logs / f"draws-{name}-{trajectory}.txt")
    return succeeded


def run(args: argparse.Namespace) -> int:
    """The command `run`."""
    if args.out.exists() and any(args.out.iterdir()):
        print(f"{args.out} is not empty: choose another folder", file=sys.stderr)
        return 2
    logs = args.out / "logs"
    logs.mkdir(parents=True)
    write_inputs(args.out / "inputs")
    succeeded = True
    for name in without_case(args.program):
        print(f"no case for the built-in experiment {name}", file=sys.stderr)
        succeeded = False
    names = [name for name in CASES if not args.only or name in args.only]
    if not args.mnist:
        for name in [name for name in names if CASES[name].mnist]:
            print(f"{name}: left out, needs --mnist FOLDER", file=sys.stderr)
            names.remove(name)
    for name in names:
        began = time.monotonic()
        succeeded &= execute(command(args, name, CASES[name]), logs / f"{name}.txt")
        print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    succeeded &= write_draws(args, logs, names)
    return 0 if succeeded else 1


# --- digest


def array_digest(array: numpy.ndarray) -> str:
    """SHA-256 of type, shape and contents in C order."""
    head = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(head + array.tobytes(order="C")).hexdigest()


def arrays_of(out: Path) -> dict[str, str]:
    """Digests of all arrays."""
    digests = {}
    for part in ("records", "state"):
        for file in sorted(out.glob(f"*/{part}/**/*.npz")):
            with numpy.load(file, allow_pickle=False) as table:
                for name in table.files:
                    digests[f"{file.relative_to(out)}:{name}"] = array_digest(table[name])
    return digests


def leaves(value: object, path: str = "") -> dict[str, object]:
    """The leaves of a JSON value by their path."""
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return {path: value}
    nested = (leaves(each, f"{path}.{key}" if path else str(key)) for key, each in pairs)
    return {name: leaf for part in nested for name, leaf in part.items()}


def is_number(leaf: object) -> bool:
    """Numbers, and what is written in their place: null for NaN, texts for infinities. Also truth values."""
    return not isinstance(leaf, str) or leaf in ("inf", "-inf")


def numbers_of(out: Path) -> dict[str, str]:
    """All numbers of the JSON records, as texts."""
    numbers = {}
    for file in sorted(out.glob("*/records/**/*.json")):
        if file.name not in WALL_TIMES:
            for path, leaf in leaves(json.loads(file.read_text())).items():
                if is_number(leaf):
                    numbers[f"{file.relative_to(out)}:{path}"] = repr(leaf)
    return numbers


def checks_of(out: Path) -> dict[str, str]:
    """What the checks measured and decided, as texts."""
    checks = {}
    for file in sorted(out.glob("*/checks.json")):
        for check in json.loads(file.read_text()):
            for part in ("measured", "interval", "expected", "verdict"):
                key = f"{file.parent.name}/{check['name']}:{part}"
                if key in checks:
                    raise ValueError(f"{file}: two checks are called {check['name']}")
                checks[key] = repr(check[part])
    return checks


def digest(args: argparse.Namespace) -> int:
    """The command `digest`."""
    digests = {"arrays": arrays_of(args.out), "numbers": numbers_of(args.out), "checks": checks_of(args.out)}
    json.dump(digests, sys.stdout, indent=1, sort_keys=True)
    print()
    print(", ".join(f"{len(entries)} {kind}" for kind, entries in digests.items()), file=sys.stderr)
    return 0 if digests["arrays"] else 1


# --- compare


def translated(entries: dict[str, str]) -> dict[str, str]:
    """The entries of the former version under the names of the present one."""
    mapped: dict[str, str] = {}
    for name, value in entries.items():
        target = renamed(name, RENAMED)
        if target in mapped:
            raise ValueError(f"RENAMED gives two entries the name {target}")
        mapped[target] = value
    return mapped


def may_be_missing(name: str, value: str) -> bool:
    """Whether the present version need not write this entry."""
    return any(value == dropped and re.fullmatch(pattern, name) for pattern, dropped in NO_LONGER_WRITTEN)


def compare_kind(kind: str, former: dict[str, str], present: dict[str, str]) -> bool:
    """Reports on one kind of entries; whether all of the former version are in the present one and equal."""
    common = [name for name in former if name in present]
    absent = [name for name in former if name not in present]
    lists = {
        "different": [name for name in common if former[name] != present[name]],
        "missing": [name for name in absent if not may_be_missing(name, former[name])],
        "no longer written": [name for name in absent if may_be_missing(name, former[name])],
        "new": [name for name in present if name not in former],
    }
    counts = ", ".join(f"{len(names)} {label}" for label, names in lists.items())
    print(f"{kind}: {len(common)} compared, {len(common) - len(lists['different'])} equal, {counts}")
    for label, names in lists.items():
        for name in names[:LISTED]:
            values = f": {former[name]} -> {present[name]}" if label == "different" and kind != "arrays" else ""
            print(f"  {label}: {name}{values}")
        if len(names) > LISTED:
            print(f"  {label}: ... and {len(names) - LISTED} more")
    return bool(common) and not lists["different"] and not lists["missing"]


def compare(args: argparse.Namespace) -> int:
    """The command `compare`."""
    former, present = (json.loads(path.read_text()) for path in (args.former, args.present))
    kinds = ("arrays", "numbers", "checks")
    equal = [compare_kind(kind, translated(former[kind]), present[kind]) for kind in kinds]
    print("equal" if all(equal) else "NOT EQUAL")
    return 0 if all(equal) else 1


# --- command line


def best_simd() -> str:
    """AVX-512 where the processor has it, else AVX2."""
    flags = Path("/proc/cpuinfo")
    return "avx512" if flags.exists() and "avx512f" in flags.read_text() else "avx2"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(required=True)

    each = commands.add_parser("run", help="run all cases")
    each.add_argument("program", help="path of the program")
    each.add_argument("out", type=Path, help="folder for the run folders, new or empty")
    each.add_argument("--former", action="store_true", help="the program is the former version")
    each.add_argument("--mnist", type=Path, help="folder of the MNIST files")
    each.add_argument("--simd", default=best_simd(), help="instruction set (default: %(default)s)")
    each.add_argument("--threads", type=int, default=2)
    each.add_argument("--only", nargs="+", choices=list(CASES), metavar="CASE", help="run these cases only")
    each.set_defaults(function=run)

    each = commands.add_parser("digest", help="print the digests of a folder of runs")
    each.add_argument("out", type=Path, help="a folder that `run` wrote")
    each.set_defaults(function=digest)

    each = commands.add_parser("compare", help="compare two files of digests")
    each.add_argument("former", type=Path)
    each.add_argument("present", type=Path)
    each.set_defaults(function=compare)
    return top


def main() -> int:
    args = parser().parse_args()
    return args.function(args)


if __name__ == "__main__":
    sys.exit(main())
