"""Every command line and every settings example in the docs is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from icp_xl.cli import app
from icp_xl.config import load_settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[Any]:
    """Fenced blocks of a language, with the page that each stands on."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL), 1):
            found.append(pytest.param(block, id=f"{page.stem}-{number}"))
    return found


def lines() -> list[Any]:
    """Calls of icp-xl in shell blocks and in backticks."""
    found: dict[str, str] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shell = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
        for line in [*shell.splitlines(), *re.findall(r"`(icp-xl [a-z][^`]*)`", text)]:
            for call in re.split(r"&&|;(?=\s)", line):
                if call.strip().startswith("icp-xl "):
                    found.setdefault(call.strip(), page.stem)
    return [pytest.param(call, id=f"{page}: {call}") for call, page in found.items()]


@pytest.mark.parametrize("line", lines())
def test_a_command_line_of_the_docs_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: Any = get_command(app)
    context = command.make_context("icp-xl", [], resilient_parsing=True)
    while words and hasattr(command, "commands"):
        name, command, words = command.resolve_command(context, words)
        assert command is not None
    if words and "--help" not in words:  # A bare name stands for the command, whatever else it needs.
        command.make_context(name, list(words), parent=context)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_a_settings_example_of_the_docs_is_taken(block: str, tmp_path: Path) -> None:
    path = tmp_path / "icp_xl.yaml"
    path.write_text(block, encoding="utf-8")
    load_settings(path, environ={})


def test_there_are_examples() -> None:
    assert len(lines()) > 25 and len(blocks("yaml")) >= 5
