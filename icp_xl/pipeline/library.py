"""Commands as library calls: settings in, result out, with the same run record as on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from icp_xl.config import Settings
from icp_xl.pipeline.settings import resolve_settings
from icp_xl.progress import Progress
from icp_xl.runs import RunContext, start_run

Result = TypeVar("Result")


def call(
    command: str,
    body: Callable[[RunContext], Result],
    settings: Settings | Mapping[str, object] | Path | str | None = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
) -> Result:
    """Run ``body`` as ``command`` inside a run record and return what it returns.

    Args:
        settings: settings, a mapping of dotted keys to values, or the path of a YAML file.
    """
    if not isinstance(settings, Settings):
        config = Path(settings) if isinstance(settings, str | Path) else None
        settings = resolve_settings(config, settings if isinstance(settings, Mapping) else {})
    with start_run(command, settings, progress=progress, dry_run=dry_run) as run:
        return body(run)
