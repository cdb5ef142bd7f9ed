"""Invented company names in two lists, with the key of which is which: for the matching's benchmark and tests."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

_HEADS = "b bl br c cl cr d dr f fl g gl gr h j k kr l m n p pl r s sk sl st t tr v w z".split()
_HEARTS = "a e i o u ai ea ou oa".split()
_TAILS = " l n r s t x m nd rn lt ck st".split(" ")
_SURNAMES = (
    "Abbott Bauer Becker Brandt Castillo Chapman Delgado Dixon Eriksson Ferrari Fischer Garrison Gupta Hansen Hoffman "
    "Ibrahim Ivanov Jansen Kaplan Keller Kowalski Larsen Lindqvist Marino Mendoza Novak Olsen Pereira Petrov Quigley "
    "Ramsey Rinaldi Schmidt Schultz Silva Sorensen Tanaka Vasquez Vogel Wagner Weber Winters Yamamoto Zimmer"
).split()
_TRADES = (
    "Dental Machining Tooling Plastics Aerospace Robotics Castings Fabrication Electronics Orthopedics Packaging "
    "Optics Engineering Manufacturing Industries Technologies Systems Products Services Equipment Components "
    "Instruments Controls Automation Metals Composites Foundry Molding Welding Motors Medical Energy "
    "Marine Defense Prototyping"
).split()
_KINDS = "Advanced Precision Midwest Pacific Northern Allied Integrated Custom Premier Summit Liberty Pioneer".split()
_TOWNS = "Austin Boston Chicago Dallas Dayton Denver Fresno Omaha Phoenix Portland Raleigh Tampa Toledo Tulsa".split()
#: How each form is written by others: as it is, spelt another way, or left out.
_ALSO = {
    "inc": ("Inc", "Inc.", ", Inc.", "Incorporated", ""), "llc": ("LLC", ", LLC", "L.L.C.", ""),
    "corp": ("Corp.", "Corporation", "Corp", ""), "co": ("Co.", "Company", "Co", ""),
    "ltd": ("Ltd", "Limited", "Ltd.", ""),
    "gmbh": ("GmbH", "GmbH", ""), "lp": ("LP", "L.P.", ""), "": ("", "", "", "Inc"),
}  # fmt: skip
_SHORT = {
    "Manufacturing": "Mfg", "Technologies": "Tech", "Engineering": "Eng.", "Industries": "Ind", "Systems": "Sys",
    "Products": "Prod", "Services": "Svcs", "Equipment": "Equip",
}  # fmt: skip


@dataclass(frozen=True)
class Lists:
    """Two lists of names; ``truth`` gives for each left name the row of the right one that it stands for, or -1."""

    left: pd.DataFrame
    right: pd.DataFrame
    truth: list[int]


def make_lists(left: int, right: int, seed: int = 0, *, known: float = 0.7, alike: float = 0.12) -> Lists:
    """Two lists of invented names.

    A share ``known`` of the left names are variants of right ones, a share ``alike`` are other companies that share a
    right one's telling word, the rest are strangers. One right name in twelve is such a look-alike within the list.
    """
    dice = random.Random(f"company names {seed}")
    names = _Names(dice)
    cores = [names.core() for _ in range(right - right // 12)]
    cores += [names.look_alike(core) for core in dice.sample(cores, right // 12)]
    forms = [dice.choice(list(_ALSO)) for _ in cores]
    truth = dice.sample(range(right), round(left * known))
    shown = [names.written(names.variant(cores[row]), forms[row]) for row in truth]
    near = [
        names.written(names.look_alike(cores[dice.randrange(right)]), dice.choice(forms))
        for _ in range(round(left * alike))
    ]
    far = [names.written(names.core(), dice.choice(forms)) for _ in range(left - len(shown) - len(near))]
    whole = [*zip(shown, truth, strict=True), *((name, -1) for name in (*near, *far))]
    dice.shuffle(whole)
    return Lists(
        pd.DataFrame({"name": [name for name, _ in whole]}),
        pd.DataFrame(
            {
                "name": [names.written(*pair) for pair in zip(cores, forms, strict=True)],
                "id": [f"R{row}" for row in range(right)],
            }
        ),
        [row for _, row in whole],
    )


class _Names:
    """Cores of names, each made once."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.taken: set[tuple[str, ...]] = set()

    def coined(self) -> str:
        pick = self.dice.choice
        word = "".join(pick(_HEADS) + pick(_HEARTS) + pick(_TAILS) for _ in range(self.dice.choice((2, 2, 3))))
        return word.capitalize()

    def core(self) -> list[str]:
        def make() -> list[str]:
            dice = self.dice
            name = dice.choice(_SURNAMES) if dice.random() < 0.15 else self.coined()
            trade, other = dice.sample(_TRADES, 2)
            shapes: tuple[tuple[float, list[str]], ...] = (
                (0.45, [name, trade]),
                (0.15, [name, dice.choice(_KINDS), trade]),
                (0.12, [name, trade, "&", other]),
                (0.10, [name, "&", self.coined(), trade]),
                (0.08, [dice.choice(_KINDS), trade, dice.choice(_TOWNS)]),
                (0.10, [self.coined()]),
            )
            return list(dice.choices([shape for _, shape in shapes], [weight for weight, _ in shapes])[0])

        return self._new(make)

    def look_alike(self, core: list[str]) -> list[str]:
        def make() -> list[str]:
            other = list(core)
            last = self.dice.choice(_TRADES if other[-1] in _TRADES else _TOWNS)
            return [*other[:-1], last] if len(other) > 1 else [*other, self.dice.choice(_TRADES[:15])]

        return self._new(make)

    def _new(self, make: Callable[[], list[str]]) -> list[str]:
        for _ in range(30):
            core = make()
            key = tuple(sorted(word.lower() for word in core if word != "&"))
            if key not in self.taken and len(set(key)) == len(key):
                self.taken.add(key)
                return core
        return self.core()

    def variant(self, core: list[str]) -> list[str]:
        dice, words = self.dice, list(core)
        if dice.random() < 0.3:
            words = [_SHORT.get(word, word) for word in words]
        if dice.random() < 0.25:
            at = dice.randrange(len(words))
            words[at] = self.slip(words[at])
        if dice.random() < 0.04 and len(words) > 1 and "&" not in words[:2]:
            words[:2] = [words[0] + words[1].lower()]
        if dice.random() < 0.03:
            words = [*words[1:], words[0]] if "&" not in words else words
        if dice.random() < 0.05 and words[-1] not in _TOWNS:
            words.append(dice.choice(_TOWNS))
        return ["and" if word == "&" and dice.random() < 0.5 else word for word in words]

    def slip(self, word: str) -> str:
        if len(word) < 5:
            return word
        at = self.dice.randrange(1, len(word) - 1)
        letter = self.dice.choice("aeinorst")
        return self.dice.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            )
        )

    def written(self, words: list[str], kind: str) -> str:
        form = self.dice.choice(_ALSO[kind])
        text = " ".join(words) + (form if form.startswith(",") else f" {form}" if form else "")
        chance = self.dice.random()
        return text.upper() if chance < 0.2 else f"The {text}" if chance < 0.23 else text
