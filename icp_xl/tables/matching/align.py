"""Compare two names word by word: what agrees counts by how rare it is, what contradicts costs three times as much."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from icp_xl.tables.words import CITIES, COUNTRIES, FILLER, RELATED, SPELLINGS, SPOKEN_WITHOUT, STATES, TRADE

CONFLICT_COST = 3.0
#: What a word on one side only costs, as a share of its weight.
EXTRA_COST, TRADE_COST, PLACE_COST, FILLER_COST = 1.0, 0.5, 0.15, 0.1
#: The best score of a name of one word against the same word with a trade beside it ("Zenith", "Zenith Dental").
ONE_WORD_MOST = 0.78
#: The best score of two names whose telling words all differ by a slip of the pen, unless the slip is slight.
SLIP_MOST = 0.74
SLIGHT = 0.925
#: The same where a word of trade agrees beside them and the slip is rough; where other words are left over as well.
SLIP_BESIDE_TRADE_MOST = 0.79
SLIP_AND_EXTRA_MOST = 0.68
ROUGH = 0.87
#: The best score where initials are all that agrees; only a common place makes such a pair sure.
INITIALS_MOST = 0.77
ROMAN = frozenset("ii iii iv vi vii viii ix xi xii".split())
_PLACES = CITIES | frozenset(word for word in (*COUNTRIES, *STATES) if len(word) > 3 and " " not in word)
_FREQUENT = FILLER | TRADE


@dataclass
class Words:
    """How often each word occurs over all names compared, each name counted once, and the weight that follows."""

    count: Counter[str]
    names: int
    extra_places: frozenset[str] = frozenset()
    _pairs: dict[tuple[str, str], float] = field(default_factory=dict)
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
            if word in _FREQUENT:
                seen = max(seen, 1 + 0.02 * self.names)
            found = self._weights[word] = math.log(1 + (self.names + 50) / seen)
        return found

    def tells(self, word: str) -> bool:
        """Whether the word is rare enough to tell companies apart."""
        return word not in _FREQUENT and self.count.get(word, 0) <= max(3.0, 0.005 * self.names)

    def is_place(self, word: str) -> bool:
        """Whether the word names a place."""
        return word in _PLACES or word in self.extra_places

    def similarity(self, a: str, b: str) -> float:
        """How sure it is that two different words are spellings of one; 0 when they are not."""
        pair = (a, b) if a <= b else (b, a)
        found = self._pairs.get(pair)
        if found is None:
            found = self._pairs[pair] = self._similarity(*pair)
        return found

    def _similarity(self, a: str, b: str) -> float:
        short, long = sorted((a, b), key=lambda word: (len(word), word))
        if any(c.isdigit() for c in a + b) or a in ROMAN or b in ROMAN:
            return 0.0
        if len(short) == 1:
            return 0.5 if long.startswith(short) else 0.0
        if long == short + "s" or long == short + "es":
            return 0.97
        rare, common = sorted((self.count.get(a, 0), self.count.get(b, 0)))
        allowed = 0 if len(short) < 4 else 1 if len(short) < 7 else 2
        if frozenset((a, b)) in RELATED:
            return 0.93
        # A slip in a plural must be seen although the plural itself was cut: "movors" is "motors", not "motor".
        distance = min(OSA.distance(x, y, score_cutoff=allowed) for x in _spelt(a) for y in _spelt(b))
        if allowed and distance <= allowed and rare <= max(2, 0.03 * common):
            # Two words that are both in use are two words, however close; a slip is rare.
            sure = 1 - (0.5 if distance < 2 else 0.7) * distance / len(long)
            return sure if a[0] == b[0] else sure - 0.05
        if 3 <= len(short) <= len(long) - 2 and short[0] == long[0]:
            if long.startswith(short) and len(short) >= 4 and rare <= max(3, 0.2 * common):
                return 0.85
            known = self.count.get(long, 0)
            if known >= 20 and self.count.get(short, 0) <= 0.1 * known and _in_order(short, long):
                return 0.8
        return 0.0


def _spelt(word: str) -> tuple[str, ...]:
    """The word, without the ending of a plural too, and as it is spelt where it stands for several spellings."""
    ending = "ies" if len(word) > 5 and word.endswith("ies") else "s" if len(word) > 4 and word.endswith("s") else ""
    single = (word[: -len(ending)] + ("y" if ending == "ies" else ""),) if ending else ()
    return (word, *single, *SPELLINGS.get(word, ()))


def _in_order(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


@dataclass
class Alignment:
    """The outcome of comparing two names: a score from 0 to 1, the most that it may come to, and what was seen.

    ``loose`` says that one of them holds a word of trade or of its own that the other lacks.
    """

    score: float
    most: float = 1.0
    notes: tuple[str, ...] = ()
    loose: bool = False


def align(x: str, y: str, words: Words) -> Alignment:
    """Compare two cleaned names (see :func:`~icp_xl.tables.names.normalize_name`).

    The score is matched weight over matched weight plus the cost of what is left over: words on both sides contradict
    each other, words on one side only are missing on the other.
    """
    if x == y:
        return Alignment(1.0, 1.0, ("same name",))
    rest_y = y.split()
    rest_x: list[str] = []
    matched = 0.0
    notes: list[str] = []
    for word in x.split():
        if word in rest_y:
            rest_y.remove(word)
            matched += 2 * words.weight(word)
        else:
            rest_x.append(word)
    if not rest_x and not rest_y:
        return Alignment(1.0, 1.0, ("same words in another order",))
    agreed = [word for word in x.split() if word not in rest_x and not _says_nothing(word, words)]
    told = any(words.tells(word) for word in agreed)
    joined = _match_joined(rest_x, rest_y, words, notes) + _match_joined(rest_y, rest_x, words, notes)
    similar, doubt, surest = _match_similar(rest_x, rest_y, words, notes)
    initials = _match_initials(rest_x, rest_y, words, notes) + _match_initials(rest_y, rest_x, words, notes)
    matched += joined + similar + initials
    if not matched:
        return Alignment(0.0, 1.0, ("no word in common",))
    cost = _cost_of_rest(rest_x, rest_y, words, notes) + doubt
    most = 1.0
    extra = not all(_left_out(word, words) for word in (*rest_x, *rest_y))
    if not (told or joined or initials):
        if not agreed and surest < SLIGHT:
            most = SLIP_MOST
        elif 0 < surest < 1 and extra:
            most = SLIP_AND_EXTRA_MOST
        elif 0 < surest < ROUGH:
            most = SLIP_BESIDE_TRADE_MOST
    if initials and not (told or joined):
        most = INITIALS_MOST
    if (not rest_x) != (not rest_y) and extra:
        shorter = y if rest_x else x
        if sum(word not in FILLER for word in shorter.split()) <= 1:
            most = min(most, ONE_WORD_MOST)
    loose = not all(_says_nothing(word, words) for word in (*rest_x, *rest_y))
    return Alignment(min(matched / (matched + cost), most), most, tuple(notes), loose)


def _says_nothing(word: str, words: Words) -> bool:
    return word in FILLER or words.is_place(word)


def _left_out(word: str, words: Words) -> bool:
    return word in SPOKEN_WITHOUT or words.is_place(word)


def _match_similar(xs: list[str], ys: list[str], words: Words, notes: list[str]) -> tuple[float, float, float]:
    """Pair words that are spellings of each other, surest first.

    Returns the weight matched, the weight in doubt, and how sure the heaviest pair is.
    """
    if not xs or not ys:
        return 0.0, 0.0, 0.0
    pairs = [(words.similarity(a, b), i, j) for i, a in enumerate(xs) for j, b in enumerate(ys)]
    matched = doubt = heaviest = surest = 0.0
    used_x: set[int] = set()
    used_y: set[int] = set()
    for sure, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if sure > 0 and i not in used_x and j not in used_y:
            used_x.add(i)
            used_y.add(j)
            weight = min(words.weight(xs[i]), words.weight(ys[j]), 7.0)
            matched += 2 * weight * sure
            doubt += 2 * weight * (1 - sure)
            if weight > heaviest:
                heaviest, surest = weight, sure
            notes.append(f"{xs[i]} for {ys[j]}")
    xs[:] = [word for i, word in enumerate(xs) if i not in used_x]
    ys[:] = [word for j, word in enumerate(ys) if j not in used_y]
    return matched, doubt, surest


def _match_joined(parts: list[str], wholes: list[str], words: Words, notes: list[str]) -> float:
    """Match two or three neighbouring words of one name with one word of the other: "blue ridge" and "blueridge"."""
    matched = 0.0
    i = 0
    while i < len(parts) - 1 and wholes:
        for length in (3, 2):
            run = parts[i : i + length]
            whole = _joined_whole("".join(run), wholes) if len(run) == length else None
            if whole is not None:
                weight = sum(words.weight(word) for word in run)
                matched += weight + min(words.weight(whole), weight)
                notes.append(f"{' '.join(run)} for {whole}")
                wholes.remove(whole)
                del parts[i : i + length]
                break
        else:
            i += 1
    return matched


def _joined_whole(joined: str, wholes: list[str]) -> str | None:
    allowed = 0 if len(joined) < 7 else 1 if len(joined) < 11 else 2
    return next((whole for whole in wholes if OSA.distance(joined, whole, score_cutoff=allowed) <= allowed), None)


def _match_initials(parts: list[str], wholes: list[str], words: Words, notes: list[str]) -> float:
    """Match a word with the initials of the other name's words: "ibm" and "international business machine"."""
    for whole in wholes:
        n = len(whole)
        if not 2 <= n <= 6 or not whole.isalpha():
            continue
        for i in range(len(parts) - n + 1):
            run = parts[i : i + n]
            if "".join(word[0] for word in run) == whole and sum(len(word) > 1 for word in run) == n:
                notes.append(f"{whole} for {' '.join(run)}")
                wholes.remove(whole)
                del parts[i : i + n]
                weight = max(words.weight(whole), 3.0)
                return 2 * weight * (0.8 if n == 2 else 0.88)
    return 0.0


def _cost_of_rest(xs: list[str], ys: list[str], words: Words, notes: list[str]) -> float:
    if not xs and not ys:
        return 0.0
    full_x, full_y = (sum(words.weight(word) for word in rest) for rest in (xs, ys))
    conflict = min(full_x, full_y)
    extra = 0.0
    if not xs or not ys:
        extra = sum(_extra_cost(word, words) for word in xs or ys)
        notes.append(f"only in one: {' '.join(xs or ys)}")
    else:
        extra = abs(full_x - full_y)
        notes.append(f"{' '.join(xs)} against {' '.join(ys)}")
    if any(word.isdigit() or word in ROMAN for word in (*xs, *ys)):
        # A number tells plants, funds and branches apart.
        extra += 4.0
    return CONFLICT_COST * conflict + extra


def _extra_cost(word: str, words: Words) -> float:
    share = (
        FILLER_COST
        if word in FILLER
        else PLACE_COST
        if words.is_place(word)
        else TRADE_COST
        if word in TRADE
        else EXTRA_COST
    )
    return share * words.weight(word)
