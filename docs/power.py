"""Power of the check of an exponent: how often a wrong exponent is found, by the present rule and by that of revision 525a189.

usage: python3 docs/power.py          (NumPy, SciPy; two minutes)

Squared gaps of 12 seeds at widths 16, 32, 64 and 128 are chi-square variables with some degrees of freedom over their number, times
N^(2 exponent); some of the degrees of freedom are common to the widths of a seed, as they are in trained networks, whose particles are
shared. The statement is: exponent -1/2. The check is one of 17.

present   Student's interval of the mean of the slopes of the seeds excludes the statement at Holm's first level, 5 %/17, and the slope
          without the smallest width deviates in the same direction at a one-sided level of 5 %.
former    the percentile interval of the slope of mean squares over resampled columns excludes it, with and without the smallest width,
          at the level at which a true statement is rejected as often as by Holm's first level (found by simulation).
"""

import numpy as np
from scipy import stats

WIDTHS, SEEDS, CHECKS, TABLES, RESAMPLES = np.array([16.0, 32, 64, 128]), 12, 17, 2000, 1000
LEVEL = 0.05 / CHECKS
rng = np.random.default_rng(1)


def squared_gaps(exponent, freedom, shared, tables=TABLES):
    own = rng.chisquare(freedom - shared, (tables, len(WIDTHS), SEEDS))
    common = rng.chisquare(shared, (tables, 1, SEEDS)) if shared else 0.0
    return (own + common) / freedom * WIDTHS[None, :, None] ** (2 * exponent)


def weights(widths):
    centred = np.log(widths) - np.log(widths).mean()
    return centred / (centred @ centred)


def student(squares, widths):
    """Slope of the geometric mean, and its standard error."""
    slopes = np.einsum("v,tvs->ts", weights(widths), 0.5 * np.log(squares))
    return slopes.mean(1), slopes.std(1, ddof=1) / np.sqrt(SEEDS)


def present(squares):
    mean, error = student(squares, WIDTHS)
    joint = 2 * stats.t.sf(abs(mean + 0.5) / error, SEEDS - 1) <= LEVEL
    rest, error = student(squares[:, 1:], WIDTHS[1:])
    return joint & (stats.t.sf(np.sign(mean + 0.5) * (rest + 0.5) / error, SEEDS - 1) <= 0.05)


def former(squares):
    """The level at which the statement is just rejected."""
    levels = np.empty(len(squares))
    for t, table in enumerate(squares):
        columns = rng.integers(0, SEEDS, (RESAMPLES, SEEDS))

        def level(table, widths):
            slopes = 0.5 * np.log(table[:, columns].mean(2)).T @ weights(widths)
            below = (slopes <= -0.5).mean()
            return max(1 / RESAMPLES, 2 * min(below, 1 - below))

        levels[t] = max(level(table, WIDTHS), level(table[1:], WIDTHS[1:]))
    return levels


for freedom, shared in ((2, 0), (4, 1), (10, 3)):
    threshold = np.quantile(former(squared_gaps(-0.5, freedom, shared)), LEVEL)
    print(f"{freedom} degrees of freedom, {shared} common: share of tables in which exponent -1/2 fails")
    for exponent in (-0.5, -0.4, -0.35, -0.3, -0.25, -0.2, -0.1, 0.0):
        squares = squared_gaps(exponent, freedom, shared)
        old = former(squares[:600]) <= threshold
        print(f"  true exponent {exponent:5.2f}: present {present(squares).mean():.3f}, former {old.mean():.3f}")
