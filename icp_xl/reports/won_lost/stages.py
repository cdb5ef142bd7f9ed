"""The sheet *Stages*: what each stage of the CRM counts as, for a person to confirm or correct.

The next run reads the answers back (see :func:`~icp_xl.feedback.stages.read_stage_answers`).
"""

from __future__ import annotations

import pandas as pd

from icp_xl.feedback.stages import ANSWERS, UNKNOWN
from icp_xl.reports.spec import Column, Item, Sheet, Table, Text
from icp_xl.reports.words import say_count
from icp_xl.user_cells import STAGES

_DECIDED = {
    "flag": "the CRM's flags", "state": "the status", "state code": "the state's code", "words": "its words",
    "probability": "its probability", "you": "you", "words unknown": "nothing", "blank": "nothing",
    "contradiction": "status and stage contradict", "": "nothing",
}  # fmt: skip


def build_stage_sheet(stages: pd.DataFrame) -> Sheet:
    """One row per stage, in the order of the pipeline.

    Args:
        stages: the frame of :func:`~icp_xl.feedback.stages.stage_table`; empty where none was kept.
    """
    frame = stages.copy()
    frame["answer"] = frame["outcome"].where(frame["decided_by"] == "you", "")
    frame["decided_by"] = [" and ".join(_DECIDED.get(part, part) for part in str(how).split(" and ")) for how in
                           frame["decided_by"]]  # fmt: skip
    unknown = int((frame["unknown"] > 0).sum())
    doubt = (
        f"{say_count(unknown, 'stage')} without an answer: their opportunities count neither as won nor as lost nor as "
        "open. "
    )
    blocks: list[Item] = [
        Text(
            (doubt if unknown else "Every stage tells what it is. ")
            + "Where the column Counts now as is wrong or unknown, choose in the yellow cell what the stage is, "
            "save the workbook, and take the next snapshot. The CRM's own flags stand above all; a blank cell leaves "
            "all as it is.",
            "warning" if unknown else "good",
        ),
        Table(
            "stages",
            [
                Column("answer", STAGES.header("answer"), width=14, editable=True, choices=ANSWERS,
                       note="What the stage is. Blank: as the column Counts now as says."),
                Column("stage", STAGES.header("stage"), "id", width=34,
                       note="By this the next run knows the stage; leave it as it is."),
                Column("outcome", "Counts now as", width=16, rule="status"),
                Column("decided_by", "Decided by", width=28),
                Column("proposed", "Proposed", width=12, note="What the probabilities of an unknown stage speak for."),
                Column("order", "Place", "integer", width=8), Column("probability", "Probability", "percent", width=12),
                Column("deals", "Opportunities", "integer", width=14), Column("won", "Won", "integer", width=9),
                Column("lost", "Lost", "integer", width=9), Column("open", "Open", "integer", width=9),
                Column(UNKNOWN, "Unknown", "integer", width=10), Column("amount", "Amount", "money", width=16),
            ],
            frame, key="stage", empty_text="No export of opportunities has been read yet.", filters=False,
        ),
    ]  # fmt: skip
    return Sheet(STAGES.sheet, "Stages", blocks, subtitle="What each stage of the CRM counts as, and what decided so.",
                 freeze_table="stages", kind="data")  # fmt: skip
