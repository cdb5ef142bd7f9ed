"""Every program that the docs tell to run is there and knows the options that they give it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CALL = re.compile(r"python ((?:tests|docs|examples)/[\w/]+\.py)([^`|\n]*)")


def calls() -> list[Any]:
    """Program, arguments and page of each call."""
    found: dict[tuple[str, str], str] = {}
    for page in PAGES:
        for program, rest in CALL.findall(page.read_text(encoding="utf-8").replace("\\\n", " ")):
            found.setdefault((program, rest.split("&&")[0].strip()), page.stem)
    return [pytest.param(program, rest, id=f"{page}: {program} {rest}") for (program, rest), page in found.items()]


@pytest.mark.parametrize(("program", "rest"), calls())
def test_a_program_of_the_docs_knows_its_options(program: str, rest: str) -> None:
    path = ROOT / program
    assert path.is_file()
    text = path.read_text(encoding="utf-8")
    flags = [word.partition("=")[0] for word in shlex.split(rest, comments=True) if word.startswith("--")]
    assert not [flag for flag in flags if f'"{flag}"' not in text]
    before, found, _ = text.partition("sys.path.insert(0")
    assert "\nfrom tests" not in (before if found else text), "run as a file, it finds no package tests"


def test_there_are_calls_to_look_at() -> None:
    assert len(calls()) > 25
