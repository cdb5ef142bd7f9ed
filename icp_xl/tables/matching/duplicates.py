"""Accounts that one source lists more than once under variant names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.matching.align import Words, align
from icp_xl.tables.matching.evidence import MatchEvidence, weigh
from icp_xl.tables.matching.match import ACCEPTED, NO_MATCH, REVIEW
from icp_xl.tables.matching.overrides import DIFFERENT, Overrides, duplicate_key
from icp_xl.tables.matching.places import Verdict, compare_places
from icp_xl.tables.matching.sides import (
    MOST_OF_ONE_NAME,
    SAME_NAME,
    Side,
    evidence_of,
    find_by_facts,
    make_side,
    pair_likeness,
    same_letters,
    score_forms,
    score_pair,
    words_of,
)

PAIR_COLUMNS = (
    "key", "left", "right", "left_id", "right_id", "score", "place", "outcome", "reason", "agrees", "contradicts",
    "decision",
)  # fmt: skip
#: Most accounts of a list have no double, where most names that are looked up have their account: log odds.
PRIOR = -1.5
#: The probability from which two accounts of one list are worth a question.
ASKED_FROM = 0.6


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
    likeness: float
    verdict: Verdict
    evidence: MatchEvidence
    forms: tuple[str, str]


def find_duplicates(
    frame: pd.DataFrame,
    settings: MatchingSettings | None = None,
    progress: Progress | None = None,
    overrides: Overrides | None = None,
) -> Duplicates:
    """Group entries by account.

    Rows of one id are one account, and rows under different ids are two that only a person joins, unless
    ``matching.merge_different_ids`` says otherwise. A row has no id of its own where the column ``id`` is not there,
    where it is blank, or where the column ``made`` is true for it. Names without an id are joined when they agree well
    and nothing contradicts, directly or through a third; where a name without a place fits several places it is left
    for review.

    Args:
        frame: one row per entry, with ``name``, ``id``, ``city``, ``state``, ``country`` and further facts.
        settings: of matching.
        progress: told of the names, and asked whether to go on.
        overrides: what people decided before.

    Returns:
        The group of every row, and one row per pair that was looked at.
    """
    settings = settings or MatchingSettings()
    progress = progress or Progress()
    overrides = overrides or Overrides()
    side = make_side(frame, progress, own_ids="id" not in frame.columns)
    made = frame["made"].tolist() if "made" in frame.columns else [False] * len(frame)
    known = [bool(own) and own[0] != "#" and not made[rows[0]] for own, rows in zip(side.ids, side.rows, strict=True)]
    words = words_of(side)
    pairs = _pairs(side, words, settings, progress)
    groups = _Groups(side, known if settings.merge_different_ids != "accept" else [False] * len(known))
    decided = _obey(side, groups, overrides)
    rows = _decide_all(side, pairs, groups, words, settings, decided, known, progress)
    cluster = pd.Series(range(len(frame)), index=range(len(frame)), dtype="int64")
    for members in groups.members():
        positions = sorted(row for record in members for row in side.rows[record])
        cluster.iloc[positions] = positions[0]
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    return Duplicates(cluster, table.sort_values(["key"], kind="stable", ignore_index=True))


class _Groups:
    """Disjoint sets of records that refuse to hold two places that contradict each other, or two ids of a source.

    ``known`` says of each record whether its id is its own and exact.
    """

    def __init__(self, side: Side, known: list[bool]) -> None:
        self._side = side
        self.known = known
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
        ids = [{self.id_of(n) for n in part} - {""} for part in (left, right)]
        if all(ids) and ids[0] != ids[1]:
            return "it fits accounts with ids of their own"
        for x in left:
            for y in right:
                if (min(x, y), max(x, y)) in self.barred:
                    return "set apart by a decision"
                if compare_places(self._side.records[x].place, self._side.records[y].place) == "different":
                    return "another of its names is at a different place"
        return ""

    def id_of(self, n: int) -> str:
        """The id of a record that has one of its own."""
        return self._side.ids[n] if self.known[n] else ""

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

    def add(a: int, b: int, likeness: float, forms: tuple[str, str]) -> None:
        if a == b or (side.ids[a] and side.ids[a] == side.ids[b]):
            return
        if a > b:
            a, b, forms = b, a, (forms[1], forms[0])
        likeness = pair_likeness(side.records[a], forms[0], side.records[b], forms[1], likeness)
        if (a, b) not in found or found[a, b].likeness < likeness:
            found[a, b] = _judged(side, a, b, likeness, forms)

    for form in side.forms:
        for a, b in _within(side, side.by_form[form]):
            add(a, b, 1.0, (form, form))
        for other, likeness in same_letters(form, side, side):
            if form < other:
                _cross(side, form, other, likeness, add)
    near = score_forms(side, side.forms, side, words, settings, progress)
    for form, others in sorted(near.items()):
        for other, likeness in others:
            _cross(side, form, other, likeness, add)
    for a, b, likeness, forms in find_by_facts(side, side):
        if a < b:
            add(a, b, likeness, forms)
    return sorted(found.values(), key=lambda pair: (-pair.score, pair.a, pair.b))


def _cross(
    side: Side, form: str, other: str, likeness: float, add: Callable[[int, int, float, tuple[str, str]], None]
) -> None:
    for a in side.by_form[form][:MOST_OF_ONE_NAME]:
        for b in side.by_form[other][:MOST_OF_ONE_NAME]:
            add(a, b, likeness, (form, other))


def _judged(side: Side, a: int, b: int, likeness: float, forms: tuple[str, str]) -> _Pair:
    evidence, verdict = evidence_of(side.records[a], side.records[b])
    return _Pair(a, b, weigh(likeness, evidence, PRIOR), likeness, verdict, evidence, forms)


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
    folded: dict[str, list[int]] = {}
    for n, own in enumerate(side.ids):
        by_id.setdefault(own, []).append(n)
        folded.setdefault(own.casefold(), []).append(n)
    decided: dict[tuple[int, int], str] = {}
    for left, right, decision in overrides.duplicates():
        # Ids are exact; one that was typed in other letters still means the only one that it can mean.
        lefts, rights = (by_id.get(own) or folded.get(own.casefold(), []) for own in (left, right))
        for a in lefts:
            for b in rights:
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
    known: list[bool],
    progress: Progress,
) -> list[tuple[object, ...]]:
    best: dict[int, float] = {}
    for pair in pairs:
        for n in (pair.a, pair.b):
            best[n] = max(best.get(n, 0.0), pair.score)
    ambiguous = _ambiguous(side, pairs, settings)
    torn = _torn(pairs, groups, settings)
    listed = {(pair.a, pair.b) for pair in pairs}
    pairs = [*pairs, *(_asked_for(side, *pair, words) for pair in sorted(decided) if pair not in listed)]
    rows: list[tuple[object, ...]] = []
    for n, pair in enumerate(pairs):
        if n % 2000 == 0:
            progress.check()
        decision = decided.get((pair.a, pair.b), "")
        outcome, why = _outcome(pair, groups, best, ambiguous, settings)
        if outcome == ACCEPTED and (
            groups.id_of(pair.a) if pair.b in torn else groups.id_of(pair.b) and pair.a in torn
        ):
            outcome, why = REVIEW, "it fits accounts with ids of their own"
        if outcome == NO_MATCH and not decision:
            continue
        apart = known[pair.a] and known[pair.b] and settings.merge_different_ids != "accept"
        if apart and not decision and settings.merge_different_ids == "never":
            continue
        aligned = align(*pair.forms, words)
        if decision:
            outcome, why = (NO_MATCH if decision == DIFFERENT else ACCEPTED), ""
        elif apart:
            outcome, why = REVIEW, why or "they have ids of their own"
        elif outcome == ACCEPTED:
            groups.join(pair.a, pair.b)
        agrees = (*aligned.notes, *pair.evidence.agrees)
        against = tuple(part for part in (*aligned.against, *pair.evidence.contradicts, why) if part)
        said = (*agrees, *against, *(["decided in the match review"] if decision else []))
        left, right = side.rows[pair.a][0], side.rows[pair.b][0]
        ids = (side.ids[pair.a], side.ids[pair.b])
        rows.append(
            (duplicate_key(*ids), left, right, *ids, pair.score, pair.verdict, outcome, "; ".join(said),
             "; ".join(agrees), "; ".join(against), decision)
        )  # fmt: skip
    return rows


def _asked_for(side: Side, a: int, b: int, words: Words) -> _Pair:
    """A pair that nothing but a decision brings together; it is listed so that the decision is not lost."""
    forms = (side.records[a].name.core, side.records[b].name.core)
    return _judged(side, a, b, score_pair(*forms, 0.0, words), forms)


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


def _torn(pairs: list[_Pair], groups: _Groups, settings: MatchingSettings) -> set[int]:
    """Records without an id that fit several accounts with ids of their own, and none of them better by place."""
    fits: dict[int, dict[bool, set[str]]] = {}
    for pair in pairs:
        if pair.score < settings.accept or pair.verdict == "different":
            continue
        for n, other in ((pair.a, pair.b), (pair.b, pair.a)):
            if not groups.id_of(n) and groups.id_of(other):
                fits.setdefault(n, {}).setdefault(pair.verdict == "same", set()).add(groups.id_of(other))
    return {n for n, found in fits.items() if len(found.get(True) or found[False]) > 1}


def _outcome(
    pair: _Pair, groups: _Groups, best: dict[int, float], ambiguous: set[int], settings: MatchingSettings
) -> tuple[str, str]:
    if (pair.verdict == "different" and not pair.evidence.identity) or pair.score < ASKED_FROM:
        return NO_MATCH, ""
    if pair.score < settings.accept and pair.score < max(best[pair.a], best[pair.b]):
        return NO_MATCH, ""
    if conflict := groups.conflict(pair.a, pair.b):
        return REVIEW, conflict
    if pair.verdict != "same" and (pair.a in ambiguous or pair.b in ambiguous):
        return REVIEW, "the name fits accounts at several places"
    alike = pair.likeness >= SAME_NAME or settings.merge_different_ids == "accept"
    if pair.verdict != "same" and (not alike or pair.evidence.contradicts):
        # To merge two accounts that are two is worse than to leave one listed twice.
        return REVIEW, "not the same name, and no place in common is known"
    return (ACCEPTED, "") if pair.score >= settings.accept else (REVIEW, "too little agreement to be sure")
