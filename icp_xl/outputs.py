"""Write results so that a kill at any moment leaves the earlier ones whole.

A run writes everything into a staging folder beside its output folder and publishes at the end. Publishing first
writes a journal, then replaces file by file; whoever next opens the folder completes a publication that was cut
off. So readers see the old set or the new one, and never a torn file.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from icp_xl.errors import DeliveryError

if TYPE_CHECKING:
    import pandas as pd

STAGING = ".icp_staging"
JOURNAL = "publish.json"
#: A cell of a CSV file that begins so may be run as a formula by the program that opens it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def json_text(body: Any) -> str:
    """Canonical JSON: sorted keys, no NaN, a newline at the end.

    >>> json_text({"b": 1, "a": [2.5]})
    '{\\n  "a": [\\n    2.5\\n  ],\\n  "b": 1\\n}\\n'
    """
    return json.dumps(body, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def plain(body: Any) -> Any:
    """``body`` with plain numbers, and ``None`` for what is not finite."""
    if isinstance(body, dict):
        return {str(key): plain(value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [plain(value) for value in body]
    if hasattr(body, "item") and not isinstance(body, str | int | float):
        body = body.item()
    if isinstance(body, float) and not math.isfinite(body):
        return None
    return body


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file at ``path`` by ``content`` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        replace_file(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, body: Any) -> None:
    """Replace the file at ``path`` by canonical JSON."""
    write_bytes(path, json_text(body).encode())


def safe_text(value: object) -> object:
    """Text from data, made harmless for a program that would run it as a formula.

    >>> safe_text("=1+1"), safe_text("Acme"), safe_text(-3)
    ("'=1+1", 'Acme', -3)
    """
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """``frame`` as UTF-8 CSV with a byte-order mark (Excel needs it), text made harmless, dates as ISO."""
    import pandas as pd

    shown = {}
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            text = column.dt.strftime("%Y-%m-%d" if _whole_days(column) else "%Y-%m-%dT%H:%M:%S")
            shown[name] = text
        elif column.dtype == object or isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype):
            shown[name] = column.astype(object).map(safe_text, na_action="ignore")
        else:
            shown[name] = column
    out = io.StringIO()
    names = [safe_text(str(name)) for name in frame.columns]
    pd.DataFrame(shown, index=frame.index).set_axis(names, axis=1).to_csv(
        out, index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL
    )
    return out.getvalue().encode("utf-8-sig", errors="replace")


def _whole_days(column: pd.Series[Any]) -> bool:
    return bool((column.dropna() == column.dropna().dt.normalize()).all())


def replace_file(source: Path, target: Path) -> None:
    """``os.replace`` that waits a little for a reader to let go, as Windows wants it."""
    for attempt in range(20):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt" or attempt == 19:
                raise DeliveryError(
                    "a result cannot be replaced because it is open in another program",
                    where=target.name,
                    next_step="Close it and run again; the earlier file is untouched.",
                ) from None
            time.sleep(0.1)


class Publication:
    """Files of one run, staged until :meth:`publish` puts them in place together."""

    def __init__(self, out: Path, part: str = "") -> None:
        self.out = out
        self.staging = out / STAGING / f"{os.getpid()}{part}"
        self._names: list[str] = []
        self._removed: list[str] = []

    @property
    def names(self) -> list[str]:
        """Files staged so far, relative to the output folder, in the order of writing."""
        return list(self._names)

    def path(self, name: str) -> Path:
        """Where to write the file ``name`` (a relative path with forward slashes) now."""
        target = self.staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name not in self._names:
            self._names.append(name)
        return target

    def find(self, name: str) -> Path:
        """Where ``name`` is to be read: as staged by this run, else as published by an earlier one."""
        return self.staging / name if name in self._names else self.out / name

    def json(self, name: str, body: Any) -> None:
        """Stage canonical JSON."""
        self.path(name).write_bytes(json_text(body).encode())

    def text(self, name: str, body: str) -> None:
        """Stage text as UTF-8."""
        self.path(name).write_bytes(body.encode())

    def csv(self, name: str, frame: pd.DataFrame) -> None:
        """Stage ``frame`` as CSV that no program runs as a formula."""
        self.path(name).write_bytes(csv_bytes(frame))

    def parquet(self, name: str, frame: pd.DataFrame) -> None:
        """Stage ``frame`` as Parquet."""
        frame.to_parquet(self.path(name), index=False, compression="zstd")

    def remove(self, name: str) -> None:
        """Drop an earlier file or folder of ours when this run's files are in place."""
        self._removed.append(name)

    def publish(self) -> list[Path]:
        """Put every staged file in place and return where they are."""
        if not self._names:
            return []
        for name in self._names:
            _check_replaceable(self.out / name)
        journal = self.staging / JOURNAL
        write_json(journal, {"files": self._names})
        _replay(self.staging, self.out)
        for name in self._removed:
            shutil.rmtree(self.out / name, ignore_errors=True)
            (self.out / name).unlink(missing_ok=True)
        done = [self.out / name for name in self._names]
        self._names, self._removed = [], []
        return done

    def withdraw(self, kept: Sequence[str]) -> None:
        """Forget what was staged after the files ``kept``."""
        for name in [name for name in self._names if name not in kept]:
            (self.staging / name).unlink(missing_ok=True)
            self._names.remove(name)

    def publish_apart(self, files: Mapping[str, bytes]) -> None:
        """Put a few files in place now, whatever becomes of the run and of what it staged."""
        apart = Publication(self.out, "-apart")
        for name, content in files.items():
            apart.path(name).write_bytes(content)
        apart.publish()

    def discard(self) -> None:
        """Forget what was staged."""
        self._names, self._removed = [], []
        shutil.rmtree(self.staging, ignore_errors=True)
        _remove_if_empty(self.staging.parent)


def _check_replaceable(target: Path) -> None:
    """Refuse before the first file is replaced, so that a report open in Excel never leaves half a set behind."""
    try:
        if target.exists():
            with open(target, "r+b"):
                pass
    except OSError:
        raise DeliveryError(
            "an earlier result is open in another program or write-protected",
            where=target.name,
            next_step="Close it and run again; nothing was changed.",
        ) from None


def _replay(staging: Path, out: Path) -> None:
    for name in json.loads((staging / JOURNAL).read_text(encoding="utf-8"))["files"]:
        source, target = staging / name, out / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(source, target)
    shutil.rmtree(staging, ignore_errors=True)
    _remove_if_empty(staging.parent)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass


def recover(out: Path) -> int:
    """Complete publications that were cut off, drop stages that never came so far; return how many completed."""
    completed = 0
    for staging in sorted((out / STAGING).glob("*")):
        if (staging / JOURNAL).is_file():
            _replay(staging, out)
            completed += 1
        else:
            shutil.rmtree(staging, ignore_errors=True)
    _remove_if_empty(out / STAGING)
    return completed


@contextmanager
def open_output(out: Path, wait_seconds: float = 10.0) -> Iterator[Publication]:
    """Hold the output folder for one run; what the run staged but did not publish is dropped.

    Raises:
        DeliveryError: the folder cannot be written, or another run holds it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(out / ".icp_xl.lock"))
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise DeliveryError(
            "another run is writing to this output folder",
            where=out.name,
            next_step="Wait for it to end, or choose another folder with --out.",
        ) from None
    except OSError as error:
        raise DeliveryError(
            "the output folder cannot be written",
            where=str(out),
            got=error.strerror,
            next_step="Choose another folder with --out.",
        ) from None
    try:
        recover(out)
        publication = Publication(out)
        try:
            yield publication
        finally:
            publication.discard()
    finally:
        lock.release()
