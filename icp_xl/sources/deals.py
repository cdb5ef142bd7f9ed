"""A list of deals that serves as the sales log: only the won ones are sales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from icp_xl.sources.cells import RawColumn, cell_text, distinct
from icp_xl.sources.headers import Header
from icp_xl.sources.stages import WON, read_stage
from icp_xl.sources.typed import type_column
from icp_xl.sources.vocabulary import Vocabulary


def stage_header(header: Header, known: Vocabulary) -> str | None:
    """The header of a column of stages, where the sheet has one."""
    return next((text for text in header.headers if text and known.rank("opportunities", "stage", text)), None)


def leave_out_open(
    stage: str,
    raw: Mapping[str, RawColumn],
    revenue: str | None,
    keep: np.ndarray[Any, np.dtype[np.bool_]],
    reason: RawColumn,
) -> list[str]:
    """Leave out rows whose stage does not say that the deal was won, and say which and how much.

    Args:
        stage: the header of the stages.
        raw: raw columns by header.
        revenue: the header of the amounts, where there is one.
        keep: which rows count; changed in place, with ``reason``.
        reason: why each other row does not.
    """
    column = raw[stage]
    if column.dtype != object:
        return []
    codes, cells = distinct(column)
    texts = [cell_text(cell) or "" for cell in cells]
    won = np.array([_won(text) for text in texts] or [False])
    names = sorted({text for text, is_won in zip(texts, won, strict=False) if text and not is_won})
    if not won.any():
        return [f"{stage} holds {', '.join(names[:6])}; none says won, so every line counts. To count some only, set "
                f"sources.sales.where: {{{stage}: […]}}"] if names else []  # fmt: skip
    out = keep & ~won[codes]
    if not out.any():
        return []
    lost = "" if revenue is None else f" with {np.nansum(type_column(raw[revenue][out], 'number').values):,.2f}"
    reason[out] = f"{stage} does not say won"
    keep &= ~out
    return [
        f"{stage} holds stages that are not won ({', '.join(names[:6])}): {int(out.sum()):,} lines{lost} are left out; "
        f"to count others, set sources.sales.where: {{{stage}: […]}}"
    ]


def _won(text: str) -> bool:
    read = read_stage(text)
    return read.outcome == WON and bool(read.ideas & {"won", "win"})
