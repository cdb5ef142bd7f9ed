"""Accounts that one source lists more than once under variant names."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.matching.align import Words, align
from icp_xl.tables.matching.match import (
    ACCEPTED,
    MOST_OF_ONE_NAME,
    NO_MATCH,
    REVIEW,
    Side,
    at_verdict,
    make_side,
    score_forms,
    score_pair,
    words_of,
)
from icp_xl.tables.matching.overrides import DIFFERENT, Overrides, duplicate_key
from icp_xl.tables.matching.places import Verdict, compare_places

PAIR_COLUMNS = ("key", "left", "right", "left_id", "right_id", "score", "place", "outcome", "reason", "decision")


@dataclass(frozen=True)
class Duplicates:
    """What :func:`find_duplicates` found.

    ``cluster`` holds for each row of the frame the number of its cluster; rows of one number are one account, and
    numbers are positions of the first row of the cluster. ``pairs`` lists the pairs compared closely enough to be
    accepted or reviewed, with :data:`PAIR_COLUMNS`; ``left`` and ``right`` are positions of rows.
    """

    cluster: pd.Series
    pairs: pd.DataFrame


@dataclass(frozen=True)
class _Pair:
    a: int
    b: int
    score: float
    base: float
    verdict: Verdict
    forms: tuple[str, str]


def find_duplicates(
    frame: pd.DataFrame,
    settings: MatchingSettings | None = None,
    progress: Progress | None = None,
    overrides: Overrides | None = None,
) -> Duplicates:
    """Group the rows of ``frame`` (``name``, ``id``, and ``city``, ``state``, ``country`` where known) by account.

    Rows of one id belong together. Two names are joined when they agree well and their places do not contradict each
    other, directly or through a third; where a name without a place fits several places it is left for review.
    """
    settings = settings or MatchingSettings()
    progress = progress or Progress()
    overrides = overrides or Overrides()
    side = make_side(frame, progress, own_ids="id" not in frame.columns)
    words = words_of(side)
    pairs = _pairs(side, words, settings, progress)
    groups = _Groups(side)
    decided = _obey(side, groups, overrides)
    rows = _decide_all(side, pairs, groups, words, settings, decided, progress)
    cluster = pd.Series(range(len(frame)), index=range(len(frame)), dtype="int64")
    for members in groups.members():
        positions = sorted(row for record in members for row in side.rows[record])
        cluster.iloc[positions] = positions[0]
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    return Duplicates(cluster, table.sort_values(["key"], kind="stable", ignore_index=True))


class _Groups:
    """Disjoint sets of records that refuse to hold two places that contradict each other."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._parent = list(range(len(side.records)))
        self._members = {n: [n] for n in range(len(side.records))}
        self.barred: set[tuple[int, int]] = set()
        by_id: dict[str, int] = {}
        for n, own in enumerate(side.ids):
            if own:
                self.join(by_id.setdefault(own, n), n)

    def find(self, n: int) -> int:
        while self._parent[n] != n:
            self._parent[n] = self._parent[self._parent[n]]
            n = self._parent[n]
        return n

    def conflict(self, a: int, b: int) -> str:
        """Why the groups of two records cannot be one, or nothing."""
        left, right = self._members[self.find(a)], self._members[self.find(b)]
        for x in left:
            for y in right:
                if (min(x, y), max(x, y)) in self.barred:
                    return "set apart by a decision"
                if compare_places(self._side.records[x].place, self._side.records[y].place) == "different":
                    return "another of its names is at a different place"
        return ""

    def join(self, a: int, b: int) -> None:
        a, b = sorted((self.find(a), self.find(b)))
        if a != b:
            self._parent[b] = a
            self._members[a] += self._members.pop(b)

    def members(self) -> list[list[int]]:
        """The records of each group."""
        return list(self._members.values())


def _pairs(side: Side, words: Words, settings: MatchingSettings, progress: Progress) -> list[_Pair]:
    found: dict[tuple[int, int], _Pair] = {}

    def add(a: int, b: int, base: float, forms: tuple[str, str]) -> None:
        a, b = min(a, b), max(a, b)
        if a == b or (side.ids[a] and side.ids[a] == side.ids[b]):
            return
        verdict = compare_places(side.records[a].place, side.records[b].place)
        score = at_verdict(base, verdict)
        if (a, b) not in found or found[a, b].score < score:
            found[a, b] = _Pair(a, b, score, base, verdict, forms)

    for form in side.forms:
        for a, b in _within(side, side.by_form[form]):
            add(a, b, 1.0, (form, form))
    near = score_forms(side.forms, side.forms, words, settings, progress, same=True)
    for form, others in sorted(near.items()):
        for other, base in others:
            if base < settings.review:
                continue
            for a in side.by_form[form][:MOST_OF_ONE_NAME]:
                for b in side.by_form[other][:MOST_OF_ONE_NAME]:
                    add(a, b, base, (form, other))
    return sorted(found.values(), key=lambda pair: (-pair.score, pair.a, pair.b))


def _within(side: Side, records: list[int]) -> list[tuple[int, int]]:
    """Pairs of records of one name; of a chain with very many, only those at one place."""
    if len(records) <= MOST_OF_ONE_NAME:
        return [(a, b) for i, a in enumerate(records) for b in records[i + 1 :]]
    first: dict[object, int] = {}
    pairs = []
    for n in records:
        other = first.setdefault(side.records[n].place, n)
        if other != n:
            pairs.append((other, n))
    return pairs


