"""Opportunities from HubSpot's deals, through its own client (optional extra ``hubspot``).

Stages come by their labels, with what HubSpot itself says of them (closed, won, probability); the account is the deal's
primary company. Every request is bounded as in :mod:`icp_xl.sources.salesforce`; a property that does not exist, or
names that the token may not read, are left out and said. The token is read from the environment and never shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.fields import OPPORTUNITIES
from icp_xl.sources.model import SourceTable

if TYPE_CHECKING:
    from icp_xl.config.feedback import HubSpotSettings

#: The variable that holds the token of a private app.
TOKEN = "HUBSPOT_ACCESS_TOKEN"  # noqa: S105
#: Our columns and the property of a deal that each is read from; ids and accounts come with the deal itself.
FIELDS = {
    "stage": "dealstage",
    "amount": "amount",
    "created_date": "createdate",
    "close_date": "closedate",
    "owner": "hubspot_owner_id",
    "currency": "deal_currency_code",
    "loss_reason": "closed_lost_reason",
    "is_won": "hs_is_closed_won",
    "is_closed": "hs_is_closed",
    "probability": "hs_deal_stage_probability",
    "product": "hs_product",
}
#: Properties that not every account has: nobody misses them.
QUIET = ("product", "currency", "loss_reason")
PAGE = 100
_RETRY = (429, 500, 502, 503, 504)
Warn = Callable[[str], None]


def connect_with(environ: Mapping[str, str], settings: HubSpotSettings, **options: Any) -> Any:
    """HubSpot's client, signed in with the token of a private app.

    Args:
        options: further ones of the client's configuration, such as ``host``.

    Raises:
        ConfigError: the extra is not installed, or the variable is not set.
    """
    try:
        import urllib3
        from hubspot import HubSpot
    except ImportError:
        raise ConfigError(
            "reading from HubSpot needs an optional part of icp_xl",
            got="hubspot-api-client is not installed",
            next_step='Run `python -m pip install ".[hubspot]"` in the folder that icp_xl came in.',
        ) from None
    if not environ.get(TOKEN):
        raise ConfigError(
            "nobody is signed in to HubSpot", where="environment", allowed=f"{TOKEN}: the token of a private app",
            next_step="Set it and run again; it is never written anywhere.",
        )  # fmt: skip
    # The client would wait on its own, without a limit and without being cancelled.
    retry = urllib3.Retry(total=0, respect_retry_after_header=False)
    return HubSpot(access_token=environ[TOKEN], retry=retry, **options)


def read_hubspot(
    client: Any,
    settings: HubSpotSettings,
    *,
    progress: Progress | None = None,
    pause: Callable[[float], None] = time.sleep,
    warn: Warn | None = None,
) -> SourceTable:
    """Read every deal, page by page. One row per deal, columns as in ``Sources.opportunities``.

    Args:
        client: of :func:`connect_with`.
        pause: waits so many seconds (tests pass their own).
        warn: takes a remark.

    Raises:
        SourceError: refused, unreachable, rate limit not lifted in time, or more deals than allowed.
    """
    progress, warn = progress or Progress(), warn or (lambda _: None)
    progress.stage("Reading HubSpot", None)
    asker = _Asker(settings, progress, pause)
    columns, lost = _readable(client, asker, settings)
    _tell(lost, settings, warn)
    deals: list[Any] = []
    for page in _pages(
        client.crm.deals.basic_api, asker, {"properties": list(columns.values()), "associations": ["companies"]}
    ):
        deals += page
        progress.advance(len(page))
        if len(deals) > settings.max_records:
            raise SourceError(
                "HubSpot holds more deals than may be read", got=f"more than {settings.max_records:,}",
                next_step="Raise feedback.hubspot.max_records.",
            )  # fmt: skip
    frame = _frame(deals, columns)
    stages = asker.optional(lambda: client.crm.pipelines.pipelines_api.get_all("deals"), "pipelines", warn)
    owners = asker.optional(lambda: list(_pages(client.crm.owners.owners_api, asker, {})), "owners", warn)
    companies = asker.optional(lambda: _companies(client, asker, frame["account_id"]), "companies", warn)
    _name(frame, stages, [owner for page in owners or [] for owner in page], companies or {})
    return SourceTable("opportunities", frame, "HubSpot", rows_read=len(frame))


def what_it_reads(
    client: Any, settings: HubSpotSettings, *, pause: Callable[[float], None] = time.sleep
) -> tuple[dict[str, str], list[str]]:
    """Our columns and the properties that they are read from, and the columns whose property there is not.

    Raises:
        SourceError: as :func:`read_hubspot`.
    """
    return _readable(client, _Asker(settings, Progress(), pause), settings)


def _readable(client: Any, asker: _Asker, settings: HubSpotSettings) -> tuple[dict[str, str], list[str]]:
    wanted = {**FIELDS, **settings.fields}
    there = asker.ask(lambda: {item.name for item in client.crm.properties.core_api.get_all("deals").results})
    lost = [name for name, field in wanted.items() if field not in there]
    if "stage" in lost and not {"is_won", "is_closed"} <= set(wanted) - set(lost):
        raise SourceError(
            "neither the stage nor the state of deals may be read", where="HubSpot",
            next_step="Give the private app the scope crm.objects.deals.read, or name the property in "
            "feedback.hubspot.fields.stage.",
        )  # fmt: skip
    return {name: field for name, field in wanted.items() if name not in lost}, lost


def _tell(lost: list[str], settings: HubSpotSettings, warn: Warn) -> None:
    told = [f"{settings.fields.get(name, FIELDS.get(name, name))} ({name})" for name in lost
            if name not in QUIET or name in settings.fields]  # fmt: skip
    if told:
        warn(f"HubSpot: there is no property {', '.join(told)}, or the token may not read it; left out. Name another "
             f"in "
             "feedback.hubspot.fields.")  # fmt: skip


def _pages(api: Any, asker: _Asker, options: Mapping[str, Any]) -> Iterator[list[Any]]:
    after, seen = None, set()
    while True:
        given = {**options, "limit": PAGE} | ({"after": after} if after else {})
        found, after = asker.ask(partial(_page, api, given))
        yield found
        if not after:
            return
        if after in seen:
            raise SourceError("HubSpot's answer names no next page", next_step="Run again.")
        seen.add(after)


def _page(api: Any, given: Mapping[str, Any]) -> tuple[list[Any], str | None]:
    answer = api.get_page(**given)
    return list(answer.results), answer.paging.next.after if answer.paging and answer.paging.next else None


def _frame(deals: list[Any], columns: Mapping[str, str]) -> pd.DataFrame:
    body = {name: [(deal.properties or {}).get(field) or None for deal in deals] for name, field in columns.items()}
    frame = pd.DataFrame(body, index=pd.RangeIndex(len(deals)), dtype="object")
    frame["opportunity_id"] = [str(deal.id) for deal in deals]
    frame["account_id"] = [_company_of(deal) for deal in deals]
    for field in OPPORTUNITIES.columns:
        if field.name not in frame:
            frame[field.name] = None
    for name in ("amount", "probability"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    for name in ("created_date", "close_date"):
        dates = pd.to_datetime(frame[name], errors="coerce", utc=True, format="ISO8601")
        frame[name] = dates.dt.tz_localize(None).dt.normalize().astype("datetime64[s]")
    # The close date of an open deal is a wish, not an outcome.
    frame.loc[frame["is_closed"].astype(str).str.lower() == "false", "close_date"] = pd.NaT
    frame["source_row"] = np.arange(1, len(frame) + 1)
    return frame


def _company_of(deal: Any) -> str | None:
    """The primary company; the first where none is marked."""
    found = (deal.associations or {}).get("companies")
    linked = list(found.results or []) if found is not None else []
    first = next((each for each in linked if "primary" in str(each.type).lower()), linked[0] if linked else None)
    return None if first is None else str(first.id)


def _companies(client: Any, asker: _Asker, ids: pd.Series[Any]) -> dict[str, str]:
    """Names of the companies ``ids``."""
    from hubspot.crm.companies import BatchReadInputSimplePublicObjectId, SimplePublicObjectId

    names: dict[str, str] = {}
    wanted = sorted(set(ids.dropna()))
    for start in range(0, len(wanted), PAGE):
        inputs = [SimplePublicObjectId(id=each) for each in wanted[start : start + PAGE]]
        given = BatchReadInputSimplePublicObjectId(properties=["name"], properties_with_history=[], inputs=inputs)
        answer = asker.ask(partial(client.crm.companies.batch_api.read, given))
        names |= {str(each.id): str(each.properties.get("name") or "") for each in answer.results}
    return names


def _name(frame: pd.DataFrame, pipelines: Any, owners: list[Any], companies: Mapping[str, str]) -> None:
    """Labels of stages, what HubSpot says of them, and names of owners and companies, instead of their keys."""
    stages = {stage.id: stage for pipeline in (pipelines.results if pipelines else []) for stage in pipeline.stages}
    said = [stages.get(key) for key in frame["stage"]]
    for k, stage in enumerate(said):
        if stage is None:
            continue
        meta = stage.metadata or {}
        closed, chance = str(meta.get("isClosed", "")).lower(), meta.get("probability")
        if frame.loc[k, "is_closed"] is None and closed in ("true", "false"):
            frame.loc[k, "is_closed"] = closed
            if frame.loc[k, "is_won"] is None and closed == "true" and chance in ("0.0", "1.0", "0", "1"):
                frame.loc[k, "is_won"] = "true" if float(chance) == 1.0 else "false"
        frame.loc[k, "stage"] = stage.label
    people = {str(owner.id): " ".join(filter(None, (owner.first_name, owner.last_name))) or str(owner.email or owner.id)
              for owner in owners}  # fmt: skip
    frame["owner"] = [people.get(str(key), key) if key is not None else None for key in frame["owner"]]
    frame["account_name"] = [companies.get(str(key)) or None for key in frame["account_id"]]


class _Asker:
    """Requests with a limit on everything."""

    def __init__(self, settings: HubSpotSettings, progress: Progress, pause: Callable[[float], None]) -> None:
        self._settings, self._progress, self._pause = settings, progress, pause

    def optional(self, call: Callable[[], Any], what: str, warn: Warn) -> Any:
        """What ``call`` gives; ``None`` and a warning where the token may not read it."""
        try:
            return self.ask(call)
        except _ForbiddenError:
            warn(
                f"HubSpot: the token may not read {what}; their keys stand for their names. Give the private app "
                f"the scope."
            )
            return None

    def ask(self, call: Callable[[], Any]) -> Any:
        """An answer; a rate limit is waited for as long as HubSpot asks, up to a limit."""
        import urllib3

        last = ""
        for attempt in range(self._settings.attempts):
            self._progress.check()
            wait = 2.0 ** (attempt + 1)
            try:
                return call()
            except (SourceError, _ForbiddenError):
                raise
            except urllib3.exceptions.HTTPError as error:
                last = type(error).__name__
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise SourceError(
                    "HubSpot's answer is not of the documented form", got=type(error).__name__,
                    next_step="Run again; if it stays, something stands between this machine and HubSpot.",
                ) from None  # fmt: skip
            except Exception as error:  # every API of the client has an ApiException of its own
                status = getattr(error, "status", None)
                if status is None:
                    raise
                last = f"status {status}"
                if status == 401:
                    raise SourceError(
                        "HubSpot does not accept the token", next_step=f"Set a fresh token in {TOKEN}; tokens expire."
                    ) from None
                if status == 403:
                    raise _ForbiddenError from None
                if status not in _RETRY:
                    raise SourceError("HubSpot refused the request", got=last) from None
                headers = getattr(error, "headers", None) or {}
                asked = str(headers.get("Retry-After", "")).strip()
                wait = float(asked) if asked.replace(".", "", 1).isdigit() else wait
            if attempt + 1 < self._settings.attempts:
                self._pause(min(self._settings.longest_pause_seconds, wait))
        raise SourceError(
            "HubSpot does not answer", got=f"{last}, {self._settings.attempts} tries",
            next_step="Try again later, or read an export: set feedback.hubspot.enabled to false.",
        )  # fmt: skip


class _ForbiddenError(SourceError):
    """The token lacks a scope."""

    def __init__(self) -> None:
        super().__init__(
            "the token may not read deals",
            where="HubSpot",
            next_step="Give the private app the scope crm.objects.deals.read.",
        )
