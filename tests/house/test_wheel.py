"""The wheel installs one package, with the worksheet functions, the VBA sources and the samples in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKBOOKS = ROOT / "workbooks"


@pytest.mark.slow
def test_the_wheel_installs_one_package_that_builds_the_addin(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    pytest.importorskip("pyopenvba")
    source = tmp_path / "source"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("icp_xl", "udfs", "vba", "workbooks"):
        shutil.copytree(ROOT / name, source / name, ignore=skip)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        ".",
    ]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=1200)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"icp_xl"}
    assert {"icp_xl/_udfs/icp.py", "icp_xl/_vba/IcpJobs.bas", "icp_xl/__init__.pyi", "icp_xl/py.typed"} <= set(names)
    samples = {name.removeprefix("icp_xl/_workbooks/") for name in names if name.startswith("icp_xl/_workbooks/")}
    kept = {path.relative_to(WORKBOOKS).as_posix() for path in WORKBOOKS.rglob("*") if path.is_file()}
    assert samples == kept - {"planted_truth.json"}, "the demo copies what is installed"
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    program = """
import sys
sys.path.insert(0, sys.argv[1])
import icp_xl
from icp_xl.excel import stubs, xlwings_udfs
assert icp_xl.__file__.startswith(sys.argv[1])
assert "icp_xl._udfs.icp" in stubs.stubs_module()
print(xlwings_udfs.FUNCTIONS, *icp_xl.build_addin(out=sys.argv[2]).paths)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(installed), str(tmp_path / "built.xlam")],
        capture_output=True, text=True, timeout=1200, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[0] == "icp_xl._udfs.icp"
