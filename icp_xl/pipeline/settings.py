"""Settings as a command sees them: files, the workbook's own sheet, the environment, the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from icp_xl.config import Settings, load_settings


def resolve_settings(config: Path | None, overrides: Mapping[str, object]) -> Settings:
    """Settings from every source, the customer workbook's ``ICP Settings`` sheet included."""
    return load_settings(config, overrides=overrides)
