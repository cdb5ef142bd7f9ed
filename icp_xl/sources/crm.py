"""What reading opportunities from any CRM takes: bounded requests, pages, and columns of our types.

Every request is bounded: a time limit, a number of tries with growing pauses, a number of records. A rate limit is
waited for as long as the answer asks, up to a limit; any other refusal is reported in words and never shows a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.fields import OPPORTUNITIES

if TYPE_CHECKING:
    from icp_xl.config.feedback import CrmSettings

T = TypeVar("T")
Record = TypeVar("Record")
Warn = Callable[[str], None]
#: Statuses after which the same request may succeed.
RETRY = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Crm:
    """What messages call a CRM, and where its settings are.

    Attributes:
        name: as its users know it.
        key: of its settings below ``feedback``, and of the optional extra.
        records: what it calls opportunities.
        package: that the extra installs.
        fewer: how else fewer records are read than by a higher limit.
    """

    name: str
    key: str
    records: str
    package: str
    fewer: str = ""

    def not_installed(self) -> ConfigError:
        """The error of an extra that is not there."""
        return ConfigError(
            f"reading from {self.name} needs an optional part of icp_xl",
            got=f"{self.package} is not installed",
            next_step=f'Run `python -m pip install ".[{self.key}]"` in the folder that icp_xl came in.',
        )

    def nobody_signed_in(self, got: str | None, allowed: str) -> ConfigError:
        """The error of credentials that the environment lacks.

        Args:
            got: what is there or missing, without any value.
            allowed: the variables.
        """
        return ConfigError(
            f"nobody is signed in to {self.name}", where="environment", got=got, allowed=allowed,
            next_step="Set them and run again; they are never written anywhere.",
        )  # fmt: skip

    def refused(self, got: str) -> SourceError:
        """The error of a request that another try would not better."""
        return SourceError(f"{self.name} refused the request", got=got)

    def not_of_the_form(self, got: str) -> SourceError:
        """The error of an answer that is none of the CRM's own."""
        return SourceError(
            f"{self.name}'s answer is not of the documented form", got=got,
            next_step=f"Run again; if it stays, something stands between this machine and {self.name}.",
        )  # fmt: skip

    def no_next_page(self) -> SourceError:
        """The error of a page that leads nowhere, in a circle, or elsewhere."""
        return SourceError(f"{self.name}'s answer names no next page", next_step="Run again.")

    def nothing_to_go_by(self, next_step: str) -> SourceError:
        """The error where no column says what became of a deal."""
        return SourceError(
            f"neither the stage nor the state of {self.records} may be read", where=self.name, next_step=next_step
        )

    def warn_of_lost(self, lost: Sequence[str], columns: Mapping[str, str], warn: Warn) -> None:
        """Say which of our columns are left out, each with the CRM's field that it should come from."""
        if lost:
            shown = ", ".join(f"{columns[name]} ({name})" for name in lost)
            warn(
                f"{self.name}: {shown} cannot be read by this user, or does not exist; left out. Name another field in "
                f"feedback.{self.key}.fields, or ask for the right to read it."
            )


class TryAgainError(Exception):
    """An answer after which the same request may succeed.

    Args:
        got: what came, in words.
        wait: seconds that the answer asks to wait, as its header says it; empty where it asks nothing.
    """

    def __init__(self, got: str, wait: object = "") -> None:
        super().__init__(got)
        self.got = got
        text = str(wait or "").strip()
        self.wait = float(text) if text.replace(".", "", 1).isdecimal() else None


class Requests:
    """Requests to one CRM with a limit on everything.

    Args:
        crm: that is asked.
        settings: its limits.
        progress: asked before every try whether to go on.
        pause: waits so many seconds.
    """

    def __init__(self, crm: Crm, settings: CrmSettings, progress: Progress, pause: Callable[[float], None]) -> None:
        self.crm, self.settings, self.progress, self._pause = crm, settings, progress, pause

    def ask(self, call: Callable[[], T]) -> T:
        """What ``call`` gives; it is called again after a :class:`TryAgainError`.

        Raises:
            SourceError: no answer within the tries, or one of another form (``call`` failed on its content).
        """
        last = ""
        for attempt in range(self.settings.attempts):
            self.progress.check()
            try:
                return call()
            except TryAgainError as again:
                last, wait = again.got, again.wait if again.wait is not None else 2.0 ** (attempt + 1)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise self.crm.not_of_the_form(type(error).__name__) from None
            if wait and attempt + 1 < self.settings.attempts:
                self._pause(min(self.settings.longest_pause_seconds, wait))
        raise SourceError(
            f"{self.crm.name} does not answer", got=f"{last}, {self.settings.attempts} tries",
            next_step=f"Try again later, or read an export: set feedback.{self.crm.key}.enabled to false.",
        )  # fmt: skip

    def pages(
        self, first: tuple[list[Record], str], turn: Callable[[str], tuple[list[Record], str]]
    ) -> Iterator[list[Record]]:
        """The records of each page; one is asked for again until it comes, never skipped, and never read twice.

        Args:
            first: the first page's records, and what names the next one: empty at the last.
            turn: gives the same of the page that a name stands for.

        Raises:
            SourceError: a page names one that was read before.
        """
        (records, name), seen = first, set[str]()
        while True:
            yield records
            if not name:
                return
            if name in seen:
                raise self.crm.no_next_page()
            seen.add(name)
            records, name = turn(name)

    def read_all(self, pages: Iterator[list[Record]]) -> list[Record]:
        """The records of all pages.

        Raises:
            SourceError: there are more than the settings allow.
        """
        found: list[Record] = []
        for page in pages:
            found += page
            self.progress.advance(len(page))
            if len(found) > self.settings.max_records:
                raise SourceError(
                    f"{self.crm.name} holds more {self.crm.records} than may be read",
                    got=f"more than {self.settings.max_records:,}",
                    next_step=f"Raise feedback.{self.crm.key}.max_records{self.crm.fewer}.",
                )
        return found


def checked_rows(answer: Any, key: str) -> Mapping[str, Any]:
    """An answer, if it holds rows under ``key``.

    Raises:
        KeyError: it has nothing under ``key``.
        TypeError: what it holds there are no rows.
    """
    rows = answer[key]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(key)
    found: Mapping[str, Any] = answer
    return found


def opportunity_frame(columns: Mapping[str, Sequence[Any]], rows: int) -> pd.DataFrame:
    """One row per record, with every column of ``Sources.opportunities``: amounts as numbers, dates as days.

    Args:
        columns: values of our columns, as the CRM gives them; those that lack are empty.
        rows: how many records there are.
    """
    frame = pd.DataFrame(dict(columns), index=pd.RangeIndex(rows), dtype="object")
    for field in OPPORTUNITIES.columns:
        if field.name not in frame:
            frame[field.name] = None
    for name in ("amount", "probability"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    for name in ("created_date", "close_date"):
        dates = pd.to_datetime(frame[name], errors="coerce", utc=True, format="ISO8601")
        frame[name] = dates.dt.tz_localize(None).dt.normalize().astype("datetime64[s]")
    frame["source_row"] = np.arange(1, rows + 1)
    return frame
