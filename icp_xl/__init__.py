"""icp_xl: score every account, know why, and know what to sell next.

Every command is a function here, made from its declaration in :mod:`icp_xl.commands`. The public names are loaded when
first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: Public names beside the commands.
OTHERS = {
    "IcpError": "icp_xl.errors",
    "Planned": "icp_xl.commands.api",
    "Progress": "icp_xl.progress",
    "ScoreModel": "icp_xl.scoring.model",
    "Settings": "icp_xl.config",
    "check_leakage": "icp_xl.commands.api",
    "check_shareable": "icp_xl.delivery.sharing.shareable",
    "load_settings": "icp_xl.config",
    "start_run": "icp_xl.runs",
}


def __getattr__(name: str) -> Any:
    if name in OTHERS:
        return getattr(import_module(OTHERS[name]), name)
    if name == "__all__":
        return __dir__()
    if not name.startswith("_"):
        import_module("icp_xl.excel.commands")
        functions = import_module("icp_xl.commands.api").library()
        if name in functions:
            return functions[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    import_module("icp_xl.excel.commands")
    return sorted(["__version__", *OTHERS, *import_module("icp_xl.commands.api").library()])
