"""Embeddings of accounts and codes by alternating least squares (Hu, Koren, Volinsky 2008), the same on every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from icp_xl.config import Settings
from icp_xl.features.history import Accounts, History
from icp_xl.features.model import Array, Feature
from icp_xl.sql import features as sql
from icp_xl.sql.engine import Engine
from icp_xl.tables.star_calendar import add_months, to_day


def build_embeddings(
    engine: Engine, accounts: Accounts, history: History, settings: Settings, virtual: Mapping[int, Sequence[int]]
) -> tuple[list[Feature], dict[int, list[Feature]], dict[str, Any]]:
    """Factors of every account, its similarity to each division, and a coverage report.

    Fitted on lines in ``[cutoff - 24 months, cutoff)`` alone, on one thread, from a fixed seed. An account without a
    line there has no embedding (NaN).
    """
    try:
        import implicit  # noqa: F401
    except ImportError:
        return [], {}, {"status": "not built: the extra 'als' (implicit) is not installed", "coverage": 0.0}
    start, cutoff = to_day(add_months(history.cutoff, -24)), to_day(history.cutoff)
    found = engine.fetch(sql.sku_lines(start, cutoff))
    within = accounts.first_day < cutoff
    keys = accounts.keys[within]
    row, known = _position(keys, found["account_key"])
    skus = np.unique(found["sku_key"])
    column = np.searchsorted(skus, found["sku_key"])
    if len(skus) < 2 or known.sum() < 2:
        return [], {}, {"status": "not built: fewer than two codes in the window", "coverage": 0.0}
    users, items = _fit(row[known], column[known], found["n"][known], (len(keys), len(skus)), settings)
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


def _fit(row: Array, column: Array, lines: Array, shape: tuple[int, int], settings: Settings) -> tuple[Array, Array]:
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    chosen = settings.features
    weight = (chosen.als_alpha * np.log1p(lines)).astype(np.float32)
    matrix = csr_matrix((weight, (row, column)), shape=shape)
    matrix.sort_indices()
    with threadpool_limits(limits=1):
        model = AlternatingLeastSquares(
            factors=chosen.als_factors,
            regularization=chosen.als_regularization,
            iterations=chosen.als_iterations,
            num_threads=1,
            random_state=settings.run.seed,
            dtype=np.float32,
            use_cg=True,
            use_native=True,
        )
        model.fit(matrix, show_progress=False)
    return np.asarray(model.user_factors, dtype=float), np.asarray(model.item_factors, dtype=float)


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
