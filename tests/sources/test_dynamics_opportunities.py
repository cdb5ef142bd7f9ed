"""Opportunities from Dynamics 365, read from a stand-in on the loopback interface."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from icp_xl.config.feedback import DynamicsSettings
from icp_xl.errors import Cancelled, ConfigError, SourceError
from icp_xl.feedback.opportunities import prepare_opportunities
from icp_xl.progress import RecordingProgress
from icp_xl.sources.dynamics import CREDENTIALS, connect_with, read_dynamics, what_it_reads
from tests.support.dynamics import COLUMNS, ENVIRONMENT, ORG, DynamicsStandIn, opportunity
from tests.support.loopback import serve, session_to

SETTINGS = DynamicsSettings(enabled=True, timeout_seconds=5, attempts=3)
EUR = {"_transactioncurrencyid_value": "cur-2"}


def read(crm: DynamicsStandIn, settings: DynamicsSettings = SETTINGS, **options: Any) -> pd.DataFrame:
    client = connect_with(ENVIRONMENT, settings, session_to(crm.port))
    return read_dynamics(client, settings, **options).frame


def test_pages_states_names_and_currencies_become_our_columns() -> None:
    rows = [opportunity(k, k % 3) for k in range(25)]
    rows[3] |= EUR
    with serve(DynamicsStandIn(rows, page=10)) as crm:
        frame = read(crm)
    assert frame["opportunity_id"].tolist() == [f"0000-{k:06d}" for k in range(25)]
    assert sum("opportunities?" in path for path in crm.requests) == 3 and len(crm.granted) == 1
    assert all("FormattedValue" in text and "maxpagesize=5000" in text for text in crm.prefers)
    assert frame["outcome"].tolist()[:3] == ["open", "won", "lost"]
    assert frame["amount"].tolist()[:3] == [1000.0, 901.0, 1002.0], "a won one's is what it came to"
    assert frame["close_date"].isna().tolist()[:3] == [True, False, False]
    assert frame["loss_reason"].tolist()[:3] == [None, None, "Out-Sold"]
    first = frame.iloc[0]
    assert (first["account_id"], first["account_name"], first["owner"]) == ("acc-0", "Account 0", "Rita Rep")
    assert first["stage"] == "2-Develop" and first["probability"] == 40.0
    assert frame["currency"].tolist()[2:4] == ["USD", "EUR"], "codes, not the names that anybody may change"
    assert list(prepare_opportunities(frame)["outcome"])[:3] == ["open", "won", "lost"]


def test_a_person_stands_where_there_is_no_account() -> None:
    row = opportunity(0, _customerid_value="con-1", _parentaccountid_value=None)
    row["_customerid_value@OData.Community.Display.V1.FormattedValue"] = "Ann Person"
    del row["_parentaccountid_value@OData.Community.Display.V1.FormattedValue"]
    with serve(DynamicsStandIn([row])) as crm:
        frame = read(crm)
    assert frame.loc[0, ["account_id", "account_name"]].tolist() == ["con-1", "Ann Person"]


def test_columns_that_are_not_there_or_come_empty_are_left_out_and_said() -> None:
    told: list[str] = []
    settings = DynamicsSettings(enabled=True, fields={"competitor": "new_rival", "division": "new_unit"})
    stand_in = DynamicsStandIn([opportunity(0)], columns=COLUMNS - {"closeprobability", "actualvalue"} | {"new_unit"})
    with serve(stand_in) as crm:
        frame = read(crm, settings, warn=told.append)
    assert frame["probability"].isna().all() and len(frame) == 1
    assert len(told) == 1 and "new_rival (competitor)" in told[0] and "closeprobability (probability)" in told[0]
    assert "new_unit (division)" in told[0], "a secured column comes empty"
    with serve(DynamicsStandIn([], columns=COLUMNS - {"stepname", "statecode"})) as crm:
        with pytest.raises(SourceError, match="neither the stage nor the state"):
            read(crm)


def test_an_expired_session_is_renewed_and_the_same_page_read() -> None:
    with serve(DynamicsStandIn([opportunity(k) for k in range(30)], page=10, trouble={2: "expire"})) as crm:
        frame = read(crm)
    assert len(frame) == 30 and frame["opportunity_id"].is_unique and len(crm.granted) == 2
    with serve(DynamicsStandIn([opportunity(0)], trouble=dict.fromkeys(range(1, 9), "expire"))) as crm:
        with pytest.raises(SourceError, match="does not accept the session") as error:
            read(crm)
    assert "token" not in str(error.value) and len(crm.requests) == 2


def test_a_rate_limit_is_waited_for_as_long_as_it_asks_within_bounds() -> None:
    pauses: list[float] = []
    settings = DynamicsSettings(attempts=4, longest_pause_seconds=30)
    trouble = {1: (429, {"Retry-After": "7"}), 2: (503, {}), 3: (429, {"Retry-After": "900"})}
    with serve(DynamicsStandIn([opportunity(0)], trouble=trouble)) as crm:
        assert len(read(crm, settings, pause=pauses.append)) == 1
    assert pauses == [7.0, 4.0, 30.0]
    with serve(DynamicsStandIn([], trouble=dict.fromkeys(range(1, 99), (429, {})))) as crm:
        with pytest.raises(SourceError, match="does not answer"):
            read(crm, pause=lambda _: None)
    assert len(crm.requests) == SETTINGS.attempts


@pytest.mark.parametrize("body", ["<html>proxy</html>", {"value": None}, {"value": ["x"]}, {"hello": 1}, []])
def test_an_answer_of_another_form_is_an_error_in_words(body: object) -> None:
    with serve(DynamicsStandIn([opportunity(0)], trouble={1: body})) as crm:
        with pytest.raises(SourceError, match="not of the documented form"):
            read(crm, pause=lambda _: None)


def test_a_next_page_elsewhere_never_gets_the_token() -> None:
    body = {"value": [], "@odata.nextLink": "https://evil.example/api/data/v9.2/opportunities"}
    with serve(DynamicsStandIn([], trouble={1: body})) as crm:
        with pytest.raises(SourceError, match="names no next page"):
            read(crm)
    assert len(crm.requests) == 1


def test_refusals_say_what_to_do_and_no_secret() -> None:
    with serve(DynamicsStandIn([], secret="another")) as crm:
        with pytest.raises(SourceError, match="does not accept the app's credentials") as error:
            read(crm)
    assert "secret-1" not in str(error.value) and "invalid_client" in str(error.value)
    with serve(DynamicsStandIn([], forbidden=("opportunities",))) as crm:
        with pytest.raises(SourceError, match="security role"):
            read(crm)
    told: list[str] = []
    with serve(DynamicsStandIn([opportunity(0)], forbidden=("transactioncurrencies",))) as crm:
        assert read(crm, warn=told.append)["currency"].tolist() == ["US Dollar"]
    assert "may not read currencies" in told[0]
    with pytest.raises(ConfigError, match=CREDENTIALS[-1]) as missing:
        connect_with({"DYNAMICS_URL": ORG}, SETTINGS)
    assert ORG not in str(missing.value)
    with pytest.raises(ConfigError, match="https"):
        connect_with({**ENVIRONMENT, "DYNAMICS_URL": "http://acme.crm4.dynamics.com"}, SETTINGS)
    assert "secret-1" not in repr(connect_with(ENVIRONMENT, SETTINGS))


def test_reading_can_be_cancelled_and_is_bounded() -> None:
    with serve(DynamicsStandIn([opportunity(k) for k in range(30)], page=10)) as crm:
        with pytest.raises(Cancelled):
            read(crm, progress=RecordingProgress(cancel_after=1))
        with pytest.raises(SourceError, match="more opportunities than may be read"):
            read(crm, DynamicsSettings(max_records=15))
    with pytest.raises(SourceError, match="does not answer"):
        read(crm, pause=lambda _: None)


def test_what_it_would_read_is_known_beforehand() -> None:
    with serve(DynamicsStandIn([opportunity(k) for k in range(30)], columns=COLUMNS - {"stepname"})) as crm:
        columns, lost, count = what_it_reads(connect_with(ENVIRONMENT, SETTINGS, session_to(crm.port)), SETTINGS)
    assert columns["outcome"] == "statecode" and lost == ["stage"] and count == "30" and len(crm.requests) == 2
