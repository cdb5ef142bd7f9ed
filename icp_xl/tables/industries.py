"""One spelling per industry: known names, synonyms, strategic tiers, close spellings, and what the data say often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
from rapidfuzz.distance import OSA

from icp_xl.config.matching import MatchingSettings
from icp_xl.tables.industry_list import INDUSTRIES
from icp_xl.tables.names import fold

INDUSTRY_COLUMNS = ("spelling", "industry", "how", "confidence", "accounts")
_MISSING = frozenset(("", "na", "n a", "none", "null", "unknown", "other", "others", "tbd", "misc", "not available",
                      "unspecified", "unclassified", "x", "not classified", "no industry", "nan"))  # fmt: skip


class Industry(NamedTuple):
    """What one spelling stands for: ``industry`` is None when it says nothing."""

    industry: str | None
    how: str
    confidence: float


@dataclass(frozen=True)
class Industries:
    """Standardised industries: ``values`` in the order asked for, ``mapping`` with :data:`INDUSTRY_COLUMNS`."""

    values: list[str | None]
    mapping: pd.DataFrame


def clean_industry(text: object) -> str:
    """The letters and digits of a spelling, in lower case, without accents and the word "industry".

    >>> clean_industry("  AEROSPACE & Defence (Industry)")
    'aerospace and defence'
    """
    if not isinstance(text, str):
        return ""
    folded = fold(text).replace("&", " and ").replace("+", " and ")
    words = "".join(letter if letter.isalnum() else " " for letter in folded).split()
    kept = [word for word in words if word not in ("industry", "sector", "the")] or words
    return " ".join(kept)


def standardize_industry(
    values: Iterable[object],
    settings: MatchingSettings | None = None,
    tiers: Mapping[str, str] | None = None,
    known: Iterable[str] = (),
) -> Industries:
    """Give each value its canonical industry.

    In this order: an industry of the strategic ``tiers`` or of ``known``, one of the package's list or a synonym of
    it, a close spelling of either, a spelling that the data hold often, a close spelling of such a one. What is left
    stays as it was written, tidied; text that says nothing ("N/A", "Other") is None.

    Args:
        values: industries as written.
        settings: how close a spelling must be.
        tiers: strategic tier by industry; its names are canonical.
        known: further canonical names.
    """
    settings = settings or MatchingSettings()
    raw = list(values)
    cleaned = [clean_industry(value) for value in raw]
    count = Counter(text for text in cleaned if text not in _MISSING)
    written: dict[str, Counter[str]] = {}
    for text, value in zip(cleaned, raw, strict=True):
        if text in count:
            written.setdefault(text, Counter())[" ".join(str(value).split())] += 1
    vocabulary = _vocabulary([*(tiers or {}), *known])
    found: dict[str, Industry] = {}
    for text in count:
        found[text] = _look_up(text, vocabulary, settings)
    frequent = {
        text: _tidy(written[text])
        for text in sorted(count)
        if found[text].industry is None and count[text] >= settings.industry_min_count
    }
    for text in sorted(count):
        if found[text].industry is None:
            found[text] = _from_data(text, frequent, written[text], settings)
    rows = []
    for text in sorted(written):
        for spelling in sorted(written[text]):
            rows.append((spelling, *found[text], written[text][spelling]))
    mapping = pd.DataFrame(rows, columns=list(INDUSTRY_COLUMNS))
    return Industries([found[text].industry if text in found else None for text in cleaned], mapping)


@dataclass(frozen=True)
class _IndustryVocabulary:
    exact: dict[str, tuple[str, str]]
    by_words: dict[tuple[str, ...], str]


def _vocabulary(own: Iterable[str]) -> _IndustryVocabulary:
    exact: dict[str, tuple[str, str]] = {}
    own_names = sorted({" ".join(name.split()) for name in own if clean_industry(name) not in _MISSING})
    for name in own_names:
        exact.setdefault(clean_industry(name), (name, "named in the strategic tiers"))
    for name, synonyms in INDUSTRIES.items():
        # Where the user's tiers name an industry in other words, his words win.
        spellings = (clean_industry(name), *synonyms)
        canonical = next((exact[text][0] for text in spellings if text in exact), name)
        for text in spellings:
            exact.setdefault(text, (canonical, "known industry" if text == clean_industry(name) else "synonym"))
    by_words: dict[tuple[str, ...], str] = {}
    for text in sorted(exact):
        by_words.setdefault(_bag(text), text)
    return _IndustryVocabulary(exact, by_words)


def _bag(text: str) -> tuple[str, ...]:
    return tuple(sorted(word for word in text.split() if word != "and"))


def _look_up(text: str, vocabulary: _IndustryVocabulary, settings: MatchingSettings) -> Industry:
    if text in vocabulary.exact:
        return Industry(*vocabulary.exact[text], 1.0)
    if (same := vocabulary.by_words.get(_bag(text))) is not None:
        return Industry(vocabulary.exact[same][0], "same words in another order", 0.98)
    if (full := _full_form(text, vocabulary.exact)) is not None:
        return Industry(vocabulary.exact[full][0], f"short for {full}", 0.95)
    close, score = _closest(text, vocabulary.exact)
    if close is not None and score >= settings.industry_closeness:
        return Industry(vocabulary.exact[close][0], f"close spelling of {close}", round(score, 3))
    return Industry(None, "", 0.0)


def _full_form(text: str, choices: Mapping[str, tuple[str, str]]) -> str | None:
    """The one industry of which every word here is the beginning ("aero def"), if there is just one."""
    short = [word for word in text.split() if word != "and"]
    if len(short) < 2 or min(map(len, short)) < 3:
        return None
    found: dict[str, str] = {}
    for choice, (industry, _) in sorted(choices.items()):
        words = [word for word in choice.split() if word != "and"]
        if len(words) == len(short) and all(long.startswith(word) for word, long in zip(short, words, strict=True)):
            found.setdefault(industry, choice)
    return next(iter(found.values())) if len(found) == 1 else None


def _from_data(text: str, frequent: Mapping[str, str], written: Counter[str], settings: MatchingSettings) -> Industry:
    if text in frequent:
        return Industry(frequent[text], "frequent in the data", 0.9)
    close, score = _closest(text, frequent)
    if close is not None and score >= settings.industry_closeness:
        return Industry(frequent[close], f"close spelling of {close}", round(score, 3))
    return Industry(_tidy(written), "unknown industry, kept as written", 0.5)


def _closest(text: str, choices: Iterable[str]) -> tuple[str | None, float]:
    """The nearest spelling; short words must agree fully, since one letter makes another word of them."""
    if len(text) < 5:
        return None, 0.0
    scored = [(OSA.normalized_similarity(text, choice), choice) for choice in choices if len(choice) >= 5]
    if not scored:
        return None, 0.0
    score, choice = max(scored, key=lambda pair: (pair[0], pair[1]))
    return choice, score


def _tidy(written: Counter[str]) -> str:
    """The most usual way of writing, with capitals where it had none or nothing else."""
    best = min(written, key=lambda spelling: (-written[spelling], spelling))
    return best.title() if best.islower() or best.isupper() else best
