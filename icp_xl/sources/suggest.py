"""Which headers come nearest to what is missing, for messages and for ``icp-xl map``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from rapidfuzz import fuzz, process

from icp_xl.sources.cells import cell_text
from icp_xl.sources.evidence import contradiction
from icp_xl.sources.fields import Field, SourceSpec
from icp_xl.sources.headers import SAMPLE_ROWS, Header, find_header
from icp_xl.sources.vocabulary import Vocabulary, tokens, vocabulary

Row = Sequence[Any]


def nearest(
    item: Field,
    spec: SourceSpec,
    headers: Sequence[str],
    samples: Sequence[Row],
    known: Vocabulary | None = None,
    taken: Collection[int] = (),
) -> list[int]:
    """Columns (counted from 0) that may hold a field, nearest first: by the ideas of the header, then by its letters.

    Columns whose values speak against it are left out.

    Args:
        item: the field that lacks a column.
        spec: of the source.
        headers: of the sheet.
        samples: the first rows of data.
        known: words for fields; by default the built-in ones.
        taken: columns that serve another field, counted from 0.
    """
    known = known or vocabulary()
    patterns = known.patterns_of(spec.name, item.name)
    wanted = frozenset().union(*patterns[:6]) if patterns else frozenset[str]()
    found = []
    for at, header in enumerate(headers):
        cells = [row[at] for row in samples if at < len(row)]
        against = contradiction(item, cells)
        if not header or at in taken or (against is not None and against.certain):
            continue
        if item.kind == "text" and _kind(cells) != "text":
            continue
        ideas = known.known(header)
        # A word too many (tax, forecast, percent) makes a column something else.
        strange = len(ideas - wanted - known.neutral)
        alike = max(fuzz.ratio(" ".join(tokens(header)), " ".join(tokens(text))) for text in (item.name, item.label))
        typed = 0.6 if item.kind in ("date", "number") and _kind(cells) == item.kind else 0.0
        score = len(ideas & wanted) - 1.5 * strange + typed + alike / 100 - (0.5 if against else 0.0)
        found.append((-score, at))
    return [at for _, at in sorted(found)]


def _kind(cells: Sequence[Any]) -> str:
    filled = [cell for cell in cells if cell not in (None, "")]
    if filled and all(isinstance(cell, date) for cell in filled):
        return "date"
    figures = sum(isinstance(cell, int | float) for cell in filled)
    if filled and figures * 2 > len(filled):
        return "number"
    texts = [str(cell).strip() for cell in filled]
    if texts and all(any(map(str.isdigit, text)) for text in texts):
        parts = [sum(not c.isalnum() for c in text.strip("$€£¥ -")) for text in texts]
        return "date" if all(part >= 2 and "-" in t + "-" for part, t in zip(parts, texts, strict=True)) and not any(
            "," in text for text in texts
        ) else "number"  # fmt: skip
    return "text"


def lines_to_paste(source: str, columns: Mapping[str, str]) -> str:
    """The lines of a settings file that map ``columns``.

    >>> lines_to_paste("sales", {"date": "Inv Dt", "revenue": "Net: Val"})
    'columns: {sales: {date: Inv Dt, revenue: "Net: Val"}}'
    """
    pairs = ", ".join(f"{name}: {_scalar(header)}" for name, header in columns.items())
    return f"columns: {{{source}: {{{pairs}}}}}"


def _scalar(text: str) -> str:
    plain = text.replace(" ", "").replace("_", "")
    return (
        text if plain.isalpha() and text == text.strip() and plain.isascii() else json.dumps(text, ensure_ascii=False)
    )


def closest(header: str, there: Sequence[str]) -> str | None:
    """The header of those ``there`` that is spelt nearest to ``header``, or ``None`` where none is near.

    >>> closest("Net vaule", ["Date", "Net value"]), closest("Zeta", ["Date"])
    ('Net value', None)
    """
    plain = {" ".join(tokens(text)): text for text in there if text}
    found = process.extractOne(" ".join(tokens(header)), list(plain), scorer=fuzz.ratio, score_cutoff=60)
    return None if found is None else plain[found[0]]


def suggestions(
    spec: SourceSpec,
    header: Header,
    head: Sequence[Row],
    lacks: Sequence[Sequence[str]],
    known: Vocabulary | None = None,
) -> dict[str, str]:
    """For each group of missing columns the nearest header that nothing else has taken.

    Args:
        spec: of the source.
        header: of the sheet, with what was found.
        head: the first rows of the sheet.
        lacks: groups of fields, of each of which one would do.
        known: words for fields; by default the built-in ones.

    Returns:
        Header or expression by field.
    """
    samples = head[header.data_from : header.data_from + SAMPLE_ROWS]
    taken = {match.column for match in header.matches.values()}
    found: dict[str, str] = {}
    for group in sorted(lacks, key=lambda group: "account_name" in group):
        for name in sorted(group, key=lambda name: name != "account_name"):
            item = spec.field(name)
            if name == "revenue" and (sides := debit_and_credit(header.headers, known)):
                found[name] = f"= [{sides[1]}] - [{sides[0]}]"
                break
            if name == "date" and (parts := _year_and_month(header.headers, known)):
                found[name] = "= " + ' & "-" & '.join(f"[{part}]" for part in parts)
                break
            near = [] if item is None else nearest(item, spec, header.headers, samples, known, taken)
            if near:
                amount = header.matches.get("quantity")
                found[name] = price_by_quantity(name, header.headers[near[0]], amount.header if amount else None, known)
                taken.add(near[0])
                break
    return {name: found[name] for name in spec.names if name in found}


def price_by_quantity(name: str, header: str, quantity: str | None, known: Vocabulary | None = None) -> str:
    """The nearest header, or its product with the quantity where revenue is wanted and only a price is near.

    Args:
        name: of the field that lacks a column.
        header: the nearest one.
        quantity: the header of the quantities, where there is one.
        known: words for fields; by default the built-in ones.
    """
    if name != "revenue" or quantity is None or "price" not in (known or vocabulary()).known(header):
        return header
    return f"= [{quantity}] * [{header}]"


def debit_and_credit(headers: Sequence[str], known: Vocabulary | None = None) -> tuple[str, str] | None:
    """The headers of a column of debits and one of credits, where there is one of each.

    >>> debit_and_credit(["Datum", "Soll", "Haben"]), debit_and_credit(["Date", "Credit limit", "Debit"])
    (('Soll', 'Haben'), None)
    """
    known = known or vocabulary()
    sides = [
        [text for text in headers if any(reading.ideas - {"amount"} == {side} for reading in known.readings(text))]
        for side in ("debit", "credit")
    ]
    return (sides[0][0], sides[1][0]) if all(len(side) == 1 for side in sides) else None


def _year_and_month(headers: Sequence[str], known: Vocabulary | None) -> list[str]:
    """The headers of a year, a month and, where there is one, a day that stand apart; nothing without the first two."""
    known = known or vocabulary()
    found: list[str] = []
    for idea in ("annual", "month_of", "date"):
        own = [text for text in headers if any(reading.ideas == {idea} for reading in known.readings(text))]
        if len(own) != 1 and idea != "date":
            return []
        found += own[:1]
    return found


def plain_header(head: Sequence[Row]) -> Header | None:
    """The row that is likely a header although no word of it is known: the first of texts only above other cells."""
    for at, row in enumerate(head[:-1]):
        texts = [cell_text(cell) if isinstance(cell, str) else None for cell in row]
        filled = sum(cell not in (None, "") for cell in row)
        if filled >= 2 and filled == sum(map(bool, texts)) and len(set(filter(None, texts))) == filled:
            if not any(text and any(map(str.isdigit, text)) and _kind([text]) != "text" for text in texts):
                return Header(at, 1, tuple(text or "" for text in texts))
    return None


def best_header(head: Sequence[Row], spec: SourceSpec, **options: Any) -> Header | None:
    """The header of ``head``: by its words, else by its looks."""
    return find_header(head, spec, **options) or plain_header(head)
