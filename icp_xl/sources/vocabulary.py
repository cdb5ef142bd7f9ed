"""What headers say: cut into known terms, and held against the patterns of each column.

The terms, patterns and whole headers are data (``headers.yaml``), to which a file of the user's own may add. A header
is read as the set of ideas that its words name, so that ``Invoice Date``, ``Belegdatum`` and ``Date pièce`` are one and
the same; ``Est. Revenue`` and ``Sales %`` name an idea more than ``Revenue`` and are something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from icp_xl.errors import ConfigError
from icp_xl.sources.units import without_unit

#: Letters that decomposing leaves alone.
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d"})
#: Letters that German, Dutch and Nordic words put between the parts of a compound.
_LINKS = ("", "s", "n", "en", "e", "es", "er", "ns", "o")
#: Short words that may end a compound, as in Kundennr and CustID.
_TAILS = frozenset({"nr", "no", "id", "dt", "nm"})
Ideas = frozenset[str]


@dataclass(frozen=True)
class Reading:
    """One way to read a header: the ideas it names, how many words told nothing, and whether a spelling was mended."""

    ideas: Ideas
    spare: int = 0
    mended: bool = False


@dataclass
class Vocabulary:
    """Terms and patterns, looked up by the compact form of a text."""

    terms: dict[str, set[str]] = field(default_factory=dict)
    neutral: set[str] = field(default_factory=set)
    patterns: dict[str, list[Ideas]] = field(default_factory=dict)
    sources: dict[str, dict[str, list[Ideas]]] = field(default_factory=dict)
    whole: dict[str, list[str]] = field(default_factory=dict)
    prefer: dict[str, list[str]] = field(default_factory=dict)
    doubtful: dict[str, list[Ideas]] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)
    systems: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._read: dict[str, tuple[Reading, ...]] = {}

    def add(self, body: Mapping[str, Any], where: str) -> None:
        """Add what a file says; what is added goes before what was there.

        Raises:
            ConfigError: the file is not of the form of ``headers.yaml``.
        """
        known = {"terms", "neutral", "patterns", "sources", "whole", "prefer", "doubtful", "values", "systems"}
        if not isinstance(body, Mapping) or set(body) - known:
            raise ConfigError("a file of headers has sections that there are not", where=where,
                              got=", ".join(map(str, set(body) - known)) if isinstance(body, Mapping) else None,
                              allowed=", ".join(sorted(known)))  # fmt: skip
        try:
            for idea, terms in (body.get("terms") or {}).items():
                for term in terms:
                    self.terms.setdefault("".join(tokens(str(term))), set()).add(str(idea))
            self.neutral |= set(body.get("neutral") or ())
            self._patterns(self.patterns, body.get("patterns") or {})
            for source, columns in (body.get("sources") or {}).items():
                self._patterns(self.sources.setdefault(source, {}), columns)
            for place, section in ((self.whole, "whole"), (self.prefer, "prefer")):
                for column, headers in (body.get(section) or {}).items():
                    place.setdefault(column, [])[:0] = ["".join(tokens(str(header))) for header in headers]
            self._patterns(self.doubtful, body.get("doubtful") or {})
            for column, words in (body.get("values") or {}).items():
                self.values.setdefault(column, []).extend(map(str, words))
            self.systems[:0] = list(body.get("systems") or ())
        except (AttributeError, TypeError, ValueError):
            raise ConfigError("a file of headers is not of the form of headers.yaml", where=where,
                              allowed="terms: {idea: [word, …]}, whole: {column: [header, …]}") from None  # fmt: skip
        self._read.clear()

    @staticmethod
    def _patterns(place: dict[str, list[Ideas]], body: Mapping[str, Sequence[str]]) -> None:
        for column, patterns in body.items():
            place.setdefault(column, [])[:0] = [frozenset(str(text).split()) for text in patterns]

    def patterns_of(self, source: str, column: str) -> list[Ideas]:
        """Patterns of a column of a source, best first."""
        return [*self.sources.get(source, {}).get(column, []), *self.patterns.get(column, [])]

    def rank(self, source: str, column: str, header: str, close: float = 101.0) -> tuple[float, bool] | None:
        """How well a header fits a field, 0 best, and whether a spelling was mended; ``None`` where it does not.

        Args:
            source: key of the spec.
            column: name of the field.
            header: as spelt.
            close: likeness from which a spelling counts as meant, 0 to 100; above 100 none does.
        """
        plain = "".join(tokens(header))
        own = self.whole.get(column, [])
        if plain in own:
            return float(own.index(plain)), False
        found = self._by_pattern(self.patterns_of(source, column), header, close)
        order = self.prefer.get(column)
        if found is None or order is None:
            return found
        return found[0] + 0.4 * ((order.index(plain) if plain in order else len(order)) / len(order)), found[1]

    def doubtful_rank(self, column: str, header: str) -> float | None:
        """The same for the patterns that count only where the values speak for them."""
        found = self._by_pattern(self.doubtful.get(column, []), header, 101.0)
        return None if found is None else found[0]

    def _by_pattern(self, patterns: Sequence[Ideas], header: str, close: float) -> tuple[float, bool] | None:
        best: tuple[float, bool] | None = None
        for reading in self.readings(header, close):
            if reading.ideas in patterns:
                # A word of two meanings (Kraj) gives way to one that means only this.
                several = 0.3 if len(self.readings(header, close)) > 1 else 0.0
                rank = 40.0 + 2 * patterns.index(reading.ideas) + min(reading.spare, 3) * 0.4 + several
                if best is None or rank < best[0]:
                    best = rank, reading.mended
        return best

    def readings(self, header: str, close: float = 101.0) -> tuple[Reading, ...]:
        """Every way to read ``header``; none where a word is unknown, however spelt."""
        key = f"{header}\n{close}"
        if key not in self._read:
            if len(self._read) > 20_000:
                self._read.clear()
            found = tuple(self._ways(header, close))
            # What stands behind as a unit (in AED, TEUR) changes nothing of what the column is.
            if not found and (bare := without_unit(header)) != header:
                found = tuple(self._ways(bare, close))
            self._read[key] = found
        return self._read[key]

    def understands(self, header: str, close: float = 101.0) -> bool:
        """Whether ``header`` could be any column's: a whole header, or made of known words only."""
        plain = "".join(tokens(header))
        return bool(self.readings(header, close)) or any(plain in headers for headers in self.whole.values())

    def known(self, header: str) -> Ideas:
        """Ideas of the words of ``header`` that are known, whatever the others say."""
        words = tokens(header)
        found: set[str] = set()
        for word in words:
            for reading in self.readings(word):
                found |= reading.ideas
        return frozenset(found)

    def _ways(self, header: str, close: float) -> Iterator[Reading]:
        words = tokens(header)
        if not words or len(words) > 12:
            return
        parts: list[list[Ideas]] = []
        mended = False
        at = 0
        while at < len(words):
            for count in range(min(5, len(words) - at), 0, -1):
                meant = self._meaning("".join(words[at : at + count]), compound=count == 1)
                if meant is None and count == 1 and close <= 100:
                    meant = self._mended(words[at], close)
                    mended |= meant is not None
                if meant is not None:
                    parts.append(meant)
                    at += count
                    break
            else:
                return
        seen: set[Ideas] = set()
        for chosen in product(*parts):
            named = frozenset().union(*chosen)
            ideas = named - self.neutral or named
            if ideas not in seen and len(seen) < 32:
                seen.add(ideas)
                yield Reading(ideas, len(named & self.neutral), mended)

    def _meaning(self, word: str, *, compound: bool) -> list[Ideas] | None:
        """The ideas of a term, of its singular, or of the terms that a grown-together word is made of."""
        for form in (word, word.removesuffix("s") if len(word) > 3 else word):
            if form in self.terms:
                return [frozenset({idea}) for idea in sorted(self.terms[form])]
        if not compound:
            return None
        if word.isdigit():
            return None
        split = self._split(word)
        if split is None:
            return None
        choices = [[frozenset({idea}) for idea in sorted(self.terms[term])] for term in split]
        return [frozenset().union(*chosen) for chosen in product(*choices)]

    def _split(self, word: str, first: bool = True) -> list[str] | None:
        wide = not word.isascii()
        if word in self.terms and (not first) and (len(word) >= 3 or wide or word in _TAILS):
            return [word]
        for cut in range(len(word) - 1, 0, -1):
            head, rest = word[:cut], word[cut:]
            if head not in self.terms or (len(head) < (1 if not head.isascii() else 3)):
                continue
            for link in _LINKS if rest.isascii() else ("",):
                if rest.startswith(link) and len(rest) > len(link):
                    tail = self._split(rest[len(link) :], first=False)
                    if tail is not None:
                        return [head, *tail]
        return None

    def _mended(self, word: str, close: float) -> list[Ideas] | None:
        """The ideas of the one known term that a word of some length nearly is."""
        if len(word) < 5 or not word.isalpha():
            return None
        near = process.extractOne(word, self._long, scorer=fuzz.ratio, score_cutoff=min(close, 80.0))
        if near is None or (near[1] < close and (len(word) < 6 or OSA.distance(word, near[0]) > 1)):
            return None
        return [frozenset({idea}) for idea in sorted(self.terms[near[0]])]

    @property
    def _long(self) -> list[str]:
        if not hasattr(self, "_long_terms"):
            self._long_terms = [term for term in self.terms if len(term) >= 5]
        return self._long_terms


