"""What speaks for and against two records being one account, beside the words of their names."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import pandas as pd

from icp_xl.tables.legal_forms import SHORT_FORMS
from icp_xl.tables.lexicon import personal_names
from icp_xl.tables.matching.align import PERSON_MOST
from icp_xl.tables.matching.places import Place, Verdict, compare_places
from icp_xl.tables.names import NormalizedName, fold

#: Columns of a source that count as evidence where they are there.
FACT_COLUMNS = ("tax_id", "website", "email", "phone", "postcode", "street", "rep")
#: Hosts that anybody may have an address or a page with.
SHARED_HOSTS = frozenset(
    "gmail.com googlemail.com yahoo.com hotmail.com outlook.com live.com msn.com aol.com icloud.com me.com gmx.com "
    "gmx.de gmx.net web.de t-online.de mail.com mail.ru yandex.ru proton.me protonmail.com qq.com 163.com 126.com "
    "naver.com orange.fr wanadoo.fr free.fr libero.it comcast.net verizon.net att.net bellsouth.net "
    "facebook.com instagram.com linkedin.com twitter.com x.com youtube.com google.com yelp.com yahoo.co.uk "
    "hotmail.co.uk btinternet.com wixsite.com weebly.com wordpress.com blogspot.com myshopify.com godaddysites.com "
    "square.site sharepoint.com outlook.de yahoo.de yahoo.fr hotmail.fr".split()
)
#: Second levels under which a country gives domains away: acme.co.uk.
_SECOND_LEVELS = frozenset("co com org net gov ac edu or ne go gob gouv ltd plc".split())
#: The most that a pair comes to that a person must look at, and that nobody needs to look at.
ASK, APART = 0.85, 0.03
#: Likeness of names that are brought together by something else, a tax number or a web domain, alone.
BY_FACT = 0.62
_SAY_PLACE = {"same": "same place", "near": "same region", "different": "different place"}


class AccountFacts(NamedTuple):
    """What else a source says of an account, made comparable; an empty text is unknown."""

    tax_id: str = ""
    domain: str = ""
    phone: str = ""
    postcode: str = ""
    street: str = ""
    rep: str = ""


class MatchEvidence(NamedTuple):
    """Log odds to add, the most that the probability may come to, and what agrees and contradicts, in words.

    ``identity`` says that the two have one tax number; with that, names that are somewhat alike need no person.
    """

    shift: float = 0.0
    most: float = 1.0
    agrees: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    identity: bool = False


def facts_of(frame: pd.DataFrame) -> list[AccountFacts]:
    """The facts of each row, from the columns :data:`FACT_COLUMNS` as far as they are there."""
    known = [name for name in FACT_COLUMNS if name in frame.columns]
    if not known:
        return [AccountFacts()] * len(frame)
    columns = {name: frame[name].tolist() for name in known}
    empty = [None] * len(frame)
    rows = zip(*(columns.get(name, empty) for name in FACT_COLUMNS), strict=True)
    return [_facts(*map(_text, row)) for row in rows]


def _text(value: object) -> str:
    return "" if value is None or value is pd.NA or value != value else fold(str(value)).strip()


def _facts(tax_id: str, website: str, email: str, phone: str, postcode: str, street: str, rep: str) -> AccountFacts:
    digits = re.sub(r"\D", "", phone)
    return AccountFacts(
        _number(tax_id, 5),
        _domain(website) or _domain(email),
        digits[-9:] if _number(digits, 7) else "",
        _number(postcode, 1)[: 5 if postcode[:5].isdigit() else 8],
        " ".join(_STREET.get(word, word) for word in re.findall(r"\w+", street)) if re.search(r"\d", street) else "",
        rep,
    )


def _number(text: str, least: int) -> str:
    """Letters and digits of a number; nothing where it has too few digits, or one only: "n/a", "00000".

    >>> _number("de 123.456.789", 5), _number("n/a", 5), _number("000-000-0000", 5)
    ('de123456789', '', '')
    """
    digits = re.sub(r"\D", "", text)
    return re.sub(r"[^0-9a-z]", "", text) if len(digits) >= least and (least == 1 or len(set(digits)) > 1) else ""


_STREET = {
    "street": "st", "str": "st", "strasse": "st", "avenue": "ave", "av": "ave", "road": "rd", "boulevard": "blvd",
    "drive": "dr", "lane": "ln", "suite": "ste", "north": "n", "south": "s", "east": "e", "west": "w", "highway": "hwy",
}  # fmt: skip


def _domain(text: str) -> str:
    """The registered domain of an address; nothing for one that anybody may have.

    >>> _domain("https://www.acme.com/shop"), _domain("jo@mail.acme.co.uk"), _domain("jo@gmail.com")
    ('acme.com', 'acme.co.uk', '')
    """
    host = re.split(r"[/?#:\s;,]", re.sub(r"^\w+://", "", text).rpartition("@")[2], maxsplit=1)[0].removeprefix("www.")
    labels = host.strip(".").split(".")
    length = 3 if len(labels) > 2 and labels[-2] in _SECOND_LEVELS and len(labels[-1]) == 2 else 2
    domain = ".".join(labels[-length:])
    return "" if len(labels) < 2 or domain in SHARED_HOSTS else domain


def compare_records(
    a: NormalizedName, b: NormalizedName, place_a: Place, place_b: Place, facts_a: AccountFacts, facts_b: AccountFacts
) -> tuple[MatchEvidence, Verdict]:
    """All that is known beside the words: legal forms, places that names state, addresses, numbers.

    Args:
        a: one name, cleaned.
        b: the other.
        place_a: where the first is.
        place_b: where the other is.
        facts_a: address, numbers and the like of the first.
        facts_b: of the other.

    Returns:
        What the evidence adds to the likeness, and how the places compare.
    """
    verdict = compare_places(place_a, place_b)
    shift, most = 0.0, 1.0
    agrees: list[str] = []
    against: list[str] = []
    if verdict != "unknown":
        (against if verdict == "different" else agrees).append(_SAY_PLACE[verdict])
        shift += {"same": 3.0, "near": 0.3, "different": -2.0}[verdict]
        most = 0.6 if verdict == "different" else 1.0
    for found in (_stated_places(a, b, place_a, place_b), _legal(a, b), _initials(a, b)):
        shift, most = shift + found.shift, min(most, found.most)
        agrees += found.agrees
        against += found.contradicts
    for name, word, same, other in _WEIGHTS:
        x, y = getattr(facts_a, name), getattr(facts_b, name)
        if x and y:
            equal = x == y
            shift += same if equal else other
            if not equal and other:
                against.append(f"{word} differs")
            elif equal:
                agrees.append(f"same {word}")
    identity = bool(facts_a.tax_id) and facts_a.tax_id == facts_b.tax_id
    if facts_a.tax_id and facts_b.tax_id:
        most = min(most, 0.3) if not identity else 1.0 if most >= ASK else most
    return MatchEvidence(shift, most, tuple(agrees), tuple(against), identity), verdict


#: Field, what it is called, log odds where it agrees and where it does not.
_WEIGHTS = (
    ("tax_id", "tax number", 8.0, -4.0),
    ("domain", "web domain", 4.0, -0.7),
    ("phone", "phone", 4.0, -0.3),
    ("postcode", "postcode", 1.5, -0.7),
    ("street", "street", 2.0, -0.3),
    ("rep", "rep", 0.3, 0.0),
)


def _kind(name: NormalizedName, *kinds: str) -> set[str]:
    return {place[2:] for place in name.places if place[0] in kinds}


def _stated_places(a: NormalizedName, b: NormalizedName, place_a: Place, place_b: Place) -> MatchEvidence:
    if not (a.places or b.places):  # Nearly all names.
        return MatchEvidence()
    for kinds, word in (("cv", "countries"), ("sw", "states")):
        x, y = _kind(a, *kinds), _kind(b, *kinds)
        if x and y and not x & y:
            return MatchEvidence(-3.0, APART, (), (f"the names state different {word}",))
    x, y = _kind(a, "s", "w", "m"), _kind(b, "s", "w", "m")
    if x and y and not x & y:
        return MatchEvidence(-1.0, 0.6, (), (f"{'/'.join(sorted(x))} against {'/'.join(sorted(y))} at the end",))
    x, y = _kind(a, "r"), _kind(b, "r")
    if x and y and not x & y:
        return MatchEvidence(-1.0, 0.6, (), ("registered in different states",))
    if _kind(a, *"csvw") & _kind(b, *"csvw"):
        return MatchEvidence(0.5, 1.0, ("same place in the name",))
    for name, other, place in ((a, b, place_b), (b, a, place_a)):
        country, state = _kind(name, "c", "v"), _kind(name, "s", "w")
        if (country and place.country and place.country not in country) or (
            state and place.state and place.state not in state
        ):
            return MatchEvidence(-1.0, 0.6, (), ("the place in the name is not where the other is",))
        if country - {"us"} and not _kind(other, "c", "v") and place.country not in country:
            return MatchEvidence(0.0, ASK, (), ("only one of the names states a country",))
        if _kind(name, "w") and not _kind(other, "s", "w") and len(name.core.split()[-1]) > 2:
            return MatchEvidence(0.0, ASK, (), ("only one of the names states a state",))
    return MatchEvidence()


#: Forms that people take for each other; which one a file writes says little.
_GENERIC = frozenset(("inc", "corp", "co", "ltd", "llc", "lc", "plc"))
_LEGAL_PARTS = frozenset(("pvt", "pty", "pte", "public"))


def _legal(a: NormalizedName, b: NormalizedName) -> MatchEvidence:
    x, y = (
        {part for form in name.legal for part in SHORT_FORMS.get(form, form).split()} - _LEGAL_PARTS for name in (a, b)
    )
    if not x or not y or x & y:
        return MatchEvidence(0.7, 1.0, ("same legal form",)) if x & y else MatchEvidence()
    against = (f"legal form {' '.join(a.legal)} against {' '.join(b.legal)}",)
    return MatchEvidence(-1.2, 1.0, (), against) if x | y <= _GENERIC else MatchEvidence(-1.2, ASK, (), against)


def _initials(a: NormalizedName, b: NormalizedName) -> MatchEvidence:
    if a.core == b.core and a.initials != b.initials and " " not in a.core and a.core in personal_names():
        return MatchEvidence(-1.0, 0.6, (), ("initials of a person on one side only",))
    return MatchEvidence()


#: Likeness of two names to the probability that they are one account; straight between the points.
_POINTS = (
    (0.0, 0.001), (0.50, 0.01), (0.60, 0.10), (0.70, 0.35), (0.78, 0.80), (0.80, 0.95), (0.85, 0.97), (0.90, 0.985),
    (0.95, 0.994), (0.99, 0.998), (1.0, 0.999),
)  # fmt: skip


def probability_of(likeness: float) -> float:
    """The probability that two names of this likeness are one account, all else unknown."""
    for (x0, p0), (x1, p1) in zip(_POINTS, _POINTS[1:], strict=False):
        if likeness <= x1:
            return p0 + (p1 - p0) * (likeness - x0) / (x1 - x0)
    return _POINTS[-1][1]


def weigh(likeness: float, evidence: MatchEvidence, prior: float = 0.0) -> float:
    """The probability that two records are one account.

    Args:
        likeness: of the names, from 0 to 1.
        evidence: what else is known of the pair.
        prior: log odds that a list differs in from a look-up, where most names have their account.
    """
    sure = likeness > (BY_FACT if evidence.identity else PERSON_MOST)
    most = evidence.most if sure else min(evidence.most, ASK)
    return min(of_odds(odds_of(probability_of(likeness)) * math.exp(evidence.shift + prior)), most)


def odds_of(probability: float) -> float:
    """Odds of a probability."""
    return probability / max(1e-9, 1 - probability)


def of_odds(odds: float) -> float:
    """Probability of odds."""
    return odds / (1 + odds)
