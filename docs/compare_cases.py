"""The runs that compare_records.py compares: every built-in experiment at a small size, and variations of them.

Names are those of the present version: tables, keys and values of experiment files, and trajectories. A built-in
experiment without a case is an error of `compare_records.py run`.
"""

import json
from dataclasses import dataclass, field


@dataclass
class Case:
    """One run: a built-in experiment and what is set in it."""

    experiment: str
    settings: dict[str, object] = field(default_factory=dict)
    mnist: str | None = None  # the key of the folder with the MNIST files


def case(experiment: str, *, mnist: str | None = None, **settings: object) -> Case:
    """A case, with `__` in keyword arguments for `.` in keys."""
    return Case(experiment, {key.replace("__", "."): value for key, value in settings.items()}, mnist)


def sweeps(count: int, width: int, seeds: int) -> dict[str, object]:
    """The first sweeps of an experiment at a small size."""
    sizes = {"width": width, "seeds": seeds}
    return {f"gap__sweep__{i}__{key}": size for i in range(count) for key, size in sizes.items()}


def variants(count: int, width: int) -> dict[str, object]:
    """The first variants of an experiment at a small width."""
    return {f"variants__{i}__width": width for i in range(count)}


# The sizes are larger than a tile of the kernels and no multiples of vectors and tiles, so that remainders are reached.
WIDTHS = dict(widths__values=[18, 50, 150], widths__seeds=4, reference__particles=602)
GAP = dict(gap__projections=12, gap__resamples=300)
PATHS = dict(
    paths__pairs=2,
    paths__halves=4,
    paths__points=5,
    paths__bezier__steps=60,
    paths__bezier__batch=30,
    paths__bezier__up_to=50,
    paths__match_up_to=150,
)

DIGITS = WIDTHS | GAP | PATHS | sweeps(3, 18, 3) | variants(3, 50)
DIGITS |= dict(
    population__limit=275, horizon__time=2.0, horizon__records=5, dropout__draws=20, dropout__greedy_up_to=50
)

DIGITS3 = GAP | PATHS | sweeps(2, 10, 3) | variants(3, 22)
DIGITS3 |= dict(
    population__limit=150,
    horizon__time=1.0,
    horizon__records=4,
    widths__values=[10, 22, 38],
    widths__seeds=4,
    reference__particles=154,
    dropout__draws=20,
    paths__points=3,
)

MNIST = GAP | PATHS
MNIST |= dict(population__split="test", horizon__time=1.0, horizon__records=4, widths__seeds=4, dropout__draws=12)

CONNECTIVITY = WIDTHS | PATHS | dict(horizon__time=2.0, horizon__records=5)

RECOVER = dict(
    problem__n=72,
    problem__d=100,
    problem__sparsity=11,
    solver__iterations=400,
    recover__problems=4,
    noise__snr_db=[10.0, 30.0, 50.0],
    noise__problems=3,
    rates__trials=600,
    rates__problems=3,
)

SECOND_ORDER = (
    "k-iht topk-iobs topk-iobs-compensate topk-iobs-refit diagonal-iobs greedy-iobs greedy-iobs-keep"
    " greedy-iobs-refit swap-iobs exact-iobs wood-fisher wood-taylor"
).split()


def recovery(problem: str, **settings: object) -> Case:
    """A case of second-order recovery of another problem than the built-in one."""
    return case(
        "recover-mnist",
        problem=f"{{{problem}}}",
        **dict(
            solver__methods=SECOND_ORDER,
            solver__excess=1.0,
            solver__damping="auto",
            solver__iterations=20,
            recover__problems=3,
        )
        | settings,
    )


def without_population(settings: dict[str, object]) -> dict[str, object]:
    """The settings without those of the population, for a case with another."""
    return {key: value for key, value in settings.items() if not key.startswith("population__")}


