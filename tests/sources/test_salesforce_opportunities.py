"""Opportunities from Salesforce, read from a stand-in on the loopback interface."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from icp_xl.config.feedback import SalesforceSettings
from icp_xl.errors import Cancelled, ConfigError, SourceError
from icp_xl.progress import RecordingProgress
from icp_xl.sources.salesforce import CREDENTIALS, connect_with, read_salesforce, what_it_reads
from tests.support.loopback import serve, session_to
from tests.support.salesforce import SalesforceStandIn, record

TODAY = date(2026, 1, 5)
AUDIENCE = "https://login.salesforce.com"
SETTINGS = SalesforceSettings(timeout_seconds=5)


def test_pages_are_read_to_the_end_in_order() -> None:
    with serve(SalesforceStandIn([record(k) for k in range(25)], page=10)) as crm:
        table = read_salesforce(crm.connect, SETTINGS, today=TODAY)
    assert table.frame["opportunity_id"].tolist() == [record(k)["Id"] for k in range(25)]
    assert len(crm.requests) == 3 and table.rows_read == 25


def test_states_dates_and_nested_names_become_our_columns() -> None:
    rows = [
        record(0),
        record(1, IsClosed=True, IsWon=True, Amount=None),
        record(2, IsClosed=True, Account=None, AccountId=None),
        record(3, IsDeleted=True, IsClosed=True, IsWon=True),
    ]
    with serve(SalesforceStandIn(rows)) as crm:
        frame = read_salesforce(crm.connect, SETTINGS, today=TODAY).frame
    assert frame["outcome"].tolist() == ["open", "won", "lost", "deleted"]
    # The close date of an open opportunity is a wish, not an outcome.
    assert frame["close_date"].isna().tolist() == [True, False, False, False]
    assert str(frame.loc[1, "close_date"].date()) == "2025-06-30"
    assert str(frame.loc[0, "created_date"].date()) == "2025-03-01"
    assert frame["owner"].tolist() == ["Rita Rep"] * 4 and frame["amount"].isna().tolist() == [
        False,
        True,
        False,
        False,
    ]
    assert frame.loc[2, "account_name"] is None


def test_an_expired_session_is_renewed_and_the_same_page_read() -> None:
    with serve(SalesforceStandIn([record(k) for k in range(30)], page=10, trouble={2: (401, "expire")})) as crm:
        frame = read_salesforce(crm.connect, SETTINGS, today=TODAY).frame
    assert len(frame) == 30 and frame["opportunity_id"].is_unique and crm.refused == 1


def test_a_session_that_stays_refused_ends_with_what_to_do() -> None:
    with serve(SalesforceStandIn([record(0)], token="other")) as crm:
        connect = crm.connect

        def stale() -> object:
            client = connect()
            client.headers["Authorization"] = "Bearer stale"
            return client

        with pytest.raises(SourceError, match="does not accept the session") as error:
            read_salesforce(stale, SETTINGS, today=TODAY)
    assert "stale" not in str(error.value) and len(crm.requests) == 2


@pytest.mark.parametrize("answer", [(403, "REQUEST_LIMIT_EXCEEDED"), (429, "TOO_MANY"), (503, "SERVER_UNAVAILABLE")])
def test_a_limit_is_waited_for_with_growing_bounded_pauses(answer: tuple[int, str]) -> None:
    pauses: list[float] = []
    settings = SalesforceSettings(timeout_seconds=5, longest_pause_seconds=3, attempts=4)
    with serve(SalesforceStandIn([record(k) for k in range(4)], page=2, trouble={2: answer, 3: answer})) as crm:
        frame = read_salesforce(crm.connect, settings, today=TODAY, pause=pauses.append).frame
    assert len(frame) == 4 and pauses == [2.0, 3]


def test_a_limit_that_is_not_lifted_ends_after_the_allowed_tries() -> None:
    trouble = dict.fromkeys(range(1, 99), (403, "REQUEST_LIMIT_EXCEEDED"))
    with serve(SalesforceStandIn([record(0)], trouble=trouble)) as crm:
        with pytest.raises(SourceError, match="does not answer"):
            read_salesforce(crm.connect, SETTINGS, today=TODAY, pause=lambda _: None)
    assert len(crm.requests) == SETTINGS.attempts


def test_another_refusal_is_not_tried_again() -> None:
    with serve(SalesforceStandIn([record(0)], trouble={1: (400, "INVALID_FIELD")})) as crm:
        with pytest.raises(SourceError, match="INVALID_FIELD"):
            read_salesforce(crm.connect, SETTINGS, today=TODAY, pause=lambda _: None)
    assert len(crm.requests) == 1


def test_more_records_than_allowed_are_refused() -> None:
    with serve(SalesforceStandIn([record(k) for k in range(30)], page=10)) as crm:
        with pytest.raises(SourceError, match="more opportunities than may be read"):
            read_salesforce(crm.connect, SalesforceSettings(max_records=15), today=TODAY)
    assert len(crm.requests) == 2


def test_an_unreachable_server_ends_in_words() -> None:
    with serve(SalesforceStandIn([])) as crm:
        pass
    with pytest.raises(SourceError, match="does not answer"):
        read_salesforce(crm.connect, SETTINGS, today=TODAY, pause=lambda _: None)


def test_reading_can_be_cancelled_between_pages() -> None:
    with serve(SalesforceStandIn([record(k) for k in range(30)], page=10)) as crm:
        with pytest.raises(Cancelled):
            read_salesforce(crm.connect, SETTINGS, today=TODAY, progress=RecordingProgress(cancel_after=1))
    assert len(crm.requests) == 1


def test_without_credentials_it_says_which_variables_to_set() -> None:
    with pytest.raises(ConfigError, match="SALESFORCE_SESSION_ID"):
        connect_with({}, SETTINGS)


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        (
            "\nSELECT Id\n ^\nERROR at Row:1:Column:1\nNo such column 'Rival__c' on entity 'Opportunity'.",
            {"competitor"},
        ),
        ("Didn't understand relationship 'Owner' in field path.", {"owner"}),
        ("No such column 'Industry' on entity 'Account'.", {"industry"}),
    ],
)
def test_a_field_that_may_not_be_read_is_left_out_and_said(message: str, gone: set[str]) -> None:
    settings = SalesforceSettings(timeout_seconds=5, fields={"competitor": "Rival__c"})
    told: list[str] = []
    with serve(SalesforceStandIn([record(k) for k in range(4)], unreadable=[message])) as crm:
        frame = read_salesforce(crm.connect, settings, today=TODAY, warn=told.append).frame
    assert len(frame) == 4 and all(name not in frame or frame[name].isna().all() for name in gone)
    assert len(told) == 1 and f"({gone.pop()})" in told[0] and "left out" in told[0]


def test_currency_and_state_of_a_plain_organisation_are_not_missed() -> None:
    messages = ["No such column 'CurrencyIsoCode' on entity 'Opportunity'."]
    told: list[str] = []
    with serve(SalesforceStandIn([record(0)], unreadable=messages)) as crm:
        read_salesforce(crm.connect, SETTINGS, today=TODAY, warn=told.append)
    assert not told
    messages = [f"No such column '{name}' on entity 'Opportunity'." for name in ("IsWon", "IsClosed", "StageName")]
    with serve(SalesforceStandIn([record(0)], unreadable=messages)) as crm:
        with pytest.raises(SourceError, match="neither the stage nor the state"):
            read_salesforce(crm.connect, SETTINGS, today=TODAY)


@pytest.mark.parametrize("body", ["<html>proxy</html>", {"totalSize": 1}, {"records": [1]}, []])
def test_an_answer_of_another_form_ends_in_words(body: object) -> None:
    settings = SalesforceSettings(timeout_seconds=5, attempts=1)
    with serve(SalesforceStandIn([record(0)], other=body)) as crm:
        with pytest.raises(SourceError, match="documented form|does not answer"):
            read_salesforce(crm.connect, settings, today=TODAY)


def test_what_it_would_read_is_known_beforehand() -> None:
    with serve(
        SalesforceStandIn([record(k) for k in range(9)], unreadable=["Didn't understand relationship 'Owner'."])
    ) as crm:
        columns, lost, count = what_it_reads(crm.connect, SETTINGS, today=TODAY)
    assert columns["stage"] == "StageName" and lost == ["owner"] and count == 9


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"SALESFORCE_SESSION_ID": "s", "SALESFORCE_INSTANCE_URL": "https://x.my.salesforce.com"}, {"session_id"}),
        (
            {"SALESFORCE_CONSUMER_KEY": "k", "SALESFORCE_CONSUMER_SECRET": "s", "SALESFORCE_DOMAIN": "x.my"},
            {"consumer_secret"},
        ),
        (
            {"SALESFORCE_USERNAME": "u", "SALESFORCE_CONSUMER_KEY": "k", "SALESFORCE_PRIVATE_KEY_FILE": "f"},
            {"privatekey_file"},
        ),
        (
            {"SALESFORCE_USERNAME": "u", "SALESFORCE_PASSWORD": "p", "SALESFORCE_SECURITY_TOKEN": "t"},
            {"security_token"},
        ),
    ],
)
def test_every_way_to_sign_in_is_handed_on(
    given: dict[str, str], needed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import simple_salesforce

    seen: dict[str, object] = {}
    monkeypatch.setattr(simple_salesforce.api, "Salesforce", lambda **options: seen.update(options))
    connect_with(given, SETTINGS)()
    assert needed <= seen.keys() and seen.keys() <= {
        "version",
        *(key for key in CREDENTIALS if CREDENTIALS[key] in given),
    }


USER, APP = ("SALESFORCE_USERNAME", "u"), ("SALESFORCE_CONSUMER_KEY", "key")
SECRET, PASSWORD = ("SALESFORCE_CONSUMER_SECRET", "secret"), ("SALESFORCE_PASSWORD", "p&<>w")


@pytest.mark.parametrize(
    ("given", "grant"),
    [
        ([APP, SECRET, ("SALESFORCE_DOMAIN", "acme.my")], "client_credentials"),
        ([USER, PASSWORD, APP, SECRET], "password"),
        ([USER, APP, ("SALESFORCE_PRIVATE_KEY_FILE", "")], "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ([USER, PASSWORD, ("SALESFORCE_SECURITY_TOKEN", "t")], "soap"),
    ],
)  # fmt: skip
def test_every_way_to_sign_in_reads_and_renews_an_expired_session(
    given: list[tuple[str, str]], grant: str, tmp_path: Path
) -> None:
    environ = dict(given)
    if "SALESFORCE_PRIVATE_KEY_FILE" in environ:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = tmp_path / "key.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        environ["SALESFORCE_PRIVATE_KEY_FILE"] = str(path)
    stand_in = SalesforceStandIn([record(k) for k in range(4)], page=2, trouble={2: (401, "expire")})
    with serve(stand_in) as crm:
        frame = read_salesforce(connect_with(environ, SETTINGS, session_to(crm.port)), SETTINGS, today=TODAY).frame
    assert len(frame) == 4 and stand_in.granted == [grant, grant]
    if grant.endswith("jwt-bearer"):
        claims = jwt.decode(stand_in.bodies[0]["assertion"][0], key.public_key(), ["RS256"], audience=AUDIENCE)
        assert claims["iss"] == "key" and claims["sub"] == "u"


def test_a_password_that_is_refused_is_said_in_words_and_not_shown() -> None:
    environ = dict([USER, PASSWORD, ("SALESFORCE_SECURITY_TOKEN", "t")])
    with serve(SalesforceStandIn([record(0)], closed=True)) as crm:
        with pytest.raises(SourceError, match="refused") as error:
            read_salesforce(connect_with(environ, SETTINGS, session_to(crm.port)), SETTINGS, today=TODAY)
    assert "p&" not in str(error.value) and "INVALID_LOGIN" in str(error.value)