def _obey(side: Side, groups: _Groups, overrides: Overrides) -> dict[tuple[int, int], str]:
    """Apply the decisions of an earlier review; returns them by pair of records."""
    if not overrides:
        return {}
    by_id: dict[str, list[int]] = {}
    for n, own in enumerate(side.ids):
        by_id.setdefault(own.casefold(), []).append(n)
    decided: dict[tuple[int, int], str] = {}
    for left, right, decision in overrides.duplicates():
        for a in by_id.get(left.casefold(), ()):
            for b in by_id.get(right.casefold(), ()):
                if a == b:
                    continue
                pair = (min(a, b), max(a, b))
                decided[pair] = decision
                if decision == DIFFERENT:
                    groups.barred.add(pair)
    for pair, decision in sorted(decided.items()):
        if decision != DIFFERENT:
            groups.join(*pair)
    return decided


def _decide_all(
    side: Side,
    pairs: list[_Pair],
    groups: _Groups,
    words: Words,
    settings: MatchingSettings,
    decided: dict[tuple[int, int], str],
    progress: Progress,
) -> list[tuple[object, ...]]:
    best: dict[int, float] = {}
    for pair in pairs:
        for n in (pair.a, pair.b):
            best[n] = max(best.get(n, 0.0), pair.score)
    ambiguous = _ambiguous(side, pairs, settings)
    known = {(pair.a, pair.b) for pair in pairs}
    pairs = [*pairs, *(_asked_for(side, *pair, words) for pair in sorted(decided) if pair not in known)]
    rows: list[tuple[object, ...]] = []
    for n, pair in enumerate(pairs):
        if n % 2000 == 0:
            progress.check()
        decision = decided.get((pair.a, pair.b), "")
        outcome, why = _outcome(pair, groups, best, ambiguous, settings)
        if outcome == NO_MATCH and not decision:
            continue
        aligned = align(*pair.forms, words)
        if decision:
            outcome, why = (NO_MATCH if decision == DIFFERENT else ACCEPTED), "decided in the match review"
        elif outcome == ACCEPTED and aligned.loose and pair.verdict != "same":
            # To merge two accounts that are two is worse than to leave one listed twice.
            outcome, why = REVIEW, "one name says more, and no place in common is known"
        elif outcome == ACCEPTED:
            groups.join(pair.a, pair.b)
        notes = ", ".join(aligned.notes)
        place = {"same": "same place", "near": "same region", "different": "different place"}.get(pair.verdict, "")
        reason = "; ".join(part for part in (notes, place, why) if part)
        left, right = side.rows[pair.a][0], side.rows[pair.b][0]
        ids = (side.ids[pair.a], side.ids[pair.b])
        rows.append(
            (duplicate_key(*ids), left, right, *ids, pair.score, pair.verdict, outcome, reason, decision)
        )  # fmt: skip
    return rows


def _asked_for(side: Side, a: int, b: int, words: Words) -> _Pair:
    """A pair that nothing but a decision brings together; it is listed so that the decision is not lost."""
    forms = (side.records[a].name.core, side.records[b].name.core)
    base = score_pair(*forms, 0.0, words)
    verdict = compare_places(side.records[a].place, side.records[b].place)
    return _Pair(a, b, at_verdict(base, verdict), base, verdict, forms)


def _ambiguous(side: Side, pairs: list[_Pair], settings: MatchingSettings) -> set[int]:
    """Records without a place whose name fits accounts at places that contradict each other."""
    fits: dict[int, list[int]] = {}
    for pair in pairs:
        if pair.verdict in ("unknown", "near") and pair.score >= settings.accept:
            fits.setdefault(pair.a, []).append(pair.b)
            fits.setdefault(pair.b, []).append(pair.a)
    found = set()
    for n, others in fits.items():
        places = [side.records[m].place for m in others]
        if any(compare_places(p, q) == "different" for i, p in enumerate(places) for q in places[i + 1 :]):
            found.add(n)
    return found


def _outcome(
    pair: _Pair, groups: _Groups, best: dict[int, float], ambiguous: set[int], settings: MatchingSettings
) -> tuple[str, str]:
    # Most accounts have no double, so a pair must look more alike than a name that is looked up to be worth a question.
    if pair.verdict == "different" or pair.score < max(settings.review, settings.accept - 0.1):
        return NO_MATCH, ""
    if pair.score < settings.accept and pair.score < max(best[pair.a], best[pair.b]):
        return NO_MATCH, ""
    if conflict := groups.conflict(pair.a, pair.b):
        return REVIEW, conflict
    if pair.verdict != "same" and (pair.a in ambiguous or pair.b in ambiguous):
        return REVIEW, "the name fits accounts at several places"
    threshold = settings.accept if pair.verdict == "same" else settings.accept + 0.05
    if pair.score < min(best[pair.a], best[pair.b]) - 1e-9:
        threshold = max(threshold, settings.sure)
    return (ACCEPTED, "") if pair.score >= threshold else (REVIEW, "too little agreement to be sure")
