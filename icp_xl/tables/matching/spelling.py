"""How sure it is that two different words are one word, spelt or shortened in two ways."""

from __future__ import annotations

from collections import Counter
from os.path import commonprefix
from typing import NamedTuple

from rapidfuzz.distance import OSA, Levenshtein

from icp_xl.tables.lexicon import (
    COUNTRIES,
    DIRECTIONS,
    NUMBERS,
    RELATED,
    SHORT_FOR,
    SPELLINGS,
    STATES,
    TRADE,
    common_words,
    known_words,
    personal_names,
)

ROMAN = frozenset("ii iii iv vi vii viii ix xi xii xiii xiv xv".split())
_VOWELS = frozenset("aeiouy")


#: What must agree beside two words before they are taken for one: nothing, the legal form or a word, any word, a rare
#: word; or a person decides.
ALONE, WITH_FORM, BESIDE, BESIDE_RARE, ASK = range(5)


class Spelt(NamedTuple):
    """How sure it is that two words are one (0 to 1), and what must agree beside them."""

    sure: float
    needs: int = ALONE


UNLIKE = Spelt(0.0)


def compare_words(a: str, b: str, count: Counter[str]) -> Spelt:
    """Compare two different words; ``count`` says how many names of the lists hold each.

    Two words that are both in use are two words, however close: surnames, first names, trades. A slip of the pen makes
    a word that nobody else writes.
    """
    short, long = sorted((a, b), key=lambda word: (len(word), word))
    if any(c.isdigit() for c in a + b) or a in ROMAN or b in ROMAN:
        return Spelt(0.8, ASK) if NUMBERS.get(a, a) == NUMBERS.get(b, b) else UNLIKE
    if len(short) == 1:
        if DIRECTIONS.get(short) == long:
            return Spelt(0.9, BESIDE)
        return Spelt(0.5, ASK) if long.startswith(short) else UNLIKE
    if long in (short + "s", short + "es"):
        # One letter makes "Robert" another person than "Roberts", but not "Tool" another word than "Tools".
        return Spelt(0.9, ASK) if short in personal_names() and short not in SPELLINGS else Spelt(0.97)
    if b in SHORT_FOR.get(a, ()) or a in SHORT_FOR.get(b, ()):
        return Spelt(0.93)
    if len(long) > 6 and long not in known_words() and short in SHORT_FOR:
        # A slip in what the other one shortens: "Techhnical" and "Tech".
        if any(OSA.distance(long, full, score_cutoff=1) <= 1 for full in SHORT_FOR[short]):
            return Spelt(0.9, BESIDE)
    if len(short) > 2 and short in STATES and STATES[short] == STATES.get(long):
        return Spelt(0.95, BESIDE)
    if len(short) > 3 and short in COUNTRIES and COUNTRIES[short] == COUNTRIES.get(long):
        return Spelt(0.95)
    if NUMBERS.get(a, a) == NUMBERS.get(b, b) or frozenset((a, b)) in RELATED:
        return Spelt(0.8, ASK)
    slip = _slip(short, long, count)
    return slip if slip.sure else _shortened(short, long, count)


def _slip(short: str, long: str, count: Counter[str]) -> Spelt:
    n = len(short)
    allowed = 0 if n < 4 else 1 if n < 7 else 2 if n < 10 else 3
    if not allowed:
        return UNLIKE
    # A slip in a plural must be seen although the plural itself was cut: "movors" is "motors", not "motor".
    distance, a, b = min((OSA.distance(x, y, score_cutoff=allowed), x, y) for x in _spelt(short) for y in _spelt(long))
    if distance > allowed or not _rare_beside(short, long, count):
        return UNLIKE
    if not distance:
        return Spelt(0.97)
    sure = 1 - (0.5 if distance < 2 else 0.6) * distance / len(long)
    if short[0] != long[0]:
        sure -= 0.05
    typical = distance == 1 and _typical(a, b)
    if (short in known_words() and long in known_words()) or (not typical and _other_person(a, b)):
        return Spelt(0.8 * sure, ASK)
    # Nobody calls a company "Eponent"; between two invented words a letter may be all the difference.
    common = (short in common_words()) != (long in common_words())
    # Fingers miss by one key; another letter in a short word is another word. No list says which words of other
    # scripts exist.
    other = (n <= 5 and not typical and len(a) == len(b)) or _another_part(a, b, distance) or not (a + b).isascii()
    if _of_a_woman(short, long) or (other and not typical and not common):
        return Spelt(0.8 * sure, ASK)
    if distance == 1 and (typical or common):
        alone = 6 if typical and common else 7 if common else 8
        return Spelt(sure, ALONE if n >= alone else WITH_FORM if n >= 5 else BESIDE_RARE)
    alone = {1: 8, 2: 10, 3: 14}[distance]
    return Spelt(sure, ALONE if n >= alone else BESIDE if n >= alone - 1 else BESIDE_RARE)


