"""The way in for a caller: settings in whatever form, a run record around the work, the result out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from icp_xl.config import Settings
from icp_xl.config.loader import load_settings
from icp_xl.pipeline.settings import resolve_settings
from icp_xl.progress import Progress
from icp_xl.runs import RunContext, start_run

Result = TypeVar("Result")
#: Settings as a caller may give them: settings, dotted keys to values, the path of a YAML file, or the defaults.
Given = Settings | Mapping[str, object] | Path | str | None
#: What errors call the place that a caller's settings come from.
ORIGIN = "settings of the call"


def settings_from(given: Given, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings that ``given`` and ``overrides`` (dotted key to value; ``None`` is left out) make together.

    Raises:
        ConfigError: unknown keys and impossible values, all in one message.
    """
    more = {key: value for key, value in (overrides or {}).items() if value is not None}
    if isinstance(given, Settings):
        return load_settings(base=given, overrides=more, origin=ORIGIN) if more else given
    config = Path(given) if isinstance(given, str | Path) else None
    return resolve_settings(config, {**(given if isinstance(given, Mapping) else {}), **more}, origin=ORIGIN)


def call(
    command: str,
    body: Callable[[RunContext], Result],
    settings: Given = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
) -> Result:
    """Run ``body`` as ``command`` inside a run record and return what it returns.

    Args:
        settings: settings, a mapping of dotted keys to values, or the path of a YAML file.
        dry_run: publish nothing but the record.
    """
    with start_run(command, settings_from(settings), progress=progress, dry_run=dry_run) as run:
        return body(run)
