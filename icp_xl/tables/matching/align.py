"""Compare two names word by word: what agrees counts by how rare it is, what contradicts costs three times as much."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from icp_xl.tables.lexicon import (
    CITIES,
    COUNTRIES,
    FILLER,
    INSTITUTIONS,
    MODIFIERS,
    NUMBERS,
    REGIONS,
    SCOPES,
    SPOKEN_WITHOUT,
    STATES,
    TENS,
    TRADE,
)
from icp_xl.tables.matching.spelling import ALONE, ASK, BESIDE, BESIDE_RARE, ROMAN, WITH_FORM, Spelt, compare_words

CONFLICT_COST = 3.0
#: What a word on one side only costs, as a share of its weight.
EXTRA_COST, TRADE_COST, PLACE_COST, FILLER_COST = 1.0, 0.5, 0.15, 0.1
#: The most that a slip comes to where too little agrees beside it; a place in common can make it sure.
ASK_MOST = 0.78
#: The same where one thing more makes it sure: the same legal form on both sides.
FORM_MOST = 0.795
#: The most that a pair comes to that a person must look at, whatever place they share: other persons, words left over.
PERSON_MOST = 0.77
#: The same where initials are all that agrees, where a slip comes with other words, and where a number is left over.
INITIALS_MOST, SLIP_AND_EXTRA_MOST, NUMBER_MOST = 0.77, 0.68, 0.72
#: The most of two names that turn the words of an institution around.
TURNED_MOST = 0.7
_PLACES = CITIES | frozenset(word for word in (*COUNTRIES, *STATES) if len(word) > 3 and " " not in word)
_COUNTRY_WORDS = frozenset(word for name in COUNTRIES if len(name) > 3 for word in name.split()) - FILLER
FREQUENT = FILLER | TRADE


@dataclass
class Words:
    """How often each word occurs over all names compared, each name counted once, and the weight that follows."""

    count: Counter[str]
    names: int
    extra_places: frozenset[str] = frozenset()
    _pairs: dict[tuple[str, str], Spelt] = field(default_factory=dict)
    _weights: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[str], places: Iterable[str] = ()) -> Words:
        """Count the words of ``names``; ``places`` are words known to name a place, such as cities of the sources."""
        count: Counter[str] = Counter()
        n = 0
        for name in names:
            n += 1
            count.update(set(name.split()))
        return cls(count, n, frozenset(places))

    def weight(self, word: str) -> float:
        """Inverse document frequency; an ordinary word counts as frequent even in a short list."""
        found = self._weights.get(word)
        if found is None:
            seen = self.count.get(word, 0) + 1.0
            if word in FREQUENT:
                seen = max(seen, 1 + 0.02 * self.names)
            found = self._weights[word] = math.log(1 + (self.names + 50) / seen)
        return found

    def is_distinctive(self, word: str) -> bool:
        """Whether the word is rare enough to tell companies apart."""
        return word not in FREQUENT and self.count.get(word, 0) <= max(3.0, 0.005 * self.names)

    def is_place(self, word: str) -> bool:
        """Whether the word names a place."""
        return word in _PLACES or word in self.extra_places

    def compare(self, a: str, b: str) -> Spelt:
        """How sure it is that two different words are spellings of one."""
        pair = (a, b) if a <= b else (b, a)
        found = self._pairs.get(pair)
        if found is None:
            found = self._pairs[pair] = compare_words(*pair, self.count)
        return found


@dataclass
class Alignment:
    """The outcome of comparing two names: a score from 0 to 1, the most that it may come to, and what was seen.

    ``notes`` say what agrees and ``against`` what does not.
    ``loose`` says that one of them holds a word of trade or of its own that the other lacks.
    """

    score: float
    most: float = 1.0
    notes: tuple[str, ...] = ()
    loose: bool = False
    against: tuple[str, ...] = ()


@dataclass
class _Rest:
    """What is left of both names while their words are paired off, and what was found on the way."""

    xs: list[str]
    ys: list[str]
    words: Words
    matched: float = 0.0
    doubt: float = 0.0
    notes: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    needs: int = ALONE
    slips: bool = False
    joined: bool = False
    initials: bool = False
    paired: int = 0


def align(x: str, y: str, words: Words) -> Alignment:
    """Compare two cleaned names (see :func:`~icp_xl.tables.names.normalize_name`).

    The score is matched weight over matched weight plus the cost of what is left over: words on both sides contradict
    each other, words on one side only are missing on the other.
    """
    if x == y:
        return Alignment(1.0, 1.0, ("same name",))
    if x.replace(" ", "") == y.replace(" ", ""):
        return Alignment(0.99, 0.99, ("same letters, other spaces",))
    left, right = _phrases(x), _phrases(y)
    if sorted(left) != sorted(right) and _counted(left) == _counted(right):
        return Alignment(PERSON_MOST, PERSON_MOST, against=("a number in words and in figures",))
    rest = _Rest([], list(right), words)
    for word in left:
        if word in rest.ys:
            rest.ys.remove(word)
            rest.matched += 2 * words.weight(word)
        else:
            rest.xs.append(word)
    if not rest.xs and not rest.ys:
        return _another_order(left, right)
    shared = [word for word in left if word not in rest.xs]
    if shared:
        rest.notes.append(f"both have {' '.join(shared)}")
    agreed = [word for word in shared if not _says_nothing(word, words)]
    told = any(words.is_distinctive(word) for word in agreed)
    _match_joined(rest.xs, rest.ys, rest)
    _match_joined(rest.ys, rest.xs, rest)
    _match_similar(rest)
    _match_initials(rest.xs, rest.ys, rest)
    _match_initials(rest.ys, rest.xs, rest)
    if not rest.matched:
        return Alignment(0.0, 1.0, against=("no word in common",))
    most = _most(rest, left, right, agreed, told)
    cost = _cost_of_rest(rest, left, right) + rest.doubt
    loose = not all(_says_nothing(word, words) for word in (*rest.xs, *rest.ys))
    return Alignment(
        min(rest.matched / (rest.matched + cost), most), most, tuple(rest.notes), loose, tuple(rest.against)
    )


def _phrases(name: str) -> list[str]:
    return name.replace("institute of technology", "tech").split()


def _counted(words: list[str]) -> list[str]:
    """The words with numbers in figures: "twenty", "first" is "21"."""
    found: list[str] = []
    for word in words:
        number = NUMBERS.get(word, str(TENS[word]) if word in TENS else _ordinal(word))
        if found and found[-1].isdigit() and number.isdigit() and int(found[-1]) in TENS.values() and int(number) < 10:
            number = str(int(found.pop()) + int(number))
        found.append(number)
    return found


def _ordinal(word: str) -> str:
    return word[:-2] if word[:-2].isdigit() and word[-2:] in ("st", "nd", "rd", "th") else word


def _another_order(left: list[str], right: list[str]) -> Alignment:
    if _of_institution(left) != _of_institution(right):
        return Alignment(
            TURNED_MOST, TURNED_MOST, against=("the same words, but of another order around the institution",)
        )
    if _in_order(left, _ORDERED) != _in_order(right, _ORDERED):
        return Alignment(TURNED_MOST, TURNED_MOST, against=("the same words, but of another order",))
    return Alignment(1.0, 1.0, ("same words in another order",))


_ORDERED = MODIFIERS | NUMBERS.keys()


def _in_order(words: list[str], chosen: Set[str]) -> list[str]:
    return [word for word in words if word in chosen]


def _of_institution(words: list[str]) -> bool:
    """Whether the name goes "University of X" rather than "X University"."""
    return any(a in INSTITUTIONS and b == "of" for a, b in zip(words, words[1:], strict=False))


def _most(rest: _Rest, left: list[str], right: list[str], agreed: list[str], told: bool) -> float:
    words = rest.words
    most = 1.0
    extra = not all(_left_out(word, name, words) for word, name in _left_over(rest, left, right))
    told = told or rest.joined
    left_over = bool(rest.xs or rest.ys)
    if rest.needs == ASK:
        most = PERSON_MOST
    elif (rest.needs == BESIDE_RARE and not told) or (rest.needs == BESIDE and not (told or agreed)):
        most = ASK_MOST
    elif rest.needs == WITH_FORM and not told and len(rest.xs) + rest.paired == len(left):
        most = FORM_MOST
    if rest.slips and left_over and not (told or rest.initials):
        most = min(most, SLIP_AND_EXTRA_MOST if extra else ASK_MOST)
    if rest.initials and not told:
        most = min(most, INITIALS_MOST)
    if (not rest.xs) != (not rest.ys) and extra:
        # "Acuvex Dental" is a part of Acuvex, or another company; so are "Orion Steel Services" and "Portland G. E.".
        most = min(most, PERSON_MOST)
    if any(word.isdigit() or word in ROMAN for word in (*rest.xs, *rest.ys)):
        most = min(most, NUMBER_MOST)
    if {("of" in left), ("of" in right)} == {True, False} and _moved_around(left, right):
        most = min(most, TURNED_MOST)
    shared = (set(left) & set(right)) - {"of"}
    if extra and shared & INSTITUTIONS and _in_order(left, shared) != _in_order(right, shared):
        most = min(most, TURNED_MOST)
    return most


def _moved_around(left: list[str], right: list[str]) -> bool:
    """Whether one name goes "University of X" and the other "X University"."""
    if _of_institution(left) == _of_institution(right):
        return False
    if [word for word in left if word != "of"] == [word for word in right if word != "of"]:
        return False
    plain = right if _of_institution(left) else left
    return any(word in INSTITUTIONS and at for at, word in enumerate(plain))


def _left_over(rest: _Rest, left: list[str], right: list[str]) -> list[tuple[str, list[str]]]:
    return [*((word, left) for word in rest.xs), *((word, right) for word in rest.ys)]


def _says_nothing(word: str, words: Words) -> bool:
    return word in FILLER or words.is_place(word)


def _left_out(word: str, name: list[str], words: Words) -> bool:
    """Whether people leave the word out when they speak of the company: a filler, or the town of a branch at the end.

    A country tells companies of a group apart, and a place at the beginning is the name itself.
    """
    if word in SCOPES:
        # "Spire Global" may be Spire; "Global Dividend Fund" is not the Dividend Fund.
        return name[-1] == word
    if word in SPOKEN_WITHOUT:
        # "X University of Technology" is not X University.
        return word in FILLER or INSTITUTIONS.isdisjoint(name)
    return words.is_place(word) and word not in _COUNTRY_WORDS and name[-1] == word and len(name) > 1


def _match_similar(rest: _Rest) -> None:
    """Pair words that are spellings of each other, surest first."""
    xs, ys, words = rest.xs, rest.ys, rest.words
    if not xs or not ys:
        return
    pairs = [(words.compare(a, b), i, j) for i, a in enumerate(xs) for j, b in enumerate(ys)]
    used_x: set[int] = set()
    used_y: set[int] = set()
    for spelt, i, j in sorted(pairs, key=lambda pair: (-pair[0].sure, pair[1], pair[2])):
        if spelt.sure > 0 and i not in used_x and j not in used_y:
            used_x.add(i)
            used_y.add(j)
            rest.paired += 1
            weight = min(words.weight(xs[i]), words.weight(ys[j]), 7.0)
            rest.matched += 2 * weight * spelt.sure
            rest.doubt += 2 * weight * (1 - spelt.sure)
            rest.needs = max(rest.needs, spelt.needs)
            rest.slips |= words.is_distinctive(xs[i]) and words.is_distinctive(ys[j])
            if spelt.needs == ASK:
                rest.against.append(f"{xs[i]} and {ys[j]} may be two words")
            else:
                rest.notes.append(f"{xs[i]} for {ys[j]}")
    xs[:] = [word for i, word in enumerate(xs) if i not in used_x]
    ys[:] = [word for j, word in enumerate(ys) if j not in used_y]


def _match_joined(parts: list[str], wholes: list[str], rest: _Rest) -> None:
    """Match two or three neighbouring words of one name with one word of the other: "blue ridge" and "blueridge"."""
    i = 0
    while i < len(parts) - 1 and wholes:
        for length in (3, 2):
            run = parts[i : i + length]
            exact = any(word.isdigit() or word in ROMAN for word in run)
            whole, slips = _joined_whole("".join(run), wholes, exact) if len(run) == length else (None, 0)
            if whole is not None:
                weight = sum(rest.words.weight(word) for word in run)
                rest.matched += weight + min(rest.words.weight(whole), weight)
                if slips:
                    rest.needs = max(rest.needs, BESIDE if len(whole) >= 9 else BESIDE_RARE)
                    rest.slips = True
                elif rest.words.is_distinctive(whole) and not set(run) <= FREQUENT:
                    rest.joined = True
                rest.notes.append(f"{' '.join(run)} for {whole}")
                wholes.remove(whole)
                del parts[i : i + length]
                break
        else:
            i += 1


def _joined_whole(joined: str, wholes: list[str], exact: bool) -> tuple[str | None, int]:
    if joined in wholes:
        return joined, 0
    allowed = 0 if exact or len(joined) < 7 else 1 if len(joined) < 11 else 2
    near = (whole for whole in wholes if whole[0] == joined[0])
    return next(
        ((whole, 1) for whole in near if OSA.distance(joined, whole, score_cutoff=allowed) <= allowed), (None, 0)
    )


def _match_initials(parts: list[str], wholes: list[str], rest: _Rest) -> None:
    """Match a word with the initials of the other name's words: "ibm" and "international business machine"."""
    for whole in wholes:
        n = len(whole)
        if not 2 <= n <= 6 or not whole.isalpha():
            continue
        for i in range(len(parts) - n + 1):
            run = parts[i : i + n]
            if "".join(word[0] for word in run) == whole and sum(len(word) > 1 for word in run) == n:
                rest.notes.append(f"{whole} for {' '.join(run)}")
                wholes.remove(whole)
                del parts[i : i + n]
                rest.matched += 2 * max(rest.words.weight(whole), 3.0) * (0.8 if n == 2 else 0.88)
                rest.initials = True
                return


def _cost_of_rest(rest: _Rest, left: list[str], right: list[str]) -> float:
    xs, ys, words = rest.xs, rest.ys, rest.words
    if not xs and not ys:
        return 0.0
    full_x, full_y = (sum(words.weight(word) for word in side) for side in (xs, ys))
    conflict = min(full_x, full_y)
    if not xs or not ys:
        extra = sum(_extra_cost(word, name, words) for word, name in _left_over(rest, left, right))
        rest.against.append(f"only in one: {' '.join(xs or ys)}")
    else:
        extra = abs(full_x - full_y)
        rest.against.append(f"{' '.join(xs)} against {' '.join(ys)}")
    if any(word.isdigit() or word in ROMAN for word in (*xs, *ys)):
        # A number tells plants, funds and branches apart.
        extra += 4.0
    return CONFLICT_COST * conflict + extra


def _extra_cost(word: str, name: list[str], words: Words) -> float:
    if word in FILLER:
        share = FILLER_COST
    elif (words.is_place(word) or word in REGIONS) and name[-1] == word:
        share = PLACE_COST
    else:
        share = TRADE_COST if word in TRADE else EXTRA_COST
    return share * words.weight(word)
