"""``score``, ``live``, ``lite`` and ``optimize``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icp_xl.commands.declare import Button, InRun, Setting, command
from icp_xl.pipeline import run_all

if TYPE_CHECKING:
    from icp_xl.pipeline.lite import LiteResult
    from icp_xl.pipeline.live import LiveResult
    from icp_xl.pipeline.score import ScoreOutcome
    from icp_xl.runs import RunContext
    from icp_xl.weight_search.search import OptimizeResult


#: Goes on although more was left out of the sources than the settings allow.
ACCEPT = Setting("--accept-losses", "sources.accept_losses")


@command(
    ACCEPT,
    button=Button(
        "Score accounts", "Score", "CalculateNow", "S",
        "Scores every account in the background, then writes score, grade and rank beside the customer table and "
        "brings in the report sheets.",
        action="Score", large=True, order=10, columns=True,
    ),
    in_run=(
        InRun(10, "scores", run_all.score_first, needed=True, part_of="report"),
        InRun(30, "report", needed=True, remembers=("won and lost",)),
    ),
)  # fmt: skip
def score(run: RunContext) -> ScoreOutcome:
    """Read the sources, score every account, and write the report workbook.

    Writes icp_report.xlsx, icp_scored_accounts.csv, score_model.json and industry_weights.json.

    Example: icp-xl score --data my_files --out icp_output
    """
    from icp_xl.pipeline.score import score as stage

    return stage(run)


@command(
    Setting("--trials", "optimize.n_trials", "-n"),
    Setting("--lambda", "optimize.lambda_param"),
    Setting("--size", "optimize.include_size"),
    Setting("--storage", "optimize.storage"),
    shared=("config", "out", "set_"),
    after="score",
    button=Button(
        "Optimise weights", "Score", "WhatIfAnalysisMenu", "O",
        "Searches the weights of the components that agree best with revenue, without upsetting the grades more than "
        "you allow.",
        order=30,
    ),
    in_run=InRun(20, "weights", run_all.optimize_if_possible, part_of="report"),
)  # fmt: skip
def optimize(run: RunContext) -> OptimizeResult | None:
    """Find the component weights that rank accounts by revenue and keep the grade mix.

    A study that was interrupted goes on where it stopped.

    Example: icp-xl optimize --out icp_output --lambda 0.25
    """
    from icp_xl.pipeline.optimize import optimize as stage

    return stage(run)


@command(
    shared=("config", "out", "set_"),
    after="score",
    button=Button(
        "What if", "Score", "ChartInsert", "J",
        "Writes the live workbook from the last scores: anyone can move a weight there and watch every score change, "
        "without this add-in.",
        screentip="What if the weights were others?", order=20, sales=False,
    ),
)  # fmt: skip
def live(run: RunContext) -> LiveResult | None:
    """Write the live workbook again, from what `icp-xl score` left.

    Writes live/icp_live.xlsx, in which anyone can move a weight and watch every score change.

    Example: icp-xl live --out icp_output
    """
    from icp_xl.pipeline.live import rebuild_live

    return rebuild_live(run)


@command(
    shared=("config", "out", "set_"),
    after="score",
    button=Button(
        "Script for Lite", "Help", "ControlProperties", "Z",
        "Writes a script for xlwings Lite from the last scores: the ICP functions, and scoring in place, on Windows, "
        "Mac and the web, without this add-in and without Python.",
        screentip="The functions in xlwings Lite", order=18, sales=False,
    ),
    in_run=InRun(35, "lite script", run_all.lite_if_asked, brief=True, last=True, reads=("report",)),
)  # fmt: skip
def lite(run: RunContext) -> LiteResult | None:
    """Write the functions and the scoring as one script for xlwings Lite, from what `icp-xl score` left.

    Writes lite/main.py and lite/requirements.txt, to paste into xlwings Lite in Excel on Windows, Mac or the web. The
    model and the best accounts are in the script; no Python has to be installed.

    Example: icp-xl lite --out icp_output
    """
    from icp_xl.pipeline.lite import write_lite

    return write_lite(run)
