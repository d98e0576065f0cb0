#!/usr/bin/env python3
"""Strong and weak scaling of divided networks: ranks of `mpirun` beside threads of one process.

    cargo build --release --features mpi
    benches/scaling.py --program target/release/widelimit [--blocks 200] [--repeats 3] [--case NAME] [--json FILE]

The step of `widelimit bench` is timed in blocks of one step, on 1 rank with 1 and 2 threads and on 2 ranks with 1 thread, repeatedly and in
turn. The fastest block counts, with its exchanges between ranks: on a machine that others use, most blocks wait for a processor.
The number of samples of a step determines the exchange, that of one number for each sample. Options of mpirun are taken from the
variable MPIRUN. Python's standard library suffices.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

MPIRUN = "mpirun --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1"

# Ranks and threads of each.
LAYOUTS = [(1, 1), (1, 2), (2, 1)]

# Neurons on one worker, samples of a step.
CASES = {
    "one sample": (1 << 18, 1),
    "mini-batch": (1 << 15, 100),
    "sample of 2000": (1 << 11, 2000),
    "sample of 60000": (1 << 9, 60_000),
}


def run(program, width, samples, layout, blocks):
    """The answer of the program: microseconds of the fastest step, and its exchanges."""
    ranks, threads = layout
    words = [program, "bench", "--n", str(width), "--b", str(samples), "--threads", str(threads)]
    words += ["--steps", "1", "--repeats", str(blocks)]
    if ranks > 1:
        words = shlex.split(os.environ.get("MPIRUN", MPIRUN)) + ["-n", str(ranks)] + words
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{shlex.join(words)}\n{done.stderr}")
    answer = json.loads(done.stdout)
    answer["us"] = answer["ns_min"] * width * samples / 1e3
    return answer


def measure(program, names, blocks, repeats):
    for name in names:
        width, samples = CASES[name]
        settings = [("strong", layout, width) for layout in LAYOUTS]
        settings += [("weak", layout, width * layout[0] * layout[1]) for layout in LAYOUTS[1:]]
        found = {}
        for _ in range(repeats):
            for setting in settings:
                _, layout, neurons = setting
                answer = run(program, neurons, samples, layout, blocks)
                found[setting] = min(found.get(setting, answer), answer, key=lambda answer: answer["us"])
        one = found[settings[0]]["us"]
        for (scaling, layout, neurons), answer in found.items():
            workers = layout[0] * layout[1]
            yield dict(
                case=name,
                scaling=scaling,
                ranks=layout[0],
                threads=layout[1],
                width=neurons,
                samples=samples,
                step_us=answer["us"],
                efficiency=one / answer["us"] / (workers if scaling == "strong" else 1),
                exchange_us=answer.get("exchange_us", 0.0),
                exchanges=answer.get("exchanges", 0.0),
                bytes=answer.get("exchange_bytes", 0.0),
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/widelimit")
    parser.add_argument("--blocks", type=int, default=200, help="blocks of one step in a process")
    parser.add_argument("--repeats", type=int, default=3, help="processes of each setting, in turn")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated")
    parser.add_argument("--json", type=Path, help="file for the measurements")
    arguments = parser.parse_args()
    program = str(Path(arguments.program).resolve())
    print("| case | scaling | ranks × threads | N | step | efficiency | received | in exchanges |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for row in measure(program, arguments.case or list(CASES), arguments.blocks, arguments.repeats):
        rows.append(row)
        several = row["ranks"] > 1
        received = f"{row['bytes'] / 1e3:.3g} kB" if several else ""
        share = f"{row['exchange_us']:.3g} µs, {100 * row['exchange_us'] / row['step_us']:.2g} %" if several else ""
        print(
            f"| {row['case']} | {row['scaling']} | {row['ranks']} × {row['threads']} | {row['width']} "
            f"| {row['step_us'] / 1e3:.3g} ms | {row['efficiency']:.2f} | {received} | {share} |",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
