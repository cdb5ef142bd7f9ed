"""Embeddings of accounts and codes by alternating least squares (Hu, Koren, Volinsky 2008), the same on every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from icp_xl.config import Settings
from icp_xl.features.history import Accounts, History
from icp_xl.features.model import Array, Feature
from icp_xl.one_thread import one_thread
from icp_xl.sql import features as sql
from icp_xl.sql.engine import Engine
from icp_xl.tables.star_calendar import add_months, to_day

#: Rows whose equations are solved together.
_ROWS = 20_000


def build_embeddings(
    engine: Engine, accounts: Accounts, history: History, settings: Settings, virtual: Mapping[int, Sequence[int]]
) -> tuple[list[Feature], dict[int, list[Feature]], dict[str, Any]]:
    """Factors of every account, its similarity to each division, and a coverage report.

    Fitted on lines in ``[cutoff - 24 months, cutoff)`` alone, on one thread, from a fixed seed. An account without a
    line there has no embedding (NaN).

    Args:
        engine: where the SQL runs.
        accounts: accounts of the rows, in their order.
        history: figures of all accounts at the cutoff.
        settings: rank and limits of the factors.
        virtual: divisions that stand for several, by number.
    """
    start, cutoff = to_day(add_months(history.cutoff, -24)), to_day(history.cutoff)
    found = engine.fetch(sql.sku_lines(start, cutoff))
    within = accounts.first_day < cutoff
    keys = accounts.keys[within]
    row, known = _position(keys, found["account_key"])
    skus = np.unique(found["sku_key"])
    column = np.searchsorted(skus, found["sku_key"])
    if len(skus) < 2 or known.sum() < 2:
        return [], {}, {"status": "not built: fewer than two codes in the window", "coverage": 0.0}
    weight = settings.features.als_alpha * np.log1p(found["n"][known])
    lines = csr_matrix((weight, (row[known], column[known])), shape=(len(keys), len(skus)))
    users, items = factorise(lines, settings)
    has = np.zeros(len(keys), bool)
    has[row[known]] = True
    users[~has] = np.nan
    common = [
        Feature(f"als_f{i:02d}", users[:, i], f"Embedding factor {i + 1}", "none", "24 months", "embedding")
        for i in range(users.shape[1])
    ]
    codes = _items_of(engine, history, skus, virtual, cutoff)
    own: dict[int, list[Feature]] = {}
    for d, key in enumerate(history.divisions):
        values = _similarity(users, items, codes.get(key, np.zeros(0, np.int64)))
        own[d] = [
            Feature(
                "als_similarity",
                values,
                "Cosine of the account with this division's codes",
                "cosine",
                "24 months",
                "embedding",
            )
        ]
    report = {
        "status": "built",
        "accounts": len(keys),
        "accounts_with_embedding": int(has.sum()),
        "coverage": float(has.mean()) if len(has) else 0.0,
        "codes": len(skus),
        "factors": int(users.shape[1]),
        "lines": int(found["n"].sum()),
    }
    return common, own, report


def factorise(weights: csr_matrix, settings: Settings) -> tuple[Array, Array]:
    """Factors of rows and columns by alternating least squares, each step solved exactly.

    A pair with a weight counts as 1 with that weight as its confidence, every other pair as 0 with confidence 1 (Hu,
    Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008).

    Args:
        weights: accounts × codes, positive where there is a line.
        settings: factors, iterations and regularisation of the section ``features``, and the run's seed.

    Returns:
        Factors of the accounts and of the codes, one row each.
    """
    chosen = settings.features
    draw = np.random.default_rng(settings.run.seed)
    by_row, by_column = weights.tocsr().sorted_indices(), weights.T.tocsr().sorted_indices()
    rows = np.zeros((weights.shape[0], chosen.als_factors))
    columns = draw.normal(scale=0.1, size=(weights.shape[1], chosen.als_factors))
    with one_thread():
        for _ in range(chosen.als_iterations):
            rows = _solve(by_row, columns, chosen.als_regularization)
            columns = _solve(by_column, rows, chosen.als_regularization)
    return rows, columns


def _solve(weights: csr_matrix, given: Array, regularization: float) -> Array:
    """The factors of each row of ``weights`` that fit it best, those of its columns ``given``."""
    k = given.shape[1]
    i, j = np.triu_indices(k)
    products = given[:, i] * given[:, j]
    shared = products.sum(axis=0)
    shared[i == j] += regularization
    above = weights.copy()
    above.data = above.data - 1.0
    found = np.zeros((weights.shape[0], k))
    for start in range(0, weights.shape[0], _ROWS):
        part = slice(start, start + _ROWS)
        packed = above[part] @ products + shared
        left = np.empty((len(packed), k, k))
        left[:, i, j] = left[:, j, i] = packed
        found[part] = np.linalg.solve(left, (weights[part] @ given)[:, :, None])[:, :, 0]
    return found


def _position(keys: Array, wanted: Array) -> tuple[Array, Array]:
    order = np.argsort(keys, kind="stable")
    at = np.minimum(np.searchsorted(keys[order], wanted), max(len(keys) - 1, 0))
    place = order[at]
    return place, keys[place] == wanted


def _items_of(
    engine: Engine, history: History, skus: Array, virtual: Mapping[int, Sequence[int]], cutoff: int
) -> dict[int, Array]:
    pairs = engine.fetch(sql.sku_divisions(list(history.divisions[: history.real]), cutoff))
    codes: dict[int, Array] = {}
    for key in history.divisions[: history.real]:
        codes[key] = pairs["sku_key"][pairs["division_key"] == key]
    codes.update({key: np.asarray(list(found), dtype=np.int64) for key, found in virtual.items()})
    return {key: np.flatnonzero(np.isin(skus, found)) for key, found in codes.items()}


def _similarity(users: Array, items: Array, chosen: Array) -> Array:
    if not len(chosen):
        return np.full(len(users), np.nan)
    centre = items[chosen].mean(axis=0)
    # Summed factor by factor: a matrix product may round differently with the number of rows.
    product = np.zeros(len(users))
    squares = np.zeros(len(users))
    for i in range(users.shape[1]):
        product += users[:, i] * centre[i]
        squares += users[:, i] ** 2
    length = np.sqrt(squares * float((centre * centre).sum()))
    found: Array = np.divide(product, length, out=np.zeros(len(users)), where=length > 0)
    return np.where(np.isnan(users[:, 0]), np.nan, found)
