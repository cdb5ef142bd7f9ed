"""Letter groups against scikit-learn's, which they must equal to the last bit."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from icp_xl.tables.matching.letter_groups import vectors


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("size", [1, 7, 600])
def test_the_same_numbers_as_scikit_learn(n: int, size: int) -> None:
    draw = random.Random(size * n)

    def name() -> str:
        words = ("".join(draw.choices("abcdeé ", k=draw.randint(1, 9))) for _ in range(draw.randint(1, 4)))
        return " ".join(words)

    names, others = [f"{name()}x" for _ in range(size)], [name() for _ in range(size)]
    other = TfidfVectorizer(analyzer="char_wb", ngram_range=(n, n), dtype=np.float32, lowercase=False)
    wanted = other.fit_transform(names), other.transform(others)
    for ours, theirs in zip(vectors(names, others, n), wanted, strict=True):
        theirs.sort_indices()
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        for part in ("indptr", "indices", "data"):
            assert np.array_equal(getattr(ours, part), getattr(theirs, part)), part


def test_names_without_a_letter_are_like_none() -> None:
    ours, theirs = vectors(["", " "], ["a"], 3)
    assert ours.nnz == theirs.nnz == 0
