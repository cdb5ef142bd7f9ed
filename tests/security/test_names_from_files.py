"""No name that stands in a file, a sheet or a registry leads out of the folder: not upwards, not to a share, not to a
drive, whatever reads it."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from icp_xl.artifacts import SCORED_BEFORE
from icp_xl.cli import run
from icp_xl.cli._run import TerminalProgress
from icp_xl.config import Settings, load_settings
from icp_xl.config.base import rights_of
from icp_xl.errors import ConfigError, DataError, DeliveryError, IcpError
from icp_xl.feedback.store import Store
from icp_xl.outputs import Publication
from icp_xl.propensity.store import current_version
from icp_xl.runs import list_runs, load_manifest, start_run
from icp_xl.safe_paths import resolve_inside
from icp_xl.samples import write_samples
from icp_xl.tables.star import SCHEMA, open_star
from tests.security.test_settings_rights import settings_of

NAMES = (
    r"\\host\share", r"\\host\share\x", "//host/share", "//host/share/x", "file://host/share/x", "file:///etc/passwd",
    "/etc/passwd", "../../home/x", r"..\..\home\x", r"C:\x", "C:x", "..", "x/../../y", "x/profile:hidden",
)  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore")
links = pytest.mark.skipif(os.name == "nt", reason="making a link needs a right on Windows")


def settings(out: Path) -> Settings:
    return Settings.model_validate({"paths": {"data": str(out), "out": str(out)}})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["matching.overrides_file", "excel.sales_workbook", "excel.customer_workbook"])
def test_a_sheet_names_files_and_no_places(name: str, key: str) -> None:
    if name == "..":
        return  # A bare name; that of a folder, in which there is nothing to read.
    with pytest.raises(ConfigError, match="not to a path"):
        load_settings(environ={}, sheet=[(key, name, "book.xlsx, row 2")])


def test_no_setting_that_is_called_a_file_or_folder_is_open_to_paths_of_workbooks() -> None:
    words = ("file", "folder", "workbook", "status_books", "storage", "store", "database", "query", "key_env")
    named = [key for key, _ in settings_of(Settings) if key[-1].endswith(words)]
    assert len(named) >= 8 and [key for key in named if rights_of(Settings, key) == "workbook"] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_registry_names_runs_only(tmp_path: Path, name: str) -> None:
    runs = tmp_path / "out" / "runs"
    runs.mkdir(parents=True)
    line = {"command": "score", "status": "succeeded", "warnings": 0}
    lines = [{**line, "run_id": name}, {"run_id": "no more"}, {**line, "run_id": "good"}]
    (runs / "runs.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert [each["run_id"] for each in list_runs(runs)] == ["good"]
    with pytest.raises(DataError, match="no such run"):
        load_manifest(runs, name)


@pytest.mark.parametrize("name", ["NUL", "x/con.json", "aux/x", "Com1 .txt", "lpt¹", "x./y", "x/y ", "x/..."])
def test_what_windows_takes_for_another_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeliveryError, match="outside the folder"):
        resolve_inside(tmp_path, name)


@links
@pytest.mark.parametrize(
    "name", [".icp_xl.lock", "runs/runs.jsonl", "runs/.runs.lock", "mail_log.jsonl", "feedback/history.sqlite"]
)
def test_a_hard_link_to_what_is_changed_in_place_is_refused(tmp_path: Path, name: str) -> None:
    victim, out = tmp_path / "profile", tmp_path / "out"
    victim.write_bytes(b"mine")
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    os.link(victim, out / name)
    with pytest.raises(DeliveryError, match="hard link"), start_run("x", settings(out)):
        pass
    assert victim.read_bytes() == b"mine"


@links
@pytest.mark.parametrize("name", ["runs/runs.jsonl", "runs/.runs.lock", "icp_report.xlsx"])
def test_a_pipe_among_the_first_files_is_one_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(DeliveryError, match="is no file"), start_run("x", settings(tmp_path)):
        pass


@links
def test_a_run_that_is_a_link_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "manifest.json").write_text("{}")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "x").symlink_to(tmp_path / "home")
    (runs / "runs.jsonl").write_text('{"run_id": "x", "command": "a", "status": "b", "warnings": 0}\n')
    with pytest.raises(DeliveryError, match="is a link"):
        load_manifest(runs, "x")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["partitions", "tables"])
def test_a_star_names_files_of_its_own_folder(tmp_path: Path, name: str, where: str) -> None:
    folder = tmp_path / "curated" / "star"
    folder.mkdir(parents=True)
    body: dict[str, Any] = {"schema": SCHEMA, "partitions": [], "tables": {}}
    body[where] = [{"file": name}] if where == "partitions" else {"dim_customer": {"file": name}}
    (folder / "star.json").write_text(json.dumps(body))
    with pytest.raises(DeliveryError, match="outside the folder"):
        open_star(tmp_path)


@pytest.mark.parametrize("name", [*NAMES, "latest", 7, ""])
def test_the_current_model_is_a_version(tmp_path: Path, name: object) -> None:
    (tmp_path / "models" / "printers").mkdir(parents=True)
    (tmp_path / "models/printers/current.json").write_text(json.dumps({"version": name, "division": "Printers"}))
    with pytest.raises(DataError, match=r"current\.json"):
        current_version(lambda each: tmp_path / each, "printers")


@pytest.mark.parametrize("name", [*NAMES, "", "."])
def test_a_part_of_a_name_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(IcpError, match="elsewhere"):
        SCORED_BEFORE.path(run=name)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_is_removed(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeliveryError, match="outside the folder"):
        Publication(tmp_path).remove(name)


def test_a_planted_history_removes_and_reads_nothing(tmp_path: Path) -> None:
    """Runs that are too old are dropped by their names: neither all of the history nor anything beside it may go."""
    data, out = tmp_path / "data", tmp_path / "out"
    write_samples(data, accounts=40, lines=200)
    assert run(["score", "--quiet", "--data", str(data), "--out", str(out)]) == 0
    (out / "curated").mkdir(exist_ok=True)
    (out / "curated" / "kept.txt").write_text("mine")
    kept = sorted((out / "state/history").iterdir())
    bad = [*NAMES, "", ".", "../../curated", "../history", None, 3, ["x"]]
    entries = [{"run_id": name, "inputs": "x", "compared_with": name} for name in bad]
    (out / "state/history.json").write_text(json.dumps([*entries, *entries]))
    assert run(["score", "--quiet", "--data", str(data), "--out", str(out)]) == 0
    assert (out / "curated/kept.txt").exists() and all(path.exists() for path in kept)
    assert all(entry["run_id"] not in bad for entry in json.loads((out / "state/history.json").read_text()))


@links
@pytest.mark.parametrize("name", ["curated", "state/optimization", "feedback", "models/printers", "validation"])
def test_a_folder_of_ours_that_is_a_link_stops_a_run_before_it_sweeps(tmp_path: Path, name: str) -> None:
    """What a run no longer needs it removes; through a link it would remove somebody's files of the same kind."""
    home, out = tmp_path / "home", tmp_path / "out"
    (home / "star" / "fact_transactions").mkdir(parents=True)
    files = [home / "star/fact_transactions/part.parquet", home / "other.journal", home / "history.sqlite"]
    for file in files:
        file.write_bytes(b"mine")
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(home)
    for command in ("build", "optimize", "snapshot", "won-lost", "train", "validate"):
        assert run([command, "--quiet", "--out", str(out)]) not in (0, 1)
    assert all(file.read_bytes() == b"mine" for file in files) and len(list(home.iterdir())) == 3


