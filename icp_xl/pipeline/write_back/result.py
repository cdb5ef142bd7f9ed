"""What a write-back gives a caller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl.delivery.write_back.columns import ColumnsReport
from icp_xl.delivery.write_back.inject import InjectReport
from icp_xl.delivery.write_back.remove import RemoveReport

#: How many unmatched keys are named at the end.
_NAMED = 8


@dataclass(frozen=True)
class WriteBackResult:
    """What went into a workbook or came out of it; ``copy`` is where the results went, if not into the workbook."""

    workbook: Path
    sheets: InjectReport | None = None
    columns: ColumnsReport | None = None
    removed: RemoveReport | None = None
    functions: InjectReport | None = None
    copy: Path | None = None

    @property
    def backup(self) -> Path | None:
        """The workbook as it was before."""
        reports = (self.columns, self.sheets, self.functions, self.removed)
        return next((each.backup for each in reports if each is not None and each.backup is not None), None)

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        lines: list[str] = []
        if self.sheets is not None:
            lines += _of_sheets(self.sheets)
        if self.columns is not None:
            lines += _of_columns(self.columns)
        if self.functions is not None:
            lines += _of_sheets(self.functions)
        if self.removed is not None:
            lines += _of_removal(self.removed)
        if self.backup is not None:
            lines.append(f"The workbook as it was: {self.backup}")
        if self.copy is not None:
            lines.append(f"Your workbook with the results, as a copy: {self.copy}")
        return lines


def _of_sheets(report: InjectReport) -> list[str]:
    lines = [f"{len(report.sheets)} sheets are in {report.path.name}; {len(report.replaced)} replaced earlier ones."]
    if report.typed_kept:
        lines.append(f"{report.typed_kept} cells that you had filled in were kept.")
    lines += [f"Not kept, since its row is gone: {' / '.join(lost)}" for lost in report.typed_lost]
    if report.removed:
        lines.append(f"Taken out, since the report has them no more: {', '.join(report.removed)}.")
    return [*lines, *report.notes]


def _of_removal(report: RemoveReport) -> list[str]:
    exact = " Every part is again what it was before." if report.exact else ""
    columns = f" and {len(report.columns)} columns" if report.columns else ""
    gone = [*report.removed, *report.columns]
    lines = [f"{len(report.removed)} sheets{columns} were taken out of {report.path.name}.{exact}"]
    return [*lines, *([f"Taken out: {'; '.join(gone)}."] if gone else []), *report.notes]


def _of_columns(report: ColumnsReport) -> list[str]:
    lines = []
    if report.columns:
        lines.append(f"{len(report.columns)} columns are in {report.sheet} of {report.path.name}:")
        lines += [f"  {title}" for title in report.columns.values()]
    missing = sum(report.unmatched.values())
    lines.append(f"{report.matched:,} rows have their account; {missing:,} have none and stay blank.")
    if missing:
        named = list(report.unmatched)[:_NAMED]
        more = len(report.unmatched) - len(named)
        lines.append(f"No account: {'; '.join(named)}" + (f" and {more:,} more" if more else ""))
    return [*lines, *report.notes]
