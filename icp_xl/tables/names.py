"""Company names made comparable: case, accents, punctuation, legal forms, abbreviations, marks and trade names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from anyascii import anyascii
from rapidfuzz.distance import OSA

from icp_xl.tables.legal_forms import BRACKETED, GLUED, PREFIXES, SUFFIXES, WORDS
from icp_xl.tables.lexicon import COUNTRIES, FILLER, SAME, SLASH_MARKS, STATES, TRADE, common_words, personal_names


@dataclass(frozen=True, slots=True)
class NormalizedName:
    """A company name made comparable.

    ``core`` is the cleaned name without its legal forms; ``spellings`` are other ways to write the same name (ü as ue,
    initials that look like a legal form); ``aliases`` are the other names in the same text (after "dba", "formerly" and
    the like). What was taken off is kept as evidence: ``legal`` forms, and ``places`` that the name states, each as
    kind and code ("c:in" a country, "s:tx" a state, "v:in" and "w:tx" the same as words that the core ends with, "r:de"
    a state of registration, "m:sc" what may be a state or a legal form). ``initials`` are letters at the end that may
    be a legal form or a person's. ``raw`` is the core with its words as they are written, abbreviations not resolved.

    >>> normalize_name("The Müller & Söhne GmbH & Co. KG").core
    'muller sohne'
    """

    core: str
    aliases: tuple[str, ...] = ()
    legal: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    initials: str = ""
    raw: str = ""

    def __str__(self) -> str:
        return self.core

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words of the core."""
        return tuple(self.core.split())

    @property
    def key(self) -> str:
        """Equal for names that differ only in the order and the spacing of their words' letters."""
        return "".join(sorted(self.core.split()))

    @property
    def forms(self) -> tuple[str, ...]:
        """The core, its spellings and the aliases, each once."""
        return tuple(dict.fromkeys((self.core, *self.spellings, *self.aliases)))

    @property
    def identity(self) -> str:
        """The core with the places that the name states: two names that differ in it are two names."""
        told = [place for place in self.places if place[0] in "cs"]
        return f"{self.core} [{' '.join(told)}]" if told else self.core

    @property
    def latin(self) -> str:
        """The core in Latin letters; empty where it is in them already."""
        return "" if self.core.isascii() else " ".join(anyascii(self.core).lower().split())


#: Letters that Unicode does not decompose into a base and an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t", "ё": "е"}
)
_APOSTROPHES = re.compile(r"['’‘`´ʼ′＇]")
_HEBREW_QUOTE = re.compile(r"(?<=[א-ת])[\"״׳](?=[א-ת])")
_OTHER_NAME = re.compile(
    r"(?<=\w)\W+(?:d\s?[./]\s?b\s?[./]\s?a\b\.?|dba\b|doing business as\b|t/as?\b|trading as\b|trade name\b"
    r"|a\s?[./]\s?k\s?[./]\s?a\b\.?|aka\b|also known as\b|f\s?[./]\s?k\s?[./]\s?a\b\.?|fka\b|formerly known as\b"
    r"|formerly\b|n\s?[./]\s?k\s?[./]\s?a\b\.?|now known as\b)\W*(?=\w)"
)
_CARE_OF = re.compile(r"(?<=\w)\W+(?:c\s?/\s?o\b|care of\b|attn\b\.?|attention:)[\s:,.-]*(?=\w).*$")
_SLASH_MARK = re.compile(r"\s*[/\\]\s*([^\W\d_]{2,4})\.?\s*[/\\]?\s*$")
_PLACE_MARK = re.compile(r"(?:\s+([-–—])\s*|\s*,\s*)([^\W\d_][^\d_,()–—-]*?)\.?\s*$")
_BRACKETS = re.compile(r"[(\[{（【]([^()\[\]{}（）【】]*)[)\]}）】]")
#: Ends of web addresses that name no country: "Nordlys.io".
_DOMAIN_END = re.compile(r"(?<=\w{3})\.(?:com|net|org|io|ai|app|dev|biz|info)\s*$")
_CLASS = re.compile(r"^(?:class|series|cl)\s+\w{1,2}$")
_COOP = re.compile(r"\bco-op(?=s?\b|erative)")
#: "No. 7", "Nr 7" and "#7" are 7.
_NUMBER_SIGN = re.compile(r"\b(?:no|nr|num)\b\.?\s*(?=\d)")
_AND = frozenset(("and", "und", "et", "och", "og", "ve"))
_NOT_A_NAME = frozenset(("the", "a", "der", "die", "das"))


