"""Match the names of one source to the accounts of another: accepted, to review, or no match, each with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from rapidfuzz import fuzz

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.matching.align import INITIALS_MOST, Alignment, Words, align
from icp_xl.tables.matching.candidates import find_candidates
from icp_xl.tables.matching.places import Place, Verdict, compare_places, places_of
from icp_xl.tables.names import NormalizedName, normalize_name

ACCEPTED, REVIEW, NO_MATCH = "accepted", "review", "no match"
#: Columns of the frame that :func:`match_names` returns.
MATCH_COLUMNS = (
    "left", "right", "left_name", "right_id", "right_name", "score", "runner_up_id", "runner_up_name", "runner_up",
    "margin", "outcome", "how", "place", "reason",
)  # fmt: skip
#: Records of one name that are compared by place before the rest is left out; chains list a name thousands of times.
MOST_OF_ONE_NAME = 60
_PLACE_WORDS = {
    "same": "same place", "near": "same region", "unknown": "place not known for both", "different": "different place",
}  # fmt: skip


@dataclass(frozen=True)
class Record:
    """One name at one place, as far as matching is concerned."""

    name: NormalizedName
    place: Place


@dataclass
class Side:
    """The distinct records of one side, the rows of each, their ids, and the records of each name form."""

    records: list[Record]
    rows: list[list[int]]
    ids: list[str]
    by_form: dict[str, list[int]] = field(default_factory=dict)

    @property
    def forms(self) -> list[str]:
        """The distinct name forms, sorted."""
        return sorted(form for form in self.by_form if form)


@dataclass(frozen=True)
class Scored:
    """A record of the right side as seen from one of the left."""

    record: int
    score: float
    base: float
    verdict: Verdict
    forms: tuple[str, str]


def match_names(
    left: pd.DataFrame,
    right: pd.DataFrame,
    settings: MatchingSettings | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The account of ``right`` that each name of ``left`` belongs to, one row per row of ``left``, in its order.

    Both frames have ``name``; ``city``, ``state`` and ``country`` count where present; ``id`` of the right names the
    account (several rows may share one; without it every row is its own). The result has :data:`MATCH_COLUMNS`:
    ``left`` and ``right`` are positions (``right`` -1 for none), scores run from 0 to 1, ``margin`` is the lead over
    the best other account. The order of rows changes nothing but the order of the result.
    """
    settings = settings or MatchingSettings()
    progress = progress or Progress()
    progress.stage("cleaning names", len(left) + len(right))
    lefts = make_side(left, progress, own_ids=False)
    rights = make_side(right, progress, own_ids="id" not in right.columns)
    found = _score_records(lefts, rights, settings, progress)
    best_of_right = _best_of_right(lefts, found)
    words = found.words
    rows: list[tuple[object, ...] | None] = [None] * len(left)
    names_right = right["name"].tolist()
    names_left = left["name"].tolist()
    for n, scored in enumerate(found.scored):
        if n % 2000 == 0:
            progress.check()
        outcome = _decide(lefts.records[n], scored, rights, settings, best_of_right, words)
        for row in lefts.rows[n]:
            rows[row] = (row, outcome[0], names_left[row], *_named(outcome, rights, names_right))
    return pd.DataFrame(rows, columns=list(MATCH_COLUMNS))


def _named(outcome: tuple[object, ...], rights: Side, names: list[object]) -> tuple[object, ...]:
    row, record, score, second, second_score, margin, *rest = outcome
    if not isinstance(record, int) or record < 0:
        return ("", "", score, "", "", second_score, margin, *rest)
    second_id = rights.ids[second] if isinstance(second, int) and second >= 0 else ""
    second_name = names[rights.rows[second][0]] if isinstance(second, int) and second >= 0 else ""
    assert isinstance(row, int)
    return (rights.ids[record], names[row], score, second_id, second_name, second_score, margin, *rest)


