"""The ranking from candidates to list, in the order in which a reader would do it; each step adds to the pairs."""

from __future__ import annotations

import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.progress import Progress
from icp_xl.whitespace.candidates import complete_candidates
from icp_xl.whitespace.capacity import select_pairs
from icp_xl.whitespace.eligibility_rules import OWNED, apply_rules
from icp_xl.whitespace.model import Memory, Ranking, Terms
from icp_xl.whitespace.order import order_pairs
from icp_xl.whitespace.reasons import explain_pairs
from icp_xl.whitespace.scores import add_scores, learn_challenger, score_pairs
from icp_xl.whitespace.states import valid_states
from icp_xl.whitespace.summary import Learned, summarise


def rank_whitespace(
    candidates: pd.DataFrame,
    settings: WhitespaceSettings,
    terms: Terms,
    memory: Memory | None = None,
    progress: Progress | None = None,
) -> Ranking:
    """Rank every account × division.

    Args:
        candidates: one row per pair, see :data:`icp_xl.whitespace.model.OPTIONAL`; in any order.
        settings: of the section ``whitespace``.
        terms: the dates, the window, the seed and the currency.
        memory: what earlier runs left; none of it is changed.
        progress: told of each of five steps.

    Raises:
        DataError: the candidates cannot be ranked.
        ConfigError: the weights cannot be used.
        Cancelled: the user asked to stop.
    """
    progress, memory = progress or Progress(), memory or Memory()
    progress.stage("ranking whitespace", 5)
    states = valid_states(memory.states, terms.today, settings)
    known = complete_candidates(candidates, states, terms, settings)
    eligibility = apply_rules(known, terms.today, settings)
    _step(progress)
    unowned = ~eligibility.matched[OWNED]
    scores = score_pairs(known[unowned].reset_index(drop=True), settings)
    challenger = learn_challenger(memory.past, settings, terms.window_months)
    scored = add_scores(known, unowned, scores, challenger)
    _step(progress)
    ordered = order_pairs(scored, eligibility, challenger, terms.today, settings)
    _step(progress)
    selected = select_pairs(ordered, settings, terms.seed)
    explained = explain_pairs(selected, terms)
    _step(progress)
    found = summarise(explained, eligibility.removals(), Learned(scores.weights, challenger), terms, memory, settings)
    progress.advance()
    return found


def _step(progress: Progress) -> None:
    progress.advance()
    progress.check()