def _rare_beside(a: str, b: str, count: Counter[str]) -> bool:
    """Whether one of two words is so much rarer in the lists that it may be a slip of the other."""
    (rare, word), (common, _) = sorted(((count.get(a, 0), a), (count.get(b, 0), b)))
    return rare <= max(2, (0.03 if word in known_words() else 0.1) * common)


def _typical(a: str, b: str) -> bool:
    """Whether the one slip is of a kind that fingers make: letters swapped, doubled, or one beside the right key."""
    if len(a) == len(b):
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
        return len(pairs) == 2 or (len(pairs) == 1 and pairs[0] in _BESIDE and not set(pairs[0]) <= _VOWELS)
    short, long = sorted((a, b), key=len)
    return any(long[i] == long[i - 1] and long[:i] + long[i + 1 :] == short for i in range(1, len(long)))


_BESIDE = {
    pair
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for x, y in zip(row, row[1:], strict=False)
    for pair in ((x, y), (y, x))
}


def _other_person(a: str, b: str) -> bool:
    """Whether one sound makes two persons of two words, one of which is a person's name: Hansen and Hanson.

    So does a letter of the same sound: Lindquist and Lindqvist, Erickson and Ericsson.
    """
    if not (a in personal_names() or b in personal_names()):
        return False
    edits = [edit for edit in Levenshtein.opcodes(a, b) if edit.tag != "equal"]
    touched = "".join(a[e.src_start : e.src_end] + b[e.dest_start : e.dest_end] for e in edits)
    if len(edits) != 1 or len(touched) > 2:
        return False
    return (len(a) <= 9 and all(letter in _VOWELS for letter in touched)) or "".join(sorted(touched)) in _SAME_SOUND


_SAME_SOUND = frozenset(("uv", "vw", "uw", "ck", "cs", "dt", "sz", "iy", "ij", "jy", "cq", "kq", "fv"))


def _another_part(a: str, b: str, distance: int) -> bool:
    """Whether two slips or three are in one place: Staningford and Feningford are two; real ones are mostly apart."""
    start = len(commonprefix((a, b)))
    if distance < (2 if not start or min(len(a), len(b)) < 10 else 3):
        return False
    end = len(commonprefix((a[start:][::-1], b[start:][::-1])))
    return max(len(a), len(b)) - start - end <= distance


def _of_a_woman(a: str, b: str) -> bool:
    """Whether two surnames are a man's and a woman's of one family: Ivanov, Ivanova; Pappos, Pappou."""
    at = len(commonprefix((a, b)))
    return frozenset((a[at:], b[at:])) in _BY_GENDER


_BY_GENDER = {
    frozenset(pair) for pair in (("", "a"), ("", "ova"), ("y", "a"), ("i", "a"), ("o", "a"), ("y", "aya"), ("s", "u"))
}


def _shortened(short: str, long: str, count: Counter[str]) -> Spelt:
    if not (3 <= len(short) <= len(long) - 2 and short[0] == long[0]):
        return UNLIKE
    if short in known_words() and long in known_words():
        return UNLIKE
    rare, common = sorted((count.get(short, 0), count.get(long, 0)))
    if long.startswith(short) and len(short) >= 4 and rare <= max(3, 0.2 * common):
        return Spelt(0.85, BESIDE if long in known_words() and short not in personal_names() else ASK)
    common = count.get(long, 0)
    ordinary = long in TRADE or long in SPELLINGS or common >= 20
    if ordinary and count.get(short, 0) <= max(2, 0.1 * common) and _in_order(short, long):
        return Spelt(0.85, ASK if short in known_words() else BESIDE)
    return UNLIKE


def _spelt(word: str) -> tuple[str, ...]:
    """The word, without the ending of a plural too, and as it is spelt where it stands for several spellings."""
    ending = "ies" if len(word) > 5 and word.endswith("ies") else "s" if len(word) > 4 and word.endswith("s") else ""
    single = (word[: -len(ending)] + ("y" if ending == "ies" else ""),) if ending else ()
    return (word, *single, *SPELLINGS.get(word, ()))


def _in_order(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)
