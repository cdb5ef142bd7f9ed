"""A PostgreSQL server for a test: made, started and stopped by it, on a socket of its own and no network port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """The folder of the server's programs; ``None`` where it is not installed."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return folders[-1].parent if folders else None


def _as_server(arguments: list[str], folder: Path, **more: str) -> None:
    """Run one of the server's programs; it refuses to run as root, and is then given to the user postgres."""
    user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    options = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    environ = {**os.environ, **more, "LC_ALL": "C.UTF-8"}
    subprocess.run(
        arguments, check=True, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=1200, **options,
    )  # type: ignore[call-overload]  # fmt: skip


@contextmanager
def postgres(password: str) -> Iterator[Path]:
    """A running server whose user ``icp`` has ``password``; yields the folder of its socket."""
    tools = programs()
    assert tools is not None
    # A socket's path may have about 100 characters, which a test's own folder often exceeds.
    folder = Path(tempfile.mkdtemp(prefix="icp_pg_", dir="/tmp"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o755)
        secret = folder / "secret"
        secret.write_text(password, encoding="utf-8")
        secret.chmod(0o644)
        data = folder / "data"
        _as_server(
            [str(tools / "initdb"), "-D", str(data), "-U", "icp", "-A", "scram-sha-256", "--pwfile", str(secret),
             "-E", "UTF8", "--no-sync"], folder,
        )  # fmt: skip
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        _as_server(
            [str(tools / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"], folder
        )
        try:
            yield folder
        finally:
            _as_server([str(tools / "pg_ctl"), "-D", str(data), "-w", "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
