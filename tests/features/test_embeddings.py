"""Embeddings by alternating least squares: their own equations hold, and they know no line outside their window."""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from icp_xl.config import Settings
from icp_xl.features import embeddings
from icp_xl.features.build import build_feature_sets
from icp_xl.features.embeddings import factorise
from icp_xl.features.model import FeatureSet
from icp_xl.tables.star_build import build_star
from tests.support.line_oracle import back, read_lines
from tests.support.messy_lines import messy_lines
from tests.support.sales_lines import build_settings

CUTOFF = dt.date(2025, 8, 17)


def als_settings(**more: object) -> Settings:
    return build_settings(
        **{
            "build.divisions": ["Printers"],
            "build.as_of": "2028-01-01",
            "features.use_als": True,
            "features.use_basket": False,
            "features.als_factors": 4,
            "labels.target_skus": {"Codes": ["Pr-1", "So-2"]},
            **more,
        }
    )


def embed(lines: pd.DataFrame, **more: object) -> list[FeatureSet]:
    chosen = als_settings(**more)
    return list(build_feature_sets(build_star(lines, chosen).star, ["Printers", "Codes"], [CUTOFF], chosen))


def test_embeddings_cover_exactly_the_accounts_with_a_line_in_their_window() -> None:
    lines = messy_lines(6, [CUTOFF], n=120, accounts=30)
    printers, codes = embed(lines)
    start = back(CUTOFF, 24)
    bought = {
        line.account
        for line in read_lines(lines, als_settings())
        if line.sale and line.sku and start <= line.day < CUTOFF
    }
    factors = printers.frame[[name for name in printers.frame if name.startswith("als_f")]]
    assert factors.shape[1] == 4
    assert set(factors.index[factors.notna().all(axis=1)]) == bought < set(factors.index)
    assert factors.loc[sorted(set(factors.index) - bought)].isna().all(axis=None)
    report = printers.stats["als"]
    assert (report["status"], report["accounts_with_embedding"]) == ("built", len(bought))
    assert report["coverage"] == len(bought) / len(factors)
    for found in (printers, codes):
        similar = found.frame["als_similarity"]
        assert similar.notna().equals(factors["als_f00"].notna())
        assert similar.dropna().between(-1 - 1e-12, 1 + 1e-12).all()
    assert not np.allclose(*(found.frame["als_similarity"].dropna() for found in (printers, codes)))


def test_lines_outside_the_window_change_no_bit() -> None:
    lines = messy_lines(7, [CUTOFF], n=120)
    day = pd.to_datetime(lines["date"]).dt.date
    one = embed(lines)[0].frame.filter(like="als_")
    two = embed(lines.assign(sku=lines["sku"].where(day < CUTOFF, "Pr-5")))[0].frame.filter(like="als_")
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    pd.testing.assert_frame_equal(one, embed(lines.sample(frac=1.0, random_state=1))[0].frame.filter(like="als_"))


def test_the_factors_solve_their_own_least_squares() -> None:
    draw = np.random.default_rng(0)
    counts = draw.poisson(0.5, (60, 25))
    chosen = als_settings(**{"features.als_iterations": 200, "features.als_regularization": 0.5})
    users, items = factorise(csr_matrix(10.0 * np.log1p(counts)), chosen)
    # Hu, Koren and Volinsky 2008: confidence alpha·log(1 + lines) where there is a line, 1 where there is none.
    confidence = np.where(counts > 0, 10.0 * np.log1p(counts), 1.0)
    for given, solved, weights in ((users, items, confidence.T), (items, users, confidence)):
        for i in range(len(solved)):
            wanted = (counts.T if solved is items else counts)[i] > 0
            left = given.T @ (weights[i][:, None] * given) + 0.5 * np.eye(4)
            exact = np.linalg.solve(left, given.T @ (weights[i] * wanted))
            np.testing.assert_allclose(solved[i], exact, atol=2e-3)


def test_similarity_is_the_cosine_with_the_mean_of_the_codes() -> None:
    from icp_xl.features.embeddings import _similarity

    users, items = np.random.default_rng(1).normal(size=(2, 9, 4))
    users[3] = np.nan
    found = _similarity(users, items, np.array([1, 4, 5]))
    centre = items[[1, 4, 5]].mean(axis=0)
    expected = users @ centre / (np.linalg.norm(users, axis=1) * np.linalg.norm(centre))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_likeness_needs_no_package_beyond_those_of_every_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit", None)
    found = embed(messy_lines(6, [CUTOFF], n=60))[0]
    assert found.stats["als"]["status"] == "built" and found.frame["als_similarity"].notna().any()


def test_the_number_of_rows_solved_together_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(2).poisson(0.3, (57, 21))
    whole = factorise(csr_matrix(10.0 * np.log1p(counts)), als_settings())
    monkeypatch.setattr(embeddings, "_ROWS", 8)
    for one, two in zip(whole, factorise(csr_matrix(10.0 * np.log1p(counts)), als_settings()), strict=True):
        np.testing.assert_array_equal(one, two)