def normalize_name(text: object) -> NormalizedName:
    """Make one company name comparable; the core is empty only where the text is.

    Not sensitive to case, accents, punctuation or spacing; applying it to its own result changes nothing. Scripts
    other than Latin are kept.

    >>> str(normalize_name("A. O. Smith Corp. /DE/")), str(normalize_name("SMITH A O CORP"))
    ('ao smith', 'smith ao')
    >>> str(normalize_name("株式会社日立製作所")), str(normalize_name("ООО «Ромашка»"))
    ('日立製作所', 'ромашка')
    >>> normalize_name("Blue Ridge Dental LLC dba Smiles").forms
    ('blue ridge dental', 'smiles')
    """
    if text is None or (isinstance(text, float) and text != text):
        return NormalizedName("")
    return _normalize(str(text))


@lru_cache(maxsize=1 << 17)
def _normalize(text: str) -> NormalizedName:
    found = _clean(text)
    aliases, legal, places = list(found.aliases), list(found.legal), list(found.places)
    for _ in range(8):
        # Cutting one thing off may uncover another; cleaned once more, the result must stay as it is.
        again = _clean(found.core)
        if again.core == found.core:
            break
        aliases += again.aliases
        legal += again.legal
        places += again.places
        found = again
    core = found.core
    places += [f"m:{state}" for form in legal if (state := _maybe_state(form, text))]
    told = _told_at_the_end(core)
    places += told
    name = NormalizedName(
        core, legal=tuple(dict.fromkeys(legal)), places=tuple(dict.fromkeys(places)), raw=found.raw or core
    )
    initials, spellings = _initials_of(text, name), dict[str, None]()
    if initials:
        spellings[f"{core} {initials}"] = None
    if told and (plain := _without_place(core)):
        spellings[plain] = None
    if acronym := _own_acronym(core):
        aliases.append(acronym)
        spellings[" ".join(word for word in core.split() if word != acronym)] = None
    composed = unicodedata.normalize("NFC", text)
    if (umlauts := composed.translate(_UMLAUTS)) != composed:
        spellings[_clean(umlauts).core] = None
    return replace(
        name,
        aliases=tuple(dict.fromkeys(alias for alias in aliases if alias != core)),
        spellings=tuple(spelt for spelt in spellings if spelt and spelt != core),
        initials=initials,
    )


#: Letters that are written out where there is no key for them.
_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE", "å": "aa", "Å": "AA", "ø": "oe", "Ø": "OE"}
)


def initials_of(words: Sequence[str]) -> set[str]:
    """The initials of a name's words, and those without "of" and the like.

    >>> sorted(initials_of("centers for disease control".split()))
    ['cdc', 'cfdc']
    """
    return {"".join(word[0] for word in chosen) for chosen in (words, [word for word in words if word not in _SMALL])}


_SMALL = frozenset("of the for in at de la le du and und y et des der".split())


def _own_acronym(core: str) -> str:
    """The acronym that a name gives beside its long form: "International Business Machines (IBM)"."""
    words = core.split()
    for at in (-1, 0) if len(words) > 3 else ():
        short, rest = words[at], words[:-1] if at else words[1:]
        if 3 <= len(short) <= 6 and short in initials_of(rest):
            return short
    return ""


#: Forms that are far more often a legal form than a state; a state they are in capitals beside small letters.
_MOSTLY_FORMS = frozenset(("co", "sa", "de"))


def _maybe_state(form: str, text: str) -> str:
    """The state that a legal form of two letters may name instead: PA, SC, KY."""
    if len(form) != 2 or form not in STATES:
        return ""
    if form in _MOSTLY_FORMS and not (re.search(rf"\b{form.upper()}\s*$", text) and re.search("[a-z]", text)):
        return ""
    return form


def _told_at_the_end(core: str) -> list[str]:
    """Countries and states that the name ends with, as long as it does not go "of Canada" and says something before."""
    words = core.split()
    for length in (3, 2, 1):
        if len(words) > length and words[-length - 1] != "of":
            last = " ".join(words[-length:])
            if last in COUNTRIES and (len(last) > 3 or last in ("usa", "uae")):
                return [f"v:{COUNTRIES[last]}"]
            if last in STATES:
                return [f"w:{STATES[last]}"]
    return []


