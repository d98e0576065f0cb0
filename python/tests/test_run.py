"""Runs from Python: the bytes of the program, arrays in memory, progress, interruption, errors."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, by_program, contents, in_python, options, program

import widelimit


def test_bytes_are_those_of_the_program(small: widelimit.Run, tmp_path: Path) -> None:
    by_program("digits", tmp_path / "run", *options(SMALL), "--threads", "1")
    expected, found = contents(tmp_path / "run"), contents(small.folder)
    assert len(expected) > 20
    assert list(found) == list(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert small.status == "complete"


def test_configurations_are_equal_in_every_form(small: widelimit.Run, tmp_path: Path) -> None:
    toml = tmp_path / "experiment.toml"
    toml.write_text((small.folder / "experiment.toml").read_text())
    configs: list[str | Path | dict[str, object]] = [toml, str(toml), toml.read_text(), small.experiment]
    for number, config in enumerate(configs):
        run = widelimit.run(config, out=tmp_path / str(number), figures=False)
        assert contents(run.folder, ["records", "state"]) == contents(small.folder, ["records", "state"])


def experiment() -> dict[str, object]:
    """An experiment on samples of two inputs."""
    return {
        "name": "mine",
        "seed": 3,
        "network": {
            "kind": "two-layer",
            "activation": "tanh",
            "loss": "half-squared",
            "start": {
                "w": {"law": "gaussian", "std": 1.0},
                "b": {"law": "point", "value": 0.0},
                "a": {"law": "uniform", "low": -1.0, "high": 1.0},
            },
        },
        "dynamics": {"step": 0.05, "friction": 1.0, "batch": 2},
        "horizon": {"time": 1.0, "records": 2},
        "widths": {"values": [8, 16], "seeds": np.int64(2)},
        "reference": {"particles": 64, "method": "rk4", "step": 0.1},
        "gap": {},
    }


def samples(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(20, 2))
    return x, np.sin(x[:, 0])


def test_arrays_in_memory(tmp_path: Path) -> None:
    x, y = samples()
    np.savez(tmp_path / "data.npz", x=x, y=y)
    file = {"kind": "file", "path": str(tmp_path / "data.npz"), "labels": "real", "standardise": "per-feature"}
    expected = widelimit.run({**experiment(), "population": file}, out=tmp_path / "file")
    # Fortran order and a slice, to be copied.
    wide = np.asfortranarray(np.hstack([x, x]))[:, :2]
    run = widelimit.run(experiment(), x=wide, y=y, standardise="per-feature", out=tmp_path / "run")
    assert contents(run.folder, ["records", "state"])["records/widths.npz"] == (
        contents(expected.folder, ["records", "state"])["records/widths.npz"]
    )
    assert (run.folder / "state/data.npz").read_bytes() == (expected.folder / "state/data.npz").read_bytes()
    (source,) = run.manifest["population"]["sources"]
    assert source["path"] == str((tmp_path / "run" / "population.npz").absolute())
    with np.load(source["path"]) as stored:
        assert np.array_equal(stored["x"], x) and np.array_equal(stored["y"][:, 0], y)
    # The same again is complete; other arrays are refused; the program repeats the run from the folder alone.
    assert widelimit.run(experiment(), x=x, y=y, standardise="per-feature", out=run.folder, resume=True).checks
    with pytest.raises(widelimit.RunError, match="population.npz"):
        widelimit.run(experiment(), x=x, y=y + 1, standardise="per-feature", out=run.folder, resume=True)
    before = contents(run.folder)
    (tmp_path / "copy.toml").write_bytes(before["experiment.toml"])
    by_program(str(tmp_path / "copy.toml"), run.folder, "--force")
    assert contents(run.folder) == before
    # Another experiment takes the samples away.
    widelimit.run("digits", SMALL, out=run.folder, force=True, figures=False)
    assert not (run.folder / "population.npz").exists()


def test_classes_and_limits_of_arrays(tmp_path: Path) -> None:
    x, _ = samples()
    y = np.arange(20) % 3
    run = widelimit.run(
        experiment(), ["network.loss=softmax", "population.limit=10"], x=x, y=y, labels="classes", out=tmp_path / "run"
    )
    assert run.data[0].shape == (10, 2) and run.data[1].shape == (10, 3)


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (np.zeros(3), np.zeros(3), ValueError, "x has shape \\(3,\\): expected \\(n, d\\)"),
        (np.zeros((3, 1)), None, ValueError, "both or neither"),
        (np.zeros((3, 1)), np.zeros(4), ValueError, "x has 3 rows but y has 4"),
        (np.zeros((3, 1), complex), np.zeros(3), TypeError, "x has dtype complex128"),
        (np.ma.masked_array(np.zeros((3, 1)), [[True], [False], [False]]), np.zeros(3), ValueError, "masked"),
        (np.array([[np.nan]]), np.zeros(1), widelimit.RunError, "array x, row 0, column 0.*NaN is not finite"),
        (np.zeros((0, 2)), np.zeros(0), widelimit.RunError, "no samples"),
    ],
)
def test_arrays_that_cannot_be_used(
    tmp_path: Path, x: np.ndarray, y: np.ndarray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        widelimit.run(experiment(), x=x, y=y, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_arrays_are_for_networks(tmp_path: Path) -> None:
    with pytest.raises(widelimit.ConfigError, match="population"):
        widelimit.run("recover", x=np.zeros((3, 1)), y=np.zeros(3), out=tmp_path / "run")


def test_problems_are_listed() -> None:
    problems = widelimit.validate("digits", {"dynamics.step": -1, "widths.valuse": [1]})
    assert [(p.file, p.key) for p in problems] == [("--set", "dynamics.step"), ("--set", "widths.valuse")]
    assert problems[0].value == "-1" and "expected" in problems[0].message
    assert widelimit.validate("digits") == []
    assert widelimit.validate("digits", ["dynamics.step=0.01"]) == []
    with pytest.raises(widelimit.ConfigError, match="dynamics.step = -1") as caught:
        widelimit.run("digits", {"dynamics.step": -1, "widths.valuse": [1]})
    assert list(caught.value.problems) == problems
    wrong: list[tuple[str | dict[str, object], str]] = [
        ("digits\nx", "not valid TOML"),
        ("digist", "did you mean 'digits'"),
        ({}, "missing"),
    ]
    for config, words in wrong:
        assert any(words in problem.message for problem in widelimit.validate(config)), config
    (problem,) = widelimit.validate("digits", ["dynamics.step"])
    assert problem.key is None and "KEY=VALUE" in problem.message
    with pytest.raises(TypeError, match="reference.kind: a value of type object has no TOML"):
        widelimit.validate("digits", {"reference.kind": object()})
    with pytest.raises(TypeError, match="a.b.1: a value of type NoneType"):
        widelimit.validate({"a": {"b": [1, None]}})


def test_text_of_every_kind_is_toml() -> None:
    strange = 'quote " back \\ tab \t delete \x7f \N{SNOWMAN} \U0001f600'
    (problem,) = (p for p in widelimit.validate("digits", {"name": strange}) if p.key == "name")
    assert "letters, digits" in problem.message
    for number in (1e-300, 1e22, -0.0, 0.1, float("inf")):
        problems = widelimit.validate("digits", {"dynamics.friction": number})
        assert all("TOML" not in problem.message for problem in problems), problems


def test_built_in_experiments() -> None:
    names = dict(widelimit.experiments())
    assert "parity" in names["digits"] and len(names) > 20
    assert 'name = "digits"' in widelimit.show("digits")
    with pytest.raises(KeyError, match="there are digits, "):
        widelimit.show("digist")


def test_former_names_are_named(tmp_path: Path) -> None:
    overrides = {**SMALL, "paths": None, "connect": {"pairs": 1}}
    with pytest.warns(FutureWarning, match=r"\[connect\] is now called \[paths\]") as caught:
        widelimit.run("digits", {k: v for k, v in overrides.items() if "paths." not in k}, out=tmp_path / "run")
    assert caught[0].filename == __file__


def test_folders_in_use_are_refused(small: widelimit.Run) -> None:
    with pytest.raises(widelimit.RunError, match="--force"):
        widelimit.run("digits", SMALL, out=small.folder)
    with pytest.raises(widelimit.RunError, match="widths.seeds"):
        widelimit.run("digits", {**SMALL, "widths.seeds": 4}, out=small.folder, resume=True)
    for wrong in ({"resume": True, "force": True}, {"accept_revision": True}, {"threads": 0}):
        with pytest.raises(ValueError, match="expected"):
            widelimit.run("digits", out=small.folder, **wrong)


def test_progress(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reports: list[tuple[str, float, float]] = []
    caller = threading.get_ident()

    def progress(stage: str, done: float, total: float) -> None:
        assert threading.get_ident() == caller
        reports.append((stage, done, total))

    widelimit.run("digits", SMALL, out=tmp_path / "a", progress=progress, figures=False)
    stages = list(dict.fromkeys(stage for stage, _, _ in reports))
    assert len(stages) >= 4, stages
    for stage in stages:
        done = [d for s, d, _ in reports if s == stage]
        assert done == sorted(done)
    assert all(0 <= done <= total for _, done, total in reports)
    assert all(any(s == stage and d > 0.999 * t for s, d, t in reports) for stage in stages), reports
    assert capfd.readouterr() == ("", "")
    widelimit.run("digits", SMALL, out=tmp_path / "b", progress=True, figures=False)
    out, err = capfd.readouterr()
    assert out == "" and stages[0] in err and "100%" in err


def test_exceptions_of_progress_interrupt_and_the_run_resumes(small: widelimit.Run, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def progress(stage: str, done: float, total: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        widelimit.run("digits", SMALL, out=tmp_path / "run", progress=progress)
    assert widelimit.open(tmp_path / "run").status in ("interrupted", "complete")
    resumed = widelimit.run("digits", SMALL, out=tmp_path / "run", resume=True)
    assert contents(resumed.folder) == contents(small.folder)


LONG = """
import sys, widelimit
overrides = {"population.limit": 60, "widths.values": [8, 16], "widths.seeds": 3, "reference.particles": 256,
             "horizon.time": float(sys.argv[2]), "horizon.records": 2, "gap.sweep": None, "dropout": None,
             "paths": None, "predict": None, "variants": None, "convergence": None}
