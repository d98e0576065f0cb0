#!/usr/bin/env python3
"""Recompute one trajectory of a finished run in NumPy and compare it with what the run recorded.

    python docs/redo.py RUN ID [DRAWS]

RUN is the run folder, ID a trajectory listed in its manifest.json. A trajectory with random draws (mini-batches, fresh
samples, noise) also needs them:

    widelimit draws RUN ID --out DRAWS

Nothing here is shared with the Rust program: the data and the initial parameters are read from `state/`, the equations
of docs/theory.md are written out again, and the final parameters and momenta are compared with `state/ID.npz`. The
difference printed for an array is max |recomputed - recorded| / max |recorded|. Exit status 0 when the largest is at
most 1e-9 (states in double precision) or 1e-3 (single precision, where rounding is what differs), 1 when it is larger,
2 for misuse.

Two things are not recomputed: trajectories of dormand-prince, whose steps are adaptive, and limits on a grid.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])
erfc = np.vectorize(math.erfc, otypes=[float])


def normal_distribution(z):
    return 0.5 * erfc(-z / math.sqrt(2))


def normal_density(z):
    return np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def sigmoid(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), 1 - 1 / (1 + np.exp(-np.abs(z))))


# sigma and sigma'
ACTIVATIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "erf": (lambda z: erf(z / math.sqrt(2)), lambda z: 2 * normal_density(z)),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "softplus": (lambda z: np.logaddexp(0, z), sigmoid),
    "gelu": (lambda z: z * normal_distribution(z), lambda z: normal_distribution(z) + z * normal_density(z)),
    "piecewise-linear": (
        lambda z: -2.5 + 10 * np.clip(z - 0.5, 0, 1),
        lambda z: 10.0 * ((z > 0.5) & (z <= 1.5)),
    ),
    "bump": (lambda z: np.exp(-(z**2) / 2), lambda z: -z * np.exp(-(z**2) / 2)),
}


def softmax(f):
    e = np.exp(f - f.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# d loss / d f
RESIDUALS = {
    "half-squared": lambda f, y: f - y,
    "logistic": lambda f, y: -y / (1 + np.exp(y * f)),
    "softmax": lambda f, y: softmax(f) - y,
}


class TwoLayer:
    """The potential's gradient. A network is a list of one array, neurons (N, p), in the order w, b (if any), a."""

    families = [["w", "b", "a"]]

    def __init__(self, spec, ridge, inputs, outputs):
        self.sigma, self.slope = ACTIVATIONS[spec["activation"]]
        self.residual = RESIDUALS[spec["loss"]]
        self.bias, self.ridge = spec["bias"], ridge
        self.d = inputs
        self.hidden = inputs + int(spec["bias"])
        # Rows of a neuron that are trained: everything, or all but a.
        self.trained = self.hidden + (0 if spec["fixed_output"] else outputs)
        # The first weight of a bump neuron is fixed.
        self.fixed_first = int(spec["activation"] == "bump")

    def gradient(self, theta, x, y):
        """grad Psi(theta_i; rho_N) = N dR / d theta_i for every neuron, under the law of the rows of x and y."""
        (theta,) = theta
        w, a = theta[:, : self.d], theta[:, self.hidden :]
        z = x @ w.T + (theta[:, self.d] if self.bias else 0.0)  # (n, N)
        s = self.sigma(z)
        f = s @ a / len(theta)  # the 1/N of the model
        e = self.residual(f, y) / len(x)
        delta = (e @ a.T) * self.slope(z)
        g = np.zeros_like(theta)
        g[:, : self.d] = delta.T @ x
        if self.bias:
            g[:, self.d] = delta.sum(axis=0)
        g[:, self.hidden :] = s.T @ e
        g += self.ridge * theta
        g[:, self.trained :] = 0.0
        g[:, : self.fixed_first] = 0.0
        return [g]


