"""How results are put into workbooks that others made."""

from __future__ import annotations

from pydantic import Field

from icp_xl.config.base import Section


class DeliverySettings(Section):
    """How results are put into workbooks that others made."""

    place: str = Field("end", description="where new sheets go: start, end, a position, before:NAME or after:NAME")
    backups: int = Field(5, ge=0, le=1000, description="how many dated backups of a workbook are kept; 0 keeps none")
    backup_folder: str = Field("ICP backups", description="folder beside the workbook that holds its backups")
    keep_timestamps: bool = Field(
        True, description="give the written workbook the times it had; turn off where a backup program goes by them"
    )
    wait_seconds: float = Field(10.0, ge=0.0, le=600.0, description="how long to wait for another run of ours")
