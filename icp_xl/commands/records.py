"""``runs``: the records of earlier runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from icp_xl.commands.declare import Option, command

if TYPE_CHECKING:
    from icp_xl.config import Settings

READS = ("config", "out", "set_")


@dataclass(frozen=True)
class RunList:
    """Lines of the registry, oldest first: run id, command, status, times, counts of warnings and outputs."""

    runs: tuple[dict[str, Any], ...]

    def summary(self) -> list[str]:
        """One line each."""
        return [
            f"{line['run_id']}  {line['command']:<10} {line['status']:<10} {line['warnings']} warnings"
            for line in self.runs
        ] or ["No run is recorded here yet."]


@dataclass(frozen=True)
class RunRecord:
    """The manifest of one run, as ``runs/RUN_ID/manifest.json`` holds it."""

    manifest: dict[str, Any]

    def summary(self) -> list[str]:
        """The manifest as text."""
        from icp_xl.outputs import json_text

        return [json_text(self.manifest).rstrip()]


@dataclass(frozen=True)
class RunDifferences:
    """What differs between two runs, as key, before, after."""

    differences: tuple[tuple[str, str, str], ...]

    def summary(self) -> list[str]:
        """One line each."""
        return [f"{key}: {left} -> {right}" for key, left, right in self.differences] or ["The two runs do not differ."]


@command(name="list", group="runs", public="list_runs", shared=READS)
def list_(settings: Settings) -> RunList:
    """List the runs of an output folder, oldest first.

    Example: icp-xl runs list --out icp_output
    """
    from icp_xl.runs import list_runs

    return RunList(tuple(list_runs(settings.paths.runs)))


@command(group="runs", public="show_run", shared=READS)
def show(
    settings: Settings,
    run_id: Annotated[str, Option("A run's id, a unique beginning of it, or 'latest'.", argument=True)] = "latest",
) -> RunRecord:
    """Show what one run read, dropped, measured, warned of and wrote.

    Example: icp-xl runs show latest
    """
    from icp_xl.runs import load_manifest

    return RunRecord(load_manifest(settings.paths.runs, run_id))


@command(group="runs", public="diff_runs", shared=READS)
def diff(
    settings: Settings,
    before: Annotated[str, Option("The earlier run.", argument=True)],
    after: Annotated[str, Option("The later run.", argument=True)] = "latest",
) -> RunDifferences:
    """Say what differs between two runs: inputs, settings, versions, rows, figures, outputs.

    Example: icp-xl runs diff 20260105 latest
    """
    from icp_xl.runs import diff_manifests, load_manifest

    folder = settings.paths.runs
    return RunDifferences(tuple(diff_manifests(load_manifest(folder, before), load_manifest(folder, after))))
