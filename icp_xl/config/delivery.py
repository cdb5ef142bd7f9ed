"""How results are put into workbooks that others made."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from icp_xl.config.base import Section


class AfterRunSettings(Section):
    """What ``icp-xl run`` puts into a workbook of yours at its end; nothing unless you name one."""

    workbook: Path | None = Field(None, description="your workbook that icp-xl run puts results into")
    copy_only: bool = Field(
        False, description="leave the workbook alone, and write a copy with the results below paths.out/written_back"
    )
    sheets: tuple[str, ...] = Field(
        (), description="sheets of the report that go in; all of them unless you name some or only a key column"
    )
    columns: str | None = Field(None, description="key column of yours that result columns go beside")
    sheet: str | None = Field(None, description="sheet or table with that column, where several have one")
    functions: bool = Field(False, description="put the worksheet functions (ICP_SCORE ...) in too, as names")
    fields: tuple[str, ...] = Field((), description="results that become columns; the usual five by default")


class DeliverySettings(Section):
    """How results are put into workbooks that others made."""

    place: str = Field("end", description="where new sheets go: start, end, a position, before:NAME or after:NAME")
    backups: int = Field(5, ge=0, le=1000, description="how many dated backups of a workbook are kept; 0 keeps none")
    backup_folder: str = Field("ICP backups", description="folder beside the workbook that holds its backups")
    keep_timestamps: bool = Field(
        True, description="give the written workbook the times it had; turn off where a backup program goes by them"
    )
    wait_seconds: float = Field(10.0, ge=0.0, le=600.0, description="how long to wait for another run of ours")
    functions_accounts: int = Field(
        20_000, ge=0, le=1_000_000,
        description="how many accounts, best first, a workbook with functions holds for ICP_LOOKUP; 0 leaves it out",
    )  # fmt: skip
    after_run: AfterRunSettings = AfterRunSettings()
