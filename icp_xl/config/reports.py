"""Settings of the section ``reports``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from icp_xl.artifacts import LITE_SCRIPT, LIVE_WORKBOOK
from icp_xl.config.base import Rights, Section


class ReportSettings(Section):
    """What the report workbooks show, and how."""

    rights: ClassVar[Rights] = "workbook"

    title: str = Field("ICP score report", min_length=1, max_length=120, description="title of the score report")
    html: bool = Field(
        False, description="write the reports on won and lost, and on what the list brought, as an HTML file each too"
    )
    currency: str = Field("$", max_length=4, description="sign that money is shown with; empty for none")
    paper: Literal["letter", "a4"] = Field("letter", description="paper that sheets are printed on")
    top_accounts: int = Field(12, ge=1, le=100, description="accounts listed on the Summary sheet")
    most_accounts: int = Field(
        200_000,
        ge=1,
        le=1_000_000,
        description="accounts listed on Scored Accounts; the best are, and the sheet says so",
    )
    chart_points: int = Field(2000, ge=10, le=20_000, description="points of a scatter chart; more are sampled")
    industries_charted: int = Field(12, ge=1, le=40, description="industries in the chart of scores by industry")
    listed_rows: int = Field(2000, ge=1, le=100_000, description="rows of a list on the Data Quality sheets")
    live: bool = Field(True, description=f"write the live workbook {LIVE_WORKBOOK.name} with the score report")
    live_accounts: int = Field(
        20_000, ge=10, le=200_000, description="accounts in the live workbook; of more, an even slice, and it says so"
    )
    lite: bool = Field(False, description=f"write the script for xlwings Lite {LITE_SCRIPT.name} with icp-xl run")
    lite_accounts: int = Field(
        2_000, ge=0, le=20_000,
        description="how many accounts, best first, that script holds for ICP_LOOKUP; 0 leaves it out",
    )  # fmt: skip
    live_lambda: bool = Field(
        False, description="define =ICP_SCORE() and its like in the live workbook, for Excel 2024 and 365"
    )
