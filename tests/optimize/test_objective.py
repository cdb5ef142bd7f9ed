"""The objective against slow, independent calculations, and the reasons it is built as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from icp_xl.config import Settings, load_settings
from icp_xl.errors import DataError
from icp_xl.weight_search.objective import Objective, Spearman, calibrate_cuts, grade_mix, kl_divergence
from icp_xl.weight_search.problem import build_problem
from icp_xl.weight_search.simplex import as_floats

from tests.support.weights import make_scored  # isort: skip


def _settings(**overrides: object) -> Settings:
    return load_settings(environ={}, overrides=overrides)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=60))
def test_spearman_equals_scipy_with_ties(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T / 7
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        with pytest.raises(DataError, match="the same for every account"):
            Spearman(y)(x)
    else:
        assert Spearman(y)(x) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_scores_that_are_equal_on_paper_are_tied() -> None:
    x = np.array([0.1 + 0.2, 0.3, 0.9, 0.4])  # 0.1 + 0.2 is not 0.3 in floating point
    assert Spearman(np.array([1.0, 2.0, 3.0, 4.0]))(x) == Spearman(np.array([2.0, 1.0, 3.0, 4.0]))(x)


def test_the_wide_index_path_agrees() -> None:
    rng = np.random.default_rng(0)
    x, y = np.round(rng.random(500), 2), rng.random(500)
    packed, plain = Spearman(y), Spearman(y)
    plain._bits = 24  # as with more than eight million accounts
    assert packed(x) == pytest.approx(plain(x), abs=1e-15)


def test_cut_points_meet_the_target_and_stay_fixed() -> None:
    raw = np.random.default_rng(1).random(1000)
    target = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    cuts = calibrate_cuts(raw, target)
    assert grade_mix(raw, cuts) == pytest.approx(target, abs=1e-12)
    assert grade_mix(raw + 10, cuts) == pytest.approx([1, 0, 0, 0, 0])
    assert kl_divergence(grade_mix(raw, cuts), target, 1000) == pytest.approx(0, abs=1e-12)


def test_ties_at_a_cut_go_to_the_nearer_side() -> None:
    raw = np.array([0.9] * 3 + [0.5] * 17)
    target = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    assert grade_mix(raw, calibrate_cuts(raw, target))[0] == pytest.approx(0.15)


def test_the_reference_has_the_reference_mix_and_others_do_not() -> None:
    objective = Objective(build_problem(make_scored(400), _settings()))
    reference = objective.problem.reference
    assert objective.value(reference).kl < 1e-3
    far = np.array([1500, 1500, 5000, 2000])
    assert objective.value(far).kl > 10 * objective.value(reference).kl
    assert objective.value(far).rho == pytest.approx(
        spearmanr(
            np.round(objective.problem.scores[objective.problem.engaged] @ as_floats(far), 12),
            objective.problem.revenue,
        ).statistic,
        abs=1e-12,
    )


def test_the_order_of_rows_changes_nothing() -> None:
    frame = make_scored(100)
    shuffled = frame.sample(frac=1, random_state=3)
    first, second = (build_problem(rows, _settings()) for rows in (frame, shuffled))
    assert first.fingerprint() == second.fingerprint()


def test_a_target_share_of_zero_stays_finite() -> None:
    assert np.isfinite(kl_divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0]), 100))
