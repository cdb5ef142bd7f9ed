"""What the scripts wrote, so that they know it again: this file is the third part of the script that is written.

Written are digests, an account a cell: of its facts, and of its result in each column. So a table may be sorted, its
sheet renamed or copied, rows added or taken out, facts corrected; and a result that is not the one of its row is seen.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The digest of a blank cell.
NOTHING = "-"
#: Beyond the numbers of a cell: Python knows whole numbers of any length.
MOST_NUMBER = 1e308
#: Runs that are remembered: one for each table, and some of sheets that went.
MOST_RUNS = 200


@dataclass(frozen=True)
class WrittenRun:
    """What one run wrote on a sheet: by the digest of an account's facts, how many rows had them, and their results."""

    sheet: str
    rows: Mapping[str, tuple[int, tuple[str, ...]]]

    def lines(self) -> list[str]:
        """A text for each account."""
        return [" ".join([f"{key}:{count}", *results]) for key, (count, results) in self.rows.items()]


def written_run(sheet: str, keys: Sequence[str], results: Sequence[Sequence[str]]) -> WrittenRun:
    """A run as it is remembered: accounts with the same facts have the same results."""
    counts = Counter(keys)
    return WrittenRun(sheet, {key: (counts[key], tuple(row)) for key, row in zip(keys, results, strict=True) if key})


def read_run(sheet: str, lines: Sequence[str], results: int) -> WrittenRun:
    """A run out of its texts, each with so many results.

    Raises:
        ValueError: they are not what :meth:`WrittenRun.lines` gives.
    """
    rows = {}
    for line in lines:
        found = re.fullmatch(rf"(d[0-9a-f]{{12}}):([0-9]{{1,7}})((?: (?:-|d[0-9a-f]{{12}})){{{results}}})", line)
        if found is None:
            raise ValueError(line)
        rows[found[1]] = (int(found[2]), tuple(found[3].split()))
    return WrittenRun(sheet, rows)


def digest(cell: Any) -> str:
    """What is remembered of a cell: a number to 12 digits, or a text; to Excel it is a text, whatever it holds.

    >>> digest(None), digest(1) == digest(1.0), digest("1") == digest(1.0), len(digest("A"))
    ('-', True, False, 13)
    """
    if cell is None or cell == "":
        return NOTHING
    text = f"text {cell}"
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        text = f"number {cell:.12g}" if abs(cell) < MOST_NUMBER else "number beyond"
    return "d" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def row_key(cells: Sequence[Any]) -> str:
    """The digest of an account's facts, empty where all are blank."""
    marks = [digest(cell) for cell in cells]
    return "" if set(marks) <= {NOTHING} else digest(" ".join(marks))


def strangers(result: int, marks: Sequence[str], keys: Sequence[str], runs: Sequence[WrittenRun]) -> tuple[int, bool]:
    """How many cells of a column are not what was written there, and whether any is.

    Args:
        result: which of the results the column is headed as.
        marks: digests of its cells.
        keys: digests of the facts of its rows.
        runs: what was written before.
    """
    known: defaultdict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for run in runs:
        for key, (count, results) in run.rows.items():
            known[key].add(results[result])
            counts[key] = max(counts[key], count)
    every = set().union(*known.values()) - {NOTHING}
    filled: Counter[str] = Counter()
    blank: Counter[str] = Counter()
    strange, ours = 0, False
    for key, mark in zip(keys, marks, strict=True):
        if mark == NOTHING:
            # A row that is new is blank; one that was written is not, unless that was its result.
            blank[key] += key in known and NOTHING not in known[key]
        elif mark in (known[key] if key in known else every):
            filled[key] += 1
            ours = True
        else:
            filled[key] += 1
            strange += 1
    return strange + sum(min(count, max(0, counts[key] - filled[key])) for key, count in blank.items()), ours


def agreeing(result: int, marks: Sequence[str], keys: Sequence[str], runs: Sequence[WrittenRun]) -> int:
    """In how many rows a column holds what was written for the very facts of the row."""
    return sum(
        mark != NOTHING and any(key in run.rows and run.rows[key][1][result] == mark for run in runs)
        for key, mark in zip(keys, marks, strict=True)
    )


def mixed(
    columns: Mapping[int, Sequence[str]], keys: Sequence[str], runs: Sequence[WrittenRun]
) -> tuple[Counter[int], list[WrittenRun]]:
    """Cells that do not belong together in rows whose facts have changed since, by result; and the runs met there.

    Args:
        columns: digests of the cells of each column, by its result: of ours, and of those in which cells were changed.
        keys: digests of the facts of the rows.
        runs: what was written before.
    """
    picked = sorted(columns)
    if not picked:
        return Counter(), []
    whole: dict[tuple[str, ...], list[int]] = {}
    by_key: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    by_part: dict[tuple[int, str], tuple[str, ...]] = {}
    for number, run in enumerate(runs):
        for key, (_, results) in run.rows.items():
            part = tuple(results[i] for i in picked)
            by_key[key].append(results)
            if number not in whole.setdefault(part, []):
                whole[part].append(number)
            by_part |= {(i, results[i]): results for i in picked}
    wrong: Counter[int] = Counter()
    met: set[int] = set()
    for row, key in enumerate(keys):
        marks = tuple(columns[i][row] for i in picked)
        met.update(whole.get(marks, ()))
        if set(marks) == {NOTHING} or (key not in by_key and marks in whole):
            continue
        filled = [i for i in picked if columns[i][row] != NOTHING]
        bases = by_key.get(key) or [by_part[i, columns[i][row]] for i in filled if (i, columns[i][row]) in by_part]
        apart = [{i for i in picked if columns[i][row] != base[i]} for base in bases] or [set(picked)]
        least = min(map(len, apart))
        # One that stands alone was typed; where no account has most of them, any may have been.
        sure = key in by_key or 2 * least < len(picked)
        strange = set().union(*(each for each in apart if len(each) == least))
        wrong.update(strange if sure else filled if len(filled) == 1 else picked)
    return wrong, [runs[number] for number in sorted(met)]