@links
@pytest.mark.parametrize(
    "name", ["feedback/history.sqlite", "feedback/history.sqlite-wal", "state/optimization/a.journal"]
)
def test_a_link_to_what_is_changed_in_place_is_refused(tmp_path: Path, name: str) -> None:
    victim, out = tmp_path / "crm.sqlite", tmp_path / "out"
    victim.write_bytes(b"")
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(victim)
    with pytest.raises(DeliveryError, match="is a link"), start_run("x", settings(out)):
        pass
    assert victim.read_bytes() == b""


@links
@pytest.mark.parametrize("name", ["state/kept_cells.json", "feedback/history.sqlite", "curated/star/star.json"])
def test_a_pipe_in_place_of_a_file_is_one_error_and_not_waited_for(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(DeliveryError, match="is no file"), start_run("x", settings(tmp_path)):
        pass


def test_somebody_elses_database_is_no_store_and_stays_as_it_is(tmp_path: Path) -> None:
    for version in (0, 1):
        path = tmp_path / f"crm{version}.sqlite"
        with sqlite3.connect(path) as database:
            database.execute("create table accounts (id)")
            database.execute(f"pragma user_version = {version}")
        before = path.read_bytes()
        with pytest.raises(DataError, match="somebody's database"):
            Store(path)
        assert path.read_bytes() == before


def test_a_number_that_is_none_in_a_record_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for value in ("NaN", "-Infinity", "1e999"):
        folder = tmp_path / "runs" / "r"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text('{"run_id": "r", "metrics": {"auc": %s}}' % value)  # noqa: UP031
        (tmp_path / "runs/runs.jsonl").write_text('{"run_id": "r", "command": "a", "status": "b", "warnings": 0}\n')
        for command in (["show", "r"], ["diff", "r", "r"]):
            assert run(["runs", *command, "--out", str(tmp_path)]) == 4
            assert "manifest.json" in capsys.readouterr().err


def test_a_record_holds_no_number_that_is_none(tmp_path: Path) -> None:
    with start_run("x", settings(tmp_path)) as context:
        context.metric("auc", float("nan"))
        context.metric("lift", {"printers": float("inf"), "3d": 1.5})
    text = next(tmp_path.glob("runs/*/manifest.json")).read_text()
    assert json.loads(text, parse_constant=pytest.fail)["metrics"] == {
        "auc": None,
        "lift": {"printers": None, "3d": 1.5},
    }


def test_text_of_data_tells_a_terminal_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").mkdir()
    line = {"run_id": "r\x1b]0;owned\x07", "command": "a\ud800", "status": "\u202eb", "warnings": 0}
    (tmp_path / "runs/runs.jsonl").write_text(json.dumps(line) + "\n")
    assert run(["runs", "list", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "owned" in shown and not set(shown) & set("\x1b\x07\u202e\ud800")


def test_words_of_data_are_no_markup_of_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as bar:
        for name in ("Ranking [/b]", "[bold]x[/i] {0} %s", "{task.fields}"):
            bar.stage(name)
            bar.note(name)
    assert "[/b]" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["[bold]x.xlsx", "{0} %s {}.xlsx", "a\nb.xlsx", "☃ 'q\" [!a]*?.xlsx"])
def test_names_of_files_are_no_markup_and_no_format(tmp_path: Path, name: str) -> None:
    if os.name == "nt":
        pytest.skip("Windows allows no such name")
    pd.DataFrame({"account": ["Acme"]}).to_excel(tmp_path / name, index=False)
    out = str(tmp_path / "out")
    assert run(["share", "--report", str(tmp_path / name), "--out", out]) == 0
    assert run(["check", "--shareable", str(tmp_path / name), "--out", out]) in (0, 4)
    assert run(["write-back", str(tmp_path / name), "--report", str(tmp_path / name), "--set", f"paths.out={out}"]) == 5


def test_no_command_opens_what_a_planted_folder_names(tmp_path: Path) -> None:
    """Every registry and manifest of an output folder names a share; no command so much as looks there."""
    out, opened = tmp_path / "out", []
    body = {
        "runs/runs.jsonl": {"run_id": "//host/s", "command": "a", "status": "b", "warnings": 0},
        "state/history.json": [{"run_id": "//host/s", "inputs": "x", "compared_with": "//host/s"}],
        "share_manifest.json": {"files": [{"file": "//host/s/x.xlsx", "sha256": "x"}]},
        "curated/star/star.json": {"schema": 1, "partitions": [{"file": "//host/s.parquet"}], "tables": {}},
        "models/printers/current.json": {"version": "//host/s", "division": "Printers"},
        "models/printers/v0001/manifest.json": {"format": "x", "schema": 1, "files": {"//host/s": "x"}},
        "state/kept_cells.json": {"//host/s": [{"sheet": "//host/s"}]},
    }
    for name, content in body.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(json.dumps(content) + "\n")
    listening = [True]

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if listening[0] and event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename"):
            opened.extend(str(each) for each in arguments if "host" in str(each))

    sys.addaudithook(hear)
    try:
        for command in ("runs list", "runs show //host/s", "share", "train --score-only", "validate", "whitespace",
                        "won-lost", "live", "optimize", "train --revert Printers"):  # fmt: skip
            assert run([*command.split(), "--out", str(out)]) != 1
    finally:
        listening[0] = False
    assert opened == []
