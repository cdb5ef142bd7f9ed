"""Names as vectors of their letter groups, weighted by rarity (TF-IDF).

The same numbers as scikit-learn's ``TfidfVectorizer(analyzer="char_wb", lowercase=False)``, which a test holds it to.
That loads for longer than a short customer list takes to score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]


def vectors(names: Sequence[str], others: Sequence[str], n: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """One row of unit length per name and one per other name, one column per group of ``n`` letters of ``names``.

    Args:
        names: whose groups are weighed by how few of them have it; at least one has a letter.
        others: groups that only these have lead nowhere and are left out.
        n: letters of a group; spaces at the ends of a word count.
    """
    seen: dict[str, int] = {}
    codes, rows = _codes(names, n, seen, new=True)
    order = {group: place for place, group in enumerate(sorted(seen))}
    column_of = np.array([order[group] for group in seen], dtype=np.int64)
    first = _counted(rows, column_of[codes], (len(names), len(seen)))
    have = np.bincount(first.indices, minlength=len(seen)).astype(np.float32)
    rarity = np.log(np.float32(len(names) + 1) / (have + np.float32(1))) + np.float32(1)
    codes, rows = _codes(others, n, seen, new=False)
    return _weighted(first, rarity), _weighted(_counted(rows, column_of[codes], (len(others), len(seen))), rarity)


def _codes(names: Sequence[str], n: int, seen: dict[str, int], *, new: bool) -> tuple[Ints, Ints]:
    """The groups of all names one after the other, numbered in ``seen``, and the row of each."""
    codes: list[int] = []
    many = []
    for name in names:
        before = len(codes)
        for word in name.split():
            padded = f" {word} "
            groups = [padded[start : start + n] for start in range(max(len(padded) - n + 1, 1))]
            if new:
                codes += [seen.setdefault(group, len(seen)) for group in groups]
            else:
                codes += [seen[group] for group in groups if group in seen]
        many.append(len(codes) - before)
    rows = np.repeat(np.arange(len(names)), np.array(many, dtype=np.int64))
    return np.array(codes, dtype=np.int64), rows


def _counted(rows: Ints, columns: Ints, shape: tuple[int, int]) -> sparse.csr_matrix:
    cells, counts = np.unique(rows * shape[1] + columns, return_counts=True)
    rows, columns = np.divmod(cells, shape[1])
    return sparse.csr_matrix((counts.astype(np.float32), (rows, columns)), shape=shape)


def _weighted(counts: sparse.csr_matrix, rarity: npt.NDArray[np.float32]) -> sparse.csr_matrix:
    weights = counts.data * rarity[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    # Added one after the other in double precision, so that a length does not depend on the machine.
    lengths = np.sqrt(np.bincount(rows, weights * weights, minlength=counts.shape[0]))
    counts.data = (weights / lengths[rows]).astype(np.float32)
    return counts
