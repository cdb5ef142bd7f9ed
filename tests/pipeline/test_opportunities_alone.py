"""A folder of opportunities alone: what works works, and what does not says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from icp_xl.cli import app, run
from icp_xl.errors import IcpError
from tests.delivery.test_html_page import held
from tests.support.pipelines import simulate_opportunities

ROWS = """Opportunity ID,Opportunity Name,Account Name,Stage,Amount,Close Date,Created Date
0061,New press,Acme,Negotiation,1000,2026-12-01,2026-05-01
0062,Scanner,Beta,Closed Lost,500,2026-06-01,2026-02-01
0063,Service,Gamma,Proposal,700,2027-01-15,2026-08-01
"""


def call(tmp_path: Path, command: str, text: str = ROWS) -> str:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "deals export.csv").write_text(text)
    data = [] if command in ("won-lost", "refine") else ["--data", str(tmp_path / "data")]
    done = CliRunner().invoke(app, [command, *data, "--out", str(tmp_path / "out")], env={"COLUMNS": "400"})
    assert done.exception is None or isinstance(done.exception, IcpError | SystemExit), done.exception
    return " ".join(f"{done.output} {done.exception or ''}".split())


def test_a_snapshot_needs_no_won_deal(tmp_path: Path) -> None:
    assert "2 open opportunities scored" in call(tmp_path, "snapshot")


def test_opportunities_without_ids_are_named(tmp_path: Path) -> None:
    bare = "\n".join(line.partition(",")[2] for line in ROWS.splitlines())
    assert "3 of 3 opportunities have no id" in call(tmp_path, "snapshot", bare)
    call(tmp_path, "snapshot", ROWS.replace("0063,", ","))
    scored = (tmp_path / "out" / "pipeline_scores.csv").read_text("utf-8-sig")
    assert "Acme" in scored and "Gamma" not in scored
    records = [path.read_text("utf-8") for path in (tmp_path / "out" / "runs").rglob("*.json")]
    assert any("1 of 3 opportunities have no id" in text for text in records)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("refine", "not enough outcomes yet: 0 won"),
        ("won-lost", "Not enough outcomes yet"),
        ("train", "no sales line is left"),
        ("validate", "no sales line is left"),
        ("whitespace", "Run `icp-xl train`"),
        ("score", "would get the same score"),
    ],
)
def test_what_needs_sales_or_outcomes_says_so(tmp_path: Path, command: str, words: str) -> None:
    call(tmp_path, "snapshot")
    assert words in call(tmp_path, command)


def test_the_whole_loop_runs_on_opportunities_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One export, then the same one later: enough outcomes for the report and for a verdict on the weights."""
    (tmp_path / "data").mkdir()
    later = simulate_opportunities(np.random.default_rng(5), 900)
    is_open = later["close_date"].isna() | (pd.to_datetime(later["close_date"]) > pd.Timestamp("2024-06-30"))
    earlier = later[pd.to_datetime(later["created_date"]) <= pd.Timestamp("2024-06-30")].copy()
    earlier.loc[is_open, ["outcome", "stage", "close_date"]] = ["open", "Proposal", None]
    out = ["--out", str(tmp_path / "out")]
    for day, frame in (("2024-07-01", earlier), ("2025-06-01", later)):
        frame.to_csv(tmp_path / "data" / "opportunities.csv", index=False)
        on = ["--data", str(tmp_path / "data"), *out, "--set", f"run.clock={day}T08:00:00"]
        if frame is earlier:
            assert run(["snapshot", *on]) == 0, capsys.readouterr().err
        else:
            assert run(["outcomes", *on]) == 0, capsys.readouterr().err
            assert " won" in capsys.readouterr().out
    assert run(["won-lost", "--html", *out]) == 0
    held((tmp_path / "out" / "icp_won_lost.html").read_text(encoding="utf-8"))
    assert run(["refine", *out]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert run(["measure", *on]) != 0
    assert "no list has been given out yet" in capsys.readouterr().err
