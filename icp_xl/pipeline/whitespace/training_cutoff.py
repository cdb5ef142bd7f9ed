"""An earlier cutoff to learn from: candidates as of then, probabilities out of time, and who bought since."""

from __future__ import annotations

from datetime import date

import pandas as pd

from icp_xl import artifacts
from icp_xl.outputs import FORMULA_STARTS
from icp_xl.pipeline.models.build import division_slug, load_star
from icp_xl.pipeline.whitespace.accounts import with_accounts
from icp_xl.pipeline.whitespace.inputs import WhitespaceInputs, add_history
from icp_xl.runs import RunContext
from icp_xl.tables.star import open_engine
from icp_xl.whitespace.model import Past


def past_candidates(run: RunContext, inputs: WhitespaceInputs) -> Past | None:
    """The latest earlier cutoff with judged probabilities, or None where there is none.

    These probabilities were made by models that had seen nothing at or after that cutoff, and calibrated without the
    account's own outcome.
    """
    if not run.settings.whitespace.challenger:
        return None
    star = load_star(run)
    slugs = {division_slug(star, str(name)): str(name) for name in inputs.candidates["division"].unique()}
    judged = _judged(run, set(slugs), inputs.cutoff)
    if not judged:
        return None
    cutoff = max(day for _, day in judged)
    frames = []
    for slug, day in judged:
        if day == cutoff:
            frame = artifacts.TRAIN_SCORES.load(run.outputs, division=slug, cutoff=day)
            ids = frame["account_id"].map(_as_it_was)
            frames.append(
                pd.DataFrame(
                    {"account_id": ids, "division": slugs[slug], "p_icp": frame["p_hat"], "bought": frame["label"]}
                )
            )
    if not frames:
        return None
    scores = pd.concat(frames, ignore_index=True).drop_duplicates(["account_id", "division"])
    with open_engine(star, run.settings) as engine:
        found = add_history(run, star, engine, scores, cutoff, inputs.value_name, inputs.window_months)
    return Past(cutoff, with_accounts(run, star, found))


def _judged(run: RunContext, slugs: set[str], before: date) -> list[tuple[str, date]]:
    """Division and cutoff of every file of judged probabilities, staged by this run or published by an earlier one."""
    out = run.settings.paths.out
    there = [path.relative_to(out).as_posix() for path in out.glob(artifacts.TRAIN_SCORES.pattern)]
    named = filter(None, map(artifacts.TRAIN_SCORES.match, sorted({*run.outputs.names, *there})))
    found = [(parts["division"], date.fromisoformat(parts["cutoff"])) for parts in named]
    return [(slug, day) for slug, day in found if slug in slugs and day < before]


def _as_it_was(text: str) -> str:
    """An id without the apostrophe that keeps a spreadsheet from running it as a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA_STARTS else text
