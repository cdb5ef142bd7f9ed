"""What the last runs published, as the worksheet functions need it: read once, and again when a file changes.

Files, all in the output folder (see :func:`published_folder`), each of which may be missing:

* ``score_model.json``: :class:`icp_xl.scoring.model.ScoreModel`;
* ``state/scored_accounts.parquet``: one row per account: ``account_id``, ``account_name`` and every field that
  ``ICP_LOOKUP`` may be asked for;
* ``state/icp_scores.parquet``: one row per account × division: ``account_id``, ``division``, ``p_icp`` (0 to 1);
* ``state/whitespace.parquet``: one row per account × division worth an offer: ``account_id``, ``division``,
  ``nba_reason``, and ``rank`` (1 best) or ``score`` (higher is better).

A function whose file is missing shows ``#N/A``; while a run is putting its files in place, what was known before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from icp_xl import artifacts
from icp_xl.excel.caller import caller
from icp_xl.excel.cells import NOT_AVAILABLE, VALUE, CellError
from icp_xl.outputs import is_half_published, write_json
from icp_xl.user_dirs import user_folder

if TYPE_CHECKING:
    import pandas as pd

    from icp_xl.scoring.model import ScoreModel

#: Which output folder each workbook's results lie in, and which one a job filled last, in the folder of the user.
FOLDERS = "results_folders.json"
OUT_VARIABLE = "ICP_XL__PATHS__OUT"
#: The setting paths.out where nobody changed it.
DEFAULT_OUT = "icp_output"
#: What the functions read; the actions that write one of these publish their folder.
READ_BY_FUNCTIONS = (artifacts.SCORE_MODEL, artifacts.SCORED_ACCOUNTS, artifacts.SCORES, artifacts.WHITESPACE)

T = TypeVar("T")
Stamp = tuple[int, int, int]
#: Files kept in memory: four of each of eight workbooks' folders.
_MOST_FILES = 32


def published_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The output folder whose results the worksheet functions of the calling workbook show.

    The environment wins. Then the folder that this workbook's jobs filled, or the ``icp_output`` beside it; for a
    workbook that has neither, the folder that any job filled last, or ``icp_output`` here.
    """
    environ = os.environ if environ is None else environ
    if environ.get(OUT_VARIABLE):
        return Path(environ[OUT_VARIABLE])
    folders, book = _folders(environ), caller().book
    if book:
        if book_key(book) in folders:
            return Path(folders[book_key(book)])
        beside = Path(book).parent / DEFAULT_OUT
        if "://" not in book and artifacts.SCORE_MODEL.exists(beside):
            return beside
    return Path(folders.get("", DEFAULT_OUT))


def set_published_folder(out: Path, book: str) -> None:
    """Show the results in ``out`` from now on in the workbook ``book`` (its full name), and where none are known."""
    folders = _folders(os.environ)
    # A workbook that is gone, or was renamed, must not keep its line for ever.
    kept = {key: value for key, value in list(folders.items())[-_MOST_BOOKS:] if Path(value).is_dir()}
    kept.pop(book_key(book), None)
    write_json(user_folder() / FOLDERS, {**kept, "": str(out), book_key(book): str(out)})


_MOST_BOOKS = 500


