"""The folder that belongs to a person and not to a workbook or an output folder: jobs, logs, and the person's key.

It is ``~/.icp_xl``; on a Mac it lies inside Excel's own container, because Excel's sandbox may read there without
asking. ``ICP_XL_HOME`` moves it.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

HOME_VARIABLE = "ICP_XL_HOME"
MAC_CONTAINER = Path("Library/Containers/com.microsoft.Excel/Data")
KEY_FILE = "key"


def user_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of this user; it may not exist yet."""
    environ = os.environ if environ is None else environ
    if environ.get(HOME_VARIABLE):
        return Path(environ[HOME_VARIABLE])
    if sys.platform == "darwin" and (Path.home() / MAC_CONTAINER).is_dir():
        return Path.home() / MAC_CONTAINER / "icp_xl"
    return Path.home() / ".icp_xl"


def jobs_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where background jobs live, one folder each."""
    return user_folder(environ) / "jobs"


def user_key() -> bytes:
    """32 secret bytes of this user, made at first use; empty where no folder of the user can be written.

    What this program finds in a shared folder is its own only when it is signed with this key.
    """
    try:
        path = user_folder() / KEY_FILE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
        key = path.read_bytes()
    except FileExistsError:  # Another process made it at the same moment.
        key = path.read_bytes()
    except (OSError, RuntimeError):  # Path.home() raises RuntimeError where there is no home.
        return b""
    return key if len(key) == 32 else b""
