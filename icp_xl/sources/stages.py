"""What the stage or state of an opportunity says: won, lost, open, deleted, or that a person must say it.

The words are data (``stages.yaml``): terms in some twenty languages, each under an idea, and rules over the ideas. A
negation holds for the word it stands before ("Closed - Not Won"), and what is aimed at is no outcome ("Win Plan").
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

from icp_xl.sources.vocabulary import tokens

WON, LOST, OPEN, DELETED, ASK = "won", "lost", "open", "deleted", "ask"
#: Words of up to three letters that may stand within a word grown together (qualifiedtobuy); not Wonder or Winter.
_SHORT = frozenset({"to", "in", "no", "po", "as", "not", "won", "win", "buy", "new", "nie", "ne"})
_LINKS = ("", "s", "n", "en", "es")
_LONGEST = 5
Ideas = frozenset[str]


@dataclass(frozen=True)
class StageReading:
    """What a text says.

    ``outcome``: won, lost, open, deleted; ``ask`` where its words are known and do not tell ("Closed"); "" where no
    word that tells anything is known. ``ideas``: what its words name.
    """

    outcome: str
    ideas: Ideas = frozenset()


@dataclass(frozen=True)
class _StageWords:
    exact: dict[str, set[str]]
    begins: dict[str, set[str]]
    rules: tuple[tuple[str, Ideas, Ideas], ...]

    def ideas(self, word: str) -> Ideas | None:
        """The ideas of one term, or ``None``."""
        found = set(self.exact.get(word, ()))
        for size in range(len(word), 2, -1):
            if word[:size] in self.begins:
                found |= self.begins[word[:size]]
                break
        return frozenset(found) if found else None


@lru_cache(maxsize=1)
def _words() -> _StageWords:
    text = files("icp_xl.sources").joinpath("stages.yaml").read_text(encoding="utf-8")
    # Texts only: "no" and "on" are words here, not truth values.
    body = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506
    exact: dict[str, set[str]] = {}
    begins: dict[str, set[str]] = {}
    for idea, terms in body["terms"].items():
        for term in terms:
            place = begins if term.endswith("*") else exact
            place.setdefault("".join(tokens(term)), set()).add(idea)
    rules = []
    for rule in body["rules"]:
        ((outcome, ideas),) = rule.items()
        wanted, _, barred = ideas.partition("!")
        rules.append((outcome, frozenset(wanted.split()), frozenset(barred.split())))
    return _StageWords(exact, begins, tuple(rules))


@lru_cache(maxsize=8192)
def read_stage(text: str) -> StageReading:
    """Read one stage.

    >>> [read_stage(text).outcome for text in ("Closed - Not Won", "Win Plan", "closedwon", "Gewonnen", "Closed")]
    ['lost', 'open', 'won', 'won', 'ask']
    >>> read_stage("Darwin project").outcome
    ''
    """
    percent = re.fullmatch(r"\W*(\d{1,3})\s*%\W*", text)
    if percent:
        return StageReading(OPEN if 0 < int(percent[1]) < 100 else ASK)
    if text and not any(letter.isalpha() for letter in text):
        return StageReading(ASK)  # a number is a key to words that stand elsewhere
    named = _in_context(_terms(text))
    for outcome, wanted, barred in _words().rules:
        if wanted <= named and not barred & named:
            return StageReading(outcome, named)
    return StageReading("", named)


def _terms(text: str) -> list[Ideas]:
    """The ideas of each word from left to right; ``?`` for a word that is not known."""
    known = _words()
    words = tokens(re.sub(r"(?i)n['\u2019]t\b", " not", text))
    found: list[Ideas] = []
    at = 0
    while at < len(words):
        for count in range(min(_LONGEST, len(words) - at), 0, -1):
            ideas = known.ideas("".join(words[at : at + count])) if count == 1 else known.exact.get(
                "".join(words[at : at + count]))  # fmt: skip
            if ideas:
                found.append(frozenset(ideas))
                at += count
                break
        else:
            found += _taken_apart(words[at]) or [frozenset({"neutral"} if words[at].isdigit() else {"?"})]
            at += 1
    return found


def _taken_apart(word: str) -> list[Ideas] | None:
    """The terms that a word is grown together from; of a script without spaces, those that stand in it."""
    known = _words().exact
    if word and not word.isascii() and any(unicodedata.east_asian_width(letter) in "WF" for letter in word):
        found, at = [], 0
        while at < len(word):
            size = next((n for n in range(min(8, len(word) - at), 0, -1) if word[at : at + n] in known), 0)
            if size:
                found.append(frozenset(known[word[at : at + size]]))
            at += size or 1
        return found
    for cut in range(len(word) - 2, 1, -1):
        head, rest = word[:cut], word[cut:]
        if head not in known or (len(head) < 4 and head not in _SHORT):
            continue
        for link in _LINKS:
            tail = rest[len(link) :]
            if not rest.startswith(link) or len(tail) < 2:
                continue
            if tail in known and (len(tail) >= 4 or tail in _SHORT):
                return [frozenset(known[head]), frozenset(known[tail])]
            further = _taken_apart(tail)
            if further:
                return [frozenset(known[head]), *further]
    return None


def _in_context(terms: list[Ideas]) -> Ideas:
    """The ideas of a text once negations, what it was before, rivals and what is waited for are told apart."""
    told = [set(ideas) for ideas in terms]
    named: set[str] = set()
    for at, ideas in enumerate(terms):
        if "was" in ideas:
            after = next((k for k in range(at + 1, len(told)) if told[k] & {WON, LOST, "win", "loss"}), None)
            if after is not None:
                told[after] = set()
        if "not" not in ideas:
            continue
        yet = any("yet" in terms[k] for k in range(max(at - 2, 0), min(at + 3, len(terms))))
        # A negation holds for the next word that means something; in some languages it stands behind.
        places = [*range(at + 1, min(at + 4, len(told))), *range(at - 1, max(at - 3, -1), -1)]
        about = next((k for k in places if told[k] - {"not", "yet", "neutral", "by", "from", "?"}), None)
        named.add("not-yet" if yet else "not")
        if about is not None:
            named |= {f"-{idea}" for idea in told[about]} if not yet else set()
            told[about] = set()
    named.update(*told)
    return frozenset(named | _relations(told))


def _relations(told: list[set[str]]) -> set[str]:
    def first(idea: str) -> int:
        return next((at for at, ideas in enumerate(told) if idea in ideas), -1)

    found = set()
    rival, won, awaits = first("rival"), first(WON), first("await")
    if rival >= 0 and won >= 0:
        before = told[rival - 1] if rival else set()
        if ("by" in before and "from" not in before) or (rival < won and "from" not in before):
            found.add("rivals")
    if awaits >= 0 and any(ideas & {"order", "signed", "award", "paid"} for ideas in told[awaits + 1 :]):
        found.add("awaited")
    return found
