"""Names of companies, and the many ways in which people write the same one."""

from __future__ import annotations

import unicodedata

from rapidfuzz.distance import OSA
from rapidfuzz.process import extractOne

from icp_xl.samples.chance import Chance

_OPEN = ("Bar", "Bel", "Bran", "Cal", "Cor", "Dal", "Den", "Dor", "El", "Fal", "Fen", "Gar", "Gil", "Hal", "Har",
         "Hol", "Jas", "Kel", "Kin", "Lan", "Lor", "Mar", "Mer", "Mon", "Nor", "Oak", "Os", "Pel", "Per", "Quin", "Ran",
         "Rod", "Sal", "Sher", "Stan", "Tal", "Thorn", "Tor", "Ul", "Van", "Vel", "Wal", "Wex", "Whit", "Yar",
         "Zel")  # fmt: skip
_MIDDLE = ("a", "e", "i", "o", "u", "an", "en", "in", "on", "er", "ar", "or", "ing", "ett", "all", "ow", "is", "um")
_CLOSE = ("bury", "croft", "dale", "den", "field", "ford", "gate", "ham", "haven", "ington", "land", "ley", "lock",
          "mark", "mere", "mont", "more", "ney", "port", "quist", "rick", "ridge", "shaw", "son", "stead", "stone",
          "strom", "ton", "vale", "ville", "wick", "worth", "wright", "x", "tek", "dyne", "tron", "vex", "nova",
          "zyme")  # fmt: skip
#: A legal form and other ways to write it.
_FORM_SPELLINGS = {
    "Inc": ("Inc", "Inc.", ", Inc.", "Incorporated", ", Inc", ""),
    "LLC": ("LLC", ", LLC", "L.L.C.", "llc", ""),
    "Corp": ("Corp", "Corp.", "Corporation", "CORP", ""),
    "Co": ("Co", "Co.", "Company", ""),
    "Ltd": ("Ltd", "Ltd.", "Limited", ""),
    "": ("", "Inc", "LLC"),
}
_SHORT = {"Manufacturing": "Mfg", "Engineering": "Eng", "Technical": "Tech", "Systems": "Sys", "International": "Intl",
          "Equipment": "Equip", "Products": "Prod", "University": "Univ", "Services": "Svcs"}  # fmt: skip


def make_roots(chance: Chance, count: int) -> list[str]:
    """Invented surnames, no two of them within two slips of each other."""
    found: list[str] = []
    plain: list[str] = []
    while len(found) < count:
        root = chance.one(_OPEN) + (chance.one(_MIDDLE) if chance.happens(0.7) else "") + chance.one(_CLOSE)
        low = root.lower()
        if len(root) >= 6 and extractOne(low, plain, scorer=OSA.distance, score_cutoff=2) is None:
            found.append(root)
            plain.append(low)
        elif chance.happens(0.02):  # the well runs dry: a double name is always new
            root = f"{root} {chance.one(_OPEN)}{chance.one(_CLOSE)}"
            if root not in found:
                found.append(root)
                plain.append(root.lower())
    return found


def company_name(chance: Chance, root: str, trade: str) -> tuple[str, str]:
    """A full name and its legal form."""
    form = chance.weighted({"Inc": 5, "LLC": 4, "Corp": 2, "Co": 1.5, "Ltd": 0.7, "": 2})
    base = f"{root} {trade}"
    return (f"{base} {form}" if form else base), form


def variant(chance: Chance, name: str, form: str, state: str) -> str:
    """``name`` as somebody else wrote it down: still the same company to a human reader.

    Args:
        chance: decides what changes.
        name: of the company.
        form: its legal form, as the name ends.
        state: that it is in.
    """
    base = name[: -len(form) - 1] if form and name.endswith(f" {form}") else name
    if chance.happens(0.75) and form in _FORM_SPELLINGS:
        spelt = chance.one(_FORM_SPELLINGS[form])
        name = f"{base}{spelt}" if spelt.startswith(",") else f"{base} {spelt}".strip()
    kind = chance.weighted(
        {"none": 3.0, "upper": 1.4, "lower": 0.4, "and": 1.2, "typo": 2.0, "short": 1.5, "state": 0.9, "dba": 0.4,
         "the": 0.4, "spaces": 0.5, "stops": 0.6, "accents": 0.6}
    )  # fmt: skip
    if kind == "upper":
        return name.upper()
    if kind == "lower":
        return name.lower()
    if kind == "and":
        return name.replace(" & ", " and ") if " & " in name else name.replace(" and ", " & ")
    if kind == "typo":
        return _typo(chance, name)
    if kind == "short":
        for word, short in _SHORT.items():
            name = name.replace(word, f"{short}." if chance.happens(0.4) else short)
        return name
    if kind == "state":
        return f"{name} - {state}" if chance.happens(0.5) else f"{name} ({state})"
    if kind == "dba":
        return f"{name} dba {base.split()[0]}"
    if kind == "the":
        return f"The {name}"
    if kind == "spaces":
        return f" {name.replace(' ', '  ', 1)} "
    if kind == "stops":
        return name.replace(" & ", " + ") if " & " in name else name.replace(" ", "-", 1)
    if kind == "accents":
        return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return name


def _typo(chance: Chance, name: str) -> str:
    """One slip in a long word, never in its first letter."""
    words = name.split(" ")
    long = [at for at, word in enumerate(words) if len(word) >= 7 and word.isalpha()]
    if not long:
        return name
    at = chance.one(long)
    word = words[at]
    place = chance.whole(1, len(word) - 3)
    slip = chance.one(("drop", "swap", "double"))
    if slip == "drop":
        word = word[:place] + word[place + 1 :]
    elif slip == "swap":
        word = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    else:
        word = word[:place] + word[place] + word[place:]
    words[at] = word
    return " ".join(words)
