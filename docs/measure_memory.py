#!/usr/bin/env python3
"""The estimate of memory beside the measured peak, for the runs of docs/verification.md, section Memory.

    python3 docs/measure_memory.py PROGRAM [THREADS ...]

PROGRAM is a release build; THREADS are 1 and 2 by default. Runs are at full size and of short duration, one at a time; they
take about ten minutes for each number of threads and 2 GB of memory. Prints rows of a Markdown table. Needs Python 3.9 or later.
"""
import json
import subprocess
import sys
import tempfile

CASES = [
    ("`digits`", "digits", ["horizon.time=1.0", "reference.step=0.05", "dynamics.step=0.025", "variants.0.step=0.05",
        "gap.sweep.0.values=[0.05,0.025,0.0125,0.00625]", "gap.sweep.1.values=[0.05,0.025,0.0125,0.00625]"]),
    ("`digits3`", "digits3", ["horizon.time=0.6", "reference.step=0.05", "dynamics.step=0.025", "paths.bezier.steps=30",
        "gap.sweep.0.values=[0.05,0.025]", "gap.sweep.1.step=0.025"]),
    ("`teacher`", "teacher", ["horizon.time=0.8", "reference.step=0.08"]),
    ("`teacher`, 10^6 samples", "teacher", ["population.size=1000000", "widths.values=[16,32]", "widths.seeds=2",
        "gap.sweep=[]", "horizon.time=0.4", 'reference={particles=128,method="heavy-ball",step=0.04}']),
    ("`dropout`, N to 1024", "dropout", ["widths.values=[32,64,128,256,1024]", "horizon.time=1.0", "reference.step=0.1"]),
    ("`picard`", "picard", []),
    ("`bump`, 768² nodes", "bump", ["kinetic.nodes=768", "horizon.time=1.2"]),
    ("`gibbs`", "gibbs", ["horizon.time=4"]),
    ("`radial`", "radial", ["horizon.time=1.2", "reference.step=0.05"]),
]


def measure(program, threads, experiment, overrides):
    """The estimate and the peak of a run, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "run", experiment, "--quiet", "--threads", threads, "--out", f"{folder}/run"]
        for key in overrides:
            command += ["--set", key]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(f"{folder}/run/manifest.json", encoding="utf-8") as manifest:
            memory = json.load(manifest)["memory"]
    return memory["total"], memory["peak"]


def main():
    program, threads = sys.argv[1], sys.argv[2:] or ["1", "2"]
    print("| run | threads | estimate, MiB | peak, MiB | ratio |\n|---|---|---|---|---|")
    for name, experiment, overrides in CASES:
        for count in threads:
            estimate, peak = measure(program, count, experiment, overrides)
            print(f"| {name} | {count} | {estimate / 2**20:.0f} | {peak / 2**20:.0f} | {estimate / peak:.2f} |", flush=True)


if __name__ == "__main__":
    main()
