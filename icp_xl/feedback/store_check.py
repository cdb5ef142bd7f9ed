"""What a snapshot store must hold to be one of ours: the tables as they were made, and in them what belongs there.

A store lies in a shared folder. A trigger or a view that somebody plants in it would act on every write or read of
ours, and a date that is none would be passed over in silence; so both are looked for before anything is read.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import cache

from icp_xl.feedback.migrations import MIGRATIONS

#: What SQLite may hold in a column of a declared type.
_TYPES = {"TEXT": ("text",), "INTEGER": ("integer",), "REAL": ("real", "integer"), "BLOB": ("blob",)}
#: Columns that hold a day, which queries compare and readers parse.
_DAYS = re.compile(r".*_date|looked_on")
#: Rules of a column that its table was made with.
_RULES = re.compile(r"CHECK \((\w+ IN \([^)]*\))\)")


def run_migrations(connection: sqlite3.Connection, begin: int, end: int) -> None:
    """Run the steps that lead from version ``begin`` to version ``end``, in the transaction that is open."""
    for script in MIGRATIONS[begin:end]:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement)


def find_damage(connection: sqlite3.Connection, version: int) -> str:
    """What is wrong with a store at ``version``, in words; empty where nothing is.

    Args:
        connection: the open store.
        version: which of the migrations it has run.

    Raises:
        sqlite3.DatabaseError: the file is torn.
    """
    expected = _objects_of(version)
    found = _objects(connection)
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            return f"{name[0]} {name[1][:40]} is {'not ours' if name in found else 'gone'}"
    for table, query in _checks_of(version):
        row = connection.execute(query).fetchone()
        if row is not None:
            return f"table {table}: {row[0]} holds what it cannot"
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"table {broken[0]}: row {broken[1]} belongs to nothing in {broken[2]}" if broken else ""


def _objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    query = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in connection.execute(query)}


@cache
def _objects_of(version: int) -> dict[tuple[str, str], str]:
    with closing(sqlite3.connect(":memory:")) as made:
        run_migrations(made, 0, version)
        return _objects(made)


@cache
def _checks_of(version: int) -> tuple[tuple[str, str], ...]:
    """A query per table that gives a column with a value of another type, or a day that is none."""
    checks = []
    with closing(sqlite3.connect(":memory:")) as made:
        run_migrations(made, 0, version)
        for (kind, table), sql in _objects(made).items():
            if kind != "table":
                continue
            # What SQLite holds to itself, unless it is told not to.
            faults = [f"WHEN NOT ({rule}) THEN '{rule.split()[0]}'" for rule in _RULES.findall(sql)]
            for _, name, declared, needed, _, key in made.execute(f'PRAGMA table_info("{table}")'):
                allowed = (*_TYPES[declared], *(() if needed or key else ("null",)))
                fault = f"typeof({name}) NOT IN ({', '.join(repr(each) for each in allowed)})"
                if _DAYS.fullmatch(name):
                    fault += f" OR ({name} IS NOT NULL AND date({name}) IS NOT {name})"
                faults.append(f"WHEN {fault} THEN '{name}'")
            case = f"CASE {' '.join(faults)} END"
            checks.append((table, f'SELECT {case} AS bad FROM "{table}" WHERE bad IS NOT NULL LIMIT 1'))
    return tuple(checks)
