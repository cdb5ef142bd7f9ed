"""What stands is what a full run would make, whatever was changed, deleted, torn, typed into or planted since."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from icp_xl import artifacts
from icp_xl.config import Settings, load_settings
from icp_xl.errors import Cancelled, DataError
from icp_xl.pipeline import unchanged
from icp_xl.pipeline.run_all import RunResult, run_all
from icp_xl.pipeline.stage import Stage
from icp_xl.runs import RunContext, load_manifest, start_run

DAY = datetime(2026, 1, 5, 10)
FILES = ("first.json", "second.json", "third.json", "list.json")


class World:
    """Two sources and four stages, of which one reads what people typed into the last one's file."""

    def __init__(self, folder: Path) -> None:
        self.data, self.out, self.day, self.limit = folder / "data", folder / "out", DAY, 3
        self.data.mkdir(parents=True, exist_ok=True)
        self.did: list[str] = []
        self.stated: dict[str, Any] = {}
        for name in ("one", "two"):
            (self.data / f"{name}.csv").write_text(f"secret {name}\n")

    def stages(self) -> tuple[Stage, ...]:
        """As the commands would declare them."""
        return (
            Stage("early", self._early, part_of="first"),
            Stage("first", self._first, needed=True, remembers=("list",)),
            Stage("second", self._second, reads=("first",)),
            Stage("third", self._third, reads=("first",), daily=True),
            Stage("list", self._list),
        )

    def settings(self) -> Settings:
        return load_settings(environ={}, overrides={
            "paths.data": str(self.data), "paths.out": str(self.out), "run.clock": self.day,
            "whitespace.top_percent": self.limit, **self.stated,
        })  # fmt: skip

    def run(self, *, fresh: bool = False, stages: tuple[Stage, ...] = ()) -> RunResult:
        self.did = []
        with start_run("run", self.settings()) as run:
            return run_all(run, stages or self.stages(), fresh=fresh)

    def outputs(self) -> dict[str, bytes]:
        return {name: (self.out / name).read_bytes() for name in FILES if (self.out / name).exists()}

    def _earlier(self, run: RunContext, name: str) -> Any:
        try:
            return json.loads((run.settings.paths.out / name).read_bytes()).get("typed")
        except FileNotFoundError:
            return None
        except ValueError:
            run.warn(f"{name} could not be read and is left out")
            return None

    def _early(self, run: RunContext) -> None:
        self.did.append("early")
        run.read(self.data / "one.csv")
        run.outputs.json("first.json", {"early": True})

    def _first(self, run: RunContext) -> None:
        self.did.append("first")
        body = {"one": (self.data / "one.csv").read_text(), "typed": self._earlier(run, "first.json")}
        body["list"] = self._earlier(run, "list.json")
        run.warn("one account of ACME is odd")
        run.metric("accounts", len(body["one"]))
        run.outputs.json("first.json", body)

    def _second(self, run: RunContext) -> None:
        self.did.append("second")
        # Only of which length it is: what does not change for the third need not change for the fourth.
        run.outputs.json("second.json", {"length": len(run.outputs.find("first.json").read_text())})
        run.status("second", "fine")
        run.cutoffs = ["2025-12-31"]

    def _third(self, run: RunContext) -> None:
        self.did.append("third")
        run.outputs.json(
            "third.json", {"day": run.now().date().isoformat(), "limit": run.settings.whitespace.top_percent}
        )

    def _list(self, run: RunContext) -> None:
        self.did.append("list")
        read = [run.outputs.find(name).read_text() for name in FILES[:3] if run.outputs.find(name).exists()]
        told = {"inputs": list(run.inputs), "cutoffs": run.cutoffs, "warnings": run.warnings, "metrics": run.metrics}
        run.outputs.json("list.json", {"read": read, "typed": self._earlier(run, "list.json"), **told})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "home"))
    return World(tmp_path / "w")


def typed(path: Path, text: str) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "typed": text}))


def test_nothing_is_done_again_and_it_is_said_why(world: World) -> None:
    world.run()
    before, first = world.outputs(), load_manifest(world.out / "runs", "latest")
    result = world.run()
    assert world.did == [] and world.outputs() == before
    said = " ".join(result.summary())
    assert "Unchanged since run 20260105T100000-run" in said and "early, first, second, third, list" in said
    assert "--fresh" in said
    second = load_manifest(world.out / "runs", "latest")
    assert second == first, "the record says what a full run's says"
    world.run(fresh=True)
    assert world.did == ["early", "first", "second", "third", "list"]


