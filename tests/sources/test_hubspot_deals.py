"""Opportunities from HubSpot, read by its own client from a stand-in on the loopback interface."""

from __future__ import annotations

from typing import Any

import pytest

from icp_xl.config.feedback import HubSpotSettings
from icp_xl.errors import ConfigError, SourceError
from icp_xl.feedback.opportunities import prepare_opportunities
from icp_xl.sources.hubspot import TOKEN, connect_with, read_hubspot, what_it_reads
from tests.support.hubspot import PROPERTIES, HubSpotStandIn, deal
from tests.support.loopback import serve

SETTINGS = HubSpotSettings(enabled=True, attempts=3)
pytest.importorskip("hubspot")


def read(crm: HubSpotStandIn, settings: HubSpotSettings = SETTINGS, **options: Any) -> Any:
    client = connect_with({TOKEN: "token-1"}, settings, host=f"http://127.0.0.1:{crm.port}")
    return read_hubspot(client, settings, **options).frame


def test_pages_stages_owners_and_companies_become_our_columns() -> None:
    stages = ["appointmentscheduled", "closedwon", "closedlost", "981"]
    with serve(HubSpotStandIn([deal(k, stages[k % 4]) for k in range(250)])) as crm:
        frame = read(crm)
    assert len(frame) == 250 and frame["opportunity_id"].is_unique
    assert sum("/objects/deals" in path for path in crm.requests) == 3
    first = frame.iloc[0]
    assert (first["stage"], first["owner"], first["account_name"]) == (
        "Appointment scheduled",
        "Rita Rep",
        "Company 500",
    )
    assert first["amount"] == 1000.0 and first["probability"] == 0.2 and first["currency"] == "USD"
    assert frame["close_date"].isna().tolist()[:4] == [True, False, False, False], "an open deal's is a wish"
    assert list(prepare_opportunities(frame)["outcome"])[:4] == ["open", "won", "lost", "won"]
    assert frame["loss_reason"].tolist()[2] == "Price"


def test_a_property_that_is_not_there_is_left_out_and_said() -> None:
    there = tuple(name for name in PROPERTIES if name not in ("hubspot_owner_id", "closed_lost_reason"))
    told: list[str] = []
    settings = HubSpotSettings(enabled=True, fields={"competitor": "rival__c"})
    with serve(HubSpotStandIn([deal(0)], properties=there)) as crm:
        frame = read(crm, settings, warn=told.append)
    assert frame["owner"].isna().all()
    assert len(told) == 1 and "hubspot_owner_id (owner)" in told[0] and "rival__c (competitor)" in told[0]
    assert "closed_lost_reason" not in told[0], "nobody misses what is not asked for"


def test_names_that_the_token_may_not_read_are_left_as_keys() -> None:
    told: list[str] = []
    with serve(HubSpotStandIn([deal(0)], forbidden=("/owners", "/companies/"))) as crm:
        frame = read(crm, warn=told.append)
    assert frame["owner"].tolist() == ["7"] and frame["account_id"].tolist() == ["500"]
    assert [text.split(" may not read ")[1].split(";")[0] for text in told] == ["owners", "companies"]


def test_a_rate_limit_is_waited_for_as_long_as_it_asks_within_bounds() -> None:
    pauses: list[float] = []
    trouble = {2: (429, {"Retry-After": "7"}), 3: (502, {})}
    with serve(HubSpotStandIn([deal(0)], trouble=trouble)) as crm:
        assert len(read(crm, pause=pauses.append)) == 1
    assert pauses == [7.0, 4.0]
    with serve(HubSpotStandIn([deal(0)], trouble=dict.fromkeys(range(1, 99), (429, {})))) as crm:
        with pytest.raises(SourceError, match="does not answer"):
            read(crm, pause=lambda _: None)
        assert len(crm.requests) == 3


@pytest.mark.parametrize("body", ["<html>proxy</html>", {"results": None}, {"hello": 1}, []])
def test_an_answer_of_another_form_is_an_error_in_words(body: object) -> None:
    with serve(HubSpotStandIn([deal(0)], trouble={1: body, 2: body})) as crm:
        with pytest.raises(SourceError, match="not of the documented form|neither the stage"):
            read(crm, pause=lambda _: None)


def test_an_expired_token_says_what_to_do_and_never_itself() -> None:
    with serve(HubSpotStandIn([deal(0)], token="token-2")) as crm:
        with pytest.raises(SourceError, match="does not accept the token") as error:
            read(crm)
    assert "token-1" not in str(error.value) and TOKEN in str(error.value)


def test_without_a_token_it_names_the_variable() -> None:
    with pytest.raises(ConfigError, match=TOKEN):
        connect_with({}, SETTINGS)


def test_what_it_would_read_is_known_beforehand() -> None:
    with serve(HubSpotStandIn([deal(0)])) as crm:
        client = connect_with({TOKEN: "token-1"}, SETTINGS, host=f"http://127.0.0.1:{crm.port}")
        columns, lost = what_it_reads(client, SETTINGS)
    assert columns["stage"] == "dealstage" and lost == ["product"] and len(crm.requests) == 1
