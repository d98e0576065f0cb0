#!/usr/bin/env python3
"""Runs built-in experiments with --profile, and prints their profiles as rows of Markdown: first a table of experiments, then one
of phases.

    python docs/profile_experiments.py target/release/widelimit --mnist FOLDER        # all of EXPERIMENTS, for docs/performance.md
    python docs/profile_experiments.py target/release/widelimit digits langevin       # these
    python docs/profile_experiments.py --read RUN ...                                 # runs that have a profile

Arguments after `--` are those of every run, such as `-- --threads 1 --set widths.seeds=2`. FOLDER holds the IDX files of MNIST,
of which 500 images are used. Runs are written into a temporary folder, or into that of --out, which keeps them. Nothing else
should run on the machine.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

EXPERIMENTS = [
    "digits", "digits3", "teacher", "langevin", "converge", "connect", "bump", "predict", "prune-digits", "mnist",
]
MNIST_IMAGES = 500

# Least share of the wall time of a run of a phase in the table of phases, and of the time of a phase of a kind of work.
LEAST_PHASE, LEAST_WORK = 0.005, 0.001

# Columns of the table of experiments: the kinds of work that are added.
COLUMNS = {
    "kernels": ["kernels", "kinetic grid"],
    "columns": ["tangent columns"],
    "products": ["matrix products"],
    "pruning": ["products with H", "factors", "sweeps", "model passes"],
    "recording": ["recording"],
    "random": ["random numbers"],
    "i/o": ["state i/o"],
    "figures": ["figures"],
}


def arguments():
    own = sys.argv[1:]
    own, extra = (own[: own.index("--")], own[own.index("--") + 1 :]) if "--" in own else (own, [])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="the program; not with --read")
    parser.add_argument("experiments", nargs="*", help="names of experiments [default: all]")
    parser.add_argument("--read", nargs="+", metavar="RUN", help="folders of runs that have a profile")
    parser.add_argument("--mnist", metavar="FOLDER", help="folder of the IDX files of MNIST")
    parser.add_argument("--out", metavar="DIR", help="folder for the runs")
    options = parser.parse_args(own)
    if (options.program is None) == (options.read is None):
        parser.error("expected a program, or --read with folders of runs")
    names = options.experiments or EXPERIMENTS
    if options.read is None and "mnist" in names and options.mnist is None:
        parser.error("mnist: expected the folder of its files by --mnist")
    return options, names, extra


def run(options, name, extra, out):
    """The profile of an experiment that is run."""
    folder = Path(out) / name
    command = [options.program, "run", name, "--profile", "--quiet", "--force", "--out", str(folder)]
    if name == "mnist":
        command += ["--set", f"population.folder={Path(options.mnist).resolve()}"]
        command += ["--set", f"population.limit={MNIST_IMAGES}"]
    done = subprocess.run([*command, *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{name}: exit status {done.returncode}\n{done.stderr}")
    return read(folder)


def read(folder):
    path = Path(folder) / "records" / "profile.json"
    if not path.exists():
        sys.exit(f"{path}: missing: expected a run with --profile")
    return json.loads(path.read_text())


def percent(part, whole):
    share = 100.0 * part / whole if whole > 0.0 else 0.0
    return "" if share < 0.05 else f"{share:.1f} %"


def of_peak(profile, works):
    """The time of the counted operations, and of operations and activations, at the peak, over the processor time."""
    peak, threads = profile["peak"], profile["threads"]
    used = sum(work["processor_seconds"] for work in works)
    times = [0.0, 0.0]
    for work in works:
        for precision in ("f32", "f64"):
            operations = threads * work["operations"][precision] / peak["operations"][precision]
            rates = peak["activations"]
            activations = threads * work["activations"][precision] / rates[precision] if rates else 0.0
            times[0] += operations
            times[1] += operations + activations
    return ["" if used == 0.0 or time == 0.0 else f"{100.0 * time / used:.0f} %" for time in times]


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*titles):
    row(*titles)
    row(*("---" for _ in titles))


def print_experiments(profiles):
    header("experiment", "wall", "processor", *COLUMNS, "other", "waiting", "kernels: of peak", "with activations")
    for name, profile in profiles.items():
        phases, threads = profile["phases"], profile["threads"]
        total = lambda key: sum(phase[key] for phase in phases)
        wall, processor = total("wall_seconds"), total("processor_seconds")
        works = [work for phase in phases for work in phase["work"]]
        seconds = lambda kinds: sum(work["processor_seconds"] for work in works if work["kind"] in kinds)
        shares = [percent(seconds(kinds), wall * threads) for kinds in COLUMNS.values()]
        rest = [percent(total(key), wall * threads) for key in ("other_seconds", "waiting_seconds")]
        main = ["model passes", "products with H", "factors", "sweeps"] if name == "prune-digits" else ["kernels"]
        peaks = of_peak(profile, [work for work in works if work["kind"] in main])
        row(f"`{name}`", f"{wall:.1f} s", f"{processor:.1f} s", *shares, *rest, *peaks)


def print_phases(profiles):
    header("experiment", "phase", "wall", "work", "of the time", "processor", "Gop", "of peak", "with activations", "of bandwidth")
    for name, profile in profiles.items():
        wall = sum(phase["wall_seconds"] for phase in profile["phases"])
        for phase in profile["phases"]:
            if phase["wall_seconds"] < LEAST_PHASE * wall:
                continue
            available = phase["wall_seconds"] * profile["threads"]
            begin = [f"`{name}`", phase["name"], f"{phase['wall_seconds']:.2f} s"]
            for work in phase["work"]:
                if work["time_share"] < LEAST_WORK:
                    continue
                share = lambda key: "" if work[key] is None else f"{100.0 * work[key]:.0f} %"
                operations = 1e-9 * sum(work["operations"].values())
                row(
                    *begin,
                    work["kind"],
                    percent(work["processor_seconds"], available),
                    f"{work['processor_seconds']:.2f} s",
                    f"{operations:.2f}" if operations else "",
                    share("share_of_peak"),
                    share("share_of_peak_with_activations"),
                    share("share_of_bandwidth"),
                )
                begin = ["", "", ""]
            for kind in ("other", "waiting"):
                seconds = phase[f"{kind}_seconds"]
                row(*begin, kind, percent(seconds, available), f"{seconds:.2f} s", "", "", "", "")
                begin = ["", "", ""]


def print_machine(profile):
    peak = profile["peak"]
    giga = lambda value: f"{1e-9 * value:.1f}"
    print(f"\n{profile['processor']}, {profile['threads']} threads, {profile['simd']}: ", end="")
    print(f"{giga(peak['operations']['f32'])} and {giga(peak['operations']['f64'])} Gop/s (f32, f64), ", end="")
    print(f"{giga(peak['bandwidth'])} GB/s.\n")


def main():
    options, names, extra = arguments()
    if options.read:
        profiles = {Path(folder).name: read(folder) for folder in options.read}
    else:
        with tempfile.TemporaryDirectory() as temporary:
            profiles = {}
            for name in names:
                print(f"{name} ...", file=sys.stderr, flush=True)
                profiles[name] = run(options, name, extra, options.out or temporary)
    print_experiments(profiles)
    print_machine(next(iter(profiles.values())))
    print_phases(profiles)


if __name__ == "__main__":
    main()
