"""Sparse recovery in NumPy and SciPy beside widelimit, on one problem, in one run.

    python docs/recovery_peer.py PROGRAM [n d k [repeats]]

Writes a problem to a temporary file, times the kernels and the algorithms here and there, and prints a table. NumPy's
linear algebra uses as many threads as widelimit does. Every algorithm starts from X and y. The twins are written as one
would write them in NumPy from the formulas of theory.md, with a Gram matrix where the algorithm solves on supports.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.linalg as sl

program = sys.argv[1]
n, d, k = (int(v) for v in sys.argv[2:5]) if len(sys.argv) > 4 else (8192, 4096, 64)
repeats = int(sys.argv[5]) if len(sys.argv) > 5 else 3
ITERATIONS = 64
METHODS = ["k-iht", "niht", "htp", "cosamp", "omp", "topk-iobs", "topk-iobs-refit", "greedy-iobs"]

rng = np.random.default_rng(1)
X = rng.standard_normal((n, d)) / np.sqrt(n)
truth = np.zeros(d)
truth[rng.choice(d, k, replace=False)] = rng.standard_normal(k)
y = X @ truth


def top(v, k):
    return np.sort(np.argpartition(-np.abs(v), k - 1)[:k])


def kept(v, s):
    w = np.zeros_like(v)
    w[s] = v[s]
    return w


def on_support(H, b, s):
    w = np.zeros(d)
    w[s] = sl.cho_solve(sl.cho_factor(H[np.ix_(s, s)], lower=True), b[s])
    return w


def largest_eigenvalue():
    from scipy.sparse.linalg import LinearOperator, eigsh

    op = LinearOperator((d, d), matvec=lambda v: X.T @ (X @ v), dtype=float)
    return eigsh(op, k=1, which="LA", return_eigenvectors=False, ncv=20, tol=1e-6)[0]


def iht():
    L, w = largest_eigenvalue(), np.zeros(d)
    for _ in range(ITERATIONS):
        v = w - X.T @ (X @ w - y) / L
        w = kept(v, top(v, k))
    return w


def niht():
    w = np.zeros(d)
    for _ in range(ITERATIONS):
        g = X.T @ (X @ w - y)
        s = np.flatnonzero(w) if w.any() else top(g, k)
        gs = kept(g, s)
        mu = gs @ gs / np.sum((X @ gs) ** 2)
        while True:
            v = w - mu * g
            new = kept(v, top(v, k))
            change = new - w
            if np.array_equal(np.flatnonzero(new), s):
                break
            if mu <= 0.99 * (change @ change) / np.sum((X @ change) ** 2):
                break
            mu *= 0.495
        w = new
        if np.linalg.norm(w - truth) <= 1e-6 * np.linalg.norm(truth):
            break
    return w


def htp():
    H, b, w, before = X.T @ X, X.T @ y, np.zeros(d), None
    mu = d / np.trace(H)
    for _ in range(ITERATIONS):
        s = top(w - mu * (H @ w - b), k)
        w = on_support(H, b, s)
        if before is not None and np.array_equal(s, before):
            break
        before = s
    return w


def cosamp():
    H, b, w = X.T @ X, X.T @ y, np.zeros(d)
    for _ in range(ITERATIONS):
        s = np.union1d(top(H @ w - b, 2 * k), np.flatnonzero(w))
        z = on_support(H, b, s)
        w = kept(z, top(z, k))
        if np.linalg.norm(w - truth) <= 1e-6 * np.linalg.norm(truth):
            break
    return w


def omp():
    H, b, w, s = X.T @ X, X.T @ y, np.zeros(d), []
    scale = np.sqrt(np.diag(H))
    for _ in range(k):
        score = np.abs(H @ w - b) / scale
        score[s] = -1
        s = sorted(s + [int(np.argmax(score))])
        w = on_support(H, b, s)
    return w


def newton():
    H, b = X.T @ X, X.T @ y
    c = sl.cho_factor(H, lower=True)
    return H, b, c, sl.cho_solve(c, b)


def topk():
    _, _, _, v = newton()
    return kept(v, top(v, k))


def refit():
    H, b, _, v = newton()
    return on_support(H, b, top(v, k))


def eliminate(v, P, k):
    v, P, alive = v.copy(), P.copy(), np.ones(len(v), bool)
    for _ in range(len(v) - k):
        score = np.where(alive, v**2 / np.where(alive, np.diag(P), 1.0), np.inf)
        p = int(np.argmin(score))
        column = P[:, p].copy()
        v -= v[p] / column[p] * column
        P -= np.outer(column / column[p], column)
        alive[p], v[p] = False, 0.0
    return v


def best(work, times=None):
    return min(timed(work) for _ in range(times or repeats))


def timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "problem.npz"
    np.savez(file, X=X, y=y, w_star=truth)
    ours = {}
    command = [program, "bench-recovery", str(file), "--k", str(k), "--repeats", str(repeats), "--iterations", str(ITERATIONS)]
    for method in METHODS if d <= 2048 else METHODS[:-1]:
        command += ["--method", method]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        line = json.loads(line)
        ours[line["what"]] = line

A = rng.standard_normal((min(d, 4096),) * 2)
rate = 2 * len(A) ** 3 / best(lambda: A @ A)
print(f"n = {n}, d = {d}, k = {k}; matrix product {rate / 1e9:.1f} GFlop/s (NumPy)")
H = X.T @ X
m = min(d, 2048)
P = np.linalg.inv(H[:m, :m])
P = (P + P.T) / 2
v = P @ (X.T @ y)[:m]
w = kept(X.T @ y, top(X.T @ y, k))
theirs = {
    "gradient": best(lambda: X.T @ (X @ w - y)),
    "gram": best(lambda: X.T @ X),
    "factor": best(lambda: sl.cholesky(H, lower=True, check_finite=False)),
    "gradient-by-gram": best(lambda: H @ w - y[:d]),
    "eliminate": best(lambda: eliminate(v, P, k), 1),
    "k-iht": best(iht, 1),
    "niht": best(niht, 1),
    "htp": best(htp, 1),
    "cosamp": best(cosamp, 1),
    "omp": best(omp, 1),
    "topk-iobs": best(topk, 1),
    "topk-iobs-refit": best(refit, 1),
}
print(f"{'':18} {'widelimit':>10} {'NumPy':>10} {'ratio':>7}")
for what, line in ours.items():
    peer = theirs.get(what)
    ratio = f"{line['seconds'] / peer:7.2f}" if peer else ""
    print(f"{what:18} {1e3 * line['seconds']:8.1f}ms {1e3 * peer if peer else float('nan'):8.1f}ms {ratio}"
          + (f"   error {line['error']:.0e} after {line['iterations']}" if line["error"] is not None else ""))
t = ours
print(f"gram and factor: {(n * d * d + d**3 / 3) / (t['gram']['seconds'] + t['factor']['seconds']) / rate:.2f} of the product's rate")
print(f"gradient: {t['gradient']['seconds'] / t['read']['seconds']:.2f} of one reading of X ({8e-9 * n * d / t['read']['seconds']:.1f} GB/s)")
floor = sum(16 * j * j for j in range(k, m)) * t["read"]["seconds"] / (8 * n * d)
print(f"eliminate, d = {m}: {t['eliminate']['seconds'] / floor:.2f} of reading and writing what is left of P at every drop")
