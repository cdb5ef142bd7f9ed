"""The command line: help for everything, light start, one clear error, honest exit codes."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from icp_xl.cli import app, complete, run
from icp_xl.cli._run import storage_fault
from icp_xl.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "command"), [(name, complete(each)) for name, each in COMMANDS.items()])
def test_every_command_has_help_with_an_example(name: str, command: object) -> None:
    text = getattr(command, "help", "") or ""
    assert text.split("\n")[0].endswith("."), f"{name}: the first line of its help is no sentence"
    assert "Example: icp-xl " + name.split()[0] in text, f"{name}: no example"
    for option in getattr(command, "params", []):
        assert getattr(option, "help", None), f"{name} {option.name}: no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_docs_name_every_command(name: str) -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    assert any(f"icp-xl {name}" in page.read_text(encoding="utf-8") for page in pages)


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "icp_xl", "--help"], capture_output=True, text=True, check=True
    )
    modules = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert not modules & {"pandas", "numpy", "sklearn", "optuna", "lightgbm", "duckdb", "xlsxwriter", "xlwings"}


def test_the_package_itself_imports_next_to_nothing() -> None:
    code = "import icp_xl, sys; print(sorted(m for m in sys.modules if m in ('pandas', 'numpy', 'xlwings', 'typer')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there() -> None:
    import icp_xl

    for name in icp_xl.__all__:
        assert getattr(icp_xl, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        _ = icp_xl.nonsense


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["score", "--config", "none.yaml"], 2, "the settings file does not exist"),
        (["score", "--set", "scoring.strategic_share=5"], 2, "less than or equal to 1"),
        (["score", "--set", "nonsense"], 2, "section.key=value"),
        (["score", "--data", "no_such_folder"], 3, "data folder does not exist"),
        (["runs", "show", "latest"], 4, "no such run"),
    ],
)
def test_bad_input_is_one_message_and_a_code(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert "Traceback" not in error


def test_an_unknown_command_is_refused_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scor"]) == 2
    assert "score" in capsys.readouterr().err
    assert run(["score", "--nonsense"]) == 2


def test_the_app_is_typers() -> None:
    assert isinstance(app, typer.Typer)


@pytest.mark.parametrize(
    "command",
    [
        ["demo", "--out", "{file}"],
        ["addin", "templates", "--out", "{file}"],
        ["score", "--out", "{file}/out"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_file_where_a_folder_is_needed_is_one_clear_error(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "plan.txt"
    file.write_text("mine")
    assert run([part.format(file=file) for part in command]) == 5
    error = capsys.readouterr().err
    assert error.startswith("icp-xl: ") and "Choose another folder with --out" in error and "Traceback" not in error
    assert file.read_text() == "mine"


def test_a_fault_of_ours_is_not_dressed_up_as_one_of_the_disk() -> None:
    assert storage_fault(FileNotFoundError(errno.ENOENT, "No such file or directory", "a")) is None
    full = storage_fault(OSError(errno.ENOSPC, "No space left on device", "/x/report.xlsx"))
    assert full is not None and str(full).startswith("the disk is full (where: report.xlsx; got: No space")
