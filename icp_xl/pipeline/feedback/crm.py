"""Opportunities from a CRM, shaped as those of a file, so that accounts, stages and currencies go the same way."""

from __future__ import annotations

import os
from dataclasses import replace

import pandas as pd

from icp_xl.runs import RunContext
from icp_xl.sources.currency import settle_currencies
from icp_xl.sources.fields import OPPORTUNITIES
from icp_xl.sources.file_types import open_book
from icp_xl.sources.model import SourceTable
from icp_xl.sources.typed import TEXT_DTYPE, missing_column

#: Commands that read opportunities at all; the others leave the CRM alone.
READ_BY = ("snapshot", "outcomes", "run")


def crm_of(run: RunContext) -> str:
    """The CRM that the settings name, or nothing."""
    chosen = run.settings.feedback
    on = {
        "Salesforce": chosen.salesforce.enabled,
        "HubSpot": chosen.hubspot.enabled,
        "Dynamics": chosen.dynamics.enabled,
    }
    return next((name for name, enabled in on.items() if enabled), "")


def read_crm(run: RunContext) -> SourceTable | None:
    """The opportunities of the CRM, typed as a file's are; ``None`` where none is named, or the command needs none.

    Raises:
        ConfigError: nobody is signed in, or the optional part is not installed.
        SourceError: it cannot be read; or amounts are in several currencies and no rates are given.
    """
    name = crm_of(run)
    if not name or run.command not in READ_BY:
        return None
    chosen = run.settings.feedback
    if name == "Salesforce":
        from icp_xl.sources import salesforce

        table = salesforce.read_salesforce(
            salesforce.connect_with(os.environ, chosen.salesforce), chosen.salesforce, today=run.now().date(),
            progress=run.progress, warn=run.warn,
        )  # fmt: skip
    elif name == "Dynamics":
        from icp_xl.sources import dynamics

        table = dynamics.read_dynamics(
            dynamics.connect_with(os.environ, chosen.dynamics), chosen.dynamics, progress=run.progress, warn=run.warn
        )
    else:
        from icp_xl.sources import hubspot

        client = hubspot.connect_with(os.environ, chosen.hubspot)
        table = hubspot.read_hubspot(client, chosen.hubspot, progress=run.progress, warn=run.warn)
    frame = typed(table.frame)
    for text in settle_currencies(
        frame, OPPORTUNITIES, run.settings.sources.rates,
        lambda path: open_book(path, run.settings.sources), run.settings.paths.data, name,
    ):  # fmt: skip
        run.warn(text)
    return replace(table, frame=frame)


def what_the_crm_holds(run: RunContext) -> tuple[dict[str, str], list[str], str]:
    """Our columns and the CRM's fields as far as they can be read, those that cannot, and how many there are, if told.

    Raises:
        ConfigError: nobody is signed in, or the optional part is not installed.
        SourceError: it cannot be reached, or refuses.
    """
    chosen = run.settings.feedback
    if crm_of(run) == "Salesforce":
        from icp_xl.sources import salesforce

        connect = salesforce.connect_with(os.environ, chosen.salesforce)
        columns, lost, count = salesforce.what_it_reads(connect, chosen.salesforce, today=run.now().date())
        return columns, lost, f"{count:,}"
    if crm_of(run) == "Dynamics":
        from icp_xl.sources import dynamics

        return dynamics.what_it_reads(dynamics.connect_with(os.environ, chosen.dynamics), chosen.dynamics)
    from icp_xl.sources import hubspot

    return (*hubspot.what_it_reads(hubspot.connect_with(os.environ, chosen.hubspot), chosen.hubspot), "")


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column of the source, of the type that reading a file gives it."""
    out = pd.DataFrame(index=frame.index)
    for field in OPPORTUNITIES.columns:
        column = frame[field.name] if field.name in frame else missing_column(field.kind, len(frame))
        if field.kind in ("text", "id"):
            texts = [None if value is None or value != value else str(value) for value in column]
            column = pd.Series(texts, index=frame.index, dtype=TEXT_DTYPE)
        elif field.kind == "flag":
            known = {"true": True, "1": True, "false": False, "0": False}
            column = pd.Series([known.get(str(value).lower()) for value in column], index=frame.index, dtype="boolean")
        out[field.name] = column
    for name in ("industry", "source_row"):
        if name in frame:
            out[name] = frame[name]
    return out