def _without_place(core: str) -> str:
    """The core without the place at its end, where what is left is still a name of its own."""
    words = core.split()
    length = next(n for n in (3, 2, 1) if " ".join(words[-n:]) in (COUNTRIES | STATES))
    left = words[:-length]
    ordinary = TRADE | FILLER | common_words()
    own = [word for word in left if word not in ordinary]
    return " ".join(left) if own and (len(left) > 1 or own[0] not in personal_names()) else ""


def _initials_of(text: str, name: NormalizedName) -> str:
    """Single letters at the end of a name that were taken for a legal form: "SMITH A B", "FULLER H B CO"."""
    words = _words(fold(text))
    cut = len(words)
    while cut and len(words[cut - 1]) > 1 and WORDS.get(words[cut - 1], words[cut - 1]) in _AFTER_INITIALS:
        cut -= 1
    start = cut
    while start and len(words[start - 1]) == 1 and words[start - 1].isalpha():
        start -= 1
    joined = "".join(words[start:cut])
    dotted = re.search(r"[A-Za-z]\.\s?[A-Za-z]\.", text) and cut == len(words)
    return joined if start and 2 <= len(joined) <= 3 and joined in name.legal and not dotted else ""


_AFTER_INITIALS = frozenset(("inc", "corp", "co", "ltd", "llc", "and"))


def _clean(text: str) -> NormalizedName:
    letters = fold(text)
    head, *others = _OTHER_NAME.split(_CARE_OF.sub("", _DOMAIN_END.sub("", letters)))
    places: list[str] = []
    legal: list[str] = []
    head = _strip_marks(head, places)
    core = _settle(head, legal)
    aliases = [alias for other in others if (alias := _settle(_strip_marks(other, []), []))]
    if not core:
        # Never empty: a name of nothing but signs stays what it is.
        core = " ".join(letters.split())
    return NormalizedName(core, tuple(aliases), tuple(legal), tuple(places), raw=_settle(head, [], {}) or core)


