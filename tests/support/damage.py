"""Any file, damaged from a seed: torn, flipped, emptied, in another encoding, or whole but not of its form."""

from __future__ import annotations

import io
import json
import random
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tests.support.mutants import mutant

#: Values that no reader expects where another stands.
ODD = (None, [], {}, "", "x", -1, 0, 1e308, float("nan"), float("inf"), "../../x", True, [None], {"a": None}, 2**70)


def damage(path: Path, seed: int) -> str:
    """Damage the file at ``path`` and say how."""
    chance = random.Random(seed)
    kinds: list[Callable[[Path, random.Random], None]] = [_bytes, _bytes, _torn, _other]
    kinds += [_BY_SUFFIX.get(path.suffix, _words)] * 4
    change = chance.choice(kinds)
    try:
        change(path, chance)
    except (ValueError, LookupError, OSError, sqlite3.Error, TypeError, KeyError):
        change = _bytes
        _bytes(path, chance)
    return change.__name__.strip("_")


def _bytes(path: Path, chance: random.Random) -> None:
    made = bytearray(path.read_bytes() or b"\0")
    for _ in range(chance.choice((1, 3, 20, 200))):
        made[chance.randrange(len(made))] = chance.randrange(256)
    path.write_bytes(made)


def _torn(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content) + 1)])


def _other(path: Path, chance: random.Random) -> None:
    texts = (b"", b"\0" * 4096, b"[" * 100_000, b"not of this form\n", b"null", b"[]", b"{}", b"PK\x03\x04" * 9,
             b"\xff\xfe\x00\xd8", "\ufeff".encode("utf-16"), b"\n", b"SQLite format 3\0" + b"\0" * 100)  # fmt: skip
    path.write_bytes(chance.choice(texts))


def _json(path: Path, chance: random.Random) -> None:
    body = json.loads(path.read_text(encoding="utf-8-sig"))
    for _ in range(chance.choice((1, 1, 3))):
        body = _changed(body, chance)
    path.write_text(json.dumps(body), encoding="utf-8")


def _changed(body: Any, chance: random.Random) -> Any:
    if not isinstance(body, dict | list) or not body or chance.random() < 0.15:
        return chance.choice(ODD)
    at: Any = chance.choice(sorted(body) if isinstance(body, dict) else range(len(body)))
    if chance.random() < 0.3:
        body.pop(at)
    else:
        body[at] = _changed(body[at], chance)
    return body


def _lines(path: Path, chance: random.Random) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    at = chance.randrange(len(lines))
    lines[at] = chance.choice(("", "{", "null", "[]", '{"run_id": 3}', "\0", lines[at][: len(lines[at]) // 2]))
    path.write_text("\n".join(lines), encoding="utf-8")


def _csv(path: Path, chance: random.Random) -> None:
    text = path.read_text(encoding="utf-8-sig")
    if chance.random() < 0.4:
        kind = chance.choice(("utf-16", "cp1252", "utf-8"))
        path.write_bytes(text.replace(",", chance.choice((";", "\t", ","))).encode(kind, errors="replace"))
        return
    path.write_bytes(_frame(pd.read_csv(io.StringIO(text), dtype=str), chance).to_csv(index=False).encode())


def _parquet(path: Path, chance: random.Random) -> None:
    frame = _frame(pd.read_parquet(path), chance)
    frame.to_parquet(path, index=False)


def _frame(frame: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    """A table that is whole and not what it was: a column gone, of another type, missing, or no row left."""
    name = chance.choice(list(frame.columns))
    kind = chance.randrange(7)
    if kind == 0:
        return frame.drop(columns=[name])
    if kind == 1:
        return frame.iloc[:0]
    if kind == 2:
        return pd.concat([frame, frame.iloc[: max(1, len(frame) // 2)]])
    if kind == 3:
        return frame.rename(columns={name: f"{name}?"})
    values = {4: "\u00fc/x", 5: float("nan"), 6: chance.choice((-1.0, 1e300, 0.0))}
    return frame.assign(**{str(name): values[kind]})


def _sqlite(path: Path, chance: random.Random) -> None:
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    table = chance.choice(sorted(tables))
    columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(
        chance.choice((
            f'DROP TABLE "{table}"', f'DELETE FROM "{table}"', "PRAGMA user_version = 99", "PRAGMA user_version = 0",
            f'UPDATE "{table}" SET "{chance.choice(columns)}" = \'x\'',
        ))
    )  # fmt: skip
    connection.commit()
    connection.close()


def _words(path: Path, chance: random.Random) -> None:
    """A figure or a word of a text changed to an odd one."""
    text = path.read_text(encoding="utf-8")
    places = list(re.finditer(r"-?\d+(?:\.\d+)?|\w{3,}", text))
    place = chance.choice(places)
    path.write_text(text[: place.start()] + str(chance.choice(ODD)) + text[place.end() :], encoding="utf-8")


def _book(path: Path, chance: random.Random) -> None:
    path.write_bytes(mutant(path.read_bytes(), chance.randrange(2**31))[1])


_BY_SUFFIX = {".json": _json, ".jsonl": _lines, ".csv": _csv, ".parquet": _parquet, ".sqlite": _sqlite, ".xlsx": _book}
