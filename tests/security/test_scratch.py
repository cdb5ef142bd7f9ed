"""Scratch folders hold users' data: a killed process leaves them to the next, which removes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from icp_xl.scratch import scratch_folder

HOLD = """
import sys
from pathlib import Path
from icp_xl.scratch import scratch_folder
with scratch_folder("sql", Path(sys.argv[1])) as folder:
    (folder / "copy.parquet").write_bytes(b"data")
    print(folder, flush=True)
    sys.stdin.readline()
"""


def hold(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    return child, Path(child.stdout.readline().strip())


def test_what_a_killed_process_left_goes_with_the_next_and_what_is_in_use_stays(tmp_path: Path) -> None:
    killed, left = hold(tmp_path)
    living, used = hold(tmp_path)
    killed.kill()
    killed.communicate()
    others = tmp_path / "icp_xl_notes"  # Looks like ours, but nothing of ours made it.
    others.mkdir()
    for name, filled in (("icp_xl_sql_new", False), ("icp_xl_sql_old", False), ("icp_xl_sql_kept", True)):
        (tmp_path / name).mkdir()
        if filled:
            (tmp_path / name / "thesis.txt").touch()
        if name != "icp_xl_sql_new":
            os.utime(tmp_path / name, (0, 0))
    assert left.is_dir()
    with scratch_folder("sql", tmp_path) as mine:
        assert not left.exists() and (used / "copy.parquet").exists() and others.is_dir()
    assert not mine.exists()
    living.communicate("\n")
    # A folder that is old and empty goes; one that is new may be somebody's who is about to use it.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["icp_xl_notes", "icp_xl_sql_kept", "icp_xl_sql_new"]


def test_a_link_that_looks_like_ours_is_not_followed(tmp_path: Path) -> None:
    if os.name == "nt":
        return  # Making a link needs a right on Windows.
    target = tmp_path / "home"
    target.mkdir()
    (target / ".in_use").touch()
    (target / "profile").write_text("mine")
    place = tmp_path / "temporary"
    place.mkdir()
    (place / "icp_xl_sql_x").symlink_to(target)
    with scratch_folder("sql", place):
        pass
    assert (target / "profile").read_text() == "mine"


def test_a_kill_while_a_folder_is_removed_leaves_its_lock_to_the_last(tmp_path: Path) -> None:
    """Without its lock a folder full of data would be nobody's, and stay."""
    script = (
        "import os, signal, sys; from pathlib import Path; from icp_xl.scratch import scratch_folder\n"
        "left = [int(sys.argv[2])]\n"
        "def hear(event, given):\n"
        "    if event in ('os.remove', 'os.rmdir'):\n"
        "        left[0] -= 1\n"
        "        if left[0] < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(hear)\n"
        "with scratch_folder('sql', Path(sys.argv[1])) as folder:\n"
        "    (folder / 'more').mkdir()\n"
        "    for name in ('a', 'b', 'more/c'): (folder / name).write_bytes(b'data')\n"
    )
    for moment in range(5):
        subprocess.run([sys.executable, "-c", script, str(tmp_path), str(moment)])
        (left,) = tmp_path.iterdir()
        assert (left / ".in_use").is_file() or not any(left.iterdir())
        with scratch_folder("sql", tmp_path):
            pass
        if any(tmp_path.iterdir()):  # Empty: it goes when it is old.
            left.rmdir()