def _folders(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        body = json.loads((user_folder(environ) / FOLDERS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(body, dict):
        return {}
    return {key: value for key, value in body.items() if isinstance(value, str)}


def book_key(book: str) -> str:
    """One spelling of a workbook's full name, as Windows and SharePoint compare them."""
    return book.replace("\\", "/").casefold()


@dataclass(frozen=True)
class AccountTable:
    """Scored accounts, found by id or by name."""

    columns: dict[str, list[Any]]

    @cached_property
    def _by_id(self) -> dict[str, int]:
        found = {_key(value): i for i, value in enumerate(self.columns["account_id"])}
        for i, merged in enumerate(self.columns.get("merged_ids", [])):
            # The id of a row that was merged into an account means that account.
            for value in str(merged or "").split("; "):
                found.setdefault(_key(value), i)
        found.pop("", None)
        return found

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return _unique(_key(value) for value in self.columns.get("account_name", []))

    @cached_property
    def _by_core(self) -> dict[str, int]:
        from icp_xl.tables.names import normalize_name

        return _unique(normalize_name(value).identity for value in self.columns.get("account_name", []))

    def find(self, account: str) -> int:
        """Row of an account by its id, its name, or its name without legal form; never a guess between two.

        Raises:
            CellError: ``#N/A`` where there is none, or several.
        """
        key = _key(account)
        for table in (self._by_id, self._by_name):
            if key in table:
                return table[key]
        from icp_xl.tables.names import normalize_name

        core = normalize_name(account).identity
        if core and core in self._by_core:
            return self._by_core[core]
        raise CellError(NOT_AVAILABLE)

    def field(self, name: str) -> list[Any]:
        """Values of a field, by its name in any spelling of case, spaces and underscores.

        Raises:
            CellError: ``#VALUE!`` for a field that does not exist.
        """
        wanted = name.strip().lower().replace(" ", "_")
        for column, values in self.columns.items():
            if column.lower() == wanted:
                return values
        raise CellError(VALUE)


@dataclass(frozen=True)
class DivisionTable:
    """Rows per account and division, by account."""

    rows: dict[str, list[dict[str, Any]]]

    def of(self, account_id: str) -> list[dict[str, Any]]:
        """The account's rows; none where it is unknown."""
        return self.rows.get(_key(account_id), [])


class Published:
    """The published files, cached in this process by their time, size and number."""

    def __init__(self, folder: Callable[[], Path] = published_folder) -> None:
        self._folder = folder
        self._cache: dict[Path, tuple[Stamp, Any]] = {}

    def folder(self) -> Path:
        """Where the calling workbook's results lie."""
        return self._folder()

    def model(self) -> ScoreModel:
        """The score model. Raises ``CellError`` ``#N/A`` where there is none, as all of these do."""
        return self._load(artifacts.SCORE_MODEL, _read_model)

    def accounts(self) -> AccountTable:
        """The scored accounts of the last run."""
        return self._load(artifacts.SCORED_ACCOUNTS, lambda path: AccountTable(read_columns(path)))

    def propensity(self) -> DivisionTable:
        """Calibrated probabilities per account and division."""
        return self._load(artifacts.SCORES, lambda path: _divisions(_frame(artifacts.SCORES, path)))

    def whitespace(self) -> DivisionTable:
        """Offers per account, best first."""
        return self._load(artifacts.WHITESPACE, lambda path: _divisions(_offers(_frame(artifacts.WHITESPACE, path))))

    def _load(self, artifact: artifacts.Artifact, read: Callable[[Path], T]) -> T:
        folder = self._folder()
        path = artifact.find(folder)
        try:
            found = os.stat(path)
        except OSError:
            raise CellError(NOT_AVAILABLE) from None
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        kept = self._cache.get(path)
        if kept is None or kept[0] != stamp:
            if is_half_published(folder):
                # Files of two runs lie side by side: what was known before is of one.
                if kept is None:
                    raise CellError(NOT_AVAILABLE)
            else:
                kept = (stamp, read(path))
                self._cache[path] = kept
                while len(self._cache) > _MOST_FILES:
                    del self._cache[next(iter(self._cache))]
        value: T = kept[1]
        return value


#: What this process knows.
published = Published()


def _key(value: object) -> str:
    return " ".join(str(value).split()).casefold()


def _unique(keys: Any) -> dict[str, int]:
    """First place of each key that occurs once."""
    seen: dict[str, int] = {}
    twice: set[str] = set()
    for i, key in enumerate(keys):
        if key in seen:
            twice.add(key)
        seen[key] = i
    return {key: i for key, i in seen.items() if key not in twice and key}


def _read_model(path: Path) -> ScoreModel:
    import numpy as np

    from icp_xl.scoring.model import ScoreModel

    model = ScoreModel.load(path)
    # As an array once, not at every cell: the thousand knots are half the cost of scoring one account.
    object.__setattr__(model, "knots", np.asarray(model.knots, dtype=np.int64))
    return model


def read_columns(path: Path) -> dict[str, list[Any]]:
    """A Parquet file as lists by column, missing values as ``None``."""
    return _columns(_frame(artifacts.SCORED_ACCOUNTS, path))


def _frame(artifact: artifacts.Artifact, path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, KeyError) as error:  # torn, or nothing of the kind
        raise artifact.damaged(path, type(error).__name__) from None


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    import pandas as pd

    return {
        str(name): [None if missing else value for value, missing in zip(column.tolist(), pd.isna(column), strict=True)]
        for name, column in frame.items()
    }


def _offers(frame: pd.DataFrame) -> pd.DataFrame:
    """The pairs to offer: not those that a gate removed, nor those held out to measure what the list brings."""
    if "rank" in frame:
        frame = frame[frame["rank"].notna()]
    return frame[~frame["holdout"].astype(bool)] if "holdout" in frame else frame


def _divisions(frame: pd.DataFrame) -> DivisionTable:
    if "rank" in frame:
        frame = frame.sort_values(["rank", "division"], kind="stable")
    elif "score" in frame:
        frame = frame.sort_values(["score", "division"], ascending=[False, True], kind="stable")
    columns = _columns(frame)
    rows: dict[str, list[dict[str, Any]]] = {}
    for i, account in enumerate(columns["account_id"]):
        rows.setdefault(_key(account), []).append({name: values[i] for name, values in columns.items()})
    return DivisionTable(rows)