class ThreeLayer:
    """The same with two hidden layers: neurons (w, b), (N1, .), weights u, (N1, N2), and neurons (c, a), (N2, .)."""

    families = [["w", "b"], ["u"], ["c", "a"]]
    fixed_first = 0

    def __init__(self, spec, ridge, inputs, outputs):
        self.first, self.first_slope = ACTIVATIONS[spec["activation"]]
        self.second, self.second_slope = ACTIVATIONS[spec["second_activation"]]
        self.residual = RESIDUALS[spec["loss"]]
        self.bias, self.ridge = int(spec["bias"]), ridge
        self.d, self.fixed = inputs, spec["fixed_output"]

    def gradient(self, theta, x, y):
        """N1 dR / dw_i, N1 N2 dR / du_ij and N2 dR / da_j."""
        first, u, second = theta
        z1 = x @ first[:, : self.d].T + (first[:, self.d] if self.bias else 0.0)  # (n, N1)
        s1 = self.first(z1)
        z2 = s1 @ u / len(first) + (second[:, 0] if self.bias else 0.0)  # (n, N2)
        s2 = self.second(z2)
        a = second[:, self.bias :]
        e = self.residual(s2 @ a / len(second), y) / len(x)
        delta2 = (e @ a.T) * self.second_slope(z2)
        delta1 = (delta2 @ u.T / len(second)) * self.first_slope(z1)
        ones = np.ones((len(x), self.bias))
        g = [delta1.T @ np.hstack([x, ones]), s1.T @ delta2, np.hstack([delta2.T @ ones, s2.T @ e])]
        g = [g + self.ridge * v for g, v in zip(g, theta)]
        if self.fixed:
            g[2][:, self.bias :] = 0.0
        return g


class Arrays:
    """A list of arrays with the operations of a vector."""

    def __init__(self, arrays):
        self.arrays = list(arrays)

    def __iter__(self):
        return iter(self.arrays)

    def __add__(self, other):
        return Arrays(a + b for a, b in zip(self, other))

    def __sub__(self, other):
        return Arrays(a - b for a, b in zip(self, other))

    def __neg__(self):
        return Arrays(-a for a in self)

    def __rmul__(self, factor):
        return Arrays(factor * a for a in self)

    def __truediv__(self, divisor):
        return Arrays(a / divisor for a in self)


NETWORKS = {"two-layer": TwoLayer, "bump": TwoLayer, "three-layer": ThreeLayer}


# One step of each method, from the gradient as a function of theta, the state, the terms of motion, and the standard
# normals of the step (zero without noise).


def heavy_ball(grad, theta, r, m, xi):
    r = (1 - m["friction"] * m["step"]) * r - m["step"] * grad(theta)
    r = r + math.sqrt(2 * m["friction"] * m["temperature"] * m["step"]) * xi
    return theta + m["step"] * r, r


def gradient_descent(grad, theta, r, m, xi):
    return theta - m["step"] * grad(theta) + math.sqrt(2 * m["temperature"] * m["step"]) * xi, r


def kick_drift_kick(grad, theta, r, m, xi):
    h, damping = m["step"], math.exp(-0.5 * m["friction"] * m["step"])
    r = damping * r - 0.5 * h * grad(theta)
    theta = theta + h * r
    return theta, damping * (r - 0.5 * h * grad(theta))


def baoab(grad, theta, r, m, xi):
    h, c = m["step"], math.exp(-m["friction"] * m["step"])
    r = r - 0.5 * h * grad(theta)
    theta = theta + 0.5 * h * r
    r = c * r + math.sqrt(m["temperature"] * (1 - c * c)) * xi
    theta = theta + 0.5 * h * r
    return theta, r - 0.5 * h * grad(theta)


def rk4(grad, theta, r, m, xi):
    h = m["step"]

    def velocity(theta, r):
        if m["first_order"]:
            return -grad(theta), 0.0 * r
        return r, -m["friction"] * r - grad(theta)

    k1 = velocity(theta, r)
    k2 = velocity(theta + 0.5 * h * k1[0], r + 0.5 * h * k1[1])
    k3 = velocity(theta + 0.5 * h * k2[0], r + 0.5 * h * k2[1])
    k4 = velocity(theta + h * k3[0], r + h * k3[1])
    theta, r = (y + h / 6 * (a + 2 * b + 2 * c + d) for y, a, b, c, d in zip((theta, r), k1, k2, k3, k4))
    return theta, r


METHODS = {
    "heavy-ball": heavy_ball,
    "gradient-descent": gradient_descent,
    "kick-drift-kick": kick_drift_kick,
    "rk4": rk4,
    "baoab": baoab,
}


def misuse(message):
    print(f"redo.py: {message}", file=sys.stderr)
    sys.exit(2)


