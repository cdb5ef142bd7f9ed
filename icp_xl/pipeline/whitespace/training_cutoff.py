"""An earlier cutoff to learn from: candidates as of then, probabilities out of time, and who bought since."""

from __future__ import annotations

import re
from datetime import date

import pandas as pd

from icp_xl.outputs import FORMULA_STARTS
from icp_xl.pipeline.models.build import division_slug, load_star
from icp_xl.pipeline.whitespace.accounts import with_accounts
from icp_xl.pipeline.whitespace.inputs import Inputs, add_history
from icp_xl.runs import RunContext
from icp_xl.tables.star import open_engine
from icp_xl.whitespace.model import Past

#: Where ``icp-xl train`` leaves the judged probabilities of its latest cutoff, per division.
FOLDER = "models/artifacts"
_NAME = re.compile(r"train_scores_(?P<slug>.+)_(?P<day>\d{4}-\d{2}-\d{2})\.csv")


def past_candidates(run: RunContext, inputs: Inputs) -> Past | None:
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
            frame = pd.read_csv(run.outputs.find(_path(slug, day)), encoding="utf-8-sig", dtype={"account_id": str})
            if not {"account_id", "label", "p_hat"} <= set(frame.columns):
                continue
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


def _path(slug: str, day: date) -> str:
    return f"{FOLDER}/train_scores_{slug}_{day:%Y-%m-%d}.csv"


def _judged(run: RunContext, slugs: set[str], before: date) -> list[tuple[str, date]]:
    """Division and cutoff of every file of judged probabilities, staged by this run or published by an earlier one."""
    staged = [name.rpartition("/")[2] for name in run.outputs.names if name.startswith(FOLDER)]
    there = [path.name for path in (run.settings.paths.out / FOLDER).glob("train_scores_*.csv")]
    found = []
    for name in sorted({*staged, *there}):
        match = _NAME.fullmatch(name)
        if match and match["slug"] in slugs and date.fromisoformat(match["day"]) < before:
            found.append((match["slug"], date.fromisoformat(match["day"])))
    return found


def _as_it_was(text: str) -> str:
    """An id without the apostrophe that keeps a spreadsheet from running it as a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA_STARTS else text
