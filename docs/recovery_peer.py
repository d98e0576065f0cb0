#!/usr/bin/env python3
"""Time sparse recovery in NumPy and SciPy and in widelimit, on the same problems, in one run.

    python docs/recovery_peer.py PROGRAM [--size N D K] [--repeats R] [--only ITEM ...]

Writes problems to temporary files, times the kernels and the algorithms in both, item by item, and prints a table.
NumPy's linear algebra uses as many threads as widelimit does. Every algorithm starts from X and y. The NumPy
implementations are written from the formulas of theory.md in the usual way: with a Gram matrix where the algorithm
solves on supports or takes many steps, and with LAPACK's routines for factors and inverses.

Elimination and exchanges are timed on at most 2048 columns, where NumPy takes minutes already. Exact selection is timed
on 20 columns, as NumPy tries all supports of 6. One-shot pruning by the Fisher matrix is timed on problems with noise:
without it that matrix is zero at the minimum.
"""

import argparse
import itertools
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.linalg as sl

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--size", type=int, nargs=3, default=(8192, 4096, 64), metavar=("N", "D", "K"))
parser.add_argument("--repeats", type=int, default=1)
parser.add_argument("--only", nargs="+", default=None)
arguments = parser.parse_args()
repeats = arguments.repeats
ITERATIONS = 64
SMALL = 2048


class Problem:
    """y = X w, w with k entries that are not zero, and perhaps noise of a tenth of the signal's length."""

    def __init__(self, n, d, k, noise=0.0):
        rng = np.random.default_rng(1)
        self.n, self.d, self.k = n, d, k
        self.X = rng.standard_normal((n, d)) / np.sqrt(n)
        self.truth = np.zeros(d)
        self.truth[rng.choice(d, k, replace=False)] = rng.standard_normal(k)
        self.y = self.X @ self.truth
        self.y += noise * np.linalg.norm(self.y) / np.sqrt(n) * rng.standard_normal(n)

    def near(self, w):
        return np.linalg.norm(w - self.truth) <= 1e-6 * np.linalg.norm(self.truth)


def top(v, k):
    return np.sort(np.argpartition(-np.abs(v), k - 1)[:k])


def kept(v, s):
    w = np.zeros_like(v)
    w[s] = v[s]
    return w


def dropped(d, s):
    return np.setdiff1d(np.arange(d), s)


def on_support(H, b, s):
    w = np.zeros(len(b))
    w[s] = sl.cho_solve(sl.cho_factor(H[np.ix_(s, s)], lower=True), b[s])
    return w


def largest_eigenvalue(times, d):
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator((d, d), matvec=times, dtype=float)
    return eigsh(operator, k=1, which="LA", return_eigenvectors=False, ncv=20, tol=1e-6)[0]


def iht(p):
    L, w = largest_eigenvalue(lambda v: p.X.T @ (p.X @ v), p.d), np.zeros(p.d)
    for _ in range(ITERATIONS):
        v = w - p.X.T @ (p.X @ w - p.y) / L
        w = kept(v, top(v, p.k))
        if p.near(w):
            break
    return w


def niht(p):
    w = np.zeros(p.d)
    for _ in range(ITERATIONS):
        g = p.X.T @ (p.X @ w - p.y)
        s = np.flatnonzero(w) if w.any() else top(g, p.k)
        gs = kept(g, s)
        mu = gs @ gs / np.sum((p.X @ gs) ** 2)
        while True:
            v = w - mu * g
            new = kept(v, top(v, p.k))
            change = new - w
            if np.array_equal(np.flatnonzero(new), s):
                break
            if mu <= 0.99 * (change @ change) / np.sum((p.X @ change) ** 2):
                break
            mu *= 0.495
        w = new
        if p.near(w):
            break
    return w


def htp(p):
    H, b, w, before = p.X.T @ p.X, p.X.T @ p.y, np.zeros(p.d), None
    mu = p.d / np.trace(H)
    for _ in range(ITERATIONS):
        s = top(w - mu * (H @ w - b), p.k)
        w = on_support(H, b, s)
        if p.near(w) or before is not None and np.array_equal(s, before):
            break
        before = s
    return w


def cosamp(p):
    H, b, w = p.X.T @ p.X, p.X.T @ p.y, np.zeros(p.d)
    for _ in range(ITERATIONS):
        s = np.union1d(top(H @ w - b, 2 * p.k), np.flatnonzero(w))
        z = on_support(H, b, s)
        w = kept(z, top(z, p.k))
        if p.near(w):
            break
    return w


def omp(p):
    H, b, w, s = p.X.T @ p.X, p.X.T @ p.y, np.zeros(p.d), []
    scale = np.sqrt(np.diag(H))
    for _ in range(p.k):
        score = np.abs(H @ w - b) / scale
        score[s] = -1
        s = sorted(s + [int(np.argmax(score))])
        w = on_support(H, b, s)
        if p.near(w):
            break
    return w


