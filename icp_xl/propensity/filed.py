"""A division whose rows lie in files: read only where what is made of them is not recalled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd

from icp_xl.propensity.data import DivisionData, Outline
from icp_xl.recall import Piece, is_recalling


@dataclass(frozen=True)
class FiledDivision:
    """A :class:`~icp_xl.propensity.data.DivisionData` of which all is known that is asked of it before its rows.

    Attributes:
        outline: of its cutoffs.
        digest: hash of its contents.
        bare_digest: hash of its contents without money.
        read: reads it at cutoffs, or at all.
    """

    division: str
    slug: str
    outline: Outline
    digest: str
    bare_digest: str
    read: Callable[[Sequence[date] | None], DivisionData]

    @cached_property
    def whole(self) -> DivisionData:
        """The division with its rows."""
        return self.read(None)

    @property
    def latest(self) -> pd.DataFrame:
        """Features at the latest cutoff."""
        return self.read([self.outline.windows[-1][0]]).latest


#: A division whose rows are at hand, or are read when they are needed.
Known = DivisionData | FiledDivision


def recall_division(
    division: str, slug: str, inputs: Callable[[], Any], read: Callable[[Sequence[date] | None], DivisionData]
) -> Known:
    """What ``read`` gives; where files with the same contents were read before, it is read when it is asked for.

    Args:
        division: its name.
        slug: its part of file names.
        inputs: all that reading depends on; see :func:`icp_xl.recall.content_hash`.
        read: reads the division at the cutoffs that it is given, or at all.
    """
    if not is_recalling():
        return read(None)
    piece = Piece("division", inputs, (Outline,))
    found = piece.find()
    if found is not NotImplemented:
        outline, digest, bare_digest = found
        return FiledDivision(division, slug, outline, digest, bare_digest, read)
    data = read(None)
    piece.keep((data.outline, data.digest, data.bare_digest))
    return data
