"""Account ids: kept as written, compared exactly, and never taken for one another but by rule."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd
from rapidfuzz import fuzz

from icp_xl.tables.names import normalize_name

#: Salesforce's alphabet of check characters: each stands for five letters, a bit for every capital.
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SALESFORCE = re.compile(r"^[A-Za-z0-9]{15}(?:[A-Za-z0-5]{3})?$")
#: Random-looking keys, as web services give them: case tells two of them apart.
_RANDOM = re.compile(r"(?=[^\s]*[a-z])(?=[^\s]*[A-Z])(?=[^\s]*\d)[A-Za-z0-9_]{12,}")
#: Names under one id that are less alike than this are two companies.
ALIKE = 50.0


def id_key(value: object) -> str:
    """An account id as it is compared: without outer spaces and the ".0" of a number read as text.

    Case does not count, but in ids where it tells accounts apart: Salesforce's, whose 15 and 18 characters are one id
    by the published rule of check characters (a lost case is restored from these), and others that look random.

    >>> id_key(" A-100 "), id_key("1001.0"), id_key(None)
    ('a-100', '1001', '')
    >>> id_key("001Hs00003kPqRaIAK") == id_key("001Hs00003kPqRa") != id_key("001Hs00003kPqRA")
    True
    """
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = " ".join(str(value).split())
    if _SALESFORCE.match(text) and any(c.isalpha() for c in text) and any(c.isdigit() for c in text[:3]):
        if len(text) == 15:
            return text
        restored = _restored(text)
        if restored is not None:
            return restored
    if _RANDOM.fullmatch(text):
        return text
    text = text.casefold()
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def _restored(text: str) -> str | None:
    """The 15 characters of an 18-character id, in the case that its check characters say; else ``None``."""
    letters, check = text[:15], text[15:].upper()
    out = []
    for at, letter in enumerate(letters):
        capital = _CHECK.index(check[at // 5]) >> at % 5 & 1
        if capital and not letter.isalpha():
            return None
        out.append(letter.upper() if capital else letter.lower())
    found = "".join(out)
    return found if found == letters or letters in (letters.lower(), letters.upper()) else None


def without_zeros(key: str) -> str:
    """A key of digits without its leading zeros; nothing for any other.

    >>> without_zeros("000123"), without_zeros("A01")
    ('123', '')
    """
    return key.lstrip("0") or "0" if key.isdigit() else ""


def meet_without_zeros(wanted: Collection[str], known: Mapping[str, str]) -> dict[str, str]:
    """Keys that ``known`` lacks and has with or without leading zeros, where nobody can mean another.

    A key is left alone where either side has both forms: 0123 and 123 may be two customers.
    """
    mine: dict[str, set[str]] = {}
    theirs: dict[str, set[str]] = {}
    for keys, place in ((wanted, mine), (known, theirs)):
        for key in keys:
            if bare := without_zeros(key):
                place.setdefault(bare, set()).add(key)
    found = {}
    for bare, keys in mine.items():
        if len(keys) == 1 and len(theirs.get(bare, ())) == 1:
            key, other = next(iter(keys)), next(iter(theirs[bare]))
            if key != other:
                found[key] = known[other]
    return found


def names_under_one_id(pairs: Iterable[tuple[object, object]]) -> dict[str, list[str]]:
    """Ids that stand for names which no one company has: the id as written, and these names.

    Args:
        pairs: an id and a name per row.
    """
    names: dict[str, set[str]] = {}
    written: dict[str, str] = {}
    for own, name in pairs:
        key = id_key(own)
        if key and isinstance(name, str) and name.strip() and name.strip() != str(own).strip():
            written.setdefault(key, str(own).strip())
            names.setdefault(key, set()).add(" ".join(name.split()))
    found: dict[str, list[str]] = {}
    for key, spelt in names.items():
        if len(spelt) < 2:
            continue
        cores = {normalize_name(name).core: name for name in sorted(spelt, reverse=True)}
        cores = dict(sorted(cores.items(), key=lambda item: item[1]))
        if len(cores) < 2:
            continue
        first, *others = cores
        strange = [cores[other] for other in others if not _alike(first, other)]
        if strange:
            found[written[key]] = [cores[first], *strange]
    return found


def _alike(a: str, b: str) -> bool:
    initials = {"".join(word[0] for word in name.split()) for name in (a, b)}
    if a.replace(" ", "") in initials or b.replace(" ", "") in initials:
        return True
    return max(fuzz.token_set_ratio(a, b), fuzz.ratio(a.replace(" ", ""), b.replace(" ", ""))) >= ALIKE