@pytest.mark.parametrize(
    ("change", "done"),
    [
        (lambda world: (world.data / "two.csv").write_text("x"), ["early", "first", "second", "third", "list"]),
        (lambda world: (world.out / "second.json").write_text("{}"), ["second"]),
        (lambda world: (world.out / "third.json").unlink(), ["third"]),
        (lambda world: typed(world.out / "list.json", "won"), ["early", "first", "second", "third", "list"]),
        (lambda world: setattr(world, "day", DAY + timedelta(hours=1)), ["early", "first", "second", "third", "list"]),
        (lambda world: (world.out / "mine.txt").write_text("a file of somebody"), []),
        (lambda world: (world.out / "pipeline_weights.json").write_text("{}"),
         ["early", "first", "second", "third", "list"]),
    ],
)  # fmt: skip
def test_what_depends_on_a_change_is_done_again(
    world: World, change: Callable[[World], object], done: list[str]
) -> None:
    world.run()
    change(world)
    world.run()
    assert world.did == done


def test_a_bound_that_is_stated_counts_also_where_it_is_the_usual_one(world: World) -> None:
    world.run()
    world.stated = {"optimize.minimum": world.settings().optimize.minimum}
    world.run()
    assert world.did == ["early", "first", "second", "third", "list"]


def test_a_workbook_from_elsewhere_that_is_shared_with_the_run_counts(world: World, tmp_path: Path) -> None:
    mine = tmp_path / "mine.xlsx"
    mine.write_text("one")
    world.stated = {"share.reports": ["icp_report.xlsx", str(mine)]}
    world.run()
    mine.write_text("two")
    world.run()
    assert world.did == ["early", "first", "second", "third", "list"]


@pytest.mark.parametrize("changed", [".", "data"])
def test_a_named_file_counts_here_and_in_the_data_folder(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(world, "data", tmp_path / "data")
    shutil.copytree(tmp_path / "w" / "data", world.data)
    for folder in (tmp_path, world.data):
        (folder / "codes.csv").write_text("sku,division\n")
    world.stated = {"build.sku_map": "codes.csv"}
    world.run()
    (tmp_path / changed / "codes.csv").write_text("sku,division\nA,B\n")
    world.run()
    assert world.did == ["early", "first", "second", "third", "list"]


def test_reports_that_lie_where_the_run_writes_them_are_no_sources(world: World) -> None:
    world.out = world.data
    with start_run("run", world.settings()) as run:
        before = unchanged._sources(run)
        (world.data / "icp_report.xlsx").write_text("made by the run")
        assert "icp_report.xlsx" in run.settings.share.reports and unchanged._sources(run) == before
        (world.data / "one.csv").write_text("another")
        assert unchanged._sources(run) != before


def test_what_a_source_said_for_the_time_of_a_run_only_is_not_stood_on(world: World) -> None:
    source = world.data / "one.csv"
    said = source.read_text()

    def saved_meanwhile(run: RunContext) -> None:
        source.write_text("draft")
        world._first(run)

    first, second, *others = world.stages()
    world.run(stages=(first, replace(second, call=saved_meanwhile), *others))
    source.write_text(said)
    world.run()
    assert world.did == ["early", "first", "second", "third", "list"]
    assert json.loads(world.outputs()["first.json"])["one"] == said


def test_without_a_fixed_clock_only_what_depends_on_the_day_is_done_on_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [DAY]
    monkeypatch.setattr(RunContext, "now", lambda run: now[0])
    monkeypatch.setattr(World, "settings", lambda self: load_settings(
        environ={}, overrides={"paths.data": str(self.data), "paths.out": str(self.out)}))  # fmt: skip
    world.run()
    now[0] = DAY + timedelta(hours=3)
    world.run()
    assert world.did == []
    now[0] = DAY + timedelta(days=1)
    world.run()
    assert world.did == ["third", "list"]


def test_random_changes_end_in_what_a_full_run_makes(world: World, tmp_path: Path) -> None:
    chance = random.Random(26)
    version = unchanged.icp_xl.__version__
    skipped = 0
    world.run()
    try:
        for _ in range(15):
            for _ in range(chance.randint(0, 2)):
                path = world.out / chance.choice(FILES)
                kind = chance.randrange(7)
                if kind == 0:
                    (world.data / chance.choice(("one.csv", "two.csv"))).write_text("abc"[chance.randrange(3)])
                elif kind == 1:
                    path.unlink(missing_ok=True)
                elif kind == 2:
                    path.write_bytes(b"{torn")
                elif kind == 3 and path.exists() and path.read_bytes() != b"{torn":
                    typed(path, chance.choice(("won", "lost")))
                elif kind == 4:
                    world.limit = chance.randint(3, 5)
                elif kind == 5:
                    unchanged.icp_xl.__version__ = chance.choice((version, "9"))
                    unchanged._code.cache_clear()
                elif kind == 6:
                    world.day = DAY + timedelta(days=chance.randint(0, 2))
            whole = World(tmp_path / "whole")
            shutil.rmtree(whole.out, ignore_errors=True)
            shutil.copytree(world.out, whole.out)
            shutil.copytree(world.data, whole.data, dirs_exist_ok=True)
            whole.day, whole.limit = world.day, world.limit
            world.run()
            whole.run(fresh=True)
            assert world.outputs() == whole.outputs()
            skipped += 5 - len(world.did)
    finally:
        unchanged.icp_xl.__version__ = version
        unchanged._code.cache_clear()
    assert skipped > 15, "hardly anything stood"


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("name", ["first.json", "list.json"])
def test_what_was_said_of_a_torn_file_is_said_once(world: World, name: str, forgotten: bool, fresh: bool) -> None:
    world.run()
    (world.out / name).write_bytes(b"{torn")
    if forgotten:
        (world.out / unchanged.NAME).unlink()
    said = f"{name} could not be read and is left out"
    for torn in (True, False):
        world.run(fresh=fresh and torn)
        told = [
            load_manifest(world.out / "runs", "latest")["warnings"],
            json.loads(world.outputs()["list.json"])["warnings"],
        ]
        assert [said in warnings for warnings in told] == [torn, torn]
    world.run()
    assert world.did == []


@pytest.mark.parametrize("error", [Cancelled("stop"), KeyboardInterrupt(), RuntimeError("a fault of ours")])
def test_a_run_that_does_not_end_leaves_nothing_to_stand_on(world: World, error: BaseException) -> None:
    def fail(run: RunContext) -> None:
        raise error

    *before, last = world.stages()
    with pytest.raises(type(error)):
        world.run(stages=(*before, replace(last, call=fail)))
    assert not (world.out / unchanged.NAME).exists() and world.outputs() == {}
    world.run()
    assert len(world.did) == 5


def test_a_stage_that_was_left_out_is_tried_again(world: World) -> None:
    def lacks(run: RunContext) -> None:
        raise DataError("too little data")

    stages = tuple(replace(each, call=lacks) if each.name == "second" else each for each in world.stages())
    world.run(stages=stages)
    result = world.run(stages=stages)
    assert [each.name for each in result.stages if each.left_out] == ["second"]
    assert {each.name for each in result.stages if each.since} >= {"first", "third"}


def _unsigned(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "signature": "0" * 64}


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "run": "../../elsewhere"}


