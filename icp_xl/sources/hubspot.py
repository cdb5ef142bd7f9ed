"""Opportunities from HubSpot's deals, through its own client (optional extra ``hubspot``).

Stages come by their labels, with what HubSpot itself says of them (closed, won, probability); the account is the deal's
primary company. Every request is bounded as :mod:`icp_xl.sources.crm` says; a property that does not exist, or names
that the token may not read, are left out and said. The token is read from the environment and never shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from icp_xl.errors import SourceError
from icp_xl.progress import Progress
from icp_xl.sources.crm import RETRY, Crm, Requests, TryAgainError, Warn, opportunity_frame
from icp_xl.sources.model import SourceTable

if TYPE_CHECKING:
    from icp_xl.config.feedback import HubSpotSettings

HUBSPOT = Crm("HubSpot", "hubspot", "deals", "hubspot-api-client")
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
T = TypeVar("T")


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
        raise HUBSPOT.not_installed() from None
    if not environ.get(TOKEN):
        raise HUBSPOT.nobody_signed_in(None, f"{TOKEN}: the token of a private app")
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
    progress.stage(f"Reading {HUBSPOT.name}", None)
    reader = _HubSpotReader(client, Requests(HUBSPOT, settings, progress, pause))
    columns, lost = _readable(reader, settings)
    missed = [name for name in lost if name not in QUIET or name in settings.fields]
    HUBSPOT.warn_of_lost(missed, {**FIELDS, **settings.fields}, warn)
    deals = reader.deals(list(columns.values()))
    frame = _frame(deals, columns)
    stages = _optional(lambda: reader.ask(client.crm.pipelines.pipelines_api.get_all, "deals"), "pipelines", warn)
    owners = _optional(reader.owners, "owners", warn)
    companies = _optional(lambda: reader.companies(frame["account_id"]), "companies", warn)
    _name(frame, stages, owners or [], companies or {})
    return SourceTable("opportunities", frame, HUBSPOT.name, rows_read=len(frame))


def what_it_reads(
    client: Any, settings: HubSpotSettings, *, pause: Callable[[float], None] = time.sleep
) -> tuple[dict[str, str], list[str]]:
    """Our columns and the properties that they are read from, and the columns whose property there is not.

    Raises:
        SourceError: as :func:`read_hubspot`.
    """
    return _readable(_HubSpotReader(client, Requests(HUBSPOT, settings, Progress(), pause)), settings)


def _readable(reader: _HubSpotReader, settings: HubSpotSettings) -> tuple[dict[str, str], list[str]]:
    wanted = {**FIELDS, **settings.fields}
    there = reader.properties()
    lost = [name for name, field in wanted.items() if field not in there]
    if "stage" in lost and not {"is_won", "is_closed"} <= set(wanted) - set(lost):
        raise HUBSPOT.nothing_to_go_by(
            "Give the private app the scope crm.objects.deals.read, or name the property in "
            "feedback.hubspot.fields.stage."
        )
    return {name: field for name, field in wanted.items() if name not in lost}, lost


def _frame(deals: list[Any], columns: Mapping[str, str]) -> pd.DataFrame:
    columns_read: dict[str, list[Any]] = {
        name: [(deal.properties or {}).get(field) or None for deal in deals] for name, field in columns.items()
    }
    columns_read["opportunity_id"] = [str(deal.id) for deal in deals]
    columns_read["account_id"] = [_company_of(deal) for deal in deals]
    frame = opportunity_frame(columns_read, len(deals))
    # The close date of an open deal is a wish, not an outcome.
    frame.loc[frame["is_closed"].astype(str).str.lower() == "false", "close_date"] = pd.NaT
    return frame


def _company_of(deal: Any) -> str | None:
    """The primary company; the first where none is marked."""
    found = (deal.associations or {}).get("companies")
    linked = list(found.results or []) if found is not None else []
    first = next((each for each in linked if "primary" in str(each.type).lower()), linked[0] if linked else None)
    return None if first is None else str(first.id)


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


def _optional(read: Callable[[], T], what: str, warn: Warn) -> T | None:
    """What ``read`` gives; ``None`` and a warning where the token may not read it."""
    try:
        return read()
    except _ForbiddenError:
        warn(
            f"{HUBSPOT.name}: the token may not read {what}; their keys stand for their names. Give the private app "
            "the scope."
        )
        return None


class _HubSpotReader:
    """What is read through HubSpot's client."""

    def __init__(self, client: Any, requests: Requests) -> None:
        self._crm, self._requests = client.crm, requests

    def ask(self, method: Callable[..., Any], *given: Any, **options: Any) -> Any:
        """What a method of the client gives."""
        return self._requests.ask(partial(_answer, method, *given, **options))

    def properties(self) -> set[str]:
        """Names of the properties that deals have."""
        return self._requests.ask(
            lambda: {item.name for item in _answer(self._crm.properties.core_api.get_all, "deals").results}
        )

    def deals(self, properties: list[str]) -> list[Any]:
        """All deals with these properties and their companies."""
        api = self._crm.deals.basic_api
        return self._requests.read_all(self._pages(api, properties=properties, associations=["companies"]))

    def owners(self) -> list[Any]:
        """All owners."""
        return [owner for page in self._pages(self._crm.owners.owners_api) for owner in page]

    def companies(self, ids: pd.Series[Any]) -> dict[str, str]:
        """Names of the companies ``ids``."""
        from hubspot.crm.companies import BatchReadInputSimplePublicObjectId, SimplePublicObjectId

        names: dict[str, str] = {}
        wanted = sorted(set(ids.dropna()))
        for start in range(0, len(wanted), PAGE):
            inputs = [SimplePublicObjectId(id=key) for key in wanted[start : start + PAGE]]
            given = BatchReadInputSimplePublicObjectId(properties=["name"], properties_with_history=[], inputs=inputs)
            answer = self.ask(self._crm.companies.batch_api.read, given)
            names |= {str(company.id): str(company.properties.get("name") or "") for company in answer.results}
        return names

    def _pages(self, api: Any, **options: Any) -> Iterator[list[Any]]:
        def turn(after: str) -> tuple[list[Any], str]:
            given = {**options, "limit": PAGE} | ({"after": after} if after else {})
            return self._requests.ask(lambda: _page(_answer(api.get_page, **given)))

        return self._requests.pages(turn(""), turn)


def _page(answer: Any) -> tuple[list[Any], str]:
    following = answer.paging.next if answer.paging else None
    return list(answer.results), str(following.after) if following else ""


def _answer(method: Callable[..., Any], *given: Any, **options: Any) -> Any:
    """What a method of the client gives, its refusals in our words."""
    import urllib3

    try:
        return method(*given, **options)
    except urllib3.exceptions.HTTPError as error:
        raise TryAgainError(type(error).__name__) from None
    except Exception as error:  # Every interface of the client has an ApiException of its own.
        status = getattr(error, "status", None)
        if status is None:
            raise
        if status == 401:
            raise SourceError(
                "HubSpot does not accept the token", next_step=f"Set a fresh token in {TOKEN}; tokens expire."
            ) from None
        if status == 403:
            raise _ForbiddenError from None
        if status not in RETRY:
            raise HUBSPOT.refused(f"status {status}") from None
        headers = getattr(error, "headers", None) or {}
        raise TryAgainError(f"status {status}", headers.get("Retry-After")) from None


class _ForbiddenError(SourceError):
    """The token lacks a scope."""

    def __init__(self) -> None:
        super().__init__(
            "the token may not read deals",
            where=HUBSPOT.name,
            next_step="Give the private app the scope crm.objects.deals.read.",
        )
