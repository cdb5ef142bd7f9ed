"""Which filled cells of our columns are ours, after people and programs have changed the list.

Values alone do not tell: another number may be theirs or an old one of ours. What tells is how far down we wrote, how
many values we wrote, and where the keys stand. More values than we wrote means that somebody typed some, and they stand
where there is no account; fewer above our last row, with others going on below, means that rows were sorted or put in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from icp_xl.delivery.write_back.column_identity import Identity, SheetColumns, is_users
from icp_xl.delivery.write_back.column_ownership import ColumnMark
from icp_xl.opc.sheet_xml import Cell


@dataclass(frozen=True)
class Claims:
    """What is known of our columns in one list.

    Attributes:
        identities: what each column is known by.
        bottom: the last row that we wrote; 0 where that is not known.
        key: column of the keys; 0 where it is not known.
        below: rows under ``bottom`` that are ours all the same.
        extra: columns in whose rows without an account somebody else's values stand.
        odd: rows without a key that are filled as none of ours is.
        missed: columns that hold fewer values than we wrote.
        kept: of each column, the rows whose cell was spared before.
    """

    identities: Mapping[int, Identity] = field(default_factory=dict)
    bottom: int = 0
    key: int = 0
    below: frozenset[int] = frozenset()
    extra: frozenset[int] = frozenset()
    odd: frozenset[int] = frozenset()
    missed: frozenset[int] = frozenset()
    kept: Mapping[int, frozenset[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, marks: Sequence[ColumnMark], columns: SheetColumns, key: int = 0) -> Claims:
        """From the marks of one list, where they stand now.

        Args:
            marks: of our columns.
            columns: the cells of the sheet.
            key: column of the keys; by default where the marks say.
        """
        identities = {mark.column: mark.identity for mark in marks}
        bottom, key = max((m.bottom for m in marks), default=0), key or max((m.key[1] for m in marks), default=0)
        kept = {mark.column: mark.kept for mark in marks}
        if not bottom:
            return cls(identities, key=key, kept=kept)
        top = max(mark.row for mark in marks)
        filled: dict[int, dict[int, str]] = {}
        for column, identity in identities.items():
            for row, text in columns.under(column, top).items():
                if row not in kept[column] and not identity.excludes(text):
                    filled.setdefault(row, {})[column] = text
        listed = columns.rows_filled(key, identities)
        ours = {row: cells for row, cells in filled.items() if row <= bottom and row in listed}
        missing = {
            column: identity.count - sum(column in cells for cells in ours.values())
            for column, identity in identities.items()
            if identity.count is not None
        }
        below = _going_on(ours, filled, missing, bottom, listed) if missing else set()
        for column in missing:
            missing[column] -= sum(column in filled[row] for row in below)
        missed = {column for column, count in missing.items() if count > 0}
        # Rows without a key are ours as far as values are missing elsewhere: their keys were cleared.
        bare = {row: cells for row, cells in filled.items() if row <= bottom and row not in listed}
        extra = {c for c, count in missing.items() if sum(c in cells for cells in bare.values()) > max(count, 0)}
        # We fill the same columns in every row, but for what an account has not.
        patterns = {columns.filled_of(row, identities) for row in ours}
        odd = {row for row in bare if patterns and columns.filled_of(row, identities) not in patterns}
        return cls(identities, bottom, key, frozenset(below), frozenset(extra), frozenset(odd), frozenset(missed), kept)

    def is_users(self, cell: Cell, number: int, known: bool, strings: Sequence[bytes]) -> bool:
        """Whether a filled cell of our columns is the user's.

        Args:
            cell: in one of our columns.
            number: of its row.
            known: whether the row has an account, or, where that is not known, a key.
            strings: the workbook's shared strings.
        """
        column = cell.column
        if number in self.kept.get(column, ()) or is_users(cell, strings, self.identities[column]):
            return True
        if self.bottom and number > self.bottom:
            return number not in self.below
        return not known and (column in self.extra or number in self.odd)


def _going_on(
    ours: Mapping[int, Mapping[int, str]], filled: Mapping[int, Mapping[int, str]], missing: Mapping[int, int],
    bottom: int, listed: set[int],
) -> set[int]:  # fmt: skip
    """Rows under ``bottom`` that are ours: those that are missing above it, and copies of rows that stand there."""
    above = [tuple(sorted(cells.items())) for cells in ours.values()]
    known = set(above)
    patterns = {frozenset(column for column, _ in cells) for cells in known}
    # A few rows that are alike in all columns of ours are copies, which took the places of others.
    copied = len(above) - len(known)
    copied = copied if copied <= max(1, len(above) // 5) else 0
    copies, moved, row = set(), set(), bottom + 1
    while row in listed:
        cells = filled.get(row, {})
        if cells and tuple(sorted(cells.items())) in known:
            copies.add(row)
        elif cells and (not above or frozenset(cells) in patterns):
            moved.add(row)
        row += 1
    for rows in (moved | copies, moved):
        if all(sum(c in filled[row] for row in rows) <= max(count + copied, 0) for c, count in missing.items()):
            return rows | copies
    return copies
