"""A model folder may lie on a shared drive: what is wrong in it is one clear error, never a crash or a blank chance."""

from __future__ import annotations

import json
import random
from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.errors import DataError
from icp_xl.propensity.calibration import fit_calibrator
from icp_xl.propensity.linear import fit_linear
from icp_xl.propensity.model import DivisionModel
from icp_xl.propensity.trees import fit_trees

NAMES = ("spend", "recency", "gaps")


@pytest.fixture(scope="module")
def model() -> DivisionModel:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(600, 3))
    y = (x[:, 0] + rng.normal(size=600) > 0).astype(float)
    linear = fit_linear(x, y, NAMES, c=0.1, l1_ratio=0.0, balanced=False)
    settings = {"learning_rate": 0.1, "num_leaves": 6, "min_data_in_leaf": 20}
    trees = fit_trees(x, y, NAMES, settings, seed=0, rounds=12)
    calibrator = fit_calibrator(linear.log_odds(x), y)
    parts = ((0.5, linear), (0.5, trees))
    return DivisionModel("Printers", "printers", "blend", parts, calibrator, (date(2024, 1, 1),), 6, "Ready", facts={})


def rehash(folder: Path) -> None:
    """What somebody who can write into the folder would do."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_sound_model_loads_and_predicts_the_same(model: DivisionModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list(NAMES))
    assert np.array_equal(DivisionModel.load(tmp_path).predict(rows), model.predict(rows))


def tampered(text: str, seed: int) -> str:
    """A tree file with a few numbers or lines changed, as chance or malice would."""
    draw = random.Random(seed)
    lines = text.split("\n")
    for _ in range(draw.choice((1, 3, 10))):
        at = draw.randrange(len(lines))
        way = draw.randrange(5)
        if way == 0:
            del lines[at]
        elif way == 1:
            lines[at] = "".join(draw.choice("9-.=x ") if letter.isdigit() else letter for letter in lines[at])
        elif way == 2:
            lines[at] = lines[at].replace(" ", " 99999999 ", 1)
        elif way == 3:
            lines[at] = lines[at][: len(lines[at]) // 2]
        else:
            lines = lines[: max(2, at)]
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(6))
def test_a_tampered_tree_file_is_an_error_or_a_finite_model(model: DivisionModel, tmp_path: Path, seed: int) -> None:
    model.save(tmp_path)
    path = next(tmp_path.glob("trees_*.txt"))
    path.write_text(tampered(path.read_text(), seed))
    rehash(tmp_path)
    rows = pd.DataFrame(np.zeros((3, 3)), columns=list(NAMES))
    try:
        found = DivisionModel.load(tmp_path)
    except DataError as error:
        assert "do not make sense" in str(error)
    else:
        assert np.isfinite(found.predict(rows)).all()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("parts", 0, "weight"), float("nan")),
        (("parts", 0, "weight"), "a lot"),
        (("parts", 0, "coefficients"), [1.0]),
        (("parts", 0, "coefficients"), [1.0, 1e400, 2.0]),
        (("parts", 0, "features"), ["spend"]),
        (("parts", 1, "trees"), "../../../etc/passwd"),
        (("parts",), []),
        (("parts",), None),
        (("calibrator", "slope"), float("inf")),
        (("trained_on",), ["2024-02-30"]),
        (("facts",), 3),
    ],
)
def test_a_tampered_body_is_one_clear_error(model: DivisionModel, tmp_path: Path, path: tuple, value: object) -> None:
    model.save(tmp_path)
    body = json.loads((tmp_path / "model.json").read_text())
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (tmp_path / "model.json").write_text(json.dumps(body))
    rehash(tmp_path)
    with pytest.raises(DataError, match="do not make sense"):
        DivisionModel.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"format": "icp_xl division model", "files": []}'])
def test_a_manifest_that_is_none_is_one_clear_error(model: DivisionModel, tmp_path: Path, text: str) -> None:
    model.save(tmp_path)
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError):
        DivisionModel.load(tmp_path)


def test_with_a_key_only_what_was_signed_with_it_is_loaded(model: DivisionModel, tmp_path: Path) -> None:
    for name, text in model.files(b"ours").items():
        (tmp_path / name).write_text(text)
    assert DivisionModel.load(tmp_path, b"ours").division == "Printers"
    with pytest.raises(DataError, match="not signed"):
        DivisionModel.load(tmp_path, b"another")
    rehash(tmp_path)
    (tmp_path / "model.json").write_text((tmp_path / "model.json").read_text().replace("Printers", "Printerz"))
    rehash(tmp_path)
    with pytest.raises(DataError, match="not signed"):
        DivisionModel.load(tmp_path, b"ours")
    model.save(tmp_path)
    with pytest.raises(DataError, match="not signed"):
        DivisionModel.load(tmp_path, b"ours")