@pytest.mark.parametrize("plant", [_unsigned, _renamed, lambda body: [], lambda body: {"schema": 1, "signature": 3}])
def test_what_is_not_this_users_is_not_believed(world: World, plant: Callable[[Any], Any]) -> None:
    world.run()
    path = world.out / unchanged.NAME
    path.write_text(json.dumps(plant(json.loads(path.read_text()))))
    world.run()
    assert len(world.did) == 5


def test_another_user_does_everything_himself(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "another"))
    world.run()
    assert len(world.did) == 5


def test_a_record_that_was_changed_is_not_taken_over(world: World) -> None:
    world.run()
    path = next((world.out / "runs").glob("*/manifest.json"))
    path.write_text(path.read_text().replace("is odd", "is fine"))
    world.run()
    assert "first" in world.did


def test_two_folders_know_nothing_of_each_other(world: World, tmp_path: Path) -> None:
    world.run()
    other = World(tmp_path / "w")
    other.out = tmp_path / "w" / "another"
    other.run()
    assert len(other.did) == 5
    world.run()
    assert world.did == []


def test_nothing_of_the_data_stands_in_the_clear(world: World) -> None:
    world.run()
    text = (world.out / unchanged.NAME).read_text()
    for word in ("secret", "ACME", "one.csv", "list.json", str(world.data)):
        assert word not in text


def test_a_database_is_read_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "settings", lambda self: load_settings(environ={}, overrides={
        "paths.data": str(self.data), "paths.out": str(self.out), "sources.sales.database": "sqlite:///x.db",
        "sources.sales.query": "select 1"}))  # fmt: skip
    world.run()
    world.run()
    assert len(world.did) == 5 and not (world.out / unchanged.NAME).exists()


def test_the_file_is_declared() -> None:
    assert artifacts.STAGES in artifacts.ARTIFACTS
