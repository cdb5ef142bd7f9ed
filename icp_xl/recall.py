"""What a costly piece of work gave for the same inputs before: kept below the output folder, and taken from there.

A piece of work is recalled by a hash of all that it depends on: its inputs by content, the settings that it reads, this
program's code and the versions of its libraries. So a change redoes the pieces that it touches and no other, whatever
it was that changed. What is kept is JSON (frames as Arrow, arrays as NumPy's own format without objects), signed with
the user's key together with its name: a damaged, planted or foreign file is as good as none, and the work is done anew.
Only what comes back bit by bit as it was is kept at all.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from icp_xl import artifacts
from icp_xl.errors import IcpError
from icp_xl.outputs import is_ours, sign, write_bytes
from icp_xl.safe_paths import refuse_link, resolve_inside

#: Pieces of work that are kept at most, the latest used.
MOST = 400
T = TypeVar("T")
#: Types that JSON tells as they are.
_PLAIN = frozenset((type(None), bool, int, str))
_NAME = re.compile(r"[0-9a-f]{64}\.json")


@dataclass
class Recall:
    """Where pieces of work are kept.

    Args:
        out: the output folder.
        basis: hash of the code and the libraries.
        fresh: everything is done anew, and kept.
    """

    out: Path
    basis: str
    fresh: bool = False
    #: What this run has kept itself, which is done once even where everything is done anew.
    made: set[str] = field(default_factory=set)

    def find(self, key: str, kinds: Mapping[str, type]) -> Any:
        """What is kept under ``key``; :data:`NotImplemented` where that is nothing that this user kept."""
        if self.fresh and key not in self.made:
            return NotImplemented
        try:
            path = resolve_inside(self.out, artifacts.RECALLED.path(key=key))
            refuse_link(path)
            body = artifacts.RECALLED.read(path)
            if not is_ours(_signed(key, _text(body["made"])), body["signature"]):
                return NotImplemented
            found = _decoded(body["made"], kinds)
            os.utime(path)
        except (IcpError, OSError, ValueError, KeyError, TypeError, AttributeError):
            return NotImplemented
        return found

    def keep(self, key: str, made: Any, kinds: Mapping[str, type]) -> None:
        """Keep ``made`` under ``key`` where it comes back as it was; else, and where it cannot be written, do not."""
        try:
            told = _encoded(made, kinds)
            if not _same(_decoded(told, kinds), made):
                return
            path, text = resolve_inside(self.out, artifacts.RECALLED.path(key=key)), _text(told)
            write_bytes(path, f'{{"made":{text},"signature":"{sign(_signed(key, text))}"}}'.encode())
            self.made.add(key)
        except (IcpError, OSError, ValueError, TypeError):
            return

    def forget_oldest(self) -> None:
        """Delete what was not used for longest, beyond :data:`MOST` pieces."""
        folder = self.out / artifacts.RECALLED.folder
        try:
            refuse_link(folder)
            kept = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file()]
            for path in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True)[MOST:]:
                path.unlink(missing_ok=True)
        except (IcpError, OSError):
            return


_current: ContextVar[Recall | None] = ContextVar("recall", default=None)


@contextmanager
def recalling(recall: Recall | None) -> Iterator[None]:
    """Recall and keep pieces of work in ``recall``; nowhere where that is ``None`` or the user has no key."""
    token = _current.set(recall if recall is not None and sign("") else None)
    try:
        yield
        if (used := _current.get()) is not None:
            used.forget_oldest()
    finally:
        _current.reset(token)


def is_recalling() -> bool:
    """Whether pieces of work are kept and recalled here."""
    return _current.get() is not None


def recalled(name: str, inputs: Callable[[], Any], work: Callable[[], T], kinds: Sequence[type]) -> T:
    """What ``work`` gives, or gave for the same ``inputs`` before.

    Args:
        name: of the piece of work.
        inputs: all that the work depends on, apart from the code; see :func:`content_hash`.
        work: does it; what it raises is raised, and nothing is kept.
        kinds: dataclasses and models of settings that its result may hold.
    """
    piece = Piece(name, inputs, kinds)
    found = piece.find()
    if found is NotImplemented:
        found = work()
        piece.keep(found)
    return cast("T", found)


class Piece:
    """A piece of work that is recalled and kept apart, as :func:`recalled` does both: see there."""

    def __init__(self, name: str, inputs: Callable[[], Any], kinds: Sequence[type] = ()) -> None:
        self._recall = recall = _current.get()
        self._kinds = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in kinds}
        if recall is not None:
            self._key = hashlib.sha256(f"{recall.basis} {name} {content_hash(inputs())}".encode()).hexdigest()

    def find(self) -> Any:
        """What it gave before; :data:`NotImplemented` where that is not known."""
        return NotImplemented if self._recall is None else self._recall.find(self._key, self._kinds)

    def keep(self, made: Any) -> None:
        """Keep what it gave."""
        if self._recall is not None:
            self._recall.keep(self._key, made, self._kinds)


def content_hash(held: Any) -> str:
    """SHA-256 of values, tuples, mappings, dataclasses, settings, arrays and frames, by content and type.

    What is never changed and has hashed itself says so by its ``digest``.
    """
    found = hashlib.sha256()
    _take_in(held, found)
    return found.hexdigest()


def _take_in(held: Any, found: Any) -> None:
    import numpy as np
    import pandas as pd

    found.update(type(held).__name__.encode() + b"\x1e")
    if isinstance(held, np.ndarray) and held.dtype != object:
        found.update(f"{held.dtype.str} {held.shape}\x1e".encode() + np.ascontiguousarray(held).tobytes())
    elif isinstance(held, pd.DataFrame):
        # Columns of one type lie together, and are taken in at once.
        kinds: dict[Any, list[int]] = {}
        for at, kind in enumerate(held.dtypes):
            kinds.setdefault(kind, []).append(at)
        _take_in([list(held.index.names), held.index.to_numpy(), list(held.columns)], found)
        for kind, places in kinds.items():
            _take_in([str(kind), str(places)], found)
            if isinstance(kind, pd.StringDtype):
                for codes, texts in (pd.factorize(held.iloc[:, at]) for at in places):
                    _take_in([codes, texts.to_numpy()], found)
            elif kind.kind == "O":
                _take_in([held.iloc[:, at].to_numpy() for at in places], found)
            else:
                _take_in(held.iloc[:, places].to_numpy().T, found)
    elif isinstance(held, pd.Series | pd.Index):
        _take_in(held.to_frame(), found)
    elif isinstance(held, np.ndarray | list | tuple):
        try:
            # Texts, which are most of what there is, are taken in at once; one may hold the mark between them.
            whole = "\x1f".join(["texts", str(len(held)), *held])
            if whole.count("\x1f") > len(held) + 1:
                whole += repr([len(each) for each in held])
            found.update(whole.encode(errors="surrogatepass"))
        except TypeError:
            for each in held:
                if isinstance(each, str):
                    found.update(f"{len(each)}\x1f{each}\x1f".encode(errors="surrogatepass"))
                else:
                    _take_in(each, found)
    elif isinstance(held, Mapping):
        _take_in(list(held.items()), found)
    elif isinstance(digest := getattr(held, "digest", None), str):
        found.update(digest.encode())
    elif dataclasses.is_dataclass(held):
        _take_in([(each.name, getattr(held, each.name)) for each in dataclasses.fields(held)], found)
    elif hasattr(held, "model_dump_json"):
        found.update(held.model_dump_json().encode())
    else:
        found.update(repr(held).encode(errors="surrogatepass"))
    found.update(b"\x1d")


def _text(told: Any) -> str:
    return json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _signed(key: str, text: str) -> str:
    return f"{key} {hashlib.sha256(text.encode()).hexdigest()}"


def _encoded(held: Any, kinds: Mapping[str, type]) -> Any:
    """``held`` as JSON that says of what type everything is.

    Raises:
        TypeError, ValueError: it holds what has no form here.
    """
    import numpy as np
    import pandas as pd

    if type(held) in _PLAIN:
        return held
    if type(held) is float:
        return ["float", held.hex()]
    if type(held) is date:
        return ["date", held.isoformat()]
    if type(held) in (tuple, list):
        plain = _PLAIN.issuperset(map(type, held))
        return [type(held).__name__, list(held) if plain else [_encoded(each, kinds) for each in held]]
    if isinstance(held, dict):
        return ["dict", [[_encoded(name, kinds), _encoded(each, kinds)] for name, each in held.items()]]
    if isinstance(held, np.ndarray | np.generic):
        out = io.BytesIO()
        np.save(out, np.asarray(held), allow_pickle=False)
        return ["scalar" if isinstance(held, np.generic) else "array", base64.b64encode(out.getvalue()).decode()]
    if isinstance(held, pd.DataFrame):
        import pyarrow as pa

        table, sink = pa.Table.from_pandas(held, nthreads=1), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
            stream.write_table(table)
        names = map(_name, held.dtypes)
        columns = [[str(n), _kind(held[n]) if name == "object" else name] for n, name in zip(held, names, strict=True)]
        kept = [type(held.index).__name__, str(held.index.dtype), columns]
        return ["frame", base64.b64encode(sink.getvalue()).decode(), kept]
    name = f"{type(held).__module__}.{type(held).__qualname__}"
    if kinds.get(name) is not type(held):
        raise TypeError(f"{name} cannot be kept")
    if hasattr(held, "model_dump_json"):
        return ["settings", name, held.model_dump_json()]
    fields = [[each.name, _encoded(getattr(held, each.name), kinds)] for each in dataclasses.fields(kinds[name])]
    return ["record", name, fields]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same and of the same types: numbers and arrays bit by bit, frames by value."""
    import numpy as np
    import pandas as pd

    if type(one) is not type(other):
        return False
    if isinstance(one, tuple | list):
        if _PLAIN.issuperset(map(type, one)):
            return bool(one == other and [*map(type, one)] == [*map(type, other)])
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return _same([*one.items()], [*other.items()])
    if isinstance(one, float):
        return bool(one.hex() == other.hex())
    if isinstance(one, np.ndarray | np.generic):
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, pd.DataFrame):
        forms = [
            [[(type(axis), axis.dtype, [*axis.names]) for axis in frame.axes], [*frame.dtypes],
             [_kind(frame.iloc[:, at]) for at, kind in enumerate(frame.dtypes) if kind == "object"]]
            for frame in (one, other)
        ]  # fmt: skip
        return forms[0] == forms[1] and bool(one.equals(other))
    if dataclasses.is_dataclass(one):
        return all(_same(getattr(one, each.name), getattr(other, each.name)) for each in dataclasses.fields(one))
    return bool(one == other)


