"""Places of accounts: two accounts of one name at different places are two accounts."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pandas as pd
from rapidfuzz.distance import OSA

from icp_xl.tables.lexicon import COUNTRIES, STATES
from icp_xl.tables.names import fold

Verdict = Literal["same", "near", "unknown", "different"]


class Place(NamedTuple):
    """City, state and country, cleaned; an empty text is unknown."""

    city: str = ""
    state: str = ""
    country: str = ""

    @property
    def text(self) -> str:
        """As one text, for keys."""
        return "/".join((self.city, self.state, self.country)) if any(self) else ""


_CITY_WORDS = {"st": "saint", "ste": "sainte", "ft": "fort", "mt": "mount"}


def place_of(city: object, state: object, country: object) -> Place:
    """Clean a place.

    >>> place_of("St. Louis", "Missouri", "United States")
    Place(city='saint louis', state='mo', country='us')
    """
    town = " ".join(_CITY_WORDS.get(word, word) for word in _clean(city).split())
    region, land = _clean(state), _clean(country)
    return Place(town, STATES.get(region, region), COUNTRIES.get(land, land))


def _clean(value: object) -> str:
    if not isinstance(value, str):
        return ""
    text = "".join(letter if letter.isalnum() else " " for letter in fold(value))
    return " ".join(text.split())


def compare_places(a: Place, b: Place) -> Verdict:
    """Whether two places are the same town, agree as far as known, are not known, or contradict each other.

    >>> compare_places(place_of("Austin", "TX", None), place_of("AUSTIN", "Texas", "USA"))
    'same'
    >>> compare_places(place_of("Portland", "OR", None), place_of("Portland", "ME", None))
    'different'
    """
    near = False
    for x, y in ((a.country, b.country), (a.state, b.state)):
        if x and y:
            if x != y:
                return "different"
            near = True
    if a.city and b.city:
        if a.city == b.city or OSA.normalized_similarity(a.city, b.city) >= 0.8:
            return "same"
        return "different"
    return "near" if near else "unknown"


def places_of(frame: pd.DataFrame) -> list[Place]:
    """The place of each row, from the columns ``city``, ``state`` and ``country`` as far as they are there."""
    columns = [
        frame[name].tolist() if name in frame.columns else [None] * len(frame) for name in ("city", "state", "country")
    ]
    cache: dict[tuple[object, ...], Place] = {}
    places = []
    for parts in zip(*columns, strict=True):
        key = tuple(part if isinstance(part, str) else None for part in parts)
        if key not in cache:
            cache[key] = place_of(*key)
        places.append(cache[key])
    return places
