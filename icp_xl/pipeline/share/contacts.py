"""Where each reader's mail goes: addresses out of a CSV, a sheet, or a column of the customers; all faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from pathlib import Path

from icp_xl.config.mail import MailSettings
from icp_xl.delivery.sharing.address import clean_words, parse_address
from icp_xl.delivery.sharing.identity import plain_name, reader_key
from icp_xl.errors import ConfigError, DataError, Fault, SourceError
from icp_xl.runs import RunContext
from icp_xl.sources import open_book
from icp_xl.sources.headers import words
from icp_xl.sources.locate import locate
from icp_xl.sources.vocabulary import Vocabulary, vocabulary
from icp_xl.user_cells import HEADER_ROWS, cell_text

WHERE = "share.mail.contacts"
#: Words over the column of names where it stands in a list of contacts.
_NAMES = ("name", "reader", "recipient", "empfanger", "empfaenger")


@dataclass(frozen=True)
class _Columns:
    """A table with names and addresses: its sheet, header row (from 0) and the two columns."""

    sheet: str
    row: int
    reader: int
    address: int
    also: tuple[str, ...] = ()


def find_addresses(run: RunContext, by: str, names: Sequence[str]) -> dict[str, Address]:
    """The address of each reader; without those who have none, where the settings say that they are passed over.

    Raises:
        SourceError, ConfigError: there is no such file or table.
        DataError: addresses that are missing, odd, in another domain, or the same for two readers, all named.
    """
    chosen = run.settings.share.mail
    path = _file(run)
    run.read(path)
    listed = _read(run, path, by)
    faults: list[Fault] = []
    found: dict[str, Address] = {}
    skipped = []
    for name in names:
        given = list(dict.fromkeys(text for text in listed.get(name, ()) if text))
        if not given:
            near = [other for other in listed if reader_key(other)[:4] == reader_key(name)[:4] and _alike(other, name)]
            if chosen.missing == "skip" and not near:
                skipped.append(name)
            else:
                faults.append(
                    Fault(f"{by} {name} has no address", got=f"an address for {', '.join(near)}" if near else None)
                )
            continue
        try:
            addresses = {str(address): address for address in map(parse_address, given)}
        except ValueError as error:
            shown = ", ".join(clean_words(text, 80) for text in given)
            faults.append(Fault(f"the address of {by} {name} cannot be used", got=f"{shown}: {error}"))
            continue
        if len({spec.casefold() for spec in addresses}) > 1:
            faults.append(Fault(f"{by} {name} has several addresses", got=", ".join(addresses)))
            continue
        found[name] = next(iter(addresses.values()))
    faults += _faults_between(found, by, chosen)
    if faults:
        raise DataError(
            f"{len(faults):,} of the readers' addresses cannot be used" if len(faults) > 1 else
            "one of the readers' addresses cannot be used",
            where=f"{WHERE}, {path.name}",
            next_step="Mend them there and run again; share.mail.missing: skip passes readers without an address over. "
            "Nothing was written.",
            faults=faults,
        )  # fmt: skip
    if skipped:
        run.warn(f"No draft for {len(skipped):,} readers without an address: {', '.join(skipped[:20])}.")
    return found


def _faults_between(found: Mapping[str, Address], by: str, chosen: MailSettings) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for name, address in found.items():
        spec = address.addr_spec.casefold()
        other = seen.setdefault(spec, name)
        if other != name:
            yield Fault(f"{by} {other} and {by} {name} have the same address", got=str(address))
        if chosen.domains and address.domain.casefold() not in chosen.domains:
            yield Fault(
                f"the address of {by} {name} is in another domain", got=str(address), allowed=", ".join(chosen.domains)
            )


def _alike(one: str, other: str) -> bool:
    return (
        reader_key(one).rsplit("_", 1)[0] == reader_key(other).rsplit("_", 1)[0] or one.casefold() == other.casefold()
    )


def _file(run: RunContext) -> Path:
    named = run.settings.share.mail.contacts
    if named is not None:
        place = named if named.is_absolute() or named.exists() else run.settings.paths.data / named
        if place.is_file():
            return place
        raise SourceError("the file does not exist", where=WHERE, got=named.name, next_step="Check the path.")
    customers = locate("customers", run.settings) if run.settings.paths.data.is_dir() else None
    if customers is not None:
        return customers.path
    raise ConfigError(
        "nothing says where the readers' addresses are",
        where=WHERE,
        next_step="Name a CSV or workbook with a column of names and one of addresses, or give the folder of the "
        "customer workbook with --data.",
    )


def _read(run: RunContext, path: Path, by: str) -> dict[str, list[str]]:
    """Addresses as they are written, by reader."""
    chosen = run.settings.share.mail
    book = open_book(path, words=("rep", "e-mail"))
    known = vocabulary(run.settings.sources.synonyms)
    sheets = [item.name for item in book.sheets if item.visible or item.name == chosen.sheet]
    if chosen.sheet is not None:
        sheets = [name for name in sheets if name.strip().casefold() == chosen.sheet.strip().casefold()]
    tables = []
    for sheet in sheets:
        head = [list(map(cell_text, row)) for row in book.head(sheet, HEADER_ROWS)]
        found = _locate(sheet, head, by, chosen, known)
        tables += [found] if found is not None else []
    table = _only(tables, path, by, chosen, sheets)
    found_by: dict[str, list[str]] = {}
    for number, row in enumerate(book.rows(table.sheet)):
        if number > table.row and len(row) > table.reader:
            name = plain_name(cell_text(row[table.reader]))
            if name:
                text = cell_text(row[table.address]) if len(row) > table.address else ""
                found_by.setdefault(name, []).append(text.strip())
    return found_by


def _locate(
    sheet: str, rows: Sequence[Sequence[str]], by: str, chosen: MailSettings, known: Vocabulary
) -> _Columns | None:
    """The header row of a sheet and its two columns; ``None`` where it is no such sheet."""
    for number, row in enumerate(rows):
        readers = [i for i, text in enumerate(row) if text and _is_reader(text, by, chosen, known)]
        addresses = [i for i, text in enumerate(row) if text and _is_address(text, chosen, known)]
        accounts = [i for i, text in enumerate(row) if text and i not in readers and _is_account(text, known)]
        if accounts and not chosen.address_column:
            # In a list of accounts, a plain e-mail is the account's; only one that says whose it is goes to a reader.
            addresses = [i for i in addresses if _is_of_reader(row[i], by, known)]
        if readers and addresses:
            also = tuple(row[i] for i in addresses) if len(addresses) > 1 else ()
            return _Columns(sheet, number, readers[0], addresses[0], also)
    return None


def _ideas(header: str, known: Vocabulary) -> frozenset[str]:
    return frozenset(idea for reading in known.readings(header) for idea in reading.ideas)


def _is_reader(header: str, by: str, chosen: MailSettings, known: Vocabulary) -> bool:
    if chosen.reader_column:
        return words(header) == words(chosen.reader_column)
    in_list = chosen.contacts is not None and words(header) in _NAMES
    return known.rank("customers", by, header) is not None or in_list


def _is_address(header: str, chosen: MailSettings, known: Vocabulary) -> bool:
    if chosen.address_column:
        return words(header) == words(chosen.address_column)
    return "email" in _ideas(header, known) or re.search(r"\be ?mail|\bmail\b", words(header)) is not None


def _is_of_reader(header: str, by: str, known: Vocabulary) -> bool:
    """Whether an address header without its word for mail is one of readers: Rep e-mail, Account owner mail."""
    rest = re.sub(r"\be ?mail\w*|\bmail\b|\baddress\b|\badresse\b", " ", words(header)).strip()
    return bool(rest) and known.rank("customers", by, rest) is not None


def _is_account(header: str, known: Vocabulary) -> bool:
    return any(known.rank("customers", name, header) is not None for name in ("account_id", "account_name"))


def _only(tables: list[_Columns], path: Path, by: str, chosen: MailSettings, sheets: Sequence[str]) -> _Columns:
    if not tables:
        raise ConfigError(
            "no table with the readers' addresses was found",
            where=f"{WHERE}, {path.name}",
            got=f"the sheets {', '.join(sheets)}" if sheets else f"no sheet {chosen.sheet}",
            allowed=f"a header row with a column of {by}s and one of e-mail addresses",
            next_step="Name the file, its sheet and columns: share.mail.contacts, .sheet, .reader_column, "
            ".address_column.",
        )
    if len(tables) > 1:
        raise ConfigError(
            "several sheets have addresses of readers", where=f"{WHERE}, {path.name}",
            got=", ".join(table.sheet for table in tables), next_step="Name one with share.mail.sheet.",
        )  # fmt: skip
    if tables[0].also:
        raise ConfigError(
            "several columns have addresses", where=f"{WHERE}, {path.name}, {tables[0].sheet}",
            got=", ".join(tables[0].also), next_step="Name one with share.mail.address_column.",
        )  # fmt: skip
    return tables[0]
