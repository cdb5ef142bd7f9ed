"""Write what is made from declarations: the pages of reference, the ribbon, the types of the library.

``python -m icp_xl.docs_tables`` writes each anew; with ``--check`` it only says which are out of date. A page is a
function below and a line in :data:`PAGES`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from icp_xl import OTHERS, cli
from icp_xl.artifacts import ARTIFACTS
from icp_xl.commands import COMMANDS, Command
from icp_xl.commands.api import parameters_of
from icp_xl.commands.ribbon import buttons, keytips, ribbon_xml, tag_of
from icp_xl.commands.signatures import stub_text
from icp_xl.config.describe import SettingEntry, every_setting
from icp_xl.excel.xlwings_udfs import described
from icp_xl.outputs import write_bytes

ROOT = Path(__file__).resolve().parents[1]
MADE = "<!-- Made by `python -m icp_xl.docs_tables`; change the declarations instead. -->"
#: Who may set a setting, in words.
RIGHTS = {"workbook": "anybody", "name": "anybody, a bare file name only", "site": "who runs it"}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; bars and line breaks in cells do not break it.

    >>> table(["a"], [["x|y"]])
    ['| a |', '| --- |', '| x\\\\|y |']
    """
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |" for row in lines]


def page(title: str, *parts: Iterable[str]) -> str:
    """A page from its parts, with an empty line between them."""
    blocks = [MADE, f"# {title}", *("\n".join(part) for part in parts)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def commands_page() -> str:
    """Every command with its options, as shell and library have them; the buttons; the stages of ``run``."""
    parts: list[list[str]] = [
        [
            "Each command is declared once, in `icp_xl/commands`; command line, library, ribbon and this page come "
            "from there. An option that stands for a setting may be given in the settings just as well.",
        ]
    ]
    for command in COMMANDS.values():
        parts += [[f"## icp-xl {command.title}"], *_command(command)]
    keys = keytips([button for button, _ in buttons()])
    shown = (
        (button.group, button.label, _starts(tag_of(button, command), button.before, command), key, button.supertip)
        for (button, command), key in zip(buttons(), keys, strict=True)
    )
    parts += [["## Buttons"], table(["group", "button", "runs", "key", "what it does"], shown)]
    places = sorted(((place, each) for each in COMMANDS.values() for place in each.in_run), key=lambda it: it[0].order)
    stages = ((str(n), place.name, f"`icp-xl {each.title}`") for n, (place, each) in enumerate(places, 1))
    parts += [["## Stages of icp-xl run"], table(["", "stage", "command"], stages)]
    return page("Commands", *parts)


def _command(command: Command) -> Iterator[list[str]]:
    paragraphs = command.help.split("\n\n")
    yield from (
        ["```", part.removeprefix("Example: "), "```"] if part.startswith("Example: ") else [part]
        for part in paragraphs
    )
    known = {each.name for each in parameters_of(command)}
    rows = []
    for each in command.parameters:
        flags = ", ".join(f"`{flag}`" for flag in each.flags) or f"`{each.name.upper()}`"
        python = f"`{each.name}`" if each.name in known else "`settings`" if each.name != "quiet" else "`progress`"
        rows.append((flags, python, f"`{each.key}`" if each.key else "", each.option.help))
    if rows:
        yield table(["option", "in Python", "setting", "meaning"], rows)
    yield [f"In Python: `icp_xl.{command.public}(...)` gives `{command.returns()}`."]


def _starts(tag: str, before: Sequence[str], command: Command | None) -> str:
    if command is None:
        return f"macro `{tag}`" if tag != "cancel" else "asks the jobs to stop"
    return " then ".join(f"`icp-xl {name}`" for name in (*before, command.title))


def settings_page() -> str:
    """Every setting with default, what it may be, who may set it, and what it means."""
    groups: dict[str, list[SettingEntry]] = {}
    for entry in every_setting():
        groups.setdefault(entry.key.rpartition(".")[0], []).append(entry)
    parts: list[list[str]] = [
        [
            "`icp-xl settings` prints them as a file to start from, `icp-xl settings --schema` as a JSON schema for "
            "editors. Later wins: the workbook's sheet *ICP Settings*, the settings file, the environment "
            "(`ICP_XL__SECTION__KEY`), the command line. *Anybody* may set what the sheet of a workbook may set; the "
            "rest is left to who runs the program.",
        ]
    ]
    known: dict[tuple[tuple[str, str, str], ...], str] = {}
    collapsed: list[str] = []
    for group, entries in groups.items():
        alike = tuple((each.key.rpartition(".")[2], each.allowed, each.description) for each in entries)
        if any(group.startswith(other) for other in collapsed):
            continue
        parts.append([f"## {group or 'Top level'}"])
        if alike in known:
            collapsed.append(group + ".")
            parts.append([f"As [`{known[alike]}`](#{known[alike].replace('.', '').replace('[]', '')})."])
            continue
        known[alike] = group
        rows = (
            (f"`{each.key}`", f"`{each.default_text}`", each.allowed, RIGHTS[each.rights], each.description)
            for each in entries
        )
        parts.append(table(["setting", "default", "may be", "set by", "meaning"], rows))
    return page("Settings", *parts)


def artifacts_page() -> str:
    """Every file below the output folder."""
    rows = []
    for item in ARTIFACTS:
        form = f"{item.format}, version {item.version}" if item.version else item.format
        needed = f" Columns that readers need: {', '.join(item.columns)}." if item.columns else ""
        rows.append((f"`{item.name}`", form, item.what + needed, ", ".join(item.written_by),
                     ", ".join(item.read_by) or "people"))  # fmt: skip
    intro = [
        "Files below the output folder (`paths.out`). What is in braces differs from file to file. A file that is",
        "damaged is named with the command that writes it anew; delete it and run that command.",
    ]
    return page("Files", intro, table(["file", "format", "holds", "written by", "read by"], rows))


def functions_page() -> str:
    """Every worksheet function with its arguments, as the function wizard shows them."""
    parts: list[list[str]] = [
        [
            "Functions of the add-in, for cells. Where an argument takes a range, the answer spills over as many rows. "
            "A function whose results no run has published yet shows `#N/A`; one that cannot read an argument shows "
            "`#VALUE!`. Arguments in brackets may be left out.",
        ]
    ]
    for each in described():
        names = [f"[{item['name']}]" if item["optional"] else item["name"] for item in each["arguments"]]
        parts += [[f"## {each['name']}"], [f"`={each['name']}({', '.join(names)})`"], [each["description"]]]
        parts.append(table(["argument", "meaning"], ((f"`{it['name']}`", it["help"]) for it in each["arguments"])))
    return page("Worksheet functions", *parts)


#: Everything that is made, by its path from the folder of the repository.
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/commands.md": commands_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/artifacts.md": artifacts_page,
    "docs/reference/functions.md": functions_page,
    "vba/customUI14.xml": ribbon_xml,
    "icp_xl/__init__.pyi": lambda: stub_text(OTHERS),
}


def outdated(root: Path = ROOT) -> list[str]:
    """Paths of what does not say what the declarations say."""
    return [name for name, make in PAGES.items() if _text(root / name) != make()]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write what is out of date, or only say it; the exit code is 1 where ``--check`` finds something."""
    found = outdated(root)
    if "--check" in arguments:
        cli._run.say("\n".join(f"out of date: {name}" for name in found) or "Everything is up to date.")
        return int(bool(found))
    for name in found:
        write_bytes(root / name, PAGES[name]().encode("utf-8"))
        cli._run.say(f"Wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