_name = cache(str)


def _kind(column: Any) -> str:
    """The type of a column of objects, with what stands for a missing one."""
    return " ".join(["object", *sorted({type(cell).__name__ for cell in column[column.isna()]})])


def _decoded(told: Any, kinds: Mapping[str, type]) -> Any:
    """What :func:`_encoded` was given.

    Raises:
        TypeError, ValueError, KeyError: it is not of that form.
    """
    import numpy as np

    if not isinstance(told, list):
        return told
    what, body = told[0], told[1]
    if what == "float":
        return float.fromhex(body)
    if what == "date":
        return date.fromisoformat(body)
    if what in ("tuple", "list"):
        found = body if _PLAIN.issuperset(map(type, body)) else [_decoded(each, kinds) for each in body]
        return tuple(found) if what == "tuple" else found
    if what == "dict":
        return {_decoded(name, kinds): _decoded(each, kinds) for name, each in body}
    if what in ("array", "scalar"):
        held = np.load(io.BytesIO(base64.b64decode(body)), allow_pickle=False)
        return held[()] if what == "scalar" else held
    if what == "frame":
        import pyarrow as pa

        frame = pa.ipc.open_stream(base64.b64decode(body)).read_all().to_pandas(use_threads=False)
        for name, was in told[2][2]:
            # Arrow knows one type of text.
            if was.startswith("object") and frame[name].dtype == "str":
                texts = frame[name].astype(object)
                frame[name] = texts.where(texts.notna(), None) if was == "object NoneType" else texts
        return frame
    kind: Any = kinds[body]
    if what == "settings":
        return kind.model_validate_json(told[2])
    return kind(**{name: _decoded(each, kinds) for name, each in told[2]})
