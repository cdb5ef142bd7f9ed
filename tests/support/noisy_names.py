"""Names as they are written in a hurry: an error model for company names, stated here and used by the benchmark.

Each name gets one error (85 %) or two (15 %), drawn from :data:`ERRORS`. A slip is one of four, equally likely: a
letter beside the right one on the keyboard, a letter left out, one doubled, or two swapped; it hits a word of four
letters or more, and in a word of nine or more a second slip follows one time in four. Which words are hit is drawn
evenly, so ordinary words suffer as rare ones do. The legal form is left out of 30 % of all names, and written out or
shortened in another 20 %.
"""

from __future__ import annotations

import random
import re

ERRORS = {"slip": 0.45, "split": 0.10, "join": 0.10, "swap": 0.10, "shorten": 0.15, "hyphen": 0.05, "drop": 0.05}
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_FORM = re.compile(r"[\s,]+(inc|corp|co|ltd|plc|llc|lp|sa|nv|ag|corporation|incorporated|limited|company)\.?$", re.I)
_SPELT = {"inc": "Incorporated", "corp": "Corporation", "co": "Company", "ltd": "Limited", "corporation": "Corp",
          "incorporated": "Inc", "limited": "Ltd", "company": "Co"}  # fmt: skip
_SHORT = {
    "international": "intl", "technologies": "tech", "technology": "tech", "manufacturing": "mfg", "systems": "sys",
    "services": "svcs", "industries": "ind", "national": "natl", "american": "amer", "group": "grp",
    "holdings": "hldgs", "pharmaceuticals": "pharma", "financial": "finl", "association": "assn",
    "laboratories": "labs", "products": "prods", "engineering": "eng", "management": "mgmt", "brothers": "bros",
    "communications": "comm", "resources": "res", "properties": "props", "partners": "ptnrs", "general": "genl",
    "development": "dev", "insurance": "ins", "investment": "inv", "medical": "med", "solutions": "soln",
}  # fmt: skip


def noisy(name: str, dice: random.Random) -> str:
    """The name with the errors of the model; the registry's marks at the end ("/DE/") are no part of it."""
    text = re.sub(r"\s*/\w+/?$", "", name)
    form = _FORM.search(text)
    if form:
        chance = dice.random()
        if chance < 0.3:
            text = text[: form.start()]
        elif chance < 0.5:
            text = f"{text[: form.start()]} {_SPELT.get(form[1].lower(), form[1])}"
    form = _FORM.search(text)
    head, tail = (text[: form.start()], text[form.start() :]) if form else (text, "")
    for _ in range(1 if dice.random() < 0.85 else 2):
        head = _error(head, dice)
    made = head + tail
    return made.title() if dice.random() < 0.3 else made


def _error(text: str, dice: random.Random) -> str:
    kind = dice.choices(list(ERRORS), list(ERRORS.values()))[0]
    words = text.split()
    long = [i for i, word in enumerate(words) if len(word) >= 4]
    if kind == "join" and len(words) > 1:
        at = dice.randrange(len(words) - 1)
        words[at : at + 2] = [words[at] + words[at + 1].lower()]
    elif kind == "swap" and len(words) > 1:
        at = dice.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
    elif kind == "drop" and len(words) > 2:
        words.pop()
    elif kind in ("split", "hyphen") and (fit := [i for i in long if len(words[i]) >= 7]):
        at = dice.choice(fit)
        cut = dice.randrange(3, len(words[at]) - 2)
        words[at] = words[at][:cut] + (" " if kind == "split" else "-") + words[at][cut:]
    elif kind == "shorten" and (fit := [i for i, word in enumerate(words) if word.lower() in _SHORT]):
        at = dice.choice(fit)
        words[at] = _SHORT[words[at].lower()]
    elif long:
        at = dice.choice(long)
        words[at] = _slip(words[at], dice)
        if len(words[at]) >= 9 and dice.random() < 0.25:
            words[at] = _slip(words[at], dice)
    return " ".join(words)


def _slip(word: str, dice: random.Random) -> str:
    at = dice.randrange(1, len(word) - 1)
    kind = dice.randrange(4)
    if kind == 0:
        return word[:at] + _neighbour(word[at], dice) + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _neighbour(letter: str, dice: random.Random) -> str:
    for row in _ROWS:
        at = row.find(letter.lower())
        if at >= 0:
            beside = dice.choice([row[i] for i in (at - 1, at + 1) if 0 <= i < len(row)])
            return beside.upper() if letter.isupper() else beside
    return letter
