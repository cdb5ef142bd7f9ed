"""What an adversary can think of: what he plants in a shared output folder and in a data folder, and who meets it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import openpyxl

import icp_xl.excel.commands  # noqa: F401 - declares the commands of the add-in
from icp_xl.commands import COMMANDS
from icp_xl.feedback.store import Store

#: Plants an attack, given the output folder, the data folder and the victim's home.
Plant = Callable[[Path, Path, Path], None]
#: A command and its own words.
Call = tuple[str, tuple[str, ...]]
NAMES = ("../../home", "//host/share", r"\\host\share", "file:///etc", "/etc", "..")
CELLS = (
    "=cmd|' /C calc'!A0",
    "\uff1d1+1",
    "{0.__class__}",
    "%s%n",
    "'; drop table accounts; --",
    "..\\..\\x",
    "\u202etxt",
    "x" * 40_000,
)
MINE = hashlib.sha256(b"mine").hexdigest()
FORMS: dict[str, Callable[[str], object]] = {
    "runs/runs.jsonl": lambda name: {"run_id": name, "command": "a", "status": "b", "warnings": 0},
    "state/history.json": lambda name: [{"run_id": name, "inputs": "x", "compared_with": name}] * 30,
    "share_manifest.json": lambda name: {
        "files": [{"file": f"{name}/profile", "report": name, "by": "", "sha256": MINE}]
    },
    "curated/star/star.json": lambda name: {
        "schema": 1,
        "partitions": [{"file": name}],
        "tables": {"x": {"file": name}},
    },
    "models/printers/current.json": lambda name: {"version": name, "division": name},
    "state/kept_cells.json": lambda name: {name: [{"sheet": name}]},
    "pipeline_weights.json": lambda name: {"schema": 1, "weights": {name: 1.0}},
}


def planted(name: str, file: str) -> Plant:
    def plant(out: Path, data: Path, home: Path) -> None:
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).write_text(json.dumps(FORMS[file](name)) + "\n")

    return plant


def linked(name: str, target: str = "") -> Plant:
    def plant(out: Path, data: Path, home: Path) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).symlink_to(home / target)

    return plant


def piped(name: str) -> Plant:
    def plant(out: Path, data: Path, home: Path) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(out / name)

    return plant


def celled(text: str) -> Plant:
    """A customer, a rep, a division and a heading that mean something elsewhere."""

    def plant(out: Path, data: Path, home: Path) -> None:
        write_customers(data, text)

    return plant


def written(name: str, content: bytes) -> Plant:
    def plant(out: Path, data: Path, home: Path) -> None:
        (data / name).write_bytes(content)

    return plant


def pipe_among_sources(out: Path, data: Path, home: Path) -> None:
    os.mkfifo(data / "Opportunities.csv")


def huge_and_empty(out: Path, data: Path, home: Path) -> None:
    with open(data / "Opportunities.csv", "wb") as handle:
        handle.truncate(8 << 30)


def slip(out: Path, data: Path, home: Path) -> None:
    with zipfile.ZipFile(data / CUSTOMERS, "a") as book:
        book.writestr("../../../home/profile", "theirs")


def foreign_store(out: Path, data: Path, home: Path) -> None:
    (out / "feedback").mkdir(parents=True)
    with sqlite3.connect(out / "feedback/history.sqlite") as database:
        database.execute("create table accounts (id)")


def journal_that_deletes(database: Path, victim: Path) -> None:
    """Beside ``database``, a rollback journal of no pages that names ``victim`` as the journal above it.

    SQLite deletes the journal above once it has rolled back, when no other journal names it.
    """
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(victim).encode()
    page = int.from_bytes(database.read_bytes()[16:18], "big")
    head = magic + struct.pack(">IIIII", 0, 0, database.stat().st_size // page, 512, page)
    tail = struct.pack(">I", (1 << 30) // page + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    database.with_name(database.name + "-journal").write_bytes(head.ljust(512, b"\0") + tail)


def store_of_somebody(*statements: str) -> Plant:
    """A store of ours in which somebody added what would run when it is read or written."""

    def plant(out: Path, data: Path, home: Path) -> None:
        path = out / "feedback/history.sqlite"
        Store(path).close()
        with closing(sqlite3.connect(path)) as database, database:
            for statement in statements:
                database.execute(statement)
        if not statements:
            journal_that_deletes(path, home / "profile")

    return plant


def deep_weights(out: Path, data: Path, home: Path) -> None:
    (out / "optimized_weights.json").write_text("[" * 100_000)
    (out / "score_model.json").write_text("[" * 100_000)
    (out / "industry_weights.json").write_text('{"a":' * 100_000)


def hard_linked(name: str) -> Plant:
    """The file at ``name`` is the victim's own under a second name."""

    def plant(out: Path, data: Path, home: Path) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(home / "profile", out / name)

    return plant


