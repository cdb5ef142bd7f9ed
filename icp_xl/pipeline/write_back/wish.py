"""What a caller of ``write-back`` wants; the command's options and their help are the fields of the record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from icp_xl.artifacts import REPORT


@dataclass(frozen=True)
class WriteBackWish:
    """Where results go and which: sheets where ``report`` or ``sheets`` ask for them, or where no ``columns`` do."""

    report: Path | None = field(
        default=None, metadata={"help": f"The report to put in (default: {REPORT.name} of the last run)."}
    )
    sheets: tuple[str, ...] = field(
        default=(), metadata={"help": "Only these sheets of the report, with commas between.", "commas": True}
    )
    columns: str | None = field(
        default=None,
        metadata={
            "help": "Put result columns beside this column of yours, which holds account ids or names.",
            "metavar": "KEY",
        },
    )
    sheet: str | None = field(
        default=None, metadata={"help": "Sheet or table with that column, where several have one."}
    )
    fields: tuple[str, ...] = field(
        default=(),
        metadata={"help": "Which results (default: icp_score,icp_grade,rank,segment,reasons).", "commas": True},
    )
    functions: bool = field(
        default=False,
        metadata={"help": "Put the worksheet functions (ICP_SCORE …) in, as names that need neither add-in nor macro."},
    )
    out: Path | None = field(default=None, metadata={"help": "Write a copy here and leave the workbook alone."})
    place: str | None = field(
        default=None, metadata={"help": "Where new sheets go: start, end, before:NAME or after:NAME."}
    )
    force: bool = field(
        default=False,
        metadata={"help": "Also where the owner asks for care, or where formulas of yours point to what is taken out."},
    )