@lru_cache(maxsize=16384)
def tokens(text: str) -> tuple[str, ...]:
    """The words of a header in plain lower case; ``%`` and ``#`` count as words.

    >>> tokens("InvoiceDate"), tokens("GP %"), tokens("N° pièce"), tokens("Wartość brutto")
    (('invoice', 'date'), ('gp', '%'), ('n', 'piece'), ('wartosc', 'brutto'))
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    text = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return tuple(re.findall(r"[%#]|[^\W_]+", text))


def vocabulary(extra: Path | None = None) -> Vocabulary:
    """The vocabulary of the package, with that of the file ``extra`` where one is given.

    Raises:
        ConfigError: the file cannot be read or is not of the form of ``headers.yaml``.
    """
    stamp = None
    if extra is not None:
        try:
            stamp = extra.stat().st_mtime_ns
        except OSError:
            raise ConfigError("the file of headers cannot be read", where="sources.synonyms", got=extra.name) from None
    return _load(extra, stamp)


@lru_cache(maxsize=8)
def _load(extra: Path | None, stamp: int | None) -> Vocabulary:
    found = Vocabulary()
    found.add(_parse(files("icp_xl.sources").joinpath("headers.yaml").read_text(encoding="utf-8")), "headers.yaml")
    if extra is not None:
        try:
            found.add(_parse(extra.read_text(encoding="utf-8-sig")) or {}, extra.name)
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            raise ConfigError("the file of headers is no YAML", where="sources.synonyms", got=extra.name) from None
    return found


def _parse(text: str) -> Any:
    """YAML of texts only: "no" and "on" are words here, not truth values."""
    return yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506