def fold(text: str) -> str:
    """Lower case without accents or compatibility forms; scripts other than Latin and Greek keep their marks.

    >>> fold("Ünal Kâğıt")
    'unal kagit'
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text.casefold()).casefold()
    kept: list[str] = []
    base = "\uffff"  # an accent without a letter under it is kept
    for letter in text:
        if unicodedata.combining(letter):
            if base < "\u0400":  # Latin and Greek letters shed their accents
                continue
        else:
            base = letter
        kept.append(letter)
    text = unicodedata.normalize("NFC", "".join(kept)).translate(_LETTERS)
    return _HEBREW_QUOTE.sub("", text)


def _place_code(text: str) -> str:
    if text in STATES:
        return f"s:{STATES[text]}"
    return f"c:{COUNTRIES[text]}" if text in COUNTRIES else ""


def _strip_marks(text: str, places: list[str]) -> str:
    """Take off "/DE/", " - TX", ", Germany" at the end and brackets that hold a place, a share class or a form.

    What names a place is noted in ``places``.
    """
    while (found := _SLASH_MARK.search(text)) and found.start() > 0 and found[1] in SLASH_MARKS:
        if found[1] in STATES:
            places.append(f"r:{STATES[found[1]]}")
        text = text[: found.start()]
    if (found := _PLACE_MARK.search(text)) and found.start() > 0:
        inner = " ".join(_words(found[2]))
        # After a comma, PA may be a professional association; nobody sets a legal form off by a dash.
        if (code := _place_code(inner)) and (found[1] or (inner,) not in SUFFIXES[1]):
            places.append(code)
            text = text[: found.start()]

    def bracket(found: re.Match[str]) -> str:
        inner = " ".join(_words(found[1]))
        if inner in BRACKETED or inner in _NOT_A_NAME or _CLASS.match(inner):
            return " "
        if code := _place_code(inner):
            places.append(code)
            return " "
        return f" {found[1]} "

    stripped = _BRACKETS.sub(bracket, text)
    return stripped if _words(stripped) else text


def _settle(text: str, legal: list[str], same: Mapping[str, str] = SAME) -> str:
    """Words, joined initials, canonical spellings and no legal forms, until nothing changes any more."""
    words = _words(text)
    for _ in range(8):
        before = words
        words = _pass(words, legal, same)
        if words == before:
            break
    return " ".join(words)


def _pass(words: list[str], legal: list[str], same: Mapping[str, str]) -> list[str]:
    words = _join_letters(_drop_and(_and_company(words)))
    words = [WORDS.get(word, word) for word in words]
    if len(words) > 1:
        words[-1] = _mended_form(words[-1])
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    words = _strip_legal(words, legal)
    if len(words) > 1 and words[-1] in ("the", "adr", "com"):
        words = words[:-1]
    return [same.get(word, word) for word in words]


def _words(text: str) -> list[str]:
    text = _APOSTROPHES.sub("", text).replace("&", " and ").replace("+", " and ")
    text = _COOP.sub("coop", text)
    text = _NUMBER_SIGN.sub(" ", text)
    if text.isascii():
        return re.findall(r"[a-z0-9]+", text)
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)
    return kept.split()


def _and_company(words: list[str]) -> list[str]:
    """The words with "& C." at the end, before a legal form at most, as "and co"."""
    for at in range(2, len(words)):
        if words[at] == "c" and words[at - 1] in _AND and len(words[at - 2]) > 1:
            rest = "".join(words[at + 1 :])
            if not rest or (rest,) in SUFFIXES[1]:
                return [*words[:at], "co", *([rest] if rest else [])]
    return words


def _drop_and(words: list[str]) -> list[str]:
    kept = [
        word
        for i, word in enumerate(words)
        if not (
            0 < i < len(words) - 1
            and (
                word in _AND
                or (
                    word in ("y", "e", "i")
                    and len(words[i - 1]) > 1
                    and len(words[i + 1]) > 1
                    and (words[i + 1],) not in SUFFIXES[1]
                )
            )
        )
    ]
    while len(kept) > 1 and kept[-1] in _AND:
        kept.pop()
    return kept


def _join_letters(words: list[str]) -> list[str]:
    """Single letters in a row are one word: "a o smith" is "ao smith", "s p a" is "spa"."""
    joined: list[str] = []
    run = ""
    for word in (*words, ""):
        if len(word) == 1 and word.isalpha() and word < "\u0530":  # Latin, Greek and Cyrillic
            run += word
            continue
        if run:
            joined.append(run)
            run = ""
        if word:
            joined.append(word)
    return joined


def _mended_form(word: str) -> str:
    """A legal form that was written with a slip: "corportaion" is "corp"."""
    if len(word) < 6 or word[0] not in "cil" or word in SAME:
        return word
    for form in ("corporation", "incorporated", "limited", "company"):
        if word[0] == form[0] and OSA.distance(word, form, score_cutoff=2) <= (2 if len(form) > 8 else 1):
            return WORDS[form]
    return word


def _strip_legal(words: list[str], legal: list[str]) -> list[str]:
    changed = True
    while changed and len(words) > 1:
        changed = False
        for length, forms in SUFFIXES.items():
            if len(words) > length and tuple(words[-length:]) in forms:
                legal.append(" ".join(words[-length:]))
                words = words[:-length]
                while len(words) > 1 and words[-1] in _AND:
                    words = words[:-1]
                changed = True
                break
        for length, forms in PREFIXES.items():
            if len(words) > length and tuple(words[:length]) in forms:
                legal.append(" ".join(words[:length]))
                words = words[length:]
                changed = True
                break
    return _strip_glued(words, legal)


@lru_cache(maxsize=1)
def _glued() -> tuple[str, ...]:
    return tuple(fold(form) for form in GLUED)


def _strip_glued(words: list[str], legal: list[str]) -> list[str]:
    if not words or all(word.isascii() for word in (words[0], words[-1])):
        return words
    words = list(words)
    for at in (0, -1):
        for form in _glued():
            word = words[at]
            if word == form and len(words) > 1:
                legal.append(form)
                del words[at]
            elif word != form and word.startswith(form):
                legal.append(form)
                words[at] = word[len(form) :]
            elif word != form and word.endswith(form):
                legal.append(form)
                words[at] = word[: -len(form)]
    return words
