"""What the peers `jax_two_layers.py` and `jax_three_layers.py` have in common: the networks of a run are trained again in JAX,
from their own initial parameters, and compared or timed.

All seeds of a width are one call: `jax.vmap` over the seeds of a `jax.lax.scan` over the steps, compiled by `jax.jit`, with the
gradient by `jax.grad`. Risks and predictions are evaluated at the recording times, as in a run. Double precision.
"""
import argparse
import json
import os
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

# Both programs take the same steps in double precision: what differs is the order of sums.
TOLERANCE = 1e-9


class Run:
    """A complete run of training under the full gradient, with its networks."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "manifest.json")) as file:
            self.manifest = json.load(file)
        experiment = self.manifest["experiment"]
        network, dynamics = experiment["network"], experiment["dynamics"]
        needed = {
            "network.activation": (network["activation"], "tanh"),
            "network.loss": (network["loss"], "half-squared"),
            "dynamics.method": (dynamics["method"], "heavy-ball"),
            "dynamics.batch": (dynamics["batch"], "full"),
        }
        for key, (found, expected) in needed.items():
            if found != expected:
                sys.exit(f"{folder}: {key} = {found!r}: expected {expected!r}")
        for key in ("ridge", "temperature"):
            if dynamics.get(key, 0.0) != 0.0:
                sys.exit(f"{folder}: dynamics.{key} = {dynamics[key]}: expected 0")
        self.kind, self.step, self.friction = network["kind"], dynamics["step"], dynamics["friction"]
        data = np.load(os.path.join(folder, "state", "data.npz"))
        self.x, self.y = jnp.asarray(data["x"]), jnp.asarray(data["y"])
        record = np.load(os.path.join(folder, "records", "widths.npz"))
        self.widths, self.risk = [int(width) for width in record["values"]], record["risk"]
        intervals = np.diff(record["times"]) / self.step
        self.steps = int(round(float(intervals[0])))
        if not np.allclose(intervals, self.steps, atol=1e-6):
            sys.exit(f"{folder}: the recording times are not evenly spaced")
        self.records = len(intervals)
        self.seconds = {phase["name"]: phase["seconds"] for phase in self.manifest["phases"]}

    def parameters(self, width, names, when):
        """The parameters of all networks of a width, each (seeds, ...)."""
        found = {name: [] for name in names}
        for seed in range(self.risk.shape[1]):
            path = os.path.join(self.folder, "state", f"n{width}-s{seed}.npz")
            with np.load(path) as state:
                for name in names:
                    if f"{name}_{when}" not in state:
                        sys.exit(f"{path}: no array {name}_{when}: expected a run with --set run.states=all")
                    found[name].append(state[f"{name}_{when}"].astype(np.float64))
        return {name: jnp.asarray(np.stack(values)) for name, values in found.items()}


def trainer(run, predict, scales):
    """Trains all seeds of a width: initial parameters to final parameters, risks (seeds, records + 1) and predictions."""

    def risk(parameters):
        residual = predict(parameters, run.x) - run.y
        return 0.5 * jnp.mean(jnp.sum(residual * residual, axis=1))

    gradient = jax.grad(risk)

    def heavy_ball(state, _):
        parameters, momenta = state
        slope = gradient(parameters)
        scale = scales(parameters)
        momenta = {
            name: (1.0 - run.friction * run.step) * momenta[name] - run.step * scale[name] * slope[name]
            for name in parameters
        }
        return ({name: parameters[name] + run.step * momenta[name] for name in parameters}, momenta), None

    def until_record(state, _):
        state, _ = jax.lax.scan(heavy_ball, state, None, length=run.steps)
        return state, (risk(state[0]), predict(state[0], run.x))

    def one_network(parameters):
        momenta = jax.tree.map(jnp.zeros_like, parameters)
        state, (risks, predictions) = jax.lax.scan(until_record, (parameters, momenta), None, length=run.records)
        return state[0], jnp.concatenate([risk(parameters)[None], risks]), predictions

    return jax.jit(jax.vmap(one_network))


def compare(run, train, names):
    """Whether final parameters and risks are those of the run."""
    largest = 0.0
    for row, width in enumerate(run.widths):
        final, risks, _ = train(run.parameters(width, names, "initial"))
        expected = run.parameters(width, names, "final")
        of_parameters = max(float(jnp.abs(final[name] - expected[name]).max()) for name in names)
        of_risks = float(np.abs(np.asarray(risks) - run.risk[row]).max())
        print(f"N = {width}: largest difference of parameters {of_parameters:.1e}, of risks {of_risks:.1e}")
        largest = max(largest, of_parameters, of_risks)
    if not largest <= TOLERANCE:
        sys.exit(f"differences up to {largest:.1e}: expected at most {TOLERANCE:.0e}")
    print(f"equal to {TOLERANCE:.0e}")


def measure(run, train, names, repeats):
    """Seconds of the second and later calls of every width, the least of each, and of the compilation."""
    total = processor = compilation = 0.0
    for width in run.widths:
        start = run.parameters(width, names, "initial")
        begun = time.perf_counter()
        jax.block_until_ready(train(start))
        first = time.perf_counter() - begun
        calls = []
        for _ in range(repeats):
            begun, used = time.perf_counter(), time.process_time()
            jax.block_until_ready(train(start))
            calls.append((time.perf_counter() - begun, time.process_time() - used))
        wall, used = min(calls)
        print(f"N = {width}: {wall:.3f} s, processor time {used:.3f} s", flush=True)
        total, processor, compilation = total + wall, processor + used, compilation + first - wall
    print(f"all widths: {total:.3f} s, processor time {processor:.3f} s; compilation {compilation:.2f} s")
    print(f"networks of the run, distances and recordings included: {run.seconds.get('networks', float('nan')):.3f} s")


def main(about, kind, predict, scales, names):
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a complete run")
    parser.add_argument("--check", action="store_true", help="compare final parameters and risks with those of the run")
    parser.add_argument("--repeats", type=int, default=3, help="calls of each width that are timed")
    options = parser.parse_args()
    run = Run(options.run)
    if run.kind != kind:
        sys.exit(f"{options.run}: network.kind = {run.kind!r}: expected {kind!r}")
    train = trainer(run, predict, scales)
    if options.check:
        compare(run, train, names)
    else:
        measure(run, train, names, options.repeats)
