"""Pyodide under Node (npm ``pyodide``), a development tool: where it cannot be had, the test skips with the reason."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

#: The last of Python 3.12 and of 3.13 run the script too; this is what can be had with one small package.
PACKAGE = "pyodide@314.0.7"
CACHE = Path(os.environ.get("ICP_XL_PYODIDE_CACHE", Path(tempfile.gettempdir()) / "icp-xl-pyodide"))
RUNNER = Path(__file__).with_name("lite_pyodide.mjs")


@functools.cache
def folder() -> Path | str:
    """The folder of Pyodide, installed into a cache where it is not there; a reason where it cannot be."""
    found = CACHE / "node_modules" / "pyodide"
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node with npm is not installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(str(CACHE / ".install.lock")):
        if not (found / "pyodide.mjs").is_file():
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(CACHE), PACKAGE]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0 or not (found / "pyodide.mjs").is_file():
                return f"{PACKAGE} cannot be installed with npm"
    return found


def run_pyodide(files: dict[str, str], program: str) -> Any:
    """What ``program`` leaves in ``answer``, with ``files`` beside it; skips where Pyodide is absent."""
    where = folder()
    if isinstance(where, str):
        pytest.skip(f"Pyodide: {where}")
    done = subprocess.run(
        ["node", str(RUNNER), str(where)], input=json.dumps({"files": files, "program": program}),
        capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"Pyodide failed: {done.stderr[-3000:]}")
    return json.loads(done.stdout)
