"""Candidates for a match: names that share rare groups of letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from icp_xl.progress import Progress
from icp_xl.tables.matching.letter_groups import vectors

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

#: Letter groups of a name that the search uses, rarest first; the common ones cost much and tell little.
RAREST = 20
#: A candidate shares at least this much (cosine over the groups used).
LEAST = 0.12
BLOCK = 1024


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs: one entry per pair, ``left`` and ``right`` as positions, ``cosine`` of their letter groups."""

    left: Ints
    right: Ints
    cosine: Floats


def find_candidates(
    left: Sequence[str],
    right: Sequence[str],
    top: int,
    ngram: int = 3,
    *,
    same: bool = False,
    progress: Progress | None = None,
) -> Pairs:
    """The names of one list nearest to each name of another, by the cosine of TF-IDF weights of groups of letters.

    Memory is bounded by blocks of rows.

    Args:
        left: names, each once and sorted, so that ties fall alike whatever order the rows came in.
        right: likewise.
        top: most candidates per name.
        ngram: length of the groups of letters.
        same: whether both lists are one; then a name is not its own candidate, and a pair is given once.
        progress: told of the names, and asked whether to go on.
    """
    progress = progress or Progress()
    if not left or not right:
        return _nothing()
    b, a = vectors(right, () if same else left, ngram)
    a = b if same else a
    queries = _rarest(a)
    index = sparse.csr_matrix(b.T)
    progress.stage("finding similar names", len(left))
    lefts: list[Ints] = []
    rights: list[Ints] = []
    cosines: list[Floats] = []
    for start in range(0, len(left), BLOCK):
        progress.check()
        block = queries[start : start + BLOCK] @ index
        for row, columns, values in _best_of_rows(block, top, start if same else None):
            lefts.append(np.full(len(columns), start + row, dtype=np.int64))
            rights.append(columns)
            cosines.append(values)
        progress.advance(block.shape[0])
    if not lefts:
        return _nothing()
    pairs = Pairs(np.concatenate(lefts), np.concatenate(rights), np.concatenate(cosines))
    return _each_once(pairs) if same else pairs


def _nothing() -> Pairs:
    empty = np.empty(0, dtype=np.int64)
    return Pairs(empty, empty, np.empty(0, dtype=np.float32))


def _each_once(pairs: Pairs) -> Pairs:
    """Of a pair found from both sides, the closer finding; the smaller position comes first."""
    low, high = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    order = np.lexsort((-pairs.cosine, high, low))
    low, high, cosine = low[order], high[order], pairs.cosine[order]
    first = np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])]
    return Pairs(low[first], high[first], cosine[first])


def _rarest(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Keep each row's heaviest entries, which are its rarest letter groups."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.arange(len(order)) - matrix.indptr[rows]
    keep = np.sort(order[rank < RAREST])
    return sparse.csr_matrix((matrix.data[keep], (rows[keep], matrix.indices[keep])), shape=matrix.shape)


def _best_of_rows(block: sparse.csr_matrix, top: int, own: int | None) -> list[tuple[int, Ints, Floats]]:
    found = []
    for row in range(block.shape[0]):
        part = slice(block.indptr[row], block.indptr[row + 1])
        values, columns = block.data[part], block.indices[part]
        keep = values >= LEAST
        if own is not None:
            keep &= columns != own + row
        values, columns = values[keep], columns[keep]
        if len(values) > top:
            # The product lists columns in no stable order; ties at the edge go to the first name.
            edge = -np.partition(-values, top - 1)[top - 1]
            keep = values >= edge
            values, columns = values[keep], columns[keep]
        order = np.lexsort((columns, -values))[:top]
        if len(order):
            found.append((row, columns[order].astype(np.int64), values[order]))
    return found
