"""The sheet Categories: what decided the category of the sales lines, for a person to correct.

The next run reads the corrections back by the headings Text and Is a (see :func:`read_categories`).
"""

from __future__ import annotations

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import QualityTables
from icp_xl.reports.spec import Column, Item, Sheet, Table, Text
from icp_xl.reports.words import say_count
from icp_xl.tables.categories import CATEGORIES, CATEGORY_SHEET, NONE
from icp_xl.user_cells import CATEGORIES as USER_CATEGORIES

#: Texts that are listed at most; what is left out has the least revenue.
MOST = 500
_SAID = {
    "category": "the category given", "product": "words of the product", "division": "words of the division",
    "stock code": "words of the stock code", "user": "your answer", "": "nothing",
}  # fmt: skip


def build_category_sheet(quality: QualityTables, settings: ReportSettings) -> Sheet | None:
    """One row per category, and per product, else division or stock code, without one; ``None`` without sales lines."""
    if quality.categories.empty:
        return None
    frame = quality.categories.head(MOST).copy()
    frame = frame[frame["text"] != ""]
    frame["answer"] = frame["category"].fillna(NONE).where(frame["decided_by"] == "user", "")
    frame["decided_by"] = [_SAID.get(str(how), str(how)) for how in frame["decided_by"]]
    frame["category"] = frame["category"].fillna("")
    columns = [
        Column("answer", USER_CATEGORIES.header("answer"), width=18, editable=True, choices=(*CATEGORIES, NONE),
               note="What it is, where the column Category is wrong or blank. Blank: as it is."),
        Column("text", USER_CATEGORIES.header("text"), width=40,
               note="By this the next run knows the lines; leave it as it is."),
        Column("stands_in", "Stands in", width=12),
        Column("category", "Category", width=18),
        Column("decided_by", "Decided by", width=24),
        Column("lines", "Lines", "integer", width=10),
        Column("revenue", "Revenue", "money", rule="data_bar", width=14),
    ]  # fmt: skip
    unknown = int((frame["category"] == "").sum())
    blocks: list[Item] = [
        Text(
            f"{say_count(unknown, 'text')} with no category of ours. Choose in the yellow cells what each is, save the "
            "workbook, and run the scoring again: the answers are obeyed from then on. A category in the sales log "
            "decides; words of the product, the division and the stock code are asked only on lines without one.",
            "paragraph" if unknown else "good",
        ),
        Table("categories", columns, frame.reset_index(drop=True), key="text", empty_text="No category is known."),
    ]
    return Sheet(
        CATEGORY_SHEET, "Categories", blocks, freeze_table="categories", freeze_columns=2, kind="data",
        subtitle="What the sales lines are, what decided it, and how much revenue hangs on it.",
    )  # fmt: skip