def lasso(p):
    H, b = p.X.T @ p.X, p.X.T @ p.y
    L = largest_eigenvalue(lambda v: H @ v, p.d)
    weight, w, best = np.abs(b).max(), np.zeros(p.d), (np.inf, None)
    for _ in range(45):
        weight *= 0.85
        ahead, t = w, 1.0
        for _ in range(1000):
            v = ahead - (H @ ahead - b) / L
            new = np.sign(v) * np.maximum(np.abs(v) - weight / L, 0)
            after = 0.5 * (1 + np.sqrt(1 + 4 * t * t))
            ahead = new + (t - 1) / after * (new - w)
            settled = np.linalg.norm(new - w) <= 1e-8 * np.linalg.norm(new)
            w, t = new, after
            if settled:
                break
        s = top(w, p.k)
        z = on_support(H, b, s[w[s] != 0]) if w.any() else w
        value = np.sum((p.X @ z - p.y) ** 2)
        best = min(best, (value, z), key=lambda pair: pair[0])
        if p.near(z):
            break
    return best[1]


def newton(p):
    H, b = p.X.T @ p.X, p.X.T @ p.y
    c = sl.cho_factor(H, lower=True, check_finite=False)
    return H, b, c[0], sl.cho_solve(c, b, check_finite=False)


def inverse(c):
    P = sl.lapack.dpotri(c, lower=True)[0]
    return np.tril(P) + np.tril(P, -1).T


def projection(H, v, s):
    q = dropped(len(v), s)
    w = np.zeros(len(v))
    w[s] = v[s] + np.linalg.solve(H[np.ix_(s, s)], H[np.ix_(s, q)] @ v[q])
    return w


def topk(p):
    v = newton(p)[3]
    return kept(v, top(v, p.k))


def compensated(p):
    H, _, _, v = newton(p)
    return projection(H, v, top(v, p.k))


def refit(p):
    H, b, _, v = newton(p)
    return on_support(H, b, top(v, p.k))


def diagonal(p):
    H, _, c, v = newton(p)
    return projection(H, v, top(v / np.sqrt(np.diag(inverse(c))), p.k))


def eliminate(v, P, k):
    v, P, alive = v.copy(), P.copy(), np.ones(len(v), bool)
    for _ in range(len(v) - k):
        score = np.where(alive, v**2 / np.where(alive, np.diag(P), 1.0), np.inf)
        p = int(np.argmin(score))
        column = P[:, p].copy()
        v -= v[p] / column[p] * column
        P -= np.outer(column / column[p], column)
        alive[p] = False
    return np.where(alive, v, 0.0)


def greedy(p):
    _, _, c, v = newton(p)
    return eliminate(v, inverse(c), p.k)


def greedy_keep(p):
    _, _, c, v = newton(p)
    return kept(v, np.flatnonzero(eliminate(v, inverse(c), p.k)))


def greedy_refit(p):
    H, b, c, v = newton(p)
    return on_support(H, b, np.flatnonzero(eliminate(v, inverse(c), p.k)))


def swap(p):
    H, _, c, v = newton(p)
    s = np.flatnonzero(eliminate(v, inverse(c), p.k))
    while True:
        q = dropped(p.d, s)
        z = projection(H, v, s)
        r = H @ (v - z)
        f = sl.cho_factor(H[np.ix_(s, s)], lower=True)
        C = sl.cho_solve(f, H[np.ix_(s, q)])
        rest = np.diag(H)[q] - np.sum(H[np.ix_(s, q)] * C, axis=0)
        t = r[q] / rest
        diagonal_in = np.diag(sl.cho_solve(f, np.eye(p.k)))[:, None] + C**2 / rest
        gain = r[q] * t - (z[s][:, None] - t * C) ** 2 / diagonal_in
        i, j = np.unravel_index(np.argmax(gain), gain.shape)
        if gain[i, j] <= 1e-12 * abs((v - z) @ r):
            return z
        s[i] = q[j]
        s = np.sort(s)


def exact(p):
    H, _, _, v = newton(p)
    best = (np.inf, None)
    for s in itertools.combinations(range(p.d), p.k):
        z = projection(H, v, np.array(s))
        best = min(best, ((v - z) @ H @ (v - z), s))
    return projection(H, v, np.array(best[1]))


def fisher(p, w, with_gradient):
    residual = p.X @ w - p.y
    F = p.X.T @ (residual[:, None] ** 2 / p.n * p.X)
    F[np.diag_indices(p.d)] += 1e-3 * np.trace(F) / p.d
    c = sl.cho_factor(F, lower=True, check_finite=False)
    v = w - sl.cho_solve(c, p.X.T @ residual / p.n) if with_gradient else w
    return projection(F, v, top(v / np.sqrt(np.diag(inverse(c[0]))), p.k))


def best(work, times=None):
    return min(timed(work) for _ in range(times or repeats))


def timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def stochastic(p):
    n, rng, w = len(p.X), np.random.default_rng(3), np.zeros(p.d)
    size, L = -(-n // 8), np.linalg.eigvalsh(p.X.T @ p.X)[-1]
    lam = (n * (size - 1) * L + (n - size) * n * np.max(np.sum(p.X**2, 1))) / (size * (n - 1))
    for _ in range(ITERATIONS):
        i = rng.choice(n, size, False)
        g = n / size * p.X[i].T @ (p.X[i] @ w - p.y[i])
        v = w - g / (lam + np.sum(g[w != 0] ** 2) / np.linalg.norm(g))
        w = kept(v, top(v, p.k))
        if p.near(w):
            break
    return w


n, d, k = arguments.size
small = (n, min(d, SMALL), k)
sizes = {"whole": (n, d, k), "small": small, "enumerated": (64, 20, 6), "noisy": (*small, 0.1)}
METHODS = {
    "k-iht": ("whole", iht),
    "niht": ("whole", niht),
    "htp": ("whole", htp),
    "cosamp": ("whole", cosamp),
    "omp": ("whole", omp),
    "lasso": ("whole", lasso),
    "topk-iobs": ("whole", topk),
    "topk-iobs-compensate": ("whole", compensated),
    "topk-iobs-refit": ("whole", refit),
    "diagonal-iobs": ("whole", diagonal),
    "greedy-iobs": ("small", greedy),
    "greedy-iobs-keep": ("small", greedy_keep),
    "greedy-iobs-refit": ("small", greedy_refit),
    "swap-iobs": ("small", swap),
    "exact-iobs": ("enumerated", exact),
    "stochastic-iobs": ("whole", stochastic),
    "wood-fisher": ("noisy", lambda p: fisher(p, newton(p)[3], False)),
    "wood-taylor": ("noisy", lambda p: fisher(p, np.zeros(p.d), True)),
}
wanted = arguments.only or ["kernels", *METHODS]
unknown = set(wanted) - {"kernels", *METHODS}
if unknown:
    parser.error(f"--only: no {', '.join(sorted(unknown))}: expected kernels, {', '.join(METHODS)}")


def times_of(program, problem, methods):
    """widelimit's lines by name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "problem.npz"
        np.savez(file, X=problem.X, y=problem.y, w_star=problem.truth)
        command = [program, "bench-recovery", str(file), "--k", str(problem.k), "--repeats", str(repeats)]
        command += ["--iterations", str(ITERATIONS)]
        command += [word for method in methods for word in ("--method", method)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line["what"]: line for line in map(json.loads, output.splitlines())}


def report(what, line, seconds, note=""):
    ours = line["seconds"]
    print(f"{what:21} {1e3 * ours:9.1f}ms {1e3 * seconds:9.1f}ms {ours / seconds:6.2f}{note}", flush=True)


def kernels():
    p = Problem(n, d, k)
    A = np.random.default_rng(2).standard_normal((min(d, 4096),) * 2)
    ours = times_of(arguments.program, p, [])
    rate = 2 * len(A) ** 3 / best(lambda: A @ A)
    print(f"matrix product {rate / 1e9:.1f} GFlop/s (NumPy)")
    H, b = p.X.T @ p.X, p.X.T @ p.y
    m = min(d, SMALL)
    P = np.linalg.inv(H[:m, :m])
    v, w = P @ b[:m], kept(b, top(b, k))
    c = sl.cholesky(H, lower=True, check_finite=False)
    theirs = {
        "gradient": lambda: p.X.T @ (p.X @ w - p.y),
        "gram": lambda: p.X.T @ p.X,
        "factor": lambda: sl.cholesky(H, lower=True, check_finite=False),
        "inverse": lambda: inverse(c),
        "gradient-by-gram": lambda: H @ w - b,
        "eliminate": lambda: eliminate(v, P, k),
    }
    for what, work in theirs.items():
        report(what, ours[what], best(work, 1 if what == "eliminate" else None))
    seconds = {what: line["seconds"] for what, line in ours.items()}
    flops = n * d * d + d**3 / 3
    print(f"gram and factor: {flops / (seconds['gram'] + seconds['factor']) / rate:.2f} of the product's rate")
    bandwidth = 8 * n * d / seconds["read"]
    print(f"gradient: {seconds['gradient'] / seconds['read']:.2f} of one reading of X ({1e-9 * bandwidth:.1f} GB/s)")
    traffic = sum(16 * j * j for j in range(k, m)) / bandwidth
    print(
        f"eliminate, d = {m}: {seconds['eliminate'] / traffic:.2f} of reading and writing the rest of P at every drop"
    )


print(f"n = {n}, d = {d}, k = {k}\n{'':21} {'widelimit':>11} {'NumPy':>11}  ratio")
if "kernels" in wanted:
    kernels()
for size, shape in sizes.items():
    methods = [method for method in METHODS if method in wanted and METHODS[method][0] == size]
    if not methods:
        continue
    problem = Problem(*shape)
    ours = times_of(arguments.program, problem, methods)
    for method in methods:
        line, answer = ours[method], []
        seconds = best(lambda: answer.append(METHODS[method][1](problem)), 1)
        error = np.linalg.norm(answer[-1] - problem.truth) / np.linalg.norm(problem.truth)
        where = "" if size == "whole" else f", n = {shape[0]}, d = {shape[1]}, k = {shape[2]}"
        report(method, line, seconds, f"   errors {line['error']:.0e} and {error:.0e}{where}")
