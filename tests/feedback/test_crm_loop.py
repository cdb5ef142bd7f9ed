"""The loop against CRM servers on the loopback interface: accounts, stages and currencies go the way of a file's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from icp_xl.cli import run as icp
from icp_xl.sources import hubspot, salesforce
from tests.support.hubspot import HubSpotStandIn, deal, serve_hubspot
from tests.support.salesforce import StandIn, record, serve

pytest.importorskip("hubspot")


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    (tmp_path / "data").mkdir()
    rows = [f"001{k:012d}AAA,Account {k} Holdings Inc,Dental" for k in range(7)]
    (tmp_path / "data" / "customers.csv").write_text(
        "Account ID,Account Name,Industry\n" + "\n".join(rows), encoding="utf-8"
    )
    clock = ["--set", "run.clock=2026-01-05T08:00:00"]
    return ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), *clock]


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with serve(StandIn([record(k) for k in range(30)], page=12)) as found:
        monkeypatch.setattr(salesforce, "connect_with", lambda *_: found.connect)
        yield found


def test_the_loop_runs_on_salesforce(
    crm: StandIn, places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on = [*places, "--set", "feedback.salesforce.enabled=true"]
    assert icp(["snapshot", *on, "--only-today"]) == 0
    assert "30 open opportunities" in capsys.readouterr().out
    listed = (tmp_path / "out" / "pipeline_scores.csv").read_text(encoding="utf-8-sig")
    assert "Account 3 Holdings Inc" in listed or "Account 3" in listed
    crm.records[4] = record(4, IsClosed=True, IsWon=True, StageName="Closed Won", CloseDate="2026-01-04")
    crm.records[5] = record(5, IsClosed=True, StageName="Whatever", CloseDate="2026-01-04")
    assert icp(["outcomes", *on]) == 0
    assert "1 lost, 1 won" in capsys.readouterr().out
    assert icp(["won-lost", "--quiet", "--out", str(tmp_path / "out")]) == 0


def test_check_says_what_it_would_read(crm: StandIn, places: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    crm.unreadable = ["Didn't understand relationship 'Owner' in field path."]
    icp(["check", *places, "--set", "feedback.salesforce.enabled=true"])
    said = "".join(capsys.readouterr())
    assert "30 opportunities would be read" in said and "StageName as stage" in said and "left out: owner" in said
    assert len(crm.requests) == 3, "nothing but one row and a count was asked for"


def test_several_currencies_are_not_added_up(
    crm: StandIn, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    crm.records = [record(k, CurrencyIsoCode=("USD", "EUR")[k % 2]) for k in range(6)]
    on = [*places, "--set", "feedback.salesforce.enabled=true"]
    assert icp(["snapshot", *on, "--only-today"]) != 0
    assert "currencies" in "".join(capsys.readouterr())
    rates = ["--set", "sources.rates.into=USD", "--set", "sources.rates.table={EUR: 2.0}"]
    assert icp(["snapshot", *on, *rates, "--only-today"]) == 0


def test_the_loop_runs_on_hubspot_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    stages = ["appointmentscheduled", "appointmentscheduled", "closedwon", "closedlost"]
    stand_in = HubSpotStandIn([deal(k, stages[k % 4]) for k in range(40)])
    connect = hubspot.connect_with
    with serve_hubspot(stand_in) as found:
        host = f"http://127.0.0.1:{found.port}"
        monkeypatch.setenv(hubspot.TOKEN, "token-1")
        monkeypatch.setattr(hubspot, "connect_with", lambda environ, settings: connect(environ, settings, host=host))
        on = [
            "--data",
            str(tmp_path / "data"),
            "--out",
            str(tmp_path / "out"),
            "--set",
            "feedback.hubspot.enabled=true",
        ]
        clock = ["--set", "run.clock=2026-06-05T08:00:00"]
        assert icp(["snapshot", *on, *clock, "--only-today"]) == 0
        assert "20 open opportunities" in capsys.readouterr().out
        found.deals[0] = deal(0, "closedwon")
        assert icp(["outcomes", *on, *clock]) == 0
        assert "1 won" in capsys.readouterr().out
