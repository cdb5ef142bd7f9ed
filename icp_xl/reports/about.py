"""The sheet About: what made the workbook, so that anyone can make it again."""

from __future__ import annotations

import pandas as pd

from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import Column, Facts, Sheet, Table, Text


def build_about_sheet(run: RunFacts, extra: dict[str, object] | None = None) -> Sheet:
    """Run, input files with their hashes, and versions. Any report of the package can end with this sheet."""
    rows: list[tuple[str, object]] = [
        ("Run id", run.run_id),
        ("Made on", run.finished),
        ("Command", run.command),
        ("Settings (SHA-256)", run.settings_hash or "not recorded"),
    ]
    if run.seed is not None:
        rows.append(("Seed", str(run.seed)))
    if run.cutoffs:
        rows.append(("Cutoff dates", ", ".join(run.cutoffs)))
    rows += list((extra or {}).items())
    inputs = pd.DataFrame(sorted(run.inputs.items()), columns=["file", "hash"])
    versions = pd.DataFrame(sorted(run.versions.items()), columns=["package", "version"])
    return Sheet(
        "About",
        "About this workbook",
        [
            Facts(rows, title="Run"),
            Table("inputs", [Column("file", "File", width=56), Column("hash", "SHA-256", "id", width=68)], inputs,
                  title="Files that were read", filters=False, empty_text="No file was recorded."),
            Table("versions", [Column("package", "Package"), Column("version", "Version", "id")], versions,
                  title="Versions", filters=False, empty_text="No version was recorded."),
            Text("The same files, settings and versions give the same figures.", "note"),
        ],
        subtitle="What it was made from, and by what.",
        portrait=True,
        kind="method",
    )  # fmt: skip
