"""Settings of the section ``excel``."""

from __future__ import annotations

from pydantic import Field

from icp_xl.config.base import NAME, Section


class ExcelSettings(Section):
    """How the add-in finds workbooks and shows background work."""

    customer_workbook: str = Field(
        "",
        description="name or path of the customer workbook; empty looks among the open workbooks",
        json_schema_extra=NAME,
    )
    sales_workbook: str = Field(
        "",
        description="name or path of the sales-log workbook; empty looks among the open workbooks",
        json_schema_extra=NAME,
    )
    keep_jobs_days: int = Field(14, ge=0, le=3650, description="days after which a finished job's log is removed")
