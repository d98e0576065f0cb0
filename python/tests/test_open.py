"""Run folders in Python: records, checks, figures, states; without the compiled module; damaged files."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import in_python

import widelimit


def test_records_are_the_arrays_of_the_files(small: widelimit.Run) -> None:
    run = widelimit.open(str(small.folder))
    assert {"widths", "reference", "groups", "gap", "dropout", "paths"} <= set(run.records)
    for name, record in run.records.items():
        if not record:
            assert record.json is not None
            continue
        with np.load(run.folder / "records" / f"{name}.npz") as stored:
            assert list(record) == stored.files == list(dict(record))
            for array in stored.files:
                assert np.array_equal(record[array], stored[array], equal_nan=True)
                assert len(record.axes[array]) == record[array].ndim
                assert record[array].flags.c_contiguous and not record[array].flags.writeable
    widths = run.records["widths"]
    assert np.array_equal(widths.values, [8, 16])
    assert widths.risk.shape == (2, 3, 3) and widths.axes["risk"] == ("values", "seeds", "times")
    assert "risk" in dir(widths) and "risk (values: 2, seeds: 3, times: 3)" in repr(widths)
    assert run.records["gap"].json["fits"][0]["group"] == "widths"


def test_wrong_names_are_answered_with_the_known_ones(small: widelimit.Run) -> None:
    with pytest.raises(KeyError, match="no record is called 'width'; there are .*widths"):
        small.records["width"]
    with pytest.raises(AttributeError, match="no array is called 'rsk'; there are values, .*risk"):
        small.records["widths"].rsk
    with pytest.raises(KeyError, match="no array is called 'rsk'"):
        small.records["widths"]["rsk"]
    with pytest.raises(KeyError, match="no figure is called 'gap'; there are .*gap-widths"):
        small.figures["gap"]
    with pytest.raises(KeyError, match="no trajectory.* is called 'n8'; there are .*n8-s0"):
        small.state("n8")
    with pytest.raises(KeyError, match="no check is called"):
        small.checks["gap"]
    with pytest.raises(AttributeError, match="no part is called 'u'; there are w, b, a"):
        small.state("n8-s0").final.theta.u


def test_every_record_is_a_dataset_with_named_axes(small: widelimit.Run) -> None:
    pytest.importorskip("xarray")
    for name, record in small.records.items():
        dataset = record.to_xarray()
        assert set(dataset.variables) == set(record), name
        for array in record:
            assert np.array_equal(dataset[array].values, record[array], equal_nan=True)
            assert not any(str(dim).startswith("dim_") for dim in dataset[array].dims)
    risk = small.records["widths"].to_xarray().risk
    assert risk.dims == ("values", "seeds", "times")
    assert np.array_equal(risk.mean("seeds").values, small.records["widths"].risk.mean(axis=1))
    assert risk.sel(times=0.4, values=16).shape == (3,)


def test_checks(small: widelimit.Run) -> None:
    checks = small.checks
    stored = json.loads((small.folder / "checks.json").read_text())
    assert [check.name for check in checks] == [check["name"] for check in stored]
    assert len(checks) == len(stored) == small.manifest["checks"] and checks[-1].name == stored[-1]["name"]
    named = checks["gap-widths-function"]
    assert named.verdict in ("holds", "fails", "not resolved") and named.expected == -1.0
    assert sum(len(checks.with_verdict(v)) for v in ("holds", "fails", "not resolved")) == len(checks)
    assert [check.name for check in checks[:2]] == [check["name"] for check in stored[:2]]
    page = checks._repr_html_()
    assert page.count("<tr>") == len(checks) + 1 and named.name in page and named.name in repr(checks)
    assert "<script" not in widelimit.Checks([named.__class__(**{**named.__dict__, "detail": "<script"})])._repr_html_()
    pandas = pytest.importorskip("pandas")
    frame = checks.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame["name"]) == [check.name for check in checks]
    row = frame.set_index("name").loc[named.name]
    assert row["measured"] == named.measured
    assert named.interval is None or (row["interval_low"], row["interval_high"]) == named.interval
    assert list(widelimit.Checks([]).to_pandas().columns) == list(frame.columns)


def test_figures(small: widelimit.Run) -> None:
    assert {"risk", "gap-widths", "dropout", "paths"} <= set(small.figures)
    figure = small.figures["gap-widths"]
    assert figure._repr_svg_().startswith("<svg") or "<svg" in figure._repr_svg_()[:300]
    assert figure.path.is_file() and figure.png.is_file() and figure.pdf.is_file() and figure.name == "gap-widths"


def test_states(small: widelimit.Run) -> None:
    assert {"reference", "n8-s0", "n16-s2"} <= set(small.trajectories)
    state = small.state("n16-s1")
    n, d = 16, 64
    assert state.trajectory["width"] == n and state.trajectory["stop"]["reason"] == "horizon"
    assert state.final.theta.w.shape == (n, d) and state.final.momentum["a"].shape == (n, 1)
    assert state.initial.theta.matrix().shape == (n, d + 2)
    assert np.array_equal(state.initial.theta.matrix()[:, :d], state.initial.theta.w)
    assert not state.initial.momentum.w.any() and state.final.momentum.w.any()
    # The recorded risk is that of the final state.
    x, y = small.data
    w, b, a = (state.final.theta[part] for part in ("w", "b", "a"))
    f = np.tanh(x @ w.T + b.T) @ a / n
    risk = 0.5 * np.mean(np.sum((f - y) ** 2, axis=1))
    widths = small.records["widths"]
    assert math.isclose(widths.risk[1, 1, -1], risk, rel_tol=1e-12)


def test_provenance(small: widelimit.Run) -> None:
    assert small.experiment["widths"]["values"] == [8, 16] and small.experiment["reference"]["particles"] == 64
    assert (small.manifest["version"], small.manifest["revision"]) == widelimit.version()
    assert small.manifest["threads"] == 2
    assert repr(small).endswith("digits, complete)")
    small.verify()


WITHOUT = """
import importlib.machinery, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "widelimit._native":
            raise ImportError("no compiled module")
