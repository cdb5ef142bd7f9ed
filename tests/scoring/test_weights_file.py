"""The reader of optimized_weights.json: every bad file falls back with a warning, every old one is still read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icp_xl.config import load_settings
from icp_xl.scoring.weights import load_weights

SETTINGS = load_settings(environ={}, overrides={"scoring.weights.vertical": 0.3, "scoring.weights.size": 0.2})
GOOD = {"vertical": 0.15, "size": 0.2, "adoption": 0.4, "relationship": 0.25}


def _write(tmp_path: Path, body: object) -> Path:
    path = tmp_path / "optimized_weights.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "body",
    [
        {"schema": 2, "weights": GOOD},
        {"schema": 1, "weights": {f"{k}_score": v for k, v in GOOD.items()}},
        {"weights": GOOD, "lambda_param": 0.25, "n_trials": 5000},
        {f"{k}_weight": v for k, v in GOOD.items()},
        {"best_weights": {k: v * 1.0004 for k, v in GOOD.items()}},
    ],
)
def test_every_schema_is_read(tmp_path: Path, body: object) -> None:
    weights, source, warnings = load_weights(_write(tmp_path, body), SETTINGS)
    assert tuple(weights.values()) == pytest.approx((0.15, 0.2, 0.4, 0.25), abs=1e-12)
    assert source.startswith("optimized_weights.json") and not warnings


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "not found"),
        ("{", "damaged"),
        ("[]", "no object"),
        ({"weights": {**GOOD, "size": float("nan")}}, "no number"),
        ({"weights": {**GOOD, "size": "0.2"}}, "no number"),
        ({"weights": {**GOOD, "adoption": 0.7}}, "sum to"),
        ({"weights": {"vertical": 0.1, "size": 0.3, "adoption": 0.3, "relationship": 0.3}}, "vertical is 0.1000"),
        ({"weights": {"vertical": 0.15, "size": 0.15, "adoption": 0.55, "relationship": 0.15}}, "adoption is 0.5500"),
        ({"weights": GOOD, "schema": 99}, "schema is 99"),
        ({"weights": GOOD, "include_size": False}, "switched off"),
        ({}, "missing"),
    ],
)
def test_a_bad_file_falls_back_with_a_warning(tmp_path: Path, body: object, why: str) -> None:
    path = tmp_path / "optimized_weights.json" if body is None else _write(tmp_path, body)
    weights, source, warnings = load_weights(path, SETTINGS)
    assert weights == SETTINGS.scoring.weights
    assert source == "settings (default weights)"
    assert len(warnings) == 1 and why in warnings[0]


def test_size_off_and_no_change(tmp_path: Path) -> None:
    off = {"weights": {"vertical": 0.3, "size": 0.0, "adoption": 0.4, "relationship": 0.3}, "include_size": False}
    assert load_weights(_write(tmp_path, off), SETTINGS)[0]["size"] == 0.0
    kept = {"weights": GOOD, "adopted": False, "recommended_weights": SETTINGS.scoring.weights}
    weights, source, warnings = load_weights(_write(tmp_path, kept), SETTINGS)
    assert weights == SETTINGS.scoring.weights and "no change" in source and not warnings


def test_switched_off(tmp_path: Path) -> None:
    settings = load_settings(environ={}, overrides={"scoring.use_optimized_weights": False})
    weights, source, warnings = load_weights(_write(tmp_path, {"weights": GOOD}), settings)
    assert weights == settings.scoring.weights and "switched off" in source and not warnings


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["weights", "schema", "vertical", "size", "adoption", "relationship", "adopted"]), x)))  # fmt: skip
def test_no_content_stops_a_run(tmp_path_factory: pytest.TempPathFactory, body: object) -> None:
    path = _write(tmp_path_factory.getbasetemp(), json.dumps(body))
    weights, _, warnings = load_weights(path, SETTINGS)
    assert math.isclose(sum(tuple(weights.values())), 1.0, abs_tol=1e-9)
    assert warnings or tuple(weights.values()) != tuple(SETTINGS.scoring.weights.values())
