"""What this process holds in memory, now and at most."""

from __future__ import annotations

import resource
from pathlib import Path


def held() -> float:
    """Megabytes that it holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def reset_peak() -> None:
    """Let the peak count from here, where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak() -> float:
    """Megabytes that it held at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
