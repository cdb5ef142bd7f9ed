"""Which components a score is made of: the settings' own, or a preset's that the data can bear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from icp_xl.components.kinds import WINDOW, facts_of
from icp_xl.components.record import Component
from icp_xl.config.scoring import ScoringSettings
from icp_xl.errors import Fault, InsufficientDataError
from icp_xl.formatting import join_words, plural
from icp_xl.scoring.fitting import account_weights, fit_component, lookup_weights
from icp_xl.scoring.measures import SalesHistory, measure_facts
from icp_xl.scoring.model import read_facts

#: What a preset is for: the component that must tell accounts apart before auto takes it.
MARK = {"equipment": "adoption", "subscription": "recurring"}
#: It must single out at least this many accounts, and this share of them.
LEAST_APART, LEAST_SHARE = 2, 0.02
#: Order in which auto tries them.
AUTO = ("equipment", "subscription", "general")
OWN = "settings"


@dataclass(frozen=True)
class Choice:
    """The components of a score, the accounts with their facts, and why these components.

    ``apart``: per component, how many accounts it tells apart from its commonest score, those left out too.
    ``explanation`` says in a sentence which components were taken and why; empty where that was never in question.
    """

    preset: str
    components: tuple[Component, ...]
    accounts: pd.DataFrame
    apart: dict[str, int]
    explanation: str = ""

    @property
    def useful(self) -> tuple[Component, ...]:
        """The components that tell any accounts apart."""
        return tuple(item for item in self.components if self.apart[item.name])


def choose_components(
    accounts: pd.DataFrame, history: SalesHistory | None, settings: ScoringSettings, tiers: Mapping[str, str]
) -> Choice:
    """Take the settings' components, the preset they name, or the first preset that tells accounts apart.

    A preset other than that of the equipment trade that auto takes is left with the components that tell accounts
    apart; components that were asked for by name all stay.

    Args:
        accounts: one row per account, with the customer's columns and the totals of its sales.
        history: sales lines and assets, for what is measured over a window.
        settings: the scoring section.
        tiers: text to strategic tier.

    Raises:
        InsufficientDataError: every account would get the same score, or one component alone would decide, with
            components that were asked for, or without a sales log.
        MissingColumnsError, ConfigError: the declared components cannot be used.
    """
    if settings.components or settings.preset != "auto":
        choice = _measured(OWN if settings.components else settings.preset, accounts, history, settings, tiers)
        if reason := _refusal(choice):
            others = [] if settings.components else [name for name in AUTO if name != choice.preset]
            tried = [_measured(name, accounts, history, settings, tiers) for name in others]
            raise _refused(reason, choice, tried)
        return replace(choice, explanation=_idle(choice))
    tried = [_measured(name, accounts, history, settings, tiers) for name in AUTO]
    for choice in tried:
        mark = MARK.get(choice.preset)
        least = max(LEAST_APART, LEAST_SHARE * len(accounts))
        if len(accounts) < 2 or (
            not _refusal(choice) and (mark is None or (choice.apart[mark] >= least and _is_mostly(choice, history)))
        ):
            return _told(choice, tried)
    # Nothing marks a trade; the equipment trade's score will do where it is one.
    for choice in tried:
        if not _refusal(choice):
            return _told(choice, tried)
    last = tried[-1]
    if history is None or history.lines.empty:
        raise _refused(_refusal(last), last, [])
    # The log tells all there is: the accounts are alike, and no other column or preset was asked for.
    alike = f"The score says little: {_refusal(last)}, since the accounts are alike in all else that is known of them. "
    return replace(
        last, explanation=alike + "Map further columns of the customers; `icp-xl check` shows what each tells apart."
    )


def count_distinguished(scores: pd.DataFrame) -> dict[str, int]:
    """How many accounts each column of scores tells apart from its commonest value."""
    return {
        str(name): len(scores) - int(scores[name].round(9).value_counts(dropna=False).max()) if len(scores) else 0
        for name in scores.columns
    }


def _is_mostly(choice: Choice, history: SalesHistory | None) -> bool:
    """Whether at least half of the accounts' last year's revenue recurs, where the preset is for that.

    It is the mean of their shares, so that no account has more of a say than another.
    """
    if choice.preset != "subscription" or history is None:
        return choice.preset != "subscription"
    [fact] = facts_of(item for item in choice.components if item.name == MARK["subscription"])
    lines = history.window(WINDOW)
    whole = choice.accounts["account_id"].map(lines.groupby("account_id")["revenue"].sum())
    shares = (choice.accounts[fact.name] / whole)[whole > 0.0].clip(0.0, 1.0)
    return bool(shares.mean() >= 0.5)


def _measured(
    preset: str,
    accounts: pd.DataFrame,
    history: SalesHistory | None,
    settings: ScoringSettings,
    tiers: Mapping[str, str],
) -> Choice:
    components = settings.declared(preset)
    measured = measure_facts(accounts, components, history)
    counts = account_weights(measured, components)
    scores = {}
    for item in components:
        part = fit_component(item, measured, settings, tiers, counts)
        scores[item.name] = part.score(read_facts(measured, part.facts))
    apart = count_distinguished(pd.DataFrame(scores, index=measured.index))
    for item in components:
        # Weights that may as well be noise tell nobody apart, small as their differences are.
        if item.kind == "lookup" and not lookup_weights(item, measured, settings, tiers, counts).believed:
            apart[item.name] = 0
    return Choice(preset, components, measured, apart)


def _refusal(choice: Choice) -> str:
    """Why the score is not worth publishing; empty where it is. One account alone is never told apart."""
    if len(choice.accounts) < 2 or len(choice.useful) > 1:
        return ""
    if not choice.useful:
        return "every account would get the same score"
    return f"the score would rest on one component alone, {choice.useful[0].title.lower()}"


def _idle(choice: Choice) -> str:
    """Which of the components that were asked for tell nobody apart, though they have a weight."""
    idle = [
        f"{item.title.lower()} (from {', '.join(fact.label.lower() for fact in facts_of((item,)))})"
        for item in choice.components
        if not choice.apart[item.name] and len(choice.accounts) > 1
    ]
    if not idle:
        return ""
    return (
        f"Components that tell no account apart from the others, and so only take weight: {join_words(idle, most=8)}. "
        "Map the columns that they read, or leave them out; `icp-xl check` shows what each tells apart."
    )


def _weak(choice: Choice) -> str:
    name = MARK[choice.preset]
    if name == MARK["subscription"] and choice.apart[name] >= LEAST_APART:
        return "less than half of the accounts' revenue recurs"
    return f"{name} tells {plural(choice.apart[name], 'account')} apart"


def _told(choice: Choice, tried: Sequence[Choice]) -> Choice:
    """The choice with the sentence that says why it was taken."""
    if choice.preset == "equipment":
        return choice
    left = [item.title.lower() for item in choice.components if not choice.apart[item.name]]
    if len(choice.accounts) > 1:
        whole = sum(item.weight or 0.0 for item in choice.useful)
        # The weights of those left out go to the others, in proportion.
        kept = tuple(replace(item, weight=(item.weight or 0.0) / whole) for item in choice.useful)
        choice = replace(choice, components=kept)
    names = join_words([item.title.lower() for item in choice.components], most=8)
    skipped = ", ".join(
        f"{other.preset} ({_refusal(other) or _weak(other)})"
        for other in tried
        if other is not choice and other.preset in MARK and AUTO.index(other.preset) < AUTO.index(choice.preset)
    )
    text = f"Accounts are scored by {names}: the preset {choice.preset}, since the data do not bear {skipped}"
    text += f"; left out, as the same for every account: {join_words(left, most=8)}." if left else "."
    return replace(choice, explanation=text)


def _refused(reason: str, choice: Choice, others: Sequence[Choice]) -> InsufficientDataError:
    """The error that says what is lacking, and which preset would work."""
    faults = [
        Fault(
            f"{item.title} tells {plural(choice.apart[item.name], 'account')} apart",
            f"component {item.name}",
            got=f"from {', '.join(fact.label.lower() for fact in facts_of((item,)))}",
        )
        for item in choice.components
        if not choice.apart[item.name]
    ]
    able = [other.preset for other in others if not _refusal(other)]
    step = f"Set scoring.preset to {' or '.join(able)}, or map" if able else "Map"
    return InsufficientDataError(
        f"no score is published: {reason}",
        where=f"scoring.preset {choice.preset}" if choice.preset != OWN else "scoring.components",
        got=plural(len(choice.accounts), "account"),
        allowed="at least two components that differ between accounts",
        next_step=f"{step} the columns that these components read; `icp-xl check` shows what each tells apart.",
        faults=faults,
    )
