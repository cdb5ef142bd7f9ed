"""``icp-xl run``: one stage with too little to go on does not stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from icp_xl.cli import run
from icp_xl.pipeline.tables import REPORT
from icp_xl.runs import load_manifest
from tests.support.broken_inputs import SALES, sales, sound, write_book


def test_a_stage_without_data_is_a_status_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    books, out = tmp_path / "books", tmp_path / "out"
    books.mkdir()
    sound(books)
    write_book(books / SALES, sales(300, Category="Service", Division="Service"))  # nobody is engaged
    options = ["--data", str(books), "--out", str(out), "--set", "share.with_run=true"]
    assert run(["run", "--quiet", *options]) == 0, capsys.readouterr().err
    manifest = load_manifest(out / "runs", "latest")
    assert "engaged accounts" in manifest["divisions"]["weights"]
    assert (out / REPORT).is_file() and (out / "shared" / REPORT).is_file()
    assert manifest["status"] == "succeeded"


def test_without_accounts_nothing_is_done(tmp_path: Path) -> None:
    books, out = tmp_path / "books", tmp_path / "out"
    books.mkdir()
    assert run(["run", "--quiet", "--data", str(books), "--out", str(out)]) != 0
    assert not (out / REPORT).exists()
