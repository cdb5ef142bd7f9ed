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
    assert left.is_dir()
    with scratch_folder("sql", tmp_path) as mine:
        assert not left.exists() and (used / "copy.parquet").exists() and others.is_dir()
    assert not mine.exists()
    living.communicate("\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["icp_xl_notes"]


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