def redo(run, name, draws):
    """Recomputes a trajectory.

    Returns the recomputed final arrays by name, the recorded ones, the states' scalar type and a description.
    """
    manifest = json.loads((run / "manifest.json").read_text())
    experiment = manifest["experiment"]
    record = next((t for t in manifest["trajectories"] if t["id"] == name), None)
    if record is None:
        misuse(f"the manifest lists no trajectory '{name}'")
    if record["route"] == "grid":
        misuse(f"'{name}' was computed on a grid, which is not recomputed here")
    if record["method"] not in METHODS:
        misuse(f"'{name}' was computed by {record['method']}; recomputed here are {', '.join(METHODS)}")
    if record["stop"]["reason"] != "horizon":
        misuse(f"'{name}' ended before the horizon ({record['stop']['reason']})")

    dynamics = experiment["dynamics"]
    # The networks of a variant are called variant-NAME-sS and variant-NAME-one.
    frictions = {f"variant-{v['name']}": v["friction"] for v in experiment.get("variants", [])}
    terms = {
        "step": record["step"],
        "friction": frictions.get(name.rpartition("-")[0], dynamics["friction"]),
        "temperature": dynamics["temperature"],
        "first_order": dynamics["method"] == "gradient-descent",
    }
    steps = round(experiment["horizon"]["time"] / record["step"])
    drawn = record["batch"] is not None or terms["temperature"] > 0
    if drawn and draws is None:
        misuse(f"'{name}' has random draws; write them first:\n  widelimit draws {run} {name} --out draws.npz")
    draws = np.load(draws) if drawn else {}

    state = np.load(run / "state" / f"{name}.npz")
    kind = NETWORKS[experiment["network"]["kind"]]
    families = [[part for part in parts if f"{part}_initial" in state] for parts in kind.families]
    gather = lambda suffix: Arrays(
        np.hstack([state[f"{part}_{suffix}"] for part in parts]).astype(float) for parts in families
    )
    theta, r = gather("initial"), gather("momentum_initial")

    # Inputs are rounded to the states' scalar type, labels are not.
    scalar = state["w_initial"].dtype
    data = np.load(run / "state" / "data.npz")
    narrow = lambda x: x.astype(scalar).astype(float)
    x, y = narrow(data["x"]), data["y"]
    if name == "reference-half-sample":
        x, y = x[: len(x) // 2], y[: len(y) // 2]

    network = kind(experiment["network"], dynamics["ridge"], x.shape[1], y.shape[1])
    step = METHODS[record["method"]]
    for k in range(steps):
        if record["batch"] is None:
            bx, by = x, y
        elif "indices" in draws:
            rows = draws_of(draws, "indices", k).astype(int)
            bx, by = x[rows], y[rows]
        else:
            bx, by = narrow(draws_of(draws, "x", k)), draws_of(draws, "y", k)
        xi = 0.0 * theta
        if terms["temperature"] > 0:
            for parts, own in zip(families, xi):
                array = "normals" if len(families) == 1 else f"normals_{parts[-1] if 'a' in parts else parts[0]}"
                normals = narrow(draws_of(draws, array, k))
                # Trained parameters come first, but for the fixed first weight of a bump neuron.
                own[:, network.fixed_first : network.fixed_first + normals.shape[1]] = normals
        theta, r = step(lambda theta: Arrays(network.gradient(theta, bx, by)), theta, r, terms, xi)

    recomputed = {}
    for prefix, values in (("", theta), ("momentum_", r)):
        for parts, own in zip(families, values):
            ends = np.cumsum([state[f"{part}_initial"].shape[1] for part in parts])[:-1]
            recomputed |= {f"{part}_{prefix}final": v for part, v in zip(parts, np.split(own, ends, axis=1))}
    return recomputed, state, scalar, f"{record['method']}, N = {record['width']}, {steps} steps of {record['step']}"


_arrays = {}


def draws_of(draws, name, step):
    """The draws of one step. Arrays are kept, as an .npz file reads them anew at every access."""
    if name not in _arrays:
        _arrays[name] = draws[name]
    return _arrays[name][step]


def main():
    if len(sys.argv) not in (3, 4):
        misuse("usage: python docs/redo.py RUN ID [DRAWS]")
    run, name = Path(sys.argv[1]), sys.argv[2]
    if not (run / "manifest.json").is_file():
        misuse(f"{run} is not a run: there is no manifest.json in it")
    recomputed, recorded, scalar, what = redo(run, name, sys.argv[3] if len(sys.argv) == 4 else None)
    print(f"{name}: {what}")
    worst = 0.0
    for part, value in recomputed.items():
        size = np.abs(recorded[part]).max()
        apart = np.abs(value - recorded[part]).max()
        # Momenta of plain gradient descent, and of fixed weights, are zero on both sides.
        difference = apart / size if size > 0 else apart
        worst = max(worst, difference) if np.isfinite(difference) else math.inf
        print(f"  {part:18} {difference:.1e}")
    limit = 1e-9 if scalar == np.float64 else 1e-3
    print(f"largest relative difference {worst:.1e}, allowed {limit:.0e}: {'agrees' if worst <= limit else 'DIFFERS'}")
    sys.exit(0 if worst <= limit else 1)


if __name__ == "__main__":
    main()
