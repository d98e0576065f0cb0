"""The computations of `cargo bench --bench pruning` in NumPy and SciPy, on one thread: H, the inverse factor, the sweep of
SparseGPT and ten iterations of I-OBS with the ridge-Newton step. Written from the equations of docs/pruning.md.

OPENBLAS_NUM_THREADS=1 python benches/peers/numpy_pruning.py [ROUNDS]
"""

import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky

INPUTS, ROWS, TOKENS, BLOCK = 768, 3072, 4096, 128


def inverse_factor(h):
    """The upper triangular C with C^T C = H^-1."""
    inverse = cho_solve(cho_factor(h, lower=True), np.eye(len(h)))
    return cholesky(0.5 * (inverse + inverse.T), lower=False)


def sweep(start, c, zeros):
    """The column sweep from `start` (rows, d); half of the zeros by the scores of every block."""
    w, done = start.copy(), 0
    rows, d = w.shape
    for a in range(0, d, BLOCK):
        b = min(a + BLOCK, d)
        q, e, block = w[:, a:b].copy(), np.zeros((rows, b - a)), c[a:b, a:b]
        target = round(zeros * b / d) - done
        done += target
        scores = (q**2 / np.diag(block) ** 2).ravel()
        keep = np.ones(scores.size, bool)
        keep[np.argpartition(scores, target - 1)[:target]] = False
        keep = keep.reshape(q.shape)
        for j in range(b - a):
            e[:, j] = np.where(keep[:, j], 0.0, q[:, j] / block[j, j])
            q[:, j:] -= np.outer(e[:, j], block[j, j:])
            q[~keep[:, j], j] = 0.0
        w[:, a:b] = q
        w[:, b:] -= e @ c[a:b, b:]
    return w


def iterate(dense, h, c, zeros, iterations=10, ridge=0.3):
    """I-OBS with the ridge-Newton step; the best iterate."""
    d = len(h)
    g = cho_solve(cho_factor(h + ridge * np.mean(np.diag(h)) * np.eye(d), lower=True), h).T
    w = sweep(dense, c, zeros)
    loss = lambda w: np.sum(((w - dense) @ h) * (w - dense))
    best, least = w, loss(w)
    for _ in range(iterations):
        w = sweep(w - (w - dense) @ g, c, zeros)
        now = loss(w)
        if now < least:
            best, least = w, now
    return best


def best(rounds, work):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rng = np.random.default_rng(1)
    x = rng.standard_normal((TOKENS, INPUTS)) + 0.5 * rng.standard_normal((TOKENS, 1))
    dense = rng.uniform(-1, 1, (ROWS, INPUTS))
    zeros = INPUTS * ROWS // 2

    def show(what, seconds, operations):
        print(f"{what:<24} {seconds:8.3f} s {operations / seconds / 1e9:8.1f} GF/s", flush=True)

    show("H, n d^2", best(rounds, lambda: x.T @ x), TOKENS * INPUTS**2)
    h = x.T @ x / TOKENS
    damped = h + 0.01 * np.mean(np.diag(h)) * np.eye(INPUTS)
    show("factor, 4/3 d^3", best(rounds, lambda: inverse_factor(damped)), 4 / 3 * INPUTS**3)
    c = inverse_factor(damped)
    show("sweep, rows d^2", best(rounds, lambda: sweep(dense, c, zeros)), ROWS * INPUTS**2)
    show("i-obs, 10 iterations", best(rounds, lambda: iterate(dense, h, c, zeros)), float("nan"))


if __name__ == "__main__":
    main()