def make_side(frame: pd.DataFrame, progress: Progress, *, own_ids: bool) -> Side:
    """The distinct records of ``frame``, sorted; with ``own_ids`` every row is an account of its own."""
    names = frame["name"].tolist()
    ids = frame["id"].astype("string").fillna("").tolist() if "id" in frame.columns else [""] * len(frame)
    places = places_of(frame)
    groups: dict[tuple[NormalizedName, Place, str], list[int]] = {}
    for row, (name, place) in enumerate(zip(names, places, strict=True)):
        if row % 5000 == 0:
            progress.check()
        clean = normalize_name(name if isinstance(name, str) else None)
        groups.setdefault((clean, place, f"#{row}" if own_ids else ids[row]), []).append(row)
    progress.advance(len(frame))
    # Sorted, so that nothing depends on the order of the rows.
    order = sorted(groups, key=lambda key: (key[0].forms, key[0].legal, key[0].marks, key[1], key[2]))
    side = Side([Record(key[0], key[1]) for key in order], [groups[key] for key in order], [key[2] for key in order])
    by_form: dict[str, list[int]] = defaultdict(list)
    for n, record in enumerate(side.records):
        for form in record.name.forms:
            by_form[form].append(n)
    side.by_form = dict(by_form)
    return side


@dataclass
class _Found:
    scored: list[list[Scored]]
    words: Words


def _score_records(lefts: Side, rights: Side, settings: MatchingSettings, progress: Progress) -> _Found:
    words = words_of(lefts, rights)
    scored: list[list[Scored]] = [[] for _ in lefts.records]
    open_forms: set[str] = set()
    for n, record in enumerate(lefts.records):
        exact = _exact(record, rights)
        scored[n] = exact
        if not any(item.verdict != "different" for item in exact):
            open_forms.update(form for form in record.name.forms if form)
    forms = sorted(open_forms)
    near = score_forms(forms, rights.forms, words, settings, progress)
    for form in forms:
        for n in lefts.by_form[form]:
            for other, base in near.get(form, ()):
                scored[n].extend(_at_places(lefts.records[n], form, other, base, rights))
    for n, items in enumerate(scored):
        scored[n] = _best_per_record(items)
    return _Found(scored, words)


def words_of(*sides: Side) -> Words:
    """Word counts over all distinct name forms; cities of the sources count as words for places."""
    forms = [form for side in sides for form in side.forms]
    cities = {record.place.city for side in sides for record in side.records if " " not in record.place.city}
    return Words.of(forms, cities - {""})


def score_forms(
    left: Sequence[str],
    right: Sequence[str],
    words: Words,
    settings: MatchingSettings,
    progress: Progress,
    *,
    same: bool = False,
) -> dict[str, list[tuple[str, float]]]:
    """For each name of ``left`` its candidates of ``right`` with their scores; both distinct and sorted."""
    pairs = find_candidates(left, right, settings.candidates, settings.ngram, same=same, progress=progress)
    progress.stage("comparing names word by word", len(pairs.left))
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    triples = zip(pairs.left.tolist(), pairs.right.tolist(), pairs.cosine.tolist(), strict=True)
    for n, (i, j, cosine) in enumerate(triples):
        if n % 10000 == 0:
            progress.check()
            progress.advance(min(10000, len(pairs.left) - n))
        score = score_pair(left[i], right[j], cosine, words)
        if score >= settings.review - 0.25:
            found[left[i]].append((right[j], score))
    for x, y in _initials(left, right):
        if all(y != other for other, _ in found.get(x, ())):
            found[x].append((y, score_pair(x, y, 0.0, words)))
    return found


def score_pair(x: str, y: str, cosine: float, words: Words) -> float:
    """Score of two cleaned names: mostly the alignment of their words, partly their letters."""
    if x == y:
        return 1.0
    aligned = align(x, y, words)
    letters = max(fuzz.token_sort_ratio(x, y) / 100, cosine)
    if x.replace(" ", "") == y.replace(" ", ""):
        return 0.99
    if aligned.most == INITIALS_MOST:
        letters = aligned.score  # initials share no letters with the words they stand for
    return min(0.75 * aligned.score + 0.25 * letters, aligned.most)


