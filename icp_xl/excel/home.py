"""Where the add-in keeps what belongs to a person and not to a workbook: jobs, logs, and which results are current.

The folder is :func:`icp_xl.user_dirs.user_folder`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from icp_xl.outputs import write_json
from icp_xl.user_dirs import user_folder

OUT_VARIABLE = "ICP_XL__PATHS__OUT"
ACTIVE = "active.json"


def jobs_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where background jobs live, one folder each."""
    return user_folder(environ) / "jobs"


def published_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The output folder whose results the worksheet functions show.

    The environment wins, then the folder of the last job that the add-in finished, then ``icp_output`` here.
    """
    environ = os.environ if environ is None else environ
    if environ.get(OUT_VARIABLE):
        return Path(environ[OUT_VARIABLE])
    try:
        body = json.loads((user_folder(environ) / ACTIVE).read_text(encoding="utf-8"))
        return Path(body["out"])
    except (OSError, ValueError, KeyError, TypeError):
        return Path("icp_output")


def set_published_folder(out: Path) -> None:
    """Make ``out`` the folder whose results the worksheet functions show from now on."""
    write_json(user_folder() / ACTIVE, {"out": str(out)})
