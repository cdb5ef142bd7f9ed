"""The two sides of a match: distinct records, the forms of their names, and the likeness of two forms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import pandas as pd
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.matching.align import INITIALS_MOST, PERSON_MOST, Words, align
from icp_xl.tables.matching.candidates import find_candidates
from icp_xl.tables.matching.evidence import BY_FACT, AccountFacts, MatchEvidence, compare_records, facts_of
from icp_xl.tables.matching.places import Place, Verdict, places_of
from icp_xl.tables.matching.spelling import ROMAN
from icp_xl.tables.names import NormalizedName, initials_of, normalize_name

#: Records of one name that are compared by place before the rest is left out; chains list a name thousands of times.
MOST_OF_ONE_NAME = 60
#: Likeness by another name of theirs; and the most by letters of another script, which a person must look at.
BY_ALIAS, BY_SCRIPT = 0.97, PERSON_MOST
#: Records of a side that may share a tax number or web domain before it says nothing.
MOST_SHARING = 4
#: Likeness of names whose words or letters are the same.
SAME_NAME = 0.99
#: Likeness from which two forms are worth weighing.
LEAST = 0.45


@dataclass(frozen=True)
class Record:
    """One name at one place, as far as matching is concerned."""

    name: NormalizedName
    place: Place
    facts: AccountFacts


@dataclass
class Side:
    """The distinct records of one side, the rows of each, their ids, and the records of each name form.

    ``letters`` holds the letters of each form as written, without spaces; ``by_letters`` the forms of such letters.
    """

    records: list[Record]
    rows: list[list[int]]
    ids: list[str]
    by_form: dict[str, list[int]] = field(default_factory=dict)
    by_letters: dict[str, list[str]] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)

    @property
    def forms(self) -> list[str]:
        """The distinct name forms, sorted."""
        return sorted(form for form in self.by_form if form)


def make_side(frame: pd.DataFrame, progress: Progress, *, own_ids: bool) -> Side:
    """The distinct records of ``frame``, sorted; with ``own_ids`` every row is an account of its own."""
    names = frame["name"].tolist()
    ids = frame["id"].astype("string").fillna("").tolist() if "id" in frame.columns else [""] * len(frame)
    groups: dict[tuple[NormalizedName, Place, AccountFacts, str], list[int]] = {}
    rows = zip(names, places_of(frame), facts_of(frame), strict=True)
    for row, (name, place, facts) in enumerate(rows):
        if row % 5000 == 0:
            progress.check()
        clean = normalize_name(name if isinstance(name, str) else None)
        groups.setdefault((clean, place, facts, f"#{row}" if own_ids else ids[row]), []).append(row)
    progress.advance(len(frame))
    # Sorted, so that nothing depends on the order of the rows.
    order = sorted(groups, key=lambda key: (key[0].forms, key[0].legal, key[0].places, *key[1:]))
    side = Side([Record(*key[:3]) for key in order], [groups[key] for key in order], [key[3] for key in order])
    by_form: dict[str, list[int]] = defaultdict(list)
    for n, record in enumerate(side.records):
        for form in _searched(record.name):
            by_form[form].append(n)
    side.by_form = dict(by_form)
    side.letters = {form: form.replace(" ", "") for form in side.forms}
    raws = [record.name for record in side.records if record.name.raw != record.name.core]
    side.letters |= {name.core: name.raw.replace(" ", "") for name in reversed(raws) if name.core}
    for form in side.forms:
        for letters in {side.letters[form], form.replace(" ", "")}:
            side.by_letters.setdefault(letters, []).append(form)
    return side


def _searched(name: NormalizedName) -> tuple[str, ...]:
    """The forms of a name and its letters in the Latin script."""
    return tuple(dict.fromkeys((*name.forms, name.latin))) if name.latin else name.forms


def words_of(*sides: Side) -> Words:
    """Word counts over all distinct name forms; cities of the sources count as words for places."""
    forms = [form for side in sides for form in side.forms]
    cities = {record.place.city for side in sides for record in side.records if " " not in record.place.city}
    return Words.of(forms, cities - {""})


def score_forms(
    left: Side,
    open_forms: Sequence[str],
    right: Side,
    words: Words,
    settings: MatchingSettings,
    progress: Progress,
) -> dict[str, list[tuple[str, float]]]:
    """For each open form of the left side its candidates of the right side with their likeness.

    Where the two sides are one, each pair comes once.

    Args:
        left: names looked for.
        open_forms: those of its forms that are not settled yet, sorted.
        right: names to find; the same object where both sides are one.
        words: how rare each word is.
        settings: of matching.
        progress: told of the pairs, and asked whether to go on.
    """
    same, others = left is right, right.forms
    pairs = find_candidates(open_forms, others, settings.candidates, settings.ngram, same=same, progress=progress)
    progress.stage("comparing names word by word", len(pairs.left))
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    triples = zip(pairs.left.tolist(), pairs.right.tolist(), pairs.cosine.tolist(), strict=True)
    for n, (i, j, cosine) in enumerate(triples):
        if n % 10000 == 0:
            progress.check()
            progress.advance(min(10000, len(pairs.left) - n))
        x, y = open_forms[i], others[j]
        likeness = max(score_pair(x, y, cosine, words), _run_together(x, y, left.letters[x], right.letters[y]))
        if likeness >= LEAST:
            found[x].append((y, likeness))
    return found


def _run_together(x: str, y: str, letters_x: str, letters_y: str) -> float:
    """Likeness of names whose words were split or joined, with a slip besides: "Escotecnhologies"."""
    shorter = min(len(letters_x), len(letters_y))
    if shorter < 10 or x.count(" ") == y.count(" ") or _numbers(x) != _numbers(y):
        return 0.0
    distance = OSA.distance(letters_x, letters_y, score_cutoff=1)
    return 0.0 if distance > 1 or letters_x[0] != letters_y[0] else 0.99 if not distance else 0.95 - 0.5 / shorter


def _numbers(name: str) -> list[str]:
    return sorted(word for word in name.split() if word in ROMAN or any(letter.isdigit() for letter in word))


def same_letters(form: str, left: Side, right: Side) -> list[tuple[str, float]]:
    """Forms of the right side that are this one of the left but for spaces, with their likeness."""
    others = {
        other: 0.99 for key in (left.letters[form], form.replace(" ", "")) for other in right.by_letters.get(key, ())
    }
    return [(other, 1.0 if other == form else likeness) for other, likeness in others.items()]


def score_pair(x: str, y: str, cosine: float, words: Words) -> float:
    """Likeness of two cleaned names: mostly the alignment of their words, partly their letters.

    Args:
        x: one name, cleaned.
        y: the other.
        cosine: of their groups of letters, 0 to 1.
        words: how rare each word is.

    Returns:
        0 to 1.
    """
    aligned = align(x, y, words)
    if aligned.score >= 0.99:
        return aligned.score
    letters = max(fuzz.token_sort_ratio(x, y) / 100, cosine)
    if aligned.most == INITIALS_MOST:
        letters = aligned.score  # initials share no letters with the words they stand for
    return min(0.75 * aligned.score + 0.25 * letters, aligned.most)


def find_acronyms(left: Side, right: Side) -> dict[int, list[int]]:
    """For records of the left side whose name is one short word, or the initials of one, the right side's other half.

    Where more than three names fit, the letters say nothing.
    """
    found: dict[int, set[int]] = defaultdict(set)
    for shorts, longs, swap in ((left, right, False), (right, left, True)):
        by_initials: dict[str, list[int]] = defaultdict(list)
        for n, record in enumerate(longs.records):
            for letters in _acronyms(record.name):
                by_initials[letters].append(n)
        for n, record in enumerate(shorts.records):
            fits = by_initials.get(record.name.core, ())
            if len({longs.records[m].name.core for m in fits}) <= 3:
                for m in fits:
                    found[m if swap else n].add(n if swap else m)
    return {n: sorted(others) for n, others in found.items()}


def find_by_facts(left: Side, right: Side) -> Iterator[tuple[int, int, float, tuple[str, str]]]:
    """Records with one tax number or web domain, however their names differ, with their likeness and their names.

    What more than a few records of a side share says nothing of them.
    """
    for of in (attrgetter("tax_id"), attrgetter("domain")):
        sharing: dict[str, list[int]] = defaultdict(list)
        for n, record in enumerate(right.records):
            if value := of(record.facts):
                sharing[value].append(n)
        words = Words.of([])
        for n, record in enumerate(left.records):
            others = sharing.get(of(record.facts), ())
            for m in others if len(others) <= MOST_SHARING else ():
                forms = (record.name.core, right.records[m].name.core)
                yield n, m, max(BY_FACT, score_pair(*forms, 0.0, words)), forms


def _acronyms(name: NormalizedName) -> Iterable[str]:
    words = name.core.split()
    if len(words) < 2 or not name.core.isascii():
        return
    form = name.legal[0][:1] if name.legal else ""
    for letters in sorted(initials_of(words)):
        for spelt in {letters, letters + form}:
            if 2 <= len(spelt) <= 6 and spelt.isalpha():
                yield spelt


def pair_likeness(a: Record, form: str, b: Record, other: str, likeness: float) -> float:
    """The likeness as these two records come to it: less by an alias, to be asked about by another script.

    Args:
        a: a record of the left side.
        form: the form of its name that was compared.
        b: a record of the right side.
        other: likewise.
        likeness: of the two forms, 0 to 1.
    """
    names = (a.name, form), (b.name, other)
    if any(spelt not in name.forms for name, spelt in names):
        return min(likeness, BY_SCRIPT)
    return min(likeness, BY_ALIAS) if any(spelt in name.aliases for name, spelt in names) else likeness


def evidence_of(a: Record, b: Record) -> tuple[MatchEvidence, Verdict]:
    """What speaks for and against two records beside the words of their names."""
    return compare_records(a.name, b.name, a.place, b.place, a.facts, b.facts)