sys.meta_path.insert(0, Missing())
import widelimit
run = widelimit.open(sys.argv[1])
print(run.records["widths"].risk.shape, len(run.checks), sorted(run.figures)[0], run.state("n8-s0").id)
try:
    widelimit.run("digits")
except ImportError as error:
    print(error)
"""


def test_folders_open_without_the_compiled_module(small: widelimit.Run) -> None:
    process = in_python(WITHOUT, str(small.folder))
    out, err = process.communicate(timeout=60)
    assert err == "" and out.splitlines()[0].startswith("(2, 3, 3) "), (out, err)
    assert "only widelimit.open works" in out.splitlines()[1]


def test_optional_packages_are_named(small: widelimit.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install xarray"):
        small.records["widths"].to_xarray()
    with pytest.raises(ImportError, match="pip install pandas"):
        small.checks.to_pandas()


def test_folders_that_are_no_runs(small: widelimit.Run, tmp_path: Path) -> None:
    with pytest.raises(widelimit.FolderError, match="no manifest.json"):
        widelimit.open(tmp_path)
    manifest = tmp_path / "manifest.json"
    for text, words in [("{", "not readable JSON"), ("[]", "not the manifest"), ('{"version": "0"}', "format 1")]:
        manifest.write_text(text)
        with pytest.raises(widelimit.FolderError, match=words):
            widelimit.open(tmp_path)
    manifest.write_text(json.dumps({**small.manifest, "status": "interrupted"}))
    run = widelimit.open(tmp_path)
    assert run.trajectories == () and len(run.records) == 0
    with pytest.raises(widelimit.FolderError, match="not complete"):
        run.checks
    with pytest.raises(KeyError, match="there are none"):
        run.state("n8-s0")


def test_damaged_files_are_named(small: widelimit.Run, tmp_path: Path) -> None:
    shutil.copytree(small.folder, tmp_path / "run")
    path = tmp_path / "run" / "records" / "widths.npz"
    whole = path.read_bytes()
    middle = whole.index(b"risk.npy") + 100
    flipped = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 20]) + whole[middle + 20 :]
    for damaged in (whole[:-400], b"", flipped, whole.replace(b'{"axes"', b'{"axis"')):
        path.write_bytes(damaged)
        with pytest.raises(widelimit.FolderError, match="widths.npz.*damaged"):
            widelimit.open(tmp_path / "run").records["widths"].risk
        with pytest.raises(widelimit.FolderError, match="widths.npz: SHA-256"):
            widelimit.open(tmp_path / "run").verify()
    path.unlink()
    with pytest.raises(widelimit.FolderError, match="widths.npz: cannot be read"):
        widelimit.open(tmp_path / "run").verify()
    state = tmp_path / "run" / "state" / "n8-s0.npz"
    whole = state.read_bytes()
    for damaged in (whole[:-400], b"", whole[:100] + bytes([255 - whole[100]]) + whole[101:]):
        state.write_bytes(damaged)
        with pytest.raises(widelimit.FolderError, match="n8-s0.npz: SHA-256.*restore it"):
            widelimit.open(tmp_path / "run").state("n8-s0")
    state.unlink()
    with pytest.raises(widelimit.FolderError, match="n8-s0.npz: cannot be read"):
        widelimit.open(tmp_path / "run").state("n8-s0")
    assert "n8-s0" in widelimit.open(tmp_path / "run").trajectories
    widelimit.open(tmp_path / "run").state("n8-s1")
    checks = tmp_path / "run" / "checks.json"
    for text in ("[]", "{}", '[{"name": "a"}]', "not JSON"):
        checks.write_text(text)
        with pytest.raises(widelimit.FolderError, match="checks.json"):
            widelimit.open(tmp_path / "run").checks


def test_numbers_that_are_not_finite(tmp_path: Path, small: widelimit.Run) -> None:
    shutil.copytree(small.folder, tmp_path / "run")
    checks = json.loads((tmp_path / "run" / "checks.json").read_text())
    checks[0].update(measured=None, interval=["-inf", "inf"], expected="nan")
    (tmp_path / "run" / "checks.json").write_text(json.dumps(checks))
    check = widelimit.open(tmp_path / "run").checks[0]
    assert math.isnan(check.measured) and check.interval == (-math.inf, math.inf)
    assert check.expected is not None and math.isnan(check.expected)
