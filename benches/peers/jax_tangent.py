#!/usr/bin/env python3
"""The tangent system of `cargo bench --bench fluctuation` in JAX: kick-drift-kick of a cloud of two-layer tanh neurons with
the half-squared loss, and its tangent vectors by `jax.jvp` over the columns of the noise, in double precision.

    python benches/peers/jax_tangent.py --check       # c after a few steps; the bench prints the same number
    python benches/peers/jax_tangent.py               # milliseconds of a step, wall and processor time
    python benches/peers/jax_tangent.py --serve       # two steps for every line read, as `widelimit bench --serve`

The gradient is derived by hand, the bias is a column of the inputs, and everything is one jitted function. Columns are
taken `--chunk` at a time (`jax.lax.map` of `jax.vmap`); 0 tries several sizes and keeps the fastest. With `--threads 1`
the process is bound to one processor. Needs JAX 0.4 or later.
"""
import argparse
import json
import math
import os
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--samples", type=int, default=600)
parser.add_argument("--inputs", type=int, default=64)
parser.add_argument("--particles", type=int, default=1024)
parser.add_argument("--columns", type=int, default=72)
parser.add_argument("--chunk", type=int, default=0)
parser.add_argument("--threads", type=int, default=1, help="1, or 0 for all")
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--check", action="store_true")
parser.add_argument("--serve", action="store_true")
options = parser.parse_args()

flags = ["--xla_cpu_prefer_vector_width=512"]
if options.threads == 1:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    flags.append("--xla_cpu_multi_thread_eigen=false")
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags])
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

STEP, FRICTION = 0.1, 1.0
CHECKED_STEPS = 3
SERVED_STEPS = 2


def wave(count, shift):
    """Numbers between -1 and 1 without pattern."""
    k = np.arange(count) + float(shift)
    return np.sin(0.1 * k * k + k)


n, d, particles, columns = options.samples, options.inputs, options.particles, options.columns
x = np.ones((n, d + 1))
x[:, :d] = 1.5 * wave(n * d, 0).reshape(n, d)
y = np.sign(wave(n, 17))
w = wave(particles * (d + 1), 3).reshape(particles, d + 1) / math.sqrt(d)
a = 1.7 * wave(particles, 29)
nu = wave(particles * columns, 5).reshape(particles, columns)
nu = (nu - nu.mean(axis=0)) / math.sqrt(columns)
x, y, w, a, nu = (jnp.asarray(v) for v in (x, y, w, a, nu))


def force(weights, w, a):
    """The gradient of the potential of every particle, with f = sum_i p_i a_i tanh <w_i, x>."""
    s = jnp.tanh(w @ x.T)
    e = ((weights * a) @ s - y) / n
    return ((e * a[:, None]) * (1.0 - s * s)) @ x, s @ e


def step(weights, state):
    damping = math.exp(-0.5 * FRICTION * STEP)
    theta, momentum, gradient = state
    half_kick = lambda r, g: r - 0.5 * STEP * g
    momentum = jax.tree.map(lambda r, g: half_kick(damping * r, g), momentum, gradient)
    theta = jax.tree.map(lambda v, r: v + STEP * r, theta, momentum)
    gradient = force(weights, *theta)
    momentum = jax.tree.map(lambda r, g: damping * half_kick(r, g), momentum, gradient)
    return theta, momentum, gradient


uniform = jnp.full(particles, 1.0 / particles)
directions = nu.T / math.sqrt(particles)


def tangent_step(chunk):
    """One step of the state and of the tangent vectors of all columns. A column changes the weights of the particles."""

    def advance(state, tangents):
        def of_column(column):
            direction, tangent = column
            return jax.jvp(step, (uniform, state), (direction, tangent))[1]

        return step(uniform, state), jax.lax.map(of_column, (directions, tangents), batch_size=chunk)

    return jax.jit(advance, donate_argnums=(0, 1))


def start():
    theta = (jnp.array(w), jnp.array(a))
    zero = jax.tree.map(jnp.zeros_like, theta)
    gradient = lambda weights: force(weights, *theta)
    of_gradient = jax.vmap(lambda direction: jax.jvp(gradient, (uniform,), (direction,))[1])(directions)
    many = jax.tree.map(lambda v: jnp.zeros((columns, *v.shape)), zero)
    return (theta, zero, gradient(uniform)), (many, jax.tree.map(jnp.copy, many), of_gradient)


def variance(state, tangents):
    """c = sum_k |G^k|^2."""

    def predictions(weights, theta):
        return (weights * theta[1]) @ jnp.tanh(theta[0] @ x.T)

    field = jax.vmap(lambda direction, xi: jax.jvp(predictions, (uniform, state[0]), (direction, xi))[1])
    return float((field(directions, tangents[0]) ** 2).sum() / n)


class Runner:
    """The system with one size of chunks, compiled and advanced by one step."""

    def __init__(self, chunk):
        self.chunk, self.advance = chunk, tangent_step(chunk)
        self.pair = self.advance(*start())
        jax.block_until_ready(self.pair)

    def timed(self):
        """Mean wall and processor time of a step, in seconds."""
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(SERVED_STEPS):
            self.pair = self.advance(*self.pair)
        jax.block_until_ready(self.pair)
        return (time.perf_counter() - wall) / SERVED_STEPS, (time.process_time() - cpu) / SERVED_STEPS


if options.check:
    advance, pair = tangent_step(options.chunk or columns), start()
    for _ in range(CHECKED_STEPS):
        pair = advance(*pair)
    print(json.dumps({"c": variance(*pair)}))
    sys.exit()

best = None
for chunk in [options.chunk] if options.chunk else sorted({1, 4, 8, 24, columns}):
    runner = Runner(chunk)
    took = runner.timed()[1]
    if best is None or took < best[0]:
        best = (took, runner)
runner = best[1]
if options.serve:
    print(json.dumps({"variant": f"chunk {runner.chunk}"}), flush=True)
    for line in sys.stdin:
        if line.startswith("q"):
            break
        wall, cpu = runner.timed()
        print(json.dumps({"ns": 1e9 * wall, "cpu_ns": 1e9 * cpu}), flush=True)
else:
    times = [runner.timed() for _ in range(options.repeats)]
    wall, cpu = (1e3 * float(np.median([t[i] for t in times])) for i in (0, 1))
    print(json.dumps({"chunk": runner.chunk, "wall_ms": wall, "cpu_ms": cpu}))
