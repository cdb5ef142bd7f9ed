"""Bounds, maximum and sum hold exactly, whatever the bounds are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icp_xl.config import load_settings
from icp_xl.errors import ConfigError
from icp_xl.weight_search.simplex import UNITS, Rules, as_weights

RULES = Rules.of(load_settings(environ={}).optimize)
NO_SIZE = Rules.of(load_settings(environ={}, overrides={"optimize.include_size": False}).optimize)


@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), st.booleans())
def test_projection_is_allowed_and_sums_to_exactly_one(parts: list[float], size: bool) -> None:
    rules = RULES if size else NO_SIZE
    units = rules.project(np.array(parts))
    weights = as_weights(units)
    assert rules.allows(units).all()
    assert weights[0] + weights[1] + weights[2] + weights[3] == 1.0
    assert weights[1] == 0.0 or size
    assert all(0.15 - 1e-12 <= w <= 0.5 + 1e-12 for i, w in enumerate(weights) if size or i != 1)


@given(st.integers(0, 8), st.integers(1, 700))
def test_swaps_and_neighbours_stay_allowed(seed: int, step: int) -> None:
    rules = RULES if seed % 2 else NO_SIZE
    centre = rules.project(np.random.default_rng(seed).dirichlet(np.ones(4)))
    for rows in (rules.swaps(centre, step), rules.around(centre, max(step, 50), 200)):
        assert rules.allows(rows).all()


def test_the_grid_is_the_whole_simplex() -> None:
    brute = [
        (a, b, c, 20 - a - b - c)
        for a in range(3, 11)
        for b in range(3, 11)
        for c in range(3, 11)
        if 3 <= 20 - a - b - c <= 10
    ]
    assert (RULES.grid(500) // 500).tolist() == [list(row) for row in brute]
    assert NO_SIZE.grid(500)[:, 1].max() == 0


def test_weights_in_force_are_their_own_projection() -> None:
    assert RULES.project(np.array([0.25, 0.25, 0.25, 0.25])).tolist() == [2500] * 4
    assert NO_SIZE.project(np.array([0.25, 0.25, 0.25, 0.25])).sum() == UNITS


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        ({"optimize.minimum": 0.3}, "sum to 1.2, above 1"),
        ({"optimize.maximum": 0.2}, "sum to 0.8, below 1"),
        ({"optimize.minimum": 0.4, "optimize.maximum": 0.3}, "above maximum"),
        ({"optimize.include_size": False, "optimize.maximum": 0.3}, "sum to 0.9, below 1"),
    ],
)
def test_impossible_bounds_are_refused(overrides: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load_settings(environ={}, overrides=overrides)


def test_bounds_between_which_no_decimals_fit() -> None:
    settings = load_settings(environ={}, overrides={"optimize.minimum": 0.24999, "optimize.maximum": 0.25001})
    assert Rules.of(settings.optimize).grid(1).tolist() == [[2500] * 4]
    settings = load_settings(
        environ={}, overrides={"optimize.include_size": False, "optimize.minimum": 0.33332, "optimize.maximum": 0.33336}
    )
    with pytest.raises(ConfigError, match="no weights obey the bounds"):
        Rules.of(settings.optimize)
