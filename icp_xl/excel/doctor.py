"""Is everything in place for the add-in? One line per question, and what to do where the answer is no."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from icp_xl import artifacts
from icp_xl.errors import IcpError
from icp_xl.excel import install
from icp_xl.excel.build import ADDIN, INSTALL
from icp_xl.excel.jobs import running_jobs, waiting_jobs
from icp_xl.excel.published_results import published_folder
from icp_xl.excel.symptoms import Symptom, examined
from icp_xl.user_dirs import MAC_CONTAINER, jobs_folder, user_folder


def examine(to: Path | None = None) -> list[Symptom]:
    """Every finding, in the order in which to mend them."""
    parts = (
        ("Python", _python),
        ("xlwings", _xlwings),
        ("Windows", _windows),
        ("Add-in", lambda: _addin(to)),
        ("Function server", lambda: _server(to)),
        ("Results", _results),
        ("Jobs", _jobs),
        ("Last unexpected error of a function", _last_error),
    )
    return list(examined(parts))


def _python() -> Iterator[Symptom]:
    bits = "64-bit" if sys.maxsize > 2**32 else "32-bit"
    text = f"{platform.python_version()}, {bits}, {sys.executable}"
    yield Symptom("good", "Python", text)
    yield Symptom("good", "icp-xl", _version("icp-xl") or "run from its source folder")


def _xlwings() -> Iterator[Symptom]:
    version = _version("xlwings")
    if version is None:
        yield Symptom("bad", "xlwings", "not installed", INSTALL)
        return
    yield Symptom("good", "xlwings", version)
    if _version("pyOpenVBA") is None:
        yield Symptom("bad", "pyOpenVBA", "not installed", f"{INSTALL} The add-in is built with it.")
    if sys.platform == "win32":
        if _version("pywin32") is None:
            yield Symptom("bad", "pywin32", "not installed", "Run `pip install pywin32`.")
    elif sys.platform == "darwin":
        yield Symptom("note", "Functions", "Excel for Mac has no worksheet functions from Python; Score writes values")
    else:
        yield Symptom("note", "Excel", f"there is none for {platform.system()}; icp-xl runs without it")


def _windows() -> Iterator[Symptom]:
    yield from ()
    if sys.platform == "win32":
        from icp_xl.excel.doctor_windows import WindowsMachine, examine_windows
        from icp_xl.excel.windows import InstalledExcel

        roaming = Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming")
        yield from examine_windows(
            WindowsMachine(InstalledExcel(), sys.executable, _version("xlwings") or "", roaming, user_folder())
        )


def _server(to: Path | None) -> Iterator[Symptom]:
    """The Python that Excel is told to use, really started, and timed."""
    from icp_xl.excel.function_server import try_import, try_server

    python = _interpreter(to)
    if not os.path.isfile(python) or _version("xlwings") is None:
        return  # said already
    trial = try_server(python) if sys.platform == "win32" else try_import(python)
    if trial.fault:
        yield Symptom("bad", "Function server", trial.fault, f"{INSTALL} Then `{_install(to)}` again.")
    elif sys.platform == "win32":
        text = f"answers {trial.start_seconds:.1f} s after its start, then within {1000 * trial.call_seconds:.0f} ms"
        yield Symptom("good", "Function server", text)
    else:
        yield Symptom(
            "good", "Function server", f"its Python has the functions {trial.start_seconds:.1f} s after a start"
        )


def _addin(to: Path | None) -> Iterator[Symptom]:
    try:
        folder = install.startup_folder(sys.platform, Path.home(), os.environ) if to is None else to
    except IcpError:
        return
    config = _config(to)
    again = f"Close Excel and run `{_install(to)}`."
    addin = folder / ADDIN
    if not os.path.isfile(addin):
        yield Symptom("bad", "Add-in", f"{addin} is missing", again)
    else:
        yield Symptom("good", "Add-in", str(addin))
    known = install.read_config(config)
    python = _interpreter(to)
    if not known:
        yield Symptom("bad", "Configuration", f"{config} is missing", again)
    elif not os.path.isfile(python):
        yield Symptom("bad", "Configuration", f"it names a Python that is gone: {python}", again)
    elif not _same_file(python, sys.executable):
        yield Symptom("note", "Configuration", f"Excel uses another Python than this one: {python}")
    else:
        yield Symptom("good", "Configuration", str(config))
    pinned, here = known.get("ICP_XLWINGS_VERSION"), _version("xlwings")
    if pinned and here is not None and pinned != here:
        yield Symptom("bad", "Versions", f"the add-in was made for xlwings {pinned}, here is {here}", again)


def _install(to: Path | None) -> str:
    return "icp-xl addin install" + (f' --to "{to}"' if to is not None else "")


def _config(to: Path | None) -> Path:
    base = Path.home() / MAC_CONTAINER if sys.platform == "darwin" else Path.home() / ".icp_xl"
    return (base if to is None else to) / install.CONFIG_FILE


def _interpreter(to: Path | None) -> str:
    known = install.read_config(_config(to))
    return known.get("INTERPRETER_WIN") or known.get("INTERPRETER_MAC") or ""


def _results() -> Iterator[Symptom]:
    folder = published_folder()
    wanted = (
        ("Score model", artifacts.SCORE_MODEL, "Press Score accounts."),
        ("Scored accounts", artifacts.SCORED_ACCOUNTS, "Press Score accounts."),
        ("Division models", artifacts.SCORES, "Press Build and train."),
        ("Whitespace", artifacts.WHITESPACE, "Press Rank whitespace."),
    )
    for topic, artifact, step in wanted:
        if artifact.exists(folder):
            yield Symptom("good", topic, str(artifact.find(folder)))
        else:
            yield Symptom("note", topic, f"none yet in {folder}; its functions show #N/A", step)


def _jobs() -> Iterator[Symptom]:
    folder = jobs_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".writable"
        trial.touch()
        trial.unlink()
    except OSError as error:
        yield Symptom(
            "bad", "Jobs", f"{folder} cannot be written ({error.strerror})", "Free the folder, or set ICP_XL_HOME."
        )
        return
    running, waiting = len(running_jobs(folder)), len(waiting_jobs(folder))
    yield Symptom("good", "Jobs", f"{running} running, {waiting} waiting to be brought in, in {folder}")


def _last_error() -> Iterator[Symptom]:
    last = user_folder() / "last_function_error.json"
    if os.path.isfile(last):
        try:
            body = json.loads(last.read_text(encoding="utf-8"))
            text = f"{body['function']} met {body['error']} in {body['module']} line {body['line']}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            text = "there is a record of one that cannot be read"
        yield Symptom("note", "Last unexpected error of a function", text, f"Please report it, then delete {last}.")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
