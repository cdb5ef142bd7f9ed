"""Settings as a command sees them: files, the workbook's own sheet, the environment, the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from icp_xl.config import Settings, load_settings
from icp_xl.errors import SourceError


def resolve_settings(
    config: Path | str | None, overrides: Mapping[str, object], *, origin: str = "command line"
) -> Settings:
    """Settings from every source, the customer workbook's ``ICP Settings`` sheet included.

    The workbook is found by what the other sources say; what stands in it then ranks between YAML and environment.
    """
    settings = load_settings(config, overrides=overrides, origin=origin)
    sheet = _sheet(settings)
    return load_settings(config, sheet=sheet, overrides=overrides, origin=origin) if sheet else settings


def _sheet(settings: Settings) -> list[tuple[str, object, str]]:
    from icp_xl.sources.file_types import layout_of
    from icp_xl.sources.locate import locate
    from icp_xl.sources.mapping_sheet import read_mapping_sheet
    from icp_xl.sources.settings_sheet import read_settings_sheet

    try:
        found = locate("customers", settings)
        if found is None or layout_of(found.path) != "sheets":
            return []
        return [*read_mapping_sheet(found.path), *read_settings_sheet(found.path)]
    except (SourceError, OSError):
        # A command that needs the workbook will say what is wrong with it; others can do without.
        return []