# Every built-in experiment under its own name, then variations that reach code that no built-in experiment reaches.
CASES: dict[str, Case] = {
    "bump": case(
        "bump",
        horizon__time=2.0,
        horizon__records=4,
        widths__values=[18, 50, 150],
        widths__seeds=4,
        reference__particles=1202,
        kinetic__nodes=160,
        kinetic__particles=40000,
        kinetic__clouds=8,
    ),
    "connect-teacher": case("connect-teacher", population__size=275, **CONNECTIVITY, **variants(1, 50)),
    "connect": case("connect", population__limit=275, **CONNECTIVITY, **variants(2, 50)),
    "converge-teacher": case(
        "converge-teacher",
        population__size=275,
        horizon__time=20.0,
        horizon__records=40,
        **WIDTHS,
        **GAP,
        **variants(5, 50),
    ),
    "converge": case(
        "converge", population__limit=275, horizon__time=10.0, horizon__records=20, **WIDTHS, **GAP, **variants(5, 50)
    ),
    "descent": case(
        "descent", population__size=275, horizon__time=1.0, horizon__records=5, **WIDTHS, **GAP, **sweeps(1, 18, 4)
    ),
    "digits-classes": case(
        "digits-classes",
        population__limit=275,
        horizon__time=4.0,
        horizon__records=5,
        **WIDTHS,
        **GAP,
        **sweeps(1, 18, 4),
    ),
    "digits": case("digits", **DIGITS),
    "digits3": case("digits3", **DIGITS3),
    "dropout-teacher": case(
        "dropout-teacher", population__size=275, horizon__time=4.0, horizon__records=8, dropout__draws=50, **WIDTHS
    ),
    "dropout": case(
        "dropout",
        population__limit=275,
        horizon__time=4.0,
        horizon__records=4,
        dropout__draws=30,
        dropout__greedy_up_to=18,
        **WIDTHS,
    ),
    "gibbs": case(
        "gibbs",
        widths__values=[18, 50],
        widths__seeds=4,
        reference__particles=602,
        kinetic__nodes=96,
        kinetic__particles=8000,
        kinetic__clouds=8,
        kinetic__frictions=[0.5, 1.0, 2.0],
    ),
    "langevin": case(
        "langevin", population__size=275, horizon__time=1.0, horizon__records=5, **WIDTHS, **GAP, **sweeps(1, 18, 4)
    ),
    "mixture": case(
        "mixture", population__size=275, horizon__time=1.0, horizon__records=5, **WIDTHS, **GAP, **sweeps(1, 18, 4)
    ),
    "mnist": case(
        "mnist",
        mnist="population.folder",
        population__limit=275,
        widths__values=[18, 50, 150],
        reference__particles=602,
        dropout__greedy_up_to=50,
        **MNIST,
        **variants(2, 50),
    ),
    "mnist3": case(
        "mnist3",
        mnist="population.folder",
        population__limit=150,
        widths__values=[10, 22, 38],
        reference__particles=154,
        dropout__greedy_up_to=22,
        **MNIST,
        **variants(2, 22),
    ),
    "phase": case(
        "phase",
        problem__n=64,
        problem__d=64,
        problem__sparsity=8,
        solver__iterations=100,
        phase__n_over_d=[0.3, 0.6, 0.9, 1.1],
        phase__k_over_n=[0.05, 0.25, 0.55],
        phase__problems=5,
    ),
    "picard": case(
        "picard",
        population__size=275,
        horizon__time=4.0,
        horizon__records=8,
        picard__particles=250,
        picard__windows=[1, 2, 4],
        **WIDTHS,
        **GAP,
    ),
    "radial": case(
        "radial",
        population__size=275,
        horizon__time=2.0,
        horizon__records=8,
        reference__grid__nodes=384,
        radial__particles=600,
        radial__dimensions=[5, 200],
        **WIDTHS,
        **GAP,
    ),
    "recover-mnist": case(
        "recover-mnist",
        mnist="problem.folder",
        problem__split="test",
        problem__n=900,
        solver__iterations=2,
        recover__problems=2,
    ),
    "recover": case("recover", **RECOVER),
    "teacher": case(
        "teacher",
        population__size=600,
        horizon__time=1.6,
        horizon__records=5,
        reference__step=0.16,
        **WIDTHS,
        **GAP,
        **sweeps(2, 18, 4),
    ),
    # Single precision, other losses and activations, unequal layers.
    "digits-single": case("digits", precision="f32", **DIGITS),
    "digits3-single": case("digits3", precision="f32", **DIGITS3),
    "digits3-unequal": case("digits3", network__proportions=[2, 1], network__second_activation="gelu", **DIGITS3),
    "digits3-softmax": case("digits3", population__labels="classes", network__loss="softmax", **DIGITS3),
    "digits-logistic": case("digits", network__loss="logistic", network__activation="sigmoid", **DIGITS),
    "digits-softplus": case(
        "digits",
        population__standardise="none",
        network__activation="softplus",
        reference__method="heavy-ball",
        reference__step=0.1,
        **DIGITS,
    ),
    # Networks that diverge beside ones that do not.
    "descent-diverged": case(
        "descent",
        population__size=275,
        horizon__time=10.0,
        horizon__records=5,
        dynamics__step=0.5,
        reference__step=0.1,
        **WIDTHS,
        **GAP,
        **sweeps(1, 18, 4) | dict(gap__sweep__0__values=[2.0, 1.0, 0.1, 0.05], dynamics__diverged_above=1.5),
    ),
    # Data from files.
    "file-csv": case(
        "digits", population='{kind="file", path="INPUTS/data.csv", labels="real"}', **without_population(DIGITS)
    ),
    "file-npz": case(
        "digits",
        population='{kind="file", path="INPUTS/data.npz", labels="classes", limit=140, standardise="per-feature"}',
        **without_population(DIGITS) | dict(precision="f32", network__activation="identity"),
    ),
    # The limit by the kinetic equation in place of particles.
    "bump-grid": case(
        "bump",
        reference='{kind="grid", against=["particles"], particles=602, method="baoab", step=0.05,'
        " grid={low=-6.0, high=6.0, momentum=2.5, nodes=128, step=0.05}}",
        gap='{projections=12, resamples=300, sweep=[{over="batch", values=[2, 4], width=18, seeds=4}]}',
        horizon__time=2.0,
        horizon__records=4,
        widths__values=[18, 50, 150],
        widths__seeds=4,
        kinetic__nodes=128,
        kinetic__particles=0,
    ),
    # Every algorithm of recovery that a problem admits.
    "recover-scaled": case(
        "recover",
        **RECOVER
        | dict(
            problem='{kind="drawn", n=60, d=20, sparsity=3, design="scaled", condition=10.0,'
            ' signal="sign", snr_db=40.0}',
            solver__methods=SECOND_ORDER,
            solver__iterations=20,
            solver__damping=0.05,
        ),
    ),
    "recover-large": recovery(
        'kind="drawn", n=500, d=420, sparsity=30, design="gaussian"',
        solver__methods="k-iht niht htp cosamp omp lasso topk-iobs greedy-iobs-refit diagonal-iobs".split(),
        solver__iterations=3,
        recover__problems=2,
    ),
    "recover-wide": recovery(
        'kind="drawn", n=300, d=420, sparsity=30, design="rotated", condition=10.0',
        solver__methods="k-iht topk-iobs topk-iobs-compensate greedy-iobs greedy-iobs-keep swap-iobs".split(),
        solver__iterations=4,
        recover__problems=2,
    ),
    "recover-logistic": recovery(
        'kind="drawn", loss="logistic", n=60, d=20, sparsity=3, design="sparse-sign", density=0.3'
    ),
    "recover-exponential": recovery('kind="drawn", loss="exponential", n=60, d=20, sparsity=3'),
    "recover-quadratic": recovery(
        'kind="drawn", loss="quadratic-measurement", n=80, d=20, sparsity=3, start_distance=0.1, snr_db=50.0'
    ),
    "recover-file": recovery('kind="file", path="INPUTS/problem.npz"', solver__k=4, recover__problems=1),
}

# Draws of one trajectory of a case, written by `PROGRAM draws` to OUT/draws/state.
DRAWS: list[tuple[str, str]] = [
    ("digits", "batches-4-s2"),
    ("digits", "steps-b1-0.02-s1"),
    ("langevin", "n18-s1"),
    ("langevin", "reference"),
    ("teacher", "steps-b1-0.02-s1"),
    ("digits-classes", "n18-s0"),
    ("radial", "n18-s1"),
    ("mnist3", "n10-s0"),
]
