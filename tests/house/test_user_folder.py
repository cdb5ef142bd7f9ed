"""Tests write nothing into the real folder of the user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from icp_xl.user_dirs import user_folder, user_key

FOLDER = "from icp_xl.user_dirs import user_folder; print(user_folder())"


def test_the_folder_of_the_user_is_one_of_the_tests() -> None:
    assert len(user_key()) == 32 and (user_folder() / "key").is_file()
    assert Path.home() / ".icp_xl" not in (user_folder(), *user_folder().parents)
    started = subprocess.run([sys.executable, "-c", FOLDER], capture_output=True, text=True, check=True)
    assert Path(started.stdout.strip()) == user_folder()
