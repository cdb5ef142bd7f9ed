"""Write results so that a kill at any moment leaves the earlier ones whole.

A run writes everything into a staging folder beside its output folder and publishes at the end. Publishing first
writes a journal, then replaces file by file; whoever next opens the folder completes a publication that was cut
off. So readers see the old set or the new one, and never a torn file.

Output folders lie on shared drives, so what is found in one is not trusted: the name of a stage and its journal carry
a signature, both made with a key that only this user has (:func:`icp_xl.user_dirs.user_key`), and no name is followed
outside the folder or through a link (:func:`icp_xl.safe_paths.resolve_inside`).
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import math
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from filelock import FileLock, Timeout

from icp_xl.errors import DeliveryError
from icp_xl.safe_paths import refuse_link, refuse_shared, resolve_inside
from icp_xl.scratch import is_running
from icp_xl.user_dirs import user_key

if TYPE_CHECKING:
    import pandas as pd

STAGING = ".icp_staging"
JOURNAL = "publish.json"
LOCK = ".icp_xl.lock"
#: Letters of the signature in the name of a stage.
_SIGNED = 16
#: A cell of a CSV file that begins so may be run as a formula by the program that opens it; the full-width forms count
#: in East Asian versions. Source: OWASP, "CSV Injection".
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


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
    with replacing(path) as handle:
        handle.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of the one at ``path`` in one step when all went well.

    Until then it has a name that nobody can guess, and so none that leads elsewhere; what killed processes left goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    left = re.compile(re.escape(f".{path.name}.") + r"(\d+)-[0-9a-f]{16}\.tmp")
    for name in os.listdir(path.parent):
        found = left.fullmatch(name)
        if found is not None and not is_running(int(found[1])):
            path.with_name(name).unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as handle:
            yield handle
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


def text_schema(frame: pd.DataFrame) -> Any:
    """The Arrow schema of ``frame`` without its index, alike whether pandas holds texts in Arrow or as objects."""
    import pandas as pd
    import pyarrow as pa

    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    for at, kind in enumerate(frame.dtypes):
        if isinstance(kind, pd.StringDtype):
            schema = schema.set(at, schema.field(at).with_type(pa.large_string()))
    return schema


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """``frame`` as UTF-8 CSV with a byte-order mark (Excel needs it), text made harmless, dates as ISO."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow([safe_text(str(name)) for name in frame.columns])
    writer.writerows(zip(*(_csv_cells(column) for _, column in frame.items()), strict=True))
    return out.getvalue().encode("utf-8-sig", errors="replace")


def _csv_cells(column: pd.Series[Any]) -> list[Any]:
    """A column as CSV holds it. A whole frame at once, as pandas writes it, takes three times as long."""
    import pandas as pd

    if column.dtype == "float64":
        return ["" if cell != cell else cell for cell in column.to_list()]
    if column.dtype in ("int64", "bool"):
        return column.to_list()
    if column.dtype == "float32":
        column = column.astype(str).where(column.notna())  # As short as it can be told in its own precision.
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d" if _whole_days(column) else "%Y-%m-%dT%H:%M:%S")
    blank = column.isna().to_numpy()
    known = column.astype(object).to_numpy()
    return ["" if empty else safe_text(cell) for cell, empty in zip(known, blank, strict=True)]


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
        name = f"{os.getpid()}{part}-{secrets.token_hex(4)}"
        # Part of the name, so that there is no moment at which the folder is there and the signature is not.
        self.staging = out / STAGING / f"{name}-{sign(name)[:_SIGNED]}"
        self._names: list[str] = []
        self._removed: list[str] = []
        #: Files that were written since somebody last emptied this.
        self.touched: set[str] = set()
        #: Files that :meth:`publish` has put in place.
        self.published: list[str] = []

    @property
    def removed(self) -> list[str]:
        """Files and folders that go when this run's files are in place."""
        return list(self._removed)

    @property
    def names(self) -> list[str]:
        """Files staged so far, relative to the output folder, in the order of writing."""
        return list(self._names)

    def path(self, name: str) -> Path:
        """Where to write the file ``name`` (a relative path with forward slashes) now."""
        target = resolve_inside(self.staging, name)
        if not self._names:
            self._make_staging()
        target.parent.mkdir(parents=True, exist_ok=True)
        if name not in self._names:
            self._names.append(name)
        self.touched.add(name)
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
        # A dictionary of measured numbers costs time, and saves no room.
        texts = [str(name) for name, kind in frame.dtypes.items() if kind.kind != "f"]
        frame.to_parquet(
            self.path(name), index=False, compression="zstd", use_dictionary=texts, schema=text_schema(frame)
        )

    def remove(self, name: str) -> None:
        """Drop an earlier file or folder of ours when this run's files are in place."""
        resolve_inside(self.out, name)
        self._removed.append(name)

    def _make_staging(self) -> None:
        refuse_link(self.staging.parent)
        self.staging.mkdir(parents=True, exist_ok=True)

    def publish(self) -> list[Path]:
        """Put every staged file in place, drop what is to be removed, and return where the files are."""
        if not self._names and not self._removed:
            return []
        for name in self._names:
            _check_replaceable(resolve_inside(self.out, name))
        _replay(self.staging, self.out, self.write_journal())
        done = [self.out / name for name in self._names]
        self.published += [name for name in self._names if name not in self.published]
        self._names, self._removed = [], []
        return done

    def write_journal(self) -> dict[str, Any]:
        """Say what is to be put in place and what is to be removed; from here on the publication will be completed."""
        if not self._names:
            self._make_staging()
        files = {name: _digest(self.staging / name) for name in self._names}
        body = {"stage": self.staging.name, "files": files, "remove": self._removed}
        write_json(self.staging / JOURNAL, {**body, "signature": sign(json_text(body))})
        return body

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


