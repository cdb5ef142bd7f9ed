"""``check`` and ``settings``: what goes in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from icp_xl.commands.declare import Button, Option, Setting, command, plain_button
from icp_xl.errors import ConfigError, DeliveryError

if TYPE_CHECKING:
    from icp_xl.pipeline.check import CheckReport
    from icp_xl.pipeline.mapping_sheet import MappingSheetResult
    from icp_xl.pipeline.models.leakage_checks import LeakageResult
    from icp_xl.pipeline.share.copies import ShareableResult
    from icp_xl.runs import RunContext


@dataclass(frozen=True)
class SettingsText:
    """Every setting as text, and the file that it was written to."""

    text: str
    path: Path | None = None

    def summary(self) -> list[str]:
        """The text, or where it is."""
        return self.text.splitlines() if self.path is None else [f"Wrote {self.path}"]


@command(
    Setting("--division", "build.divisions"),
    Setting("--cutoff", "build.cutoffs"),
    button=Button(
        "Check inputs", "Prepare", "DataValidation", "C",
        "Reads the customer and sales-log workbooks and lists what is missing, odd or unreadable. Changes nothing.",
        large=True, order=10, sales=False,
    ),
)  # fmt: skip
def check(
    run: RunContext,
    *,
    files: Annotated[tuple[Path, ...], Option("More workbooks for --shareable.", argument=True)] = (),
    shareable: Annotated[
        tuple[Path, ...], Option("Say instead whether this workbook is safe to send, and why not.")
    ] = (),
    leakage: Annotated[bool, Option("Check instead whether any feature of the build knows the future.")] = False,
) -> CheckReport | ShareableResult | LeakageResult | None:
    """Say what is missing, thin or doubtful in the inputs, before anything is run.

    With --shareable, look into any workbook for what should not leave the house: macros, links, hidden sheets, names
    of people, paths, and more. With --leakage, change the future of the sales log, write into the tables what people
    write there after a sale, and plant leaks: what a model must not know, per division and cutoff. Exit code 0: ready,
    safe to send, or no leak; 4: something must be mended first.

    Example: icp-xl check --data my_files
    """
    if shareable or files:
        from icp_xl.pipeline.share.copies import check_files

        if not shareable:
            raise ConfigError(
                "workbooks are checked with --shareable", got=str(files[0]), next_step="Put it before them."
            )
        return check_files(run, [*shareable, *files])
    if leakage:
        from icp_xl.pipeline.models.leakage_checks import run_leakage_checks

        return run_leakage_checks(run, run.settings.build.cutoffs)
    from icp_xl.pipeline.check import check as stage

    return stage(run)


@dataclass(frozen=True)
class MapResult:
    """What ``map`` found and did, as lines."""

    lines: tuple[str, ...] = ()

    def summary(self) -> list[str]:
        """What to say at the end."""
        return list(self.lines)


@command(
    name="map",
    public="map_columns",
    button=Button(
        "Map columns", "Prepare", "ReviewTrackChanges", "M",
        "Puts the sheet ICP Mapping into this workbook: choose there which column of your files is which, and press "
        "again to see what is then read.",
        tag="map_columns", order=15, sales=False,
    ),
)  # fmt: skip
def map_columns(
    run: RunContext,
    *,
    yes: Annotated[bool, Option("Ask nothing: take what was found, and the nearest header where none was.")] = False,
    sheet: Annotated[bool, Option("Write the sheet ICP Mapping into the customer workbook instead.")] = False,
    write: Annotated[Path, Option("The settings file to write.")] = Path("icp_xl.yaml"),
) -> MapResult | MappingSheetResult | None:
    """Show which column of your files was taken for which of ours, ask what is open, and write it into the settings.

    Choose with the arrow keys; beside each header stand values of it, and its sum or its first and last day. The first
    accounts are shown before anything is written. Without a terminal, give --yes or --sheet.

    Example: icp-xl map --data my_files

    Example: icp-xl map --data my_files --sheet
    """
    from icp_xl.commands import mapping_dialog as dialog
    from icp_xl.pipeline import mapping

    job = "ICP_XL_STATUS" in os.environ
    run.progress.stage("Looking at the files")
    maps = mapping.survey(run.settings)
    asked = not (yes or sheet or job)
    if asked and not dialog.has_terminal():
        raise ConfigError("there is no terminal to ask on", next_step="Give --yes to take the guesses, or --sheet.")
    if asked:
        with run.progress.aside():
            maps = dialog.ask_files(run.settings, maps)
            for item in maps:
                dialog.ask_columns(item)
            if not maps:
                raise mapping.nothing_to_map(run.settings)
            agreed = dialog.ask_end(run.settings, maps)
        return MapResult((mapping.write_settings(maps, run.settings, write),) if agreed else ("Nothing was written.",))
    if not maps:
        raise mapping.nothing_to_map(run.settings)
    if sheet or job:
        from icp_xl.pipeline.mapping_sheet import write_mapping_sheet

        return write_mapping_sheet(run, maps, into_workbook=not job)
    guessed = [line for item in maps for line in mapping.take_nearest(item)]
    lines = [*mapping.summary_lines(maps), *guessed, *mapping.preview(mapping.with_choices(run.settings, maps))]
    run.plan(write.name)
    if run.dry_run:
        return None
    return MapResult((*lines, mapping.write_settings(maps, run.settings, write)))


plain_button(
    Button(
        "Settings", "Prepare", "ControlProperties", "T",
        "Opens the ICP Settings sheet of this workbook, and adds it where it is missing.", tag="settings", order=20,
    ),
)  # fmt: skip


@command(public="describe_settings", shared=())
def settings(
    *,
    write: Annotated[Path | None, Option("Write it to this file instead; no file is written over.")] = None,
    schema: Annotated[bool, Option("A JSON schema instead, by which editors check and complete the file.")] = False,
) -> SettingsText:
    """Print every setting with its default, what it may be and what it means: a settings file to start from.

    Each line is commented out; take away the '#' of those that you change, and of the sections they stand in.

    Example: icp-xl settings --write icp_xl.yaml
    """
    from icp_xl.config.describe import settings_schema, settings_template
    from icp_xl.outputs import write_bytes

    text = settings_schema() if schema else settings_template()
    if write is not None:
        if write.exists():
            raise DeliveryError(
                "the file exists already, and is left as it is",
                where=write.name,
                next_step="Name another one with --write.",
            )
        write_bytes(write, text.encode("utf-8"))
    return SettingsText(text, write)
