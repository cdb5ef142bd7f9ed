"""``icp-xl score`` as its users meet it: ugly input, second runs, kills, the same bytes again."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from icp_xl import score
from icp_xl.cli import run
from icp_xl.pipeline.score import SCORED_CSV
from icp_xl.pipeline.tables import REPORT
from icp_xl.runs import load_manifest
from icp_xl.samples import write_samples
from icp_xl.scoring.model import ScoreModel
from tests.support.broken_inputs import CUSTOMERS, DEGRADED, REFUSED, SALES, Spoil, customers, sales, sound, write_book

CLOCK = "run.clock=2026-01-05T10:00:00"


def digests(folder: Path) -> dict[str, str]:
    """Every output but locks, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and not path.name.startswith(".")
    }


def sheet_names(path: Path) -> list[str]:
    """Names of the sheets of a workbook, all of which can be read."""
    book = CalamineWorkbook.from_path(str(path))
    for name in book.sheet_names:
        book.get_sheet_by_name(name).to_python()
    return list(book.sheet_names)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    sound(folder)
    return folder


def go(books: Path, out: Path, *more: str) -> int:
    return run(["score", "--quiet", "--data", str(books), "--out", str(out), *more])


@pytest.mark.parametrize(("name", "spoil", "words"), REFUSED, ids=[item[0] for item in REFUSED])
def test_broken_input_is_one_clear_error_and_nothing_half_written(
    name: str, spoil: Spoil, words: str, books: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert go(books, out) == 0
    before = {key: value for key, value in digests(out).items() if not key.startswith("runs/")}
    capsys.readouterr()
    spoil(books)
    assert go(books, out) in (3, 4)
    error = capsys.readouterr().err
    assert error.startswith("icp-xl: ")
    assert words.casefold() in error.casefold()
    assert "Traceback" not in error
    assert {key: value for key, value in digests(out).items() if not key.startswith("runs/")} == before
    assert load_manifest(out / "runs", "latest")["status"] == "failed"


@pytest.mark.parametrize(("name", "spoil", "words"), DEGRADED, ids=[item[0] for item in DEGRADED])
def test_thin_input_goes_on_and_says_so(
    name: str, spoil: Spoil, words: str, books: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(books)
    out = tmp_path / "out"
    assert go(books, out) == 0, capsys.readouterr().err
    manifest = load_manifest(out / "runs", "latest")
    assert words in " ".join(manifest["warnings"])
    scored = pd.read_csv(out / SCORED_CSV, encoding="utf-8-sig")
    assert scored["icp_score"].between(0, 100).all()
    assert sheet_names(out / REPORT)[0] == "Summary"
    assert not scored["account_name"].astype(str).str.startswith(("=", "+", "@")).any()


def test_two_runs_with_one_clock_write_the_same_bytes(books: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert go(books, tmp_path / name, "--set", CLOCK) == 0
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    skip = [name for name in one if name.endswith("config_resolved.yaml")]  # it names the output folder
    assert {k: v for k, v in one.items() if k not in skip} == {k: v for k, v in two.items() if k not in skip}
    assert go(books, tmp_path / "one", "--set", CLOCK) == 0  # and the same again in the same place
    again = digests(tmp_path / "one")
    skip += ["runs/runs.jsonl"]
    assert {k: v for k, v in again.items() if k not in skip} == {k: v for k, v in one.items() if k not in skip}


def test_a_run_repeated_on_changed_files_compares_with_the_run_before_the_change(books: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert go(books, out, "--set", CLOCK) == 0
    write_book(books / SALES, sales(300, Revenue=lambda i: 0.0 if i % 60 == 7 else 100.0 + i))
    assert go(books, out, "--set", CLOCK) == 0
    changed = (out / REPORT).read_bytes()
    assert "Changes" in sheet_names(out / REPORT)
    assert go(books, out, "--set", CLOCK) == 0
    assert (out / REPORT).read_bytes() == changed


def test_row_order_of_the_files_changes_no_score(books: Path, tmp_path: Path) -> None:
    assert go(books, tmp_path / "one") == 0
    head, *rows = customers(60)
    write_book(books / CUSTOMERS, [head, *rows[::-1]])
    head, *rows = sales(300)
    write_book(books / SALES, [head, *rows[::-1]])
    assert go(books, tmp_path / "two") == 0
    frames = [pd.read_csv(tmp_path / name / SCORED_CSV, encoding="utf-8-sig") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*frames)


def test_a_second_run_says_who_moved_and_why(books: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_book(books / SALES, sales(300, Revenue=lambda i: 0.0 if i % 60 == 7 else 100.0 + i))
    assert go(books, out) == 0
    sound(books)
    outcome = score({"paths.data": books, "paths.out": out})
    assert outcome.changes is not None
    moved = outcome.changes.set_index("account_id").loc["C0007"]
    parts = moved["data_effect"] + moved["weights_effect"] + moved["model_effect"]
    assert parts == pytest.approx(moved["change"], abs=1e-12)
    assert moved["change"] > 5
    assert moved["main_reason"] == "its own figures"
    assert "Changes" in sheet_names(out / REPORT)


def test_the_written_model_gives_the_written_scores(books: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert go(books, out) == 0
    model = ScoreModel.load(out / "score_model.json")
    scored = pd.read_parquet(out / "state" / "scored_accounts.parquet")
    assert (model.score(scored).icp_score - scored["icp_score"]).abs().max() < 1e-9


def test_a_dry_run_writes_only_its_record(books: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["score", "--data", str(books), "--out", str(out), "--dry-run"]) == 0
    assert REPORT in capsys.readouterr().out
    assert {path.split("/")[0] for path in digests(out)} == {"runs"}


def test_history_is_kept_within_its_limit(books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("icp_xl.pipeline.score.HISTORY_KEPT", 3)
    for _ in range(5):
        score({"paths.data": books, "paths.out": out, "reports.live": False})
    assert len(list((out / "state" / "history").iterdir())) == 3


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: a process is killed by a signal here")
def test_killed_at_any_moment_leaves_the_earlier_outputs_whole(tmp_path: Path) -> None:
    books, out = tmp_path / "books", tmp_path / "out"
    write_samples(books, accounts=80, lines=800)
    command = [sys.executable, "-m", "icp_xl", "score", "--quiet", "--data", str(books), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    names = (REPORT, SCORED_CSV, "score_model.json")
    before = {name: (out / name).read_bytes() for name in names}
    for moment in (0.6, 1.4, 2.2, 2.8, 3.4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name in names:
            content = (out / name).read_bytes()
            if content != before[name]:  # it came through: then it must be whole
                assert content[-22:-18] == b"PK\x05\x06" if name == REPORT else content.endswith(b"\n")
                before[name] = content
    subprocess.run(command, check=True, capture_output=True)
    assert sheet_names(out / REPORT)[0] == "Summary"
    assert not (out / ".icp_staging").exists()


def test_check_counts_what_the_stages_will_count(
    books: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spelt = sales(
        300,
        Division=lambda i: "PRINTERS" if i % 5 == 0 else "Printers",
        **{"Gross Profit": lambda i: -1.0 if i else 1.0},
    )
    write_book(books / SALES, spelt)
    header = ["Opportunity ID", "Customer ID", "Customer", "Stage", "Amount", "Created Date", "Close Date"]
    stages = ["Closed Won"] * 45 + ["Closed Lost"] * 41 + ["Proposal"] * 5
    deals = [
        [f"O{i}", f"C{i % 60:04d}", f"Company {i % 60:04d} Works", stage, 100.0, "2024-01-02", "2024-05-06"]
        for i, stage in enumerate(stages)
    ]
    write_book(books / "Opportunities.xlsx", [header, *deals])
    command = ["check", "--data", str(books), "--out", str(tmp_path / "out")]
    assert run(command) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "won opportunities 45," in told and "lost opportunities 41," in told
    assert "buyers in Printers 60," in told and "buyers in PRINTERS" not in told
    assert "gross profit is negative on a sale: 299 rows, the first is row 3." in told
    write_book(books / "Opportunities.xlsx", [header, deals[0], deals[0]])
    assert run(command) != 0
    assert "1 opportunity ids stand in several rows" in " ".join(capsys.readouterr().out.split())


def test_check_is_ready_on_the_samples_and_not_without_sales(
    books: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--data", str(books), "--out", str(tmp_path / "out")]) == 0
    assert "Ready to run." in capsys.readouterr().out
    (books / SALES).unlink()
    assert run(["check", "--data", str(books), "--out", str(tmp_path / "out")]) != 0