def sign(text: str) -> str:
    """What only this user can have written beside ``text``; empty where the user has no key."""
    key = user_key()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest() if key else ""


def is_ours(text: str, signature: object) -> bool:
    """Whether ``signature`` is what :func:`sign` of this user gave for ``text``."""
    ours = sign(text)
    return bool(ours) and isinstance(signature, str) and hmac.compare_digest(ours.encode(), signature.encode())


def _digest(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _read_journal(staging: Path) -> dict[str, Any]:
    """The journal of a stage, if this user wrote it.

    Raises:
        DeliveryError: it was written by somebody else, or is damaged.
    """
    try:
        body = json.loads((staging / JOURNAL).read_text(encoding="utf-8"))
        signature = body.pop("signature", None)
        if body["stage"] == staging.name and is_ours(json_text(body), signature):
            return dict(body)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise DeliveryError(
        "the output folder holds a publication that was cut off, and that is not yours or is damaged",
        where=f"{STAGING}/{staging.name}",
        next_step=f"Let whoever ran it last run any command on this folder, or delete the folder {STAGING} in it and "
        "run again. Nothing was changed.",
    )


def _replay(staging: Path, out: Path, body: Mapping[str, Any]) -> None:
    for name, digest in body["files"].items():
        source, target = resolve_inside(staging, name), resolve_inside(out, name)
        if source.is_file() and not source.is_symlink() and _digest(source) == digest:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(source, target)
    for name in body["remove"]:
        target = resolve_inside(out, name)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
    shutil.rmtree(staging, ignore_errors=True)
    _remove_if_empty(staging.parent)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass


def is_half_published(out: Path) -> bool:
    """Whether files of two runs lie side by side in ``out`` at this moment, so that readers had better wait."""
    return any((out / STAGING).glob(f"*/{JOURNAL}"))


def recover(out: Path) -> int:
    """Complete publications of this user that were cut off, and drop his stages that never came so far.

    Stages of others without a journal are left alone: they change nothing.

    Returns:
        How many publications were completed.

    Raises:
        DeliveryError: the staging folder is a link, or holds a journal that this user did not write.
    """
    refuse_link(out / STAGING)
    completed = 0
    for staging in sorted((out / STAGING).glob("*")):
        refuse_link(staging)
        if (staging / JOURNAL).exists():
            _replay(staging, out, _read_journal(staging))
            completed += 1
        elif _is_our_stage(staging.name):
            shutil.rmtree(staging, ignore_errors=True)
    _remove_if_empty(out / STAGING)
    return completed


def _is_our_stage(name: str) -> bool:
    plain, _, signature = name.rpartition("-")
    ours = sign(plain)[:_SIGNED]
    return bool(ours) and hmac.compare_digest(ours.encode(), signature.encode())


@contextmanager
def open_output(out: Path, wait_seconds: float = 10.0) -> Iterator[Publication]:
    """Hold the output folder for one run; what the run staged but did not publish is dropped.

    Raises:
        DeliveryError: the folder cannot be written, or another run holds it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        refuse_shared(out / LOCK)
        lock = FileLock(str(out / LOCK))
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
