"""Commands killed in their middle: earlier outputs whole, the next run right, nothing left behind.

A few of the kills of ``tests/benchmarks/kills_everywhere.py``, on a folder that was scored and shared only.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from icp_xl.commands import run_all
from icp_xl.outputs import STAGING
from icp_xl.samples import write_samples
from tests.support.whole_world import BOOK, REPORT, arguments_of, call, copy_world, digests, load_all, make_world

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a process that ends itself by a signal")
CLOCK = ("--set", "run.clock=2025-01-05T10:00:00", "--quiet")
COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("live",)), ("", ("share",)), ("", ("write-back", BOOK, "--report", REPORT)),
)  # fmt: skip
#: The changes of files at which they die.
MOMENTS = (3, 9, 16)


def dies_at(number: int) -> Callable[[], None]:
    """Have this process killed at the change of a file with that number."""

    def begin() -> None:
        tempfile.tempdir = str(Path("tmp").absolute())
        left = [number]

        def hear(event: str, given: tuple[object, ...]) -> None:
            if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") or (
                event == "open" and isinstance(given[1], str) and set(given[1]) & set("wax+")
            ):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)

    return begin


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    load_all()
    base = tmp_path_factory.mktemp("killed") / "world"
    make_world(base, "score", accounts=40, lines=200)
    (base / "tmp").mkdir()
    return base


def results(world: Path, base: Path) -> dict[str, str]:
    """Digests of all but records of runs and copies that bear the time."""
    found = digests(world, base)
    return {name: each for name, each in found.items() if not name.startswith(("out/runs/", "ICP backups/", "tmp/"))}


@pytest.mark.parametrize(("reads", "words"), COMMANDS, ids=lambda value: value[0] if value else None)
def test_a_killed_command_leaves_the_old_or_the_new_and_nothing_else(
    world: Path, reads: str, words: tuple[str, ...]
) -> None:
    right = world.parent / f"right-{words[0]}"
    copy_world(world, right)
    before = results(right, world)
    undisturbed = call(right, (*arguments_of(right, words, reads), *CLOCK), before=dies_at(10**9))
    assert undisturbed.code in (0, 4), undisturbed.said
    after, killed = results(right, world), 0
    for moment in MOMENTS:
        copy = world.parent / f"{words[0]}-{moment}"
        copy_world(world, copy)
        killed += call(copy, (*arguments_of(copy, words, reads), *CLOCK), before=dies_at(moment)).code < 0
        for name, digest in results(copy, world).items():
            if STAGING not in name and not name.endswith(("tmp", "lock")):
                assert digest in (before.get(name), after.get(name)), (moment, name)
        again = call(copy, (*arguments_of(copy, words, reads), *CLOCK), before=dies_at(10**9))
        assert again.code == undisturbed.code, again.said
        assert results(copy, world) == after, moment
        assert not [path for path in copy.rglob("*") if path.name.endswith(".tmp") or STAGING in path.parts], moment
    assert killed >= 2


def test_samples_that_were_cut_off_are_made_whole_by_the_next_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("icp_xl.samples.write_samples", lambda folder: write_samples(folder, accounts=20, lines=40))
    (tmp_path / "tmp").mkdir()

    def prepare(out: str) -> None:
        run_all._samples({"paths.out": Path(out)}, lambda text: None)

    def made(out: str) -> dict[str, bytes]:
        files = [path for path in (tmp_path / out / "workbooks").rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in files}

    prepare("right")
    for moment in (2, 5, 9, 14, 18, 22, 26):
        child = os.fork()
        if child == 0:
            dies_at(moment)()
            prepare(f"out{moment}")
            os._exit(0)
        os.waitpid(child, 0)
        assert made(f"out{moment}") in ({}, made("right")) or (tmp_path / f"out{moment}" / STAGING).exists()
        prepare(f"out{moment}")
        assert made(f"out{moment}") == made("right")
        assert not (tmp_path / f"out{moment}" / STAGING).exists()
