"""Planted attacks against every command that takes an output folder: nothing outside it changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from icp_xl.cli import app, complete
from icp_xl.commands import COMMANDS as DECLARED
from icp_xl.errors import IcpError

CUSTOMERS = "JY - Customer Analysis - Customer Segmentation.xlsx"
links = pytest.mark.skipif(os.name == "nt", reason="making a link needs a right on Windows")


def commands() -> list[tuple[str, ...]]:
    """Every command with an ``--out`` that needs no further argument."""
    found = []
    for title, declared in sorted(DECLARED.items()):
        options = complete(declared).params
        if any("--out" in option.opts for option in options):
            if not any(option.required or option.param_type_name == "argument" for option in options):
                found.append(tuple(title.split()))
    return found


COMMANDS = [command for command in commands() if command[0] not in ("demo", "addin", "lite")]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A victim's home beside a shared folder, and a data folder with one customer."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "profile").write_text("mine")
    (tmp_path / "share" / "out").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    write_customers(tmp_path / "data")
    return tmp_path


def write_customers(folder: Path, *settings: tuple[str, object]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Account ID", "Company Name", "Industry"])
    sheet.append(["C-1", "Acme", "Aerospace"])
    if settings:
        sheet = book.create_sheet("ICP Settings")
        sheet.append(["Setting", "Value"])
        for row in settings:
            sheet.append(row)
    book.save(folder / CUSTOMERS)


def journal(world: Path) -> None:
    stage = world / "share" / "out" / ".icp_staging" / "1"
    stage.mkdir(parents=True)
    content = world / "share" / "out" / ".icp_staging" / "home"
    content.mkdir()
    (content / "profile").write_text("theirs")
    (stage / "publish.json").write_text(json.dumps({"files": ["../../home/profile"]}))


def staging_link(world: Path) -> None:
    (world / "share" / "out" / ".icp_staging").symlink_to(world / "home")


def runs_link(world: Path) -> None:
    (world / "share" / "out" / "runs").symlink_to(world / "home")


def lock_link(world: Path) -> None:
    (world / "share" / "out" / ".icp_xl.lock").symlink_to(world / "home" / "profile")


def settings_out(world: Path) -> None:
    write_customers(world / "data", ("paths.out", str(world / "home")))


def settings_storage(world: Path) -> None:
    write_customers(world / "data", ("optimize.storage", str(world / "home" / "profile")))


def settings_spark(world: Path) -> None:
    options = "{spark.driver.extraJavaOptions: '-XX:OnOutOfMemoryError=/bin/sh'}"
    write_customers(world / "data", ("build.engine", "spark"), ("build.spark", options))


def settings_bomb(world: Path) -> None:
    text = "&a [x,x,x,x,x,x,x,x,x]"
    for n in range(1, 10):
        text = f"&{chr(97 + n)} [" + ",".join([f"*{chr(96 + n)}"] * 9) + f", {text}]"
    write_customers(world / "data", ("reports.title", text))


ATTACKS: list[Any] = [
    journal, settings_out, settings_storage, settings_spark, settings_bomb,
    *(pytest.param(each, marks=links) for each in (staging_link, runs_link, lock_link)),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_changes_nothing_and_is_one_clear_error(
    world: Path, monkeypatch: pytest.MonkeyPatch, attack: Callable[[Path], None], command: tuple[str, ...]
) -> None:
    attack(world)
    monkeypatch.chdir(world)
    data = ["--data", str(world / "data")] if takes_data(command) else []
    if attack.__name__.startswith("settings") and not data:
        return  # The command reads no workbook, and so no settings of one.
    done = CliRunner().invoke(app, [*command, *data, "--out", str(world / "share" / "out")])
    assert sorted(path.name for path in (world / "home").iterdir()) == ["profile"]
    assert (world / "home" / "profile").read_text() == "mine"
    if command != ("runs", "list"):  # It only reads, and has nothing to read.
        # What is raised here becomes one line and an exit code in the program's own main.
        assert isinstance(done.exception, IcpError), (done.exit_code, done.exception, done.output)


def takes_data(command: tuple[str, ...]) -> bool:
    return any("--data" in option.opts for option in complete(DECLARED[" ".join(command)]).params)


def test_there_are_commands_to_attack() -> None:
    assert len(COMMANDS) >= 10 and len(COMMANDS) * len(ATTACKS) >= 60