def beside_the_workbook(name: str) -> Plant:
    """A link beside the workbook that is written into; it leads to a name that is not there yet."""

    def plant(out: Path, data: Path, home: Path) -> None:
        (out.parent.parent / name).symlink_to(home / "new" if name.startswith(".") else home)

    return plant


def journal(out: Path, data: Path, home: Path) -> None:
    stage = out / ".icp_staging" / "1"
    stage.mkdir(parents=True)
    (out / ".icp_staging" / "home").mkdir()
    (out / ".icp_staging" / "home" / "profile").write_text("theirs")
    (stage / "publish.json").write_text(json.dumps({"files": ["../../home/profile"], "remove": ["../../home/profile"]}))


def run_record(name: str) -> Plant:
    """A record of a run that is a pipe, nested without end, or none."""

    def plant(out: Path, data: Path, home: Path) -> None:
        planted("r1", "runs/runs.jsonl")(out, data, home)
        (out / "runs/r1").mkdir()
        if name == "pipe":
            os.mkfifo(out / "runs/r1/manifest.json")
        else:
            (out / "runs/r1/manifest.json").write_text(name)

    return plant


def model_of_somebody(body: str) -> Plant:
    """A model's folder in which every name leads elsewhere, and whose model is ``body``."""

    def plant(out: Path, data: Path, home: Path) -> None:
        folder = out / "models/printers/v0001"
        folder.mkdir(parents=True)
        (folder.parent / "current.json").write_text('{"version": "v0001", "division": "Printers"}')
        (folder / "model.json").write_text(body)
        digest = hashlib.sha256(body.encode()).hexdigest()
        manifest = {"schema": 1, "files": {"model.json": digest, "../../../../home/profile": MINE}}
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return plant


def parts(**texts: str) -> Plant:
    """Parts of the customers' workbook, by their names without the ending, are ``texts``."""

    def plant(out: Path, data: Path, home: Path) -> None:
        book = data / CUSTOMERS
        with zipfile.ZipFile(book) as read:
            found = {name: read.read(name) for name in read.namelist()}
        found.update({name.replace("__", "/") + ".xml": text.encode() for name, text in texts.items()})
        with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as written:
            for name, content in found.items():
                written.writestr(name, content)

    return plant


def returned_book(out: Path, data: Path, home: Path) -> None:
    """A list that came back, with settings of its own and a part that lies elsewhere."""
    write_customers(data, "../../home", ("paths.out", str(home)), ("whitespace.status_books", f"[{home / 'profile'}]"))
    slip(out, data, home)
    (out / "icp_whitespace.xlsx").write_bytes((data / CUSTOMERS).read_bytes())
    (out / "icp_report.xlsx").write_bytes((data / CUSTOMERS).read_bytes())


def yaml_of_data(out: Path, data: Path, home: Path) -> None:
    """Settings beside the data, with an object to make."""
    made = f"paths: !!python/object/apply:os.remove ['{home / 'profile'}']\n"
    for place in (data / "icp_xl.yaml", out / "icp_xl.yaml", out / "mapping.yaml"):
        place.write_text(made)


def entities(text: str) -> str:
    """A sheet whose one cell is ``text``, with names for a text of 10^11 letters and for a file of the system."""
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{bomb}<!ENTITY me SYSTEM "file:///etc/passwd">]>'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        f'<c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row></sheetData></worksheet>'
    )


def settings_of_all_kinds(out: Path, data: Path, home: Path) -> None:
    places = ("matching.overrides_file", "whitespace.exclusions", "share.folder", "feedback.store", "paths.runs")
    write_customers(data, "Acme", *((key, str(home / "profile")) for key in places))


