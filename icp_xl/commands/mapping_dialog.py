"""The questions of ``icp-xl map``: only what is open, with values beside each choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from icp_xl.config import Settings
from icp_xl.errors import Cancelled, IcpError
from icp_xl.pipeline.mapping import SourceMap, Wanted, describe_source, preview, unclaimed, with_choices
from icp_xl.sources.fields import SPECS

NONE = "(none of these)"


def ask_files(settings: Settings, maps: list[SourceMap]) -> list[SourceMap]:
    """Ask what the files hold that no source has claimed, where a source that matters is missing."""
    found = list(maps)
    for path in unclaimed(settings, maps):
        missing = [name for name in ("sales", "customers", "opportunities") if name not in {m.source for m in found}]
        if not missing or ("sales" not in missing and "customers" not in missing):
            break
        choices = [(SPECS[name].title, name) for name in missing] + [("nothing of these", "")]
        answer = _select(f"What does {path.name} hold?", choices)
        if answer:
            found.append(describe_source(path, SPECS[answer], settings))
    return found


def ask_columns(item: SourceMap) -> None:
    """Ask for the columns that are missing, and whether a close spelling is right."""
    for group in item.open_groups():
        # An account may be told by its name or its id: the name is asked for first.
        for wanted in sorted(group, key=lambda one: one.name != "account_name"):
            if _ask(item, wanted, optional=len(group) > 1):
                break
    for wanted in item.doubtful():
        _ask(item, wanted, optional=True)


def ask_end(settings: Settings, maps: list[SourceMap]) -> bool:
    """Show what would be read and let the user change columns until he writes the settings; false to write nothing."""
    console = Console()
    while True:
        show(maps, console)
        try:
            for line in preview(with_choices(settings, maps)):
                console.print(line, markup=False, highlight=False)
        except IcpError as error:
            console.print(f"This cannot be read yet: {error}", markup=False, highlight=False)
        answer = _select("Is this right?", [("Write the settings", "write"), ("Change a column", "change"),
                                            ("Leave without writing", "leave")])  # fmt: skip
        if answer != "change":
            return answer == "write"
        item = maps[0]
        if len(maps) > 1:
            item = maps[int(_select("Of which source?", [(each.title, str(at)) for at, each in enumerate(maps)]))]
        names = [(f"{one.label}: {item.chosen.get(one.name, '-')}", one.name) for one in item.wanted]
        chosen = _select("Which column?", names)
        _ask(item, next(one for one in item.wanted if one.name == chosen), optional=True)


def show(maps: Sequence[SourceMap], console: Console | None = None) -> None:
    """Print what was found, one table per source."""
    console = console or Console()
    for item in maps:
        place = f"{item.path.name}" + (f", sheet {item.sheet}" if item.sheet != item.path.stem else "")
        table = Table(title=f"{item.title}: {place}, header in row {item.header_row}", title_justify="left")
        for heading in ("our column", "your header", "found by", "values"):
            table.add_column(heading, overflow="fold")
        for wanted in item.wanted:
            header = item.chosen.get(wanted.name, "")
            if header or wanted.group:
                facts = item.columns.get(header)
                how = wanted.how if header == wanted.header else "chosen" if header else "missing"
                table.add_row(wanted.label, header or "-", how, facts.line() if facts else "")
        console.print(table)
        if item.unused():
            console.print(f"Not used: {', '.join(item.unused())}", markup=False, highlight=False)


def _ask(item: SourceMap, wanted: Wanted, *, optional: bool) -> bool:
    """Ask for one column; whether one was chosen."""
    order = list(dict.fromkeys([*([wanted.header] if wanted.header else []), *wanted.near, *item.columns]))
    choices = [(f"{header}   [{item.columns[header].line()}]", header) for header in order if header in item.columns]
    if optional:
        choices.append((NONE, ""))
    answer = _select(f"{item.title} ({item.path.name}): which column is the {wanted.label.lower()}?", choices)
    if answer:
        item.chosen[wanted.name] = answer
    else:
        item.chosen.pop(wanted.name, None)
    return bool(answer)


def _select(message: str, choices: Sequence[tuple[str, str]]) -> str:
    """The value of the choice that the arrow keys and Enter pick.

    Raises:
        Cancelled: Ctrl-C.
    """
    import questionary

    answer = questionary.select(
        message, choices=[questionary.Choice(title, value=value) for title, value in choices], qmark="?"
    ).ask(kbi_msg="")
    if answer is None:
        raise Cancelled("nothing was written")
    return str(answer)


def has_terminal() -> bool:
    """Whether somebody can answer."""
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty()


__all__ = ["Path", "ask_columns", "ask_end", "ask_files", "has_terminal", "show"]
