"""Every program that the docs tell to run is there and knows the options that they give it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
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


#: Each program of the folder as ``python FILE --help`` runs it, one after the other, so that imports are paid for once.
HELP = """
import contextlib, io, runpy, signal, sys
from pathlib import Path

path = list(sys.path)
for file in sorted(Path(sys.argv[1]).glob("*.py")):
    sys.argv, sys.path[:] = [str(file), "--help"], [str(file.parent), *path]
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    said, code = io.StringIO(), 0
    signal.alarm(60)  # One that knows no --help would do all its work.
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_path(str(file), run_name="__main__")
        except SystemExit as error:
            code = error.code or 0
    if code or not said.getvalue().strip():
        sys.exit(f"{file.name}: {code} {said.getvalue()!r}")
    print(file.name)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only where there are alarms")
def test_every_benchmark_says_what_it_does_and_how_it_is_called(tmp_path: Path) -> None:
    folder = ROOT / "tests" / "benchmarks"
    done = subprocess.run([sys.executable, "-c", HELP, str(folder)], cwd=tmp_path, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-2000:]
    assert len(done.stdout.split()) == len(list(folder.glob("*.py"))) > 30


def test_there_are_calls_to_look_at() -> None:
    assert len(calls()) > 25