ATTACKS: dict[str, Plant] = {
    **{f"{file} names {name}": planted(name, file) for file in FORMS for name in NAMES},
    **{f"{name} is a link": linked(name) for name in
       ("curated", "feedback", "models", "state/optimization", "live", "shared", "workbooks")},
    "rep_contacts.csv is a link to nothing yet": linked("rep_contacts.csv", "new"),
    **{f"{name} is a link": linked(name, "profile") for name in
       ("feedback/history.sqlite", "icp_report.xlsx", "state/scored_accounts.parquet", "runs/runs.jsonl",
        "score_model.json")},
    **{f"{name} is a pipe": piped(name) for name in
       ("state/kept_cells.json", "feedback/history.sqlite", "score_model.json", "runs/runs.jsonl", "icp_report.xlsx")},
    **{f"a cell {text[:12]}": celled(text) for text in CELLS},
    "bytes for a table": written("Opportunities.csv", bytes(range(256)) * 9),
    "deep tiers": written("strategic_industry_tiers.json", b"[" * 100_000),
    "a rule for all": written("match_overrides.csv", b"key,account_id,decision\n=1+1,../..,merge\n"),
    "a pipe among the sources": pipe_among_sources, "eight sparse gigabytes": huge_and_empty, "a part outside": slip,
    **{f"{name} is a hard link": hard_linked(name) for name in
       ("runs/runs.jsonl", ".icp_xl.lock", "feedback/history.sqlite", "mail_log.jsonl", "runs/.runs.lock",
        "state/optimization/study.journal")},
    **{f"{name} beside the workbook is a link": beside_the_workbook(name) for name in
       ("ICP backups", ".mine.xlsx.icp-lock")},
    **{f"a record that is {name[:8]}": run_record(name) for name in
       ("pipe", "[" * 100_000, "{}", '{"warnings": 1e999}', "9" * 5_000)},
    **{f"a model {body[:12]}": model_of_somebody(body) for body in ("{}", "9" * 5_000, "[" * 100_000)},
    "entities in a sheet": parts(xl__worksheets__sheet1=entities("&a11;")),
    "an entity from elsewhere": parts(xl__worksheets__sheet1=entities("&me;")),
    "a million shared blanks": parts(xl__sharedStrings="<sst>" + "<si><t/></si>" * 1_000_000 + "</sst>"),
    "a journal that deletes": store_of_somebody(),
    "a view without end": store_of_somebody(
        "DROP VIEW outcome", "CREATE VIEW outcome AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x FROM n)"
        " SELECT x AS opportunity_id FROM n",
    ),
    "a trigger": store_of_somebody("CREATE TRIGGER t AFTER INSERT ON model BEGIN DELETE FROM snapshot; END"),
    "journal": journal, "a list that came back": returned_book, "an object in settings": yaml_of_data,
    "somebody's database": foreign_store, "deep weights": deep_weights, "settings of all kinds": settings_of_all_kinds,
}  # fmt: skip
CUSTOMERS = "JY - Customer Analysis - Customer Segmentation.xlsx"
#: What a command needs besides the two folders; commands without are taken as they are.
NEEDS: dict[str, list[tuple[str, ...]]] = {
    "check": [(), ("--leakage",), ("--shareable", "mine.xlsx")],
    "history add": [("mine.xlsx", "--as-of", "2024-06-30")],
    "write-back": [("mine.xlsx", "--columns", "Account ID"), ("mine.xlsx", "--remove"), ("mine.xlsx",)],
    "optimize": [(), ("--storage", "home/profile")],
    "map": [("--yes", "--write", "mapped.yaml")], "runs show": [("latest",)], "runs diff": [("latest", "latest")],
    "share": [(), ("--by", "rep")], "train": [("--score-only",), ("--revert", "Printers")],
    "outcomes": [("--partial",)], "refine": [("--revert",), ()], "settings": [("--write", "new.yaml")],
    "addin build": [("--out", "addin.xlam")], "addin install": [("--to", "addin")],
    "addin templates": [("--out", "addin")],
}  # fmt: skip
CALLS: list[Call] = [(title, more) for title in COMMANDS for more in NEEDS.get(title, [()])]
CALLS.append(("functions", ()))
#: Files that a command was asked to write.
ASKED = ("mine.xlsx", "mapped.yaml", "new.yaml", "addin", "addin.xlam", "ICP backups", "key", "share")


def write_customers(data: Path, text: str, *settings: tuple[str, str]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    head = ["Account ID", "Company Name", "Industry", "Rep", "Division"]
    for number, row in enumerate((head, ["C-1", *[text] * 4], [text, "Acme", *[text] * 3]), start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            cell.value, cell.data_type = value[:32_000], "s"
    if settings:
        sheet = book.create_sheet("ICP Settings")
        sheet.append(["Setting", "Value"])
        for pair in settings:
            sheet.append(pair)
    book.save(data / CUSTOMERS)


def everything(folder: Path) -> dict[str, str]:
    """Every file outside the output folder, without what a command was asked for."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size < 1 << 30
        and not any(part in ASKED or part.startswith(".mine") for part in path.relative_to(folder).parts)
    }  # fmt: skip


def prepare(folder: Path) -> tuple[Path, Path, Path]:
    """A shared output folder, a data folder with a customer, somebody's home; a workbook to write into beside them."""
    out, data, home = folder / "share" / "out", folder / "data", folder / "home"
    for each in (out, data, home):
        each.mkdir(parents=True)
    (home / "profile").write_text("mine")
    write_customers(data, "Acme")
    (folder / "mine.xlsx").write_bytes((data / CUSTOMERS).read_bytes())
    return out, data, home


def arguments(call: Call, out: Path, data: Path) -> list[str]:
    """The command line of ``call``."""
    title, more = call
    shared = COMMANDS[title].shared
    if title == "demo" and not os.path.lexists(out / "workbooks"):
        # Workbooks that are there already are taken, and making the samples is what costs most.
        (out / "workbooks").mkdir()
        for path in data.iterdir():
            if path.is_file():
                os.link(path, out / "workbooks" / path.name)
    places = ["--out", str(out)] if "out" in shared else []
    places = [f"--set=paths.out={out}"] if title == "write-back" else places
    return [*title.split(), *more, *places, *(["--data", str(data)] if "data" in shared else [])]
