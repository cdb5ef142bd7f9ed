"""icp_xl: score every account, know why, and know what to sell next.

The public names are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Settings": "icp_xl.config",
    "load_settings": "icp_xl.config",
    "IcpError": "icp_xl.errors",
    "ScoreModel": "icp_xl.scoring.model",
    "score": "icp_xl.pipeline.api",
    "check": "icp_xl.pipeline.api",
    "optimize": "icp_xl.pipeline.api",
    "build": "icp_xl.pipeline.api",
    "rank_whitespace": "icp_xl.pipeline.api",
    "check_leakage": "icp_xl.pipeline.api",
    "train": "icp_xl.pipeline.api",
    "validate": "icp_xl.pipeline.api",
    "snapshot": "icp_xl.pipeline.api",
    "outcomes": "icp_xl.pipeline.api",
    "won_lost": "icp_xl.pipeline.api",
    "refine": "icp_xl.pipeline.api",
    "run": "icp_xl.pipeline.api",
    "share": "icp_xl.pipeline.api",
    "write_back": "icp_xl.pipeline.api",
    "check_shareable": "icp_xl.delivery.sharing.shareable",
    "start_run": "icp_xl.runs",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
