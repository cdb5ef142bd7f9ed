"""Who buys a division for the first time: the published chances beside orders that need no model of the division.

Pairs of account and division without a purchase before the judged cutoff, in one list over all divisions. Beside the
chances, as they would have been published then, stand the division's popularity, its rate of first purchases times the
account's activity, item-kNN, and EASE.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from icp_xl.one_thread import one_thread

Floats = NDArray[np.float64]

OURS = "model"
ORDERS = {
    OURS: "Our chances, as they would have been published then",
    "popularity": "Popularity: share of accounts that own the division",
    "rate_activity": "First purchases of the window before × the account's purchase days",
    "item_knn": "Item-kNN: likeness of the codes bought to those of the division",
    "ease": "EASE: closed-form regression of codes on codes",
}
#: Share of the list within which first purchases are counted.
TOP = 0.10
#: Codes that item-kNN and EASE know at most, the most bought first, and neighbours of each.
_CODES, _NEIGHBOURS = 2000, 50
_STRENGTH = 500.0
#: Pairs × resamples of the intervals at most.
_DRAWS = 20_000_000


def ease_weights(bought: csr_matrix, strength: float = _STRENGTH) -> Floats:
    """What each code says of each other (codes × codes) by EASE.

    A ridge regression of every code on all others, in closed form (Steck, "Embarrassingly shallow autoencoders for
    sparse data", WWW 2019).

    Args:
        bought: accounts × codes, 1 where the account bought the code.
        strength: of the L2 penalty.
    """
    with one_thread():
        inverse = np.linalg.inv((bought.T @ bought).toarray() + strength * np.eye(bought.shape[1]))
    weights: Floats = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def neighbour_weights(bought: csr_matrix, neighbours: int = _NEIGHBOURS) -> Floats:
    """Cosine of each code with its nearest others (codes × codes), zero elsewhere (Sarwar et al., WWW 2001)."""
    together = (bought.T @ bought).toarray()
    length = np.sqrt(np.maximum(np.diag(together), 1.0))
    cosine: Floats = together / length[:, None] / length[None, :]
    np.fill_diagonal(cosine, 0.0)
    if neighbours < len(cosine):
        edge = np.partition(cosine, -neighbours, axis=0)[-neighbours]
        cosine[cosine < edge] = 0.0
    return cosine


def likeness(bought: csr_matrix, member: NDArray[np.bool_]) -> dict[str, Floats]:
    """Scores of every account for every division (accounts × divisions) by item-kNN and EASE.

    Args:
        bought: accounts × codes, 1 where the account bought the code.
        member: codes × divisions; an account's score is the mean over a division's codes.
    """
    kept = np.sort(np.argsort(-np.asarray(bought.sum(axis=0)).ravel(), kind="stable")[:_CODES])
    known, sets = bought[:, kept].tocsr(), member[kept].astype(np.float64)
    mean = sets @ diags(1.0 / np.maximum(sets.sum(axis=0), 1.0)).toarray()
    return {
        "item_knn": np.asarray(known @ (neighbour_weights(known) @ mean)),
        "ease": np.asarray(known @ (ease_weights(known) @ mean)),
    }


def compare_orders(pairs: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """How many first purchases the first tenth of each order holds.

    Args:
        pairs: one row per account × division that had never bought it: account_id, label (bought in the window), and
            one column per order, higher first; orders that are missing are left out.
        resamples: of a bootstrap over accounts.
        seed: of the bootstrap, and of the order among ties.

    Returns:
        order, pairs, first_purchases, captured (share within the first tenth), ahead (how much more ours holds) with
        low and high (95 %).
    """
    rng = np.random.default_rng(seed)
    pairs = pairs.iloc[rng.permutation(len(pairs))]
    label = pairs["label"].to_numpy(np.float64)
    account = pd.factorize(pairs["account_id"])[0]
    n = int(account.max(initial=-1)) + 1
    orders = {name: np.argsort(-pairs[name].to_numpy(np.float64), kind="stable") for name in ORDERS if name in pairs}
    whole = _captured(orders, label, np.ones(len(pairs)))
    draws = min(resamples, max(50, _DRAWS // max(len(pairs) * len(orders), 1)))
    drawn: dict[str, list[float]] = {name: [] for name in orders}
    for _ in range(draws):
        weight = np.bincount(rng.integers(0, n, n), minlength=n)[account].astype(np.float64)
        for name, value in _captured(orders, label, weight).items():
            drawn[name].append(value)
    rows = []
    for name, value in whole.items():
        ahead = np.array(drawn[OURS]) - np.array(drawn[name])
        low, high = np.quantile(ahead, [0.025, 0.975])
        rows.append((name, len(pairs), int(label.sum()), value, whole[OURS] - value, low, high))
    return pd.DataFrame(
        rows, columns=["order", "pairs", "first_purchases", "captured", "ahead", "ahead_low", "ahead_high"]
    )


def _captured(orders: Mapping[str, NDArray[np.intp]], label: Floats, weight: Floats) -> dict[str, float]:
    total, wanted = float(label @ weight), TOP * float(weight.sum())
    found = {}
    for name, order in orders.items():
        w = weight[order]
        inside = np.cumsum(w) <= wanted
        found[name] = float((w * label[order])[inside].sum()) / max(total, 1e-12)
    return found