def _initials(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of a single short word and a name of which it is the initials, where no more than three names fit."""
    found: set[tuple[str, str]] = set()
    for shorts, longs, swap in ((left, right, False), (right, left, True)):
        by_initials: dict[str, list[str]] = defaultdict(list)
        for name in longs:
            tokens = name.split()
            if len(tokens) > 1:
                by_initials["".join(token[0] for token in tokens)].append(name)
        for name in shorts:
            fits = by_initials.get(name, []) if 2 <= len(name) <= 6 and name.isalpha() else []
            if len(fits) <= 3:
                found.update((other, name) if swap else (name, other) for other in fits)
    return sorted(found)


def _exact(record: Record, rights: Side) -> list[Scored]:
    found = []
    for form in record.name.forms:
        if form in rights.by_form:
            found.extend(_at_places(record, form, form, 1.0, rights))
    return found


def _at_places(record: Record, form: str, other: str, base: float, rights: Side) -> list[Scored]:
    candidates = rights.by_form[other]
    if len(candidates) > MOST_OF_ONE_NAME:
        ranked = sorted(candidates, key=lambda n: _VERDICT_RANK[compare_places(record.place, rights.records[n].place)])
        candidates = ranked[:MOST_OF_ONE_NAME]
    if form != record.name.core or other not in {rights.records[n].name.core for n in candidates}:
        base = min(base, 0.97)  # by another name of theirs
    found = []
    for n in candidates:
        verdict = compare_places(record.place, rights.records[n].place)
        found.append(Scored(n, at_verdict(base, verdict), base, verdict, (form, other)))
    return found


_VERDICT_RANK: dict[Verdict, int] = {"same": 0, "near": 1, "unknown": 2, "different": 3}


def at_verdict(base: float, verdict: Verdict) -> float:
    """The score with the evidence of the place."""
    if verdict == "same":
        return base + 0.3 * (1 - base)
    if verdict == "near":
        return base + 0.05 * (1 - base)
    return 0.7 * base if verdict == "different" else base


def _best_per_record(items: list[Scored]) -> list[Scored]:
    best: dict[int, Scored] = {}
    for item in items:
        if item.record not in best or item.score > best[item.record].score:
            best[item.record] = item
    return sorted(best.values(), key=lambda item: (-item.score, _VERDICT_RANK[item.verdict], item.record))


def _best_of_right(lefts: Side, found: _Found) -> dict[int, float]:
    best: dict[int, float] = {}
    for items in found.scored:
        for item in items[:1]:
            best[item.record] = max(best.get(item.record, 0.0), item.score)
    return best


def _decide(
    record: Record,
    scored: list[Scored],
    rights: Side,
    settings: MatchingSettings,
    best_of_right: dict[int, float],
    words: Words,
) -> tuple[object, ...]:
    """(right row, right record, score, second record, its score, margin, outcome, how, place, reason)."""
    nothing = np.nan
    if not scored or scored[0].base < settings.review - 0.1:
        why = "the name is missing" if not record.name.core else "no similar name"
        return (-1, -1, scored[0].score if scored else 0.0, -1, nothing, nothing, NO_MATCH, "none", "", why)
    best = scored[0]
    own = rights.ids[best.record]
    second = next((item for item in scored[1:] if rights.ids[item.record] != own), None)
    margin = best.score - second.score if second else best.score
    alignment = align(*best.forms, words)
    faults = list(_faults(best, second, margin, settings, best_of_right))
    threshold = settings.accept - (0.06 if best.verdict == "same" else 0.0)
    if best.base >= settings.accept and best.verdict == "different":
        outcome = REVIEW
    elif best.score < settings.review:
        outcome = NO_MATCH
    elif best.score < threshold or faults:
        outcome = REVIEW
    else:
        outcome = ACCEPTED
    how = "exact name" if best.base == 1.0 else "other name" if best.forms[0] == best.forms[1] else "similar name"
    parts = [_of(alignment), *([_PLACE_WORDS[best.verdict]] if best.verdict != "unknown" else []), *faults]
    if outcome == REVIEW and not faults:
        parts.append("too little agreement to be sure")
    return (
        rights.rows[best.record][0], best.record, best.score, second.record if second else -1,
        second.score if second else nothing, margin, outcome, how, best.verdict, "; ".join(parts),
    )  # fmt: skip


def _of(alignment: Alignment) -> str:
    return ", ".join(alignment.notes) if alignment.notes else "similar words"


def _faults(
    best: Scored,
    second: Scored | None,
    margin: float,
    settings: MatchingSettings,
    best_of_right: dict[int, float],
) -> list[str]:
    faults = []
    if second is not None and margin < settings.margin:
        same = second.base == best.base
        faults.append("two accounts fit equally well" if same else "another account fits nearly as well")
    if best_of_right.get(best.record, 0.0) > best.score + 1e-9 and best.score < settings.sure:
        faults.append("another name fits that account better")
    return faults
