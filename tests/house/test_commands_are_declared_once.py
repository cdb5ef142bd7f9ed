"""Command line, library, ribbon and reference are equal because they are made from one declaration."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import icp_xl
from icp_xl.cli import app
from icp_xl.cli.shell import shell_function
from icp_xl.commands import COMMANDS, Command
from icp_xl.commands.api import Planned
from icp_xl.commands.declare import SHARED
from icp_xl.commands.ribbon import MACRO, buttons, tag_of
from icp_xl.commands.run_all import stages
from icp_xl.config.describe import every_setting, find_field, settings_schema, settings_template
from icp_xl.docs_tables import PAGES, ROOT, outdated
from icp_xl.errors import ConfigError, IcpError, SourceError
from icp_xl.excel.xlwings_udfs import described, generate_stubs
from tests.support.broken_inputs import sound

#: What the shell gives in another way than the library: settings, and the bar that progress is.
SHELL, LIBRARY = {"config", "set_", "quiet"}, {"settings", "progress"}


def test_every_public_name_is_callable_after_everything_was_imported() -> None:
    """A package of the same name would take a function's place, and calling it would work once per process."""
    program = """
import importlib, pkgutil, icp_xl
for found in pkgutil.walk_packages(icp_xl.__path__, "icp_xl."):
    if found.name.rpartition(".")[2] not in ("__main__", "worker", "trial_child", "sandbox_child"):
        importlib.import_module(found.name)
names = [name for name in icp_xl.__all__ if name != "__version__"]
print(*[name for name in names if not callable(getattr(icp_xl, name))], len(names) > 25)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["True"]


def test_no_module_has_the_name_of_a_command() -> None:
    modules = {found.name for found in pkgutil.iter_modules(icp_xl.__path__)}
    assert not modules & {command.public for command in COMMANDS.values()}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.title)
def test_library_and_command_line_take_the_same_options(command: Command) -> None:
    shell = set(inspect.signature(shell_function(command)).parameters)
    function = getattr(icp_xl, command.public)
    library = set(inspect.signature(function).parameters)
    assert shell - SHELL == library - LIBRARY
    if command.takes == "run":
        assert {"dry_run"} <= shell and {"dry_run", "progress", "settings"} <= library
    for name in library:
        assert f"    {name}: " in function.__doc__, f"{name} is not documented"


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.title)
def test_options_that_are_settings_say_what_the_settings_say(command: Command) -> None:
    for parameter in command.of_settings:
        described = find_field(parameter.key).description
        assert described and parameter.option.help.casefold().startswith(described.casefold())


def test_every_declared_command_is_on_the_command_line() -> None:
    found = set()
    for name, group in get_command(app).commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {inner}" for inner in group.commands} if hasattr(group, "commands") else {name}
    assert found == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.title)
def test_every_call_gives_a_frozen_result_with_a_summary(command: Command) -> None:
    module = importlib.import_module(command.function.__module__)
    source = inspect.getsource(module)
    for name in command.returns().split(" | "):
        owner = next(
            (
                line.split()[1]
                for line in source.splitlines()
                if line.strip().startswith("from ") and name in line.replace(",", " ").split()
            ),
            module.__name__,
        )
        kind = getattr(importlib.import_module(owner), name)
        assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen, name  # type: ignore[attr-defined]
        assert inspect.signature(kind.summary).return_annotation == "list[str]", name


def test_a_dry_run_of_the_library_says_what_it_would_write_and_writes_it_not(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    sound(tmp_path / "books")
    found = icp_xl.score({"paths.data": tmp_path / "books"}, out=tmp_path / "out", dry_run=True)
    assert isinstance(found, Planned) and "icp_report.xlsx" in found.files
    assert found.summary()[0].startswith("Dry run")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name[:1] != "."] == ["runs"]


def test_an_option_wins_over_settings_in_whatever_form(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("paths: {out: here}\nrun: {seed: 7}\n", encoding="utf-8")
    (tmp_path / "there" / "runs").mkdir(parents=True)
    for given in (str(file), icp_xl.load_settings(file, environ={}), {"paths.out": tmp_path / "here"}):
        assert icp_xl.list_runs(given, out=tmp_path / "there").runs == ()


def test_errors_speak_of_the_library_when_it_was_called(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as unknown:
        icp_xl.score({"scoring.strategic_shar": 1})
    assert "command line" not in str(unknown.value) and "did you mean strategic_share?" in str(unknown.value)
    with pytest.raises(ConfigError) as missing:
        icp_xl.score(str(tmp_path / "x.yaml"))
    with pytest.raises(SourceError) as nothing:
        icp_xl.score(data=tmp_path, out=tmp_path / "out")
    with pytest.raises(IcpError) as unscored:
        icp_xl.live(out=tmp_path / "out")
    for error in (missing, nothing, unscored):
        assert "--" not in str(error.value) and "icp-xl " not in str(error.value), str(error.value)
    assert "icp_xl.score()" in str(unscored.value) and "data=" in str(nothing.value)


def test_what_is_made_from_declarations_is_current() -> None:
    assert not outdated(), "run python -m icp_xl.docs_tables"


def test_the_reference_has_a_line_for_every_command_option_setting_button_and_stage() -> None:
    commands = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    settings = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    for command in COMMANDS.values():
        part = commands.partition(f"## icp-xl {command.title}\n")[2].partition("\n## ")[0]
        assert part, command.title
        for parameter in command.parameters:
            assert all(f"`{flag}`" in part for flag in parameter.flags)
    for button, _ in buttons():
        assert f"| {button.label} |" in commands
    for stage in stages():
        assert f"| {stage.name} |" in commands
    alike = re.findall(r"^## (\S+)\n\nAs \[", settings, flags=re.MULTILINE)
    for entry in every_setting():
        assert f"`{entry.key}`" in settings or any(entry.key.startswith(group) for group in alike), entry.key
    assert set(PAGES) >= {"vba/customUI14.xml", "icp_xl/__init__.pyi"}


def test_every_setting_says_what_it_means() -> None:
    assert not [entry.key for entry in every_setting() if not entry.description]


def test_buttons_have_macros_and_stages_have_an_order() -> None:
    from icp_xl.excel.macros import MACROS

    assert {tag_of(*each) for each in buttons() if each[0].calls == MACRO} == set(MACROS)
    orders = [place.order for command in COMMANDS.values() for place in command.in_run]
    assert len(set(orders)) == len(orders)


def test_settings_are_printed_written_and_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    from icp_xl.cli import run

    file = tmp_path / "icp_xl.yaml"
    assert run(["settings"]) == 0
    assert capsys.readouterr().out.strip() == settings_template().strip()
    assert run(["settings", "--write", str(file)]) == 0
    assert file.read_text(encoding="utf-8") == settings_template()
    assert icp_xl.load_settings(file, environ={}) == icp_xl.load_settings(environ={})
    # Every line taken out of its comment is a settings file too, and says the same.
    lines = [line.removeprefix("# ") for line in settings_template().splitlines()[1:]]
    full = tmp_path / "full.yaml"
    full.write_text("\n".join(lines).replace("data: .", f"data: {Path.cwd()}"), encoding="utf-8")
    assert icp_xl.load_settings(full, environ={}).digest() == icp_xl.load_settings(environ={}).digest()
    file.write_text("mine", encoding="utf-8")
    assert run(["settings", "--write", str(file)]) == 5 and file.read_text(encoding="utf-8") == "mine"
    capsys.readouterr()
    assert run(["settings", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json.loads(settings_schema()) and set(schema["properties"]) == set(
        type(icp_xl.load_settings(environ={})).model_fields
    )


def test_shared_options_are_described() -> None:
    assert all(each.option.help.endswith(".") for each in SHARED)


def test_the_reference_has_every_worksheet_function_with_its_arguments() -> None:
    text = (ROOT / "docs/reference/functions.md").read_text(encoding="utf-8")
    headings = {line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")}
    assert headings == set(re.findall(r"^Function (ICP_\w+)", generate_stubs(), re.MULTILINE))
    for each in described():
        section = text.split(f"## {each['name']}\n")[1].split("\n## ")[0]
        for argument in each["arguments"]:
            assert argument["help"].strip() and f"| `{argument['name']}` |" in section, (each["name"], argument)
