"""What people say of the stages of opportunities, and what to ask them."""

from __future__ import annotations

import pandas as pd

from icp_xl import artifacts
from icp_xl.config.feedback import StageSettings
from icp_xl.errors import SourceError
from icp_xl.feedback.opportunities import prepare_opportunities
from icp_xl.feedback.stages import (
    STAGE_COLUMNS,
    deal_remarks,
    decide_outcomes,
    read_stage_answers,
    stage_remarks,
    stage_table,
)
from icp_xl.runs import RunContext

#: The report whose sheet *Stages* takes answers.
REPORT = artifacts.WON_LOST_REPORT.name


def answers_on_stages(run: RunContext) -> dict[str, StageSettings]:
    """The answers of the last report's sheet *Stages*; what the settings say wins."""
    if "said of stages" not in run.memo:
        answers: dict[str, StageSettings] = {}
        try:
            answers = read_stage_answers(run.settings.paths.out / REPORT)
        except SourceError as error:
            # Our own report may have been saved by any program; a damaged one must not stop the run that replaces it.
            if error.faults:
                raise
            run.warn(f"The answers in {REPORT} could not be read and are left out: {error.fault.what}.")
        run.memo["said of stages"] = {**answers, **run.settings.feedback.stages}
    found: dict[str, StageSettings] = run.memo["said of stages"]
    return found


def prepared_opportunities(run: RunContext, frame: pd.DataFrame) -> pd.DataFrame:
    """One row per opportunity, prepared; the stages go into the run's memo, and what is odd or open is said.

    Raises:
        DataError: the same opportunity id stands in several rows.
        SourceError: an answer on the sheet *Stages* cannot be used.
    """
    said = answers_on_stages(run)
    frame = frame.reset_index(drop=True)
    prepared = prepare_opportunities(frame, said)
    judged = decide_outcomes(frame, said)
    table = stage_table(frame, said, judged)
    run.memo["stages"] = table
    for text in (*stage_remarks(table, REPORT), *deal_remarks(prepared, judged)):
        run.warn(text)
    run.metric("opportunities with an unknown outcome", int(table["unknown"].sum()))
    return prepared


def keep_stages(run: RunContext) -> None:
    """Leave the stages of this run for the report."""
    run.outputs.parquet(artifacts.OPPORTUNITY_STAGES.name, run.memo["stages"])


def kept_stages(run: RunContext) -> pd.DataFrame:
    """The stages of the last export that was read; empty where none is kept."""
    table = artifacts.OPPORTUNITY_STAGES
    return table.load(run.outputs) if table.exists(run.outputs) else pd.DataFrame(columns=list(STAGE_COLUMNS))
