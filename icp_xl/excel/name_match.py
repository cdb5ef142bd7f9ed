"""Names against a range of names, for ``ICP_MATCH``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from icp_xl.config.matching import MatchingSettings


def best_matches(
    names: Sequence[str], candidates: Sequence[str], minimum: float | None
) -> list[tuple[str | None, float]]:
    """Best candidate and confidence of each name; no candidate where the confidence stays below ``minimum``."""
    least = MatchingSettings().accept if minimum is None else minimum
    found = _scored(tuple(names), tuple(candidates))
    return [(best if best is not None and score >= least else None, score) for best, score in found]


@lru_cache(maxsize=16)
def _scored(names: tuple[str, ...], candidates: tuple[str, ...]) -> tuple[tuple[str | None, float], ...]:
    """One call of Excel per cell asks the same range again and again, so the last few are kept."""
    import pandas as pd

    from icp_xl.tables.matching.match import match_names

    if not candidates:
        return tuple((None, 0.0) for _ in names)
    table = match_names(pd.DataFrame({"name": names}), pd.DataFrame({"name": candidates}))
    places = table["right"].tolist()
    scores = table["score"].tolist()
    return tuple(
        (candidates[int(place)] if place is not None and int(place) >= 0 and names[i] else None, float(score))
        for i, (place, score) in enumerate(zip(places, scores, strict=True))
    )
