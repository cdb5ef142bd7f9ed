"""The loop against CRM servers on the loopback interface: accounts, stages and currencies go the way of a file's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from icp_xl.cli import run as icp
from icp_xl.sources import dynamics, hubspot, salesforce
from tests.delivery.test_html_page import held
from tests.support.dynamics import ENVIRONMENT, DynamicsStandIn, opportunity
from tests.support.hubspot import HubSpotStandIn, deal
from tests.support.loopback import serve, session_to
from tests.support.salesforce import SalesforceStandIn, record

pytest.importorskip("hubspot")


CLOCK = ["--set", "run.clock=2026-01-05T08:00:00"]
#: What became of opportunities 4 and 5, in the words of each CRM.
Change = Callable[[], None]


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    (tmp_path / "data").mkdir()
    rows = [f"001{k:012d}AAA,Account {k} Holdings Inc,Dental" for k in range(7)]
    (tmp_path / "data" / "customers.csv").write_text(
        "Account ID,Account Name,Industry\n" + "\n".join(rows), encoding="utf-8"
    )
    return ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), *CLOCK]


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[SalesforceStandIn]:
    with serve(SalesforceStandIn([record(k) for k in range(30)], page=12)) as found:
        monkeypatch.setattr(salesforce, "connect_with", lambda *_: found.connect)
        yield found


@contextmanager
def any_crm(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Change]]:
    """A CRM's server with 30 open opportunities, and what makes one of them won and another lost."""
    if name == "salesforce":
        with serve(SalesforceStandIn([record(k) for k in range(30)], page=12)) as found:
            monkeypatch.setattr(salesforce, "connect_with", lambda *_: found.connect)

            def change() -> None:
                found.records[4] = record(4, IsClosed=True, IsWon=True, StageName="Fini", CloseDate="2026-02-04")
                found.records[5] = record(5, IsClosed=True, StageName="Whatever", CloseDate="2026-02-04")

            yield found, change
    elif name == "hubspot":
        connect = hubspot.connect_with
        with serve(HubSpotStandIn([deal(k, createdate="2025-03-01T10:00:00Z") for k in range(30)])) as deals:
            host = f"http://127.0.0.1:{deals.port}"
            monkeypatch.setenv(hubspot.TOKEN, "token-1")
            monkeypatch.setattr(hubspot, "connect_with", lambda *given: connect(*given, host=host))

            def change() -> None:
                closed = {"createdate": "2025-03-01T10:00:00Z", "closedate": "2026-02-04T10:00:00Z"}
                deals.deals[4], deals.deals[5] = deal(4, "closedwon", **closed), deal(5, "closedlost", **closed)

            yield deals, change
    else:
        enter = dynamics.connect_with
        with serve(DynamicsStandIn([opportunity(k) for k in range(30)], page=12)) as rows:
            for key, value in ENVIRONMENT.items():
                monkeypatch.setenv(key, value)
            monkeypatch.setattr(dynamics, "connect_with", lambda *given: enter(*given, session_to(rows.port)))

            def change() -> None:
                rows.records[4] = opportunity(4, 1, stepname="Whatever", actualclosedate="2026-02-04")
                rows.records[5] = opportunity(5, 2, stepname="Won by us", actualclosedate="2026-02-04")

            yield rows, change


CRMS = ("salesforce", "hubspot", "dynamics")


@pytest.mark.parametrize("name", CRMS)
def test_the_whole_loop_runs_on_a_crm_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing lies in the folder: snapshot, outcomes, report, refine and measure live on the CRM."""
    (tmp_path / "data").mkdir()
    out = ["--out", str(tmp_path / "out"), "--set", "run.clock=2026-02-05T08:00:00"]
    on = ["--data", str(tmp_path / "data"), *out, "--set", f"feedback.{name}.enabled=true"]
    with any_crm(name, monkeypatch) as (_, change):
        assert icp(["snapshot", *on, *CLOCK, "--only-today"]) == 0
        assert "30 open opportunities" in capsys.readouterr().out
        change()
        assert icp(["outcomes", *on]) == 0
        assert "1 lost, 1 won" in capsys.readouterr().out
    assert icp(["won-lost", "--html", *out]) == 0
    capsys.readouterr()
    held((tmp_path / "out" / "icp_won_lost.html").read_text(encoding="utf-8"))
    assert icp(["refine", *out]) != 0
    assert "not enough outcomes yet: 1 won" in capsys.readouterr().err
    assert icp(["measure", *on]) != 0
    assert "no list has been given out yet" in capsys.readouterr().err


@pytest.mark.parametrize("name", CRMS)
def test_check_says_what_any_crm_would_give_and_what_is_wrong(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    on = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--set", f"feedback.{name}.enabled=true"]
    stage = {"salesforce": "StageName", "hubspot": "dealstage", "dynamics": "stepname"}[name]
    with any_crm(name, monkeypatch):
        icp(["check", *on])
    said = "".join(capsys.readouterr())
    assert "opportunities would be read" in said and f"{stage} as stage" in said
    # Without a server it is a line of the check, not a crash.
    icp(["check", *on, "--set", f"feedback.{name}.attempts=1"])
    said = "".join(capsys.readouterr())
    assert "does not answer" in said and "Traceback" not in said


def test_check_says_what_it_would_read(
    crm: SalesforceStandIn, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    crm.unreadable = ["Didn't understand relationship 'Owner' in field path."]
    icp(["check", *places, "--set", "feedback.salesforce.enabled=true"])
    said = "".join(capsys.readouterr())
    assert "30 opportunities would be read" in said and "StageName as stage" in said and "left out: owner" in said
    assert len(crm.requests) == 3, "nothing but one row and a count was asked for"


def test_several_currencies_are_not_added_up(
    crm: SalesforceStandIn, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    crm.records = [record(k, CurrencyIsoCode=("USD", "EUR")[k % 2]) for k in range(6)]
    on = [*places, "--set", "feedback.salesforce.enabled=true"]
    assert icp(["snapshot", *on, "--only-today"]) != 0
    assert "currencies" in "".join(capsys.readouterr())
    rates = ["--set", "sources.rates.into=USD", "--set", "sources.rates.table={EUR: 2.0}"]
    assert icp(["snapshot", *on, *rates, "--only-today"]) == 0
