"""``check`` and ``settings``: what goes in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from icp_xl.commands.declare import Button, Option, command, plain_button
from icp_xl.errors import ConfigError, DeliveryError

if TYPE_CHECKING:
    from icp_xl.pipeline.check import CheckReport
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
    of people, paths, and more. With --leakage, change the future of the sales log and plant leaks: what a model must
    not know. Exit code 0: ready, safe to send, or no leak; 4: something must be mended first.

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

        return run_leakage_checks(run)
    from icp_xl.pipeline.check import check as stage

    return stage(run)


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
