"""Scored accounts as columns for a sheet that someone made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.config.matching import MatchingSettings
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, FoundKeys, KeyFinder, ResultColumn, Results
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.inject import SheetOptions
from icp_xl.delivery.write_back.sheets_and_columns import write_sheets_and_columns
from icp_xl.errors import ConfigError, SourceError
from icp_xl.pipeline.write_back.result import WriteBackResult
from icp_xl.pipeline.write_back.wish import WriteBackWish
from icp_xl.runs import RunContext

#: Where a run leaves the scored accounts, below its output folder.
SCORED = artifacts.SCORED_ACCOUNTS.name
_KEYS = ("account_id", "account_name")
_MONEY, _SHARE = "#,##0", "0.00"
_WORDS = {"icp": "ICP", "gp": "GP"}


def put_columns(
    run: RunContext,
    workbook: Path,
    key: str,
    scored: Path,
    out: Path | None,
    sheet: str | None,
    fields: Sequence[str],
    force: bool = False,
) -> WriteBackResult | None:
    """Put fields of the scored accounts beside the column ``key`` of ``workbook``, or of a copy at ``out``.

    Args:
        run: the run.
        workbook: the user's workbook.
        key: header of the column with account ids or names.
        scored: file of the scored accounts.
        out: where a copy goes; ``None`` changes the workbook itself.
        sheet: sheet or table with that column, where several have one.
        fields: results to write; the usual ones where empty.
        force: pass over what the workbook's owner asks for.

    Raises:
        SourceError: a file is not there.
        ConfigError: a field is none of the scored accounts.
        DeliveryError: the columns cannot be put in; the workbook is as it was.
    """
    from icp_xl.pipeline.write_back.sheets import safe_options

    results = _ready(run, workbook, scored, out, fields)
    if run.dry_run:
        return None
    done = write_columns(workbook, key, results, out, sheet=sheet, force=force, options=safe_options(run))
    return WriteBackResult(out or workbook, columns=done)


def _ready(
    run: RunContext, workbook: Path, scored: Path, out: Path | None, fields: Sequence[str], report: Path | None = None
) -> Results:
    """Note what is read and written, and read the results.

    Raises:
        SourceError: a file is not there.
        ConfigError: an unknown field.
    """
    for path in (workbook, report):
        if path is not None and not path.is_file():
            raise SourceError("the file does not exist", where=path.name, next_step="Check the path.")
    if not scored.is_file():
        raise SourceError("there are no scored accounts yet", where=scored.name, next_step="Run icp-xl score first.")
    for path in (workbook, report, scored):
        if path is not None:
            run.read(path)
    run.plan((out or workbook).name)
    return read_results(scored, fields, run.settings.matching)


def put_back(run: RunContext, workbook: Path, wish: WriteBackWish) -> WriteBackResult | None:
    """Sheets of a report, result columns or both, or the functions, into ``workbook``; ``None`` in a dry run.

    Raises:
        SourceError: a file is not there.
        ConfigError: a field is none of the scored accounts.
        DeliveryError: they cannot be put in; the workbook is as it was.
    """
    from icp_xl.pipeline.tables import REPORT
    from icp_xl.pipeline.write_back.functions import put_functions
    from icp_xl.pipeline.write_back.sheets import kept_beside, safe_options, write_back

    source, out = wish.report or run.settings.paths.out / REPORT, wish.out
    if wish.functions:
        return put_functions(run, workbook, wish, source.parent)
    if wish.columns is None:
        return write_back(run, workbook, source, out, wish.place, list(wish.sheets) or None, wish.force)
    scored = source.parent / SCORED
    if wish.report is None and not wish.sheets:
        return put_columns(run, workbook, wish.columns, scored, out, wish.sheet, wish.fields, wish.force)
    results = _ready(run, workbook, scored, out, wish.fields, source)
    if run.dry_run:
        return None
    sheets = SheetOptions(
        wish.place or run.settings.delivery.place, kept=kept_beside(source), only=wish.sheets or None, force=wish.force
    )
    done = write_sheets_and_columns(
        workbook, source, wish.columns, results, out, sheets, sheet=wish.sheet, options=safe_options(run)
    )
    return WriteBackResult(out or workbook, *done)


def read_results(scored: Path, fields: Sequence[str] = (), matching: MatchingSettings | None = None) -> Results:
    """The scored accounts in ``scored`` with the columns for ``fields``; the usual ones by default.

    A row of the workbook that was merged into another account gets that account's results: its id leads there.

    Raises:
        ConfigError: an unknown field.
    """
    frame = artifacts.SCORED_ACCOUNTS.read(scored)
    known = {column.field: column for column in RESULT_COLUMNS}
    able = [name for name in frame.columns if name not in _KEYS]
    unknown = [name for name in fields if name not in able]
    if unknown:
        raise ConfigError(
            f"there is no result called {', '.join(unknown)}", where="--fields", allowed=", ".join(able)
        )  # fmt: skip
    every = [known.get(name) or ResultColumn(name, *_look(name, frame[name])) for name in able]
    chosen = fields or [column.field for column in RESULT_COLUMNS if column.field in able]
    by_field = {column.field: column for column in every}
    return Results(
        columns=[by_field[name] for name in dict.fromkeys(chosen)],
        values={name: frame[name].tolist() for name in able},
        find_keys=_finder(frame, matching),
        others=every,
    )


def _finder(frame: pd.DataFrame, matching: MatchingSettings | None) -> KeyFinder:
    """Finds accounts by the rules of matching; the ids of rows that were merged into an account lead there too."""
    known = [(own, name, row) for row, (own, name) in enumerate(zip(*(frame[key] for key in _KEYS), strict=True))]
    if "merged_ids" in frame.columns:
        taken = {str(own) for own, _, _ in known}
        for row, merged in enumerate(frame["merged_ids"].fillna("").astype(str)):
            known += [(own, None, row) for own in merged.split("; ") if own and own not in taken]

    def find(keys: Sequence[str]) -> FoundKeys:
        from icp_xl.tables.matching.keys import match_keys

        ids, names, rows = zip(*known, strict=True) if known else ((), (), ())
        found = match_keys(keys, ids, names, matching, rows)
        notes = []
        if found.spelt:
            key, name = min(found.spelt.items())
            notes.append(
                f"{len(found.spelt):,} of {len(keys):,} names are written otherwise than the accounts they were taken "
                f"for, such as {key!r} for {name!r}."
            )
        return FoundKeys({key: row for key, row in zip(keys, found.rows, strict=True) if row is not None}, notes)

    return find


def _look(name: str, values: pd.Series) -> tuple[str, str, float]:
    """Header, number format and width of a field."""
    words = " ".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))
    header = words if words.startswith("ICP") else f"ICP {words}"
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return header, "General", 18.0
    if name.endswith(("revenue", "profit", "printers")):
        return header, _MONEY, 14.0
    return header, _SHARE if pd.api.types.is_float_dtype(values) else "0", 12.0
