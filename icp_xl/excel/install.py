"""Put the add-in where Excel loads it at every start, and tell it which Python to use.

Two files: the add-in itself in Excel's start-up folder, which Excel trusts, and ``icp_xl.conf`` with the full path of
this interpreter, which xlwings' module reads.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from icp_xl.errors import DeliveryError
from icp_xl.excel.build import ADDIN, CONFIG, addin_bytes, xlwings_folder
from icp_xl.outputs import write_bytes
from icp_xl.user_dirs import MAC_CONTAINER, user_folder

CONFIG_FILE = f"{CONFIG}.conf"
MAC_STARTUP = Path("Library/Group Containers/UBF8T346G9.Office/User Content.localized/Startup.localized/Excel")
MAC_SCRIPTS = Path("Library/Application Scripts/com.microsoft.Excel")


@dataclass(frozen=True)
class InstallPlan:
    """What an installation writes: ``files`` maps each target to its bytes."""

    files: dict[Path, bytes]
    platform: str
    python: str
    version: str

    def lines(self, done: bool) -> list[str]:
        """What was, or would be, written, and what comes next."""
        verb = "Wrote" if done else "Would write"
        found = [f"{verb} {path} ({len(content):,} bytes)" for path, content in self.files.items()]
        found.append(f"Python: {self.python}")
        found.append(f"xlwings: {self.version}")
        if done:
            found.append("Close Excel and start it again: the tab ICP is on the ribbon.")
        return found


def startup_folder(platform: str, home: Path, environ: Mapping[str, str]) -> Path:
    """Excel's start-up folder for add-ins.

    Raises:
        DeliveryError: there is no Excel on this kind of machine.
    """
    if platform == "win32":
        roaming = environ.get("APPDATA")
        return (Path(roaming) if roaming else home / "AppData/Roaming") / "Microsoft/Excel/XLSTART"
    if platform == "darwin":
        return home / MAC_STARTUP
    raise DeliveryError(
        "there is no Excel for this system",
        got=platform,
        allowed="Windows or macOS",
        next_step="Use --to FOLDER to write the add-in somewhere, or run icp-xl without Excel.",
    )


def plan_install(
    to: Path | None = None, *, platform: str | None = None, python: str | None = None, home: Path | None = None
) -> InstallPlan:
    """What an installation for this user would write.

    Args:
        to: a folder for everything, in place of Excel's and the user's own.
        platform: ``win32`` or ``darwin``; by default this machine's.
        python: the interpreter that the add-in is to start; by default this one.
        home: the user's home folder.
    """
    platform = platform or sys.platform
    python = os.path.abspath(python or sys.executable)
    home = home or Path.home()
    version = metadata.version("xlwings")
    if to is not None:
        addin, config, script = to / ADDIN, to / CONFIG_FILE, to
    else:
        addin = startup_folder(platform, home, os.environ) / ADDIN
        config = (home / MAC_CONTAINER if platform == "darwin" else home / f".{CONFIG}") / CONFIG_FILE
        script = home / MAC_SCRIPTS
    files = {addin: addin_bytes(), config: config_text(platform, python, version)}
    if platform == "darwin":
        # RunPython on a Mac goes through this script; Excel's sandbox runs scripts from this folder only.
        name = f"xlwings-{version}.applescript"
        files[script / name] = (xlwings_folder() / name).read_bytes()
    return InstallPlan(files, platform, python, version)


def config_text(platform: str, python: str, version: str) -> bytes:
    """``icp_xl.conf`` as VBA's ``Input #`` reads it: quoted pairs, in the machine's own code page."""
    key = "INTERPRETER_MAC" if platform == "darwin" else "INTERPRETER_WIN"
    if '"' in python:
        raise DeliveryError("the interpreter's path holds a quotation mark", got=python)
    pairs = ((key, python), ("ICP_XLWINGS_VERSION", version))
    text = "".join(f'"{name}","{value}"\r\n' for name, value in pairs)
    try:
        return text.encode("mbcs" if sys.platform == "win32" else "utf-8")
    except UnicodeEncodeError:
        raise DeliveryError(
            "the interpreter's path cannot be written in this machine's code page",
            got=python,
            next_step="Install Python in a folder whose name has plain letters only.",
        ) from None


def read_config(path: Path) -> dict[str, str]:
    """The pairs of an ``icp_xl.conf``; empty where there is none."""
    try:
        text = path.read_bytes().decode("mbcs" if sys.platform == "win32" else "utf-8", errors="replace")
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        name, mark, value = line.strip().partition('","')
        if mark:
            found[name.strip('"').upper()] = value.strip('"')
    return found


def install(plan: InstallPlan) -> None:
    """Write what ``plan`` lists.

    Raises:
        DeliveryError: a file cannot be replaced, mostly because Excel has the add-in open.
    """
    for path, content in plan.files.items():
        try:
            _let_write(path)
            write_bytes(path, content)
            if path.name == ADDIN:
                # A second Excel opens it beside the first without asking; a file that may be written, it finds locked.
                path.chmod(stat.S_IREAD | stat.S_IRGRP | stat.S_IROTH)
        except PermissionError:
            raise DeliveryError(
                "the add-in cannot be replaced while Excel is open",
                where=path.name,
                next_step="Close Excel and run `icp-xl addin install` again.",
            ) from None
        except OSError as error:
            raise DeliveryError(
                "a file of the add-in cannot be written",
                where=path.name,
                got=error.strerror,
                next_step="Choose another folder with --to.",
            ) from None
    user_folder().mkdir(parents=True, exist_ok=True)


def uninstall(plan: InstallPlan) -> list[Path]:
    """Remove what ``plan`` lists, and return what was there."""
    removed = []
    for path in plan.files:
        if path.exists():
            _let_write(path)
            path.unlink()
            removed.append(path)
    return removed


def _let_write(path: Path) -> None:
    """Windows neither replaces nor removes a file that is read-only."""
    if path.exists():
        path.chmod(stat.S_IREAD | stat.S_IWRITE)
