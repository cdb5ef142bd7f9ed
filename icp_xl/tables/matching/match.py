"""Match the names of one source to the accounts of another: accepted, to review, or no match, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.matching.align import INITIALS_MOST, Alignment, Words, align
from icp_xl.tables.matching.evidence import ASK, MatchEvidence, odds_of, weigh
from icp_xl.tables.matching.places import Verdict, compare_places
from icp_xl.tables.matching.sides import (
    LEAST,
    MOST_OF_ONE_NAME,
    Record,
    Side,
    evidence_of,
    find_acronyms,
    find_by_facts,
    make_side,
    pair_likeness,
    same_letters,
    score_forms,
    words_of,
)

ACCEPTED, REVIEW, NO_MATCH = "accepted", "review", "no match"
#: Columns of the frame that :func:`match_names` returns.
MATCH_COLUMNS = (
    "left", "right", "left_name", "right_id", "right_name", "score", "runner_up_id", "runner_up_name", "runner_up",
    "margin", "outcome", "how", "place", "reason", "agrees", "contradicts",
)  # fmt: skip
#: A name that fits an account less surely than this is asked about where another name fits the account better.
SURE = 0.98
_VERDICT_RANK: dict[Verdict, int] = {"same": 0, "near": 1, "unknown": 2, "different": 3}


@dataclass(frozen=True)
class Scored:
    """A record of the right side as seen from one of the left; ``score`` is the probability that they are one."""

    record: int
    score: float
    likeness: float
    verdict: Verdict
    evidence: MatchEvidence
    forms: tuple[str, str]


def match_names(
    left: pd.DataFrame,
    right: pd.DataFrame,
    settings: MatchingSettings | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The account of ``right`` that each name of ``left`` belongs to, one row per row of ``left``, in its order.

    Both frames have ``name``; ``city``, ``state``, ``country`` and the
    :data:`~icp_xl.tables.matching.evidence.FACT_COLUMNS` count where present; ``id`` of the right names the account
    (several rows may share one; without it every row is its own). The result has :data:`MATCH_COLUMNS`: ``left`` and
    ``right`` are positions (``right`` -1 for none), ``score`` is the probability of being right, ``margin`` the lead
    over the best other account. The order of rows changes nothing but the order of the result.

    Args:
        left: rows to find an account for.
        right: rows of accounts.
        settings: thresholds and weights of evidence; the defaults where left out.
        progress: shows stages and asks for a cancel.
    """
    settings = settings or MatchingSettings()
    progress = progress or Progress()
    progress.stage("cleaning names", len(left) + len(right))
    lefts = make_side(left, progress, own_ids=False)
    rights = make_side(right, progress, own_ids="id" not in right.columns)
    words = words_of(lefts, rights)
    found = _score_records(lefts, rights, words, settings, progress)
    best_of_right = _best_of_right(found)
    rows: list[tuple[object, ...] | None] = [None] * len(left)
    names_right = right["name"].tolist()
    names_left = left["name"].tolist()
    for n, scored in enumerate(found):
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


def _score_records(
    lefts: Side, rights: Side, words: Words, settings: MatchingSettings, progress: Progress
) -> list[list[Scored]]:
    scored: list[list[Scored]] = [[] for _ in lefts.records]
    open_forms: set[str] = set()
    for n, record in enumerate(lefts.records):
        forms = (*record.name.forms, record.name.latin)
        for form in filter(None, forms):
            for other, likeness in same_letters(form, lefts, rights):
                scored[n].extend(_weighed(record, form, other, likeness, rights))
        if not any(item.score >= settings.accept for item in scored[n]):
            open_forms.update(form for form in forms if form)
    near = score_forms(lefts, sorted(open_forms), rights, words, settings, progress)
    for n, record in enumerate(lefts.records):
        for form in (*record.name.forms, record.name.latin):
            for other, likeness in near.get(form, ()):
                scored[n].extend(_weighed(record, form, other, likeness, rights))
    for n, others in find_acronyms(lefts, rights).items():
        for m in others:
            scored[n].append(_scored(lefts.records[n], m, rights, INITIALS_MOST, ("", "")))
    for n, m, likeness, forms in find_by_facts(lefts, rights):
        scored[n].append(_scored(lefts.records[n], m, rights, likeness, forms))
    return [_best_per_record(items) for items in scored]


def _weighed(record: Record, form: str, other: str, likeness: float, rights: Side) -> list[Scored]:
    candidates = rights.by_form[other]
    if len(candidates) > MOST_OF_ONE_NAME:
        ranked = sorted(candidates, key=lambda n: _VERDICT_RANK[compare_places(record.place, rights.records[n].place)])
        candidates = ranked[:MOST_OF_ONE_NAME]
    return [
        _scored(record, n, rights, pair_likeness(record, form, rights.records[n], other, likeness), (form, other))
        for n in candidates
    ]


def _scored(record: Record, n: int, rights: Side, likeness: float, forms: tuple[str, str]) -> Scored:
    evidence, verdict = evidence_of(record, rights.records[n])
    return Scored(n, weigh(likeness, evidence), likeness, verdict, evidence, forms)


def _best_per_record(items: list[Scored]) -> list[Scored]:
    best: dict[int, Scored] = {}
    for item in items:
        if item.record not in best or item.score > best[item.record].score:
            best[item.record] = item
    return sorted(best.values(), key=lambda item: (-item.score, _VERDICT_RANK[item.verdict], item.record))


def _best_of_right(found: list[list[Scored]]) -> dict[int, float]:
    best: dict[int, float] = {}
    for items in found:
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
    """(right row, right record, probability, second record, its probability, margin, outcome, how, place, reason, …)"""
    nothing = np.nan
    if not scored or scored[0].likeness < LEAST or not record.name.core:
        why = "the name is missing" if not record.name.core else "no similar name"
        return (-1, -1, 0.0, -1, nothing, nothing, NO_MATCH, "none", "", why, "", "")
    best = scored[0]
    own = rights.ids[best.record]
    second = next((item for item in scored[1:] if rights.ids[item.record] != own), None)
    score, second_score, faults = best.score, nothing, []
    if second is not None:
        # They cannot both be right: each is as sure as the odds leave it.
        share = odds_of(best.score) / max(1e-9, odds_of(best.score) + odds_of(second.score))
        score, second_score = score * share, second.score * (1 - share)
        if score < settings.accept <= best.score:
            equal = second.score >= best.score - 1e-9
            faults.append("two accounts fit equally well" if equal else "another account fits nearly as well")
    if best.score < min(SURE, best_of_right.get(best.record, 0.0) - 1e-9):
        score = min(score, ASK)
        faults.append("another name fits that account better")
    if score >= settings.accept and not faults:
        outcome = ACCEPTED
    else:
        outcome = REVIEW if best.score >= settings.review else NO_MATCH
    aligned = align(*best.forms, words) if best.forms[0] else Alignment(0.0, 1.0, ("initials",))
    how = "exact name" if best.likeness == 1.0 else "other name" if best.forms[0] == best.forms[1] else "similar name"
    agrees = (*aligned.notes, *best.evidence.agrees)
    if outcome == REVIEW and not faults and not best.evidence.contradicts:
        faults.append("too little agreement to be sure")
    against = (*aligned.against, *best.evidence.contradicts, *faults)
    return (
        rights.rows[best.record][0], best.record, score, second.record if second else -1,
        second_score, best.score - second.score if second else best.score, outcome, how,
        best.verdict, "; ".join((*agrees, *against)), "; ".join(agrees), "; ".join(against),
    )  # fmt: skip
