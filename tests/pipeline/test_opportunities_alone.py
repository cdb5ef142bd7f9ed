"""A folder of opportunities alone: what works works, and what does not says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from icp_xl.cli import app
from icp_xl.errors import IcpError

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