try:
    widelimit.run("digits", overrides, out=sys.argv[1], threads=1)
except KeyboardInterrupt:
    print("interrupted", flush=True)
else:
    print("complete", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_control_c_interrupts_and_the_run_resumes(tmp_path: Path) -> None:
    # Long enough to be interrupted, in either build.
    horizon = "2.0" if "/debug/" in program() else "80.0"
    process = in_python(LONG, str(tmp_path / "run"), horizon)
    while not (tmp_path / "run" / "state" / "data.npz").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert out.splitlines()[-1] == "interrupted" and err == "", (out, err)
    assert widelimit.open(tmp_path / "run").status == "interrupted"
    # The program continues what Python began, to the bytes of a run that was left alone.
    toml = str(tmp_path / "run" / "experiment.toml")
    by_program(toml, tmp_path / "run", "--resume")
    by_program(toml, tmp_path / "whole")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    assert widelimit.open(tmp_path / "run").manifest["resumed"] == 1


def test_the_lock_of_the_interpreter_is_released(tmp_path: Path) -> None:
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.wait(0.01):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.monotonic()
    widelimit.run("digits", SMALL, out=tmp_path / "run")
    seconds = time.monotonic() - started
    done.set()
    thread.join()
    assert len(ticks) > 10 * seconds


def test_two_runs_at_once(small: widelimit.Run, tmp_path: Path) -> None:
    stages: dict[str, set[str]] = {"a": set(), "b": set()}

    def one(name: str) -> None:
        def progress(stage: str, done: float, total: float) -> None:
            stages[name].add(stage)

        overrides = SMALL if name == "a" else {**SMALL, "paths": None, "paths.pairs": None}
        overrides = {k: v for k, v in overrides.items() if name == "a" or not k.startswith("paths.")}
        widelimit.run("digits", overrides, out=tmp_path / name, progress=progress)

    threads = [threading.Thread(target=one, args=(name,)) for name in stages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(tmp_path / "a") == contents(small.folder)
    assert any("path" in stage for stage in stages["a"]) and not any("path" in stage for stage in stages["b"])


def test_nothing_is_warned_about_a_plain_run(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        widelimit.run("digits", SMALL, out=tmp_path / "run", figures=False)
