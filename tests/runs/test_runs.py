"""Run records, and outputs that survive failure, cancellation and a kill."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from icp_xl import artifacts
from icp_xl.config import Settings, load_settings
from icp_xl.errors import Cancelled, DataError, DeliveryError
from icp_xl.outputs import STAGING, Publication, csv_bytes, open_output, recover
from icp_xl.runs import diff_manifests, list_runs, load_manifest, start_run


def settings(out: Path, **more: object) -> Settings:
    return load_settings(environ={}, overrides={"paths.out": out, **more})


def test_a_run_leaves_its_record(tmp_path: Path) -> None:
    source = tmp_path / "book.csv"
    source.write_text("x")
    with start_run("score", settings(tmp_path / "out")) as run:
        digest = run.read(source)
        run.count("sales", 10, 7, {"blank": 2, "total": 1})
        run.warn("thin data")
        run.warn("thin data")
        run.metric("auc", 0.7)
        run.status("Printers", "not enough outcomes: 12, needs 40")
        run.outputs.json("a.json", {"x": 1})
    body = load_manifest(tmp_path / "out" / "runs", "latest")
    assert body["status"] == "succeeded"
    assert body["inputs"] == {"book.csv": digest}
    assert body["rows"]["sales"]["dropped"] == {"blank": 2, "total": 1}
    assert body["warnings"] == ["thin data"]
    assert list(body["outputs"]) == ["a.json"]
    folder = tmp_path / "out" / "runs" / body["run_id"]
    assert (folder / "config_resolved.yaml").is_file()
    assert all(json.loads(line) for line in (folder / "logs.jsonl").read_text().splitlines())
    assert [line["status"] for line in list_runs(tmp_path / "out" / "runs")] == ["succeeded"]


@pytest.mark.parametrize(("error", "status"), [(DataError("bad"), "failed"), (Cancelled(), "cancelled")])
def test_a_run_that_ends_early_changes_nothing(tmp_path: Path, error: Exception, status: str) -> None:
    out = tmp_path / "out"
    with start_run("score", settings(out)) as run:
        run.outputs.text("report.txt", "old")
    with pytest.raises(type(error)), start_run("score", settings(out)) as run:
        run.outputs.text("report.txt", "new")
        raise error
    assert (out / "report.txt").read_text() == "old"
    assert not (out / STAGING).exists()
    assert list_runs(out / "runs")[-1]["status"] == status


def test_an_unexpected_error_is_recorded_without_its_text(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Acme"), start_run("score", settings(tmp_path)):
        raise ValueError("could not convert 'Acme Corp secret'")
    assert load_manifest(tmp_path / "runs", "latest")["error"] == "ValueError"


def test_a_dry_run_writes_only_its_record(tmp_path: Path) -> None:
    with start_run("score", settings(tmp_path), dry_run=True) as run:
        run.outputs.text("report.txt", "x")
        run.plan("report.txt", "report.txt")
    assert not (tmp_path / "report.txt").exists()
    body = load_manifest(tmp_path / "runs", "latest")
    assert (body["status"], body["planned"], body["outputs"]) == ("planned", ["report.txt"], {})


def test_rows_that_do_not_add_up_are_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="do not add up"), start_run("x", settings(tmp_path)) as run:
        run.count("sales", 10, 7, {"blank": 1})


def test_a_fixed_clock_gives_the_same_record(tmp_path: Path) -> None:
    bodies = []
    for name in "ab":
        with start_run("x", settings(tmp_path / name, **{"run.clock": "2026-01-02T03:04:05"})) as run:
            run.outputs.text("t.txt", "x")
        bodies.append((tmp_path / name / "runs" / run.run_id / "manifest.json").read_bytes())
    assert bodies[0] == bodies[1]


def test_two_runs_in_one_second_have_two_ids(tmp_path: Path) -> None:
    ids = []
    for _ in range(3):
        with start_run("x", settings(tmp_path)) as run:
            ids.append(run.run_id)
    assert len(set(ids)) == 3


def test_show_and_diff_name_what_differs(tmp_path: Path) -> None:
    for value in (1, 2):
        with start_run("x", settings(tmp_path)) as run:
            run.metric("auc", value)
    first, second = (line["run_id"] for line in list_runs(tmp_path / "runs"))
    rows = diff_manifests(load_manifest(tmp_path / "runs", first), load_manifest(tmp_path / "runs", second))
    assert rows == [("metrics.auc", "1", "2")]
    with pytest.raises(DataError, match="no such run"):
        load_manifest(tmp_path / "runs", "nothing")
    with pytest.raises(DataError, match="nothing has been run"):
        load_manifest(tmp_path / "none", "latest")


def test_a_torn_registry_line_is_passed_over(tmp_path: Path) -> None:
    with start_run("x", settings(tmp_path)):
        pass
    with open(tmp_path / "runs" / "runs.jsonl", "a") as handle:
        handle.write('{"run_id": "torn')
    assert len(list_runs(tmp_path / "runs")) == 1


def test_a_publication_cut_off_is_completed_by_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "b.txt").write_text("old")
    publication = Publication(tmp_path)
    publication.text("a.txt", "new")
    publication.text("b.txt", "new")
    publication.write_journal()
    os.replace(publication.staging / "a.txt", tmp_path / "a.txt")  # killed here
    assert recover(tmp_path) == 1
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "b.txt").read_text() == "new"
    assert not (tmp_path / STAGING).exists()


def _write_forever(out: Path) -> None:
    for i in range(10_000):
        with open_output(out) as outputs:
            for name in "abcd":
                outputs.text(f"{name}.txt", f"{i:06d}" * 2000)
            outputs.publish()


@pytest.mark.skipif(os.name == "nt", reason="a process is killed by a POSIX signal here")
def test_killed_at_any_moment_leaves_one_whole_set(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for attempt in range(6):
        out = tmp_path / str(attempt)
        writer = context.Process(target=_write_forever, args=(out,))
        writer.start()
        deadline = time.monotonic() + 1200
        while not (out / "d.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.013 * attempt)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        for name in "abcd":  # every file is whole even before anyone recovers
            assert len((out / f"{name}.txt").read_text()) == 12_000
        with open_output(out):
            pass
        assert len({(out / f"{name}.txt").read_text() for name in "abcd"}) == 1


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    with open_output(tmp_path):
        with pytest.raises(DeliveryError, match="another run"), open_output(tmp_path, wait_seconds=0.05):
            pass


def test_text_from_data_is_never_a_formula_in_csv() -> None:
    frame = pd.DataFrame({"=name": ["=1+1", "+1", "-x", "@a", "\tx", "plain", None], "n": [-1.5, 2, 3, 4, 5, 6, 7]})
    lines = csv_bytes(frame).decode("utf-8-sig").splitlines()
    assert lines[0] == "'=name,n"
    assert [line[:2] for line in lines[1:6]] == ["'=", "'+", "'-", "'@", "'\t"]
    assert lines[1].endswith(",-1.5")
    assert lines[7] == ",7.0"


def test_dates_are_iso_in_csv() -> None:
    frame = pd.DataFrame({"d": pd.to_datetime(["2026-01-02", None])})
    assert csv_bytes(frame).decode("utf-8-sig") == 'd\n2026-01-02\n""\n'


def test_a_result_that_someone_has_open_is_replaced_and_said(tmp_path: Path) -> None:
    """Windows refuses to replace it; elsewhere the reader would go on with the old one and not know."""
    out = tmp_path / "out"
    for owner in (None, "~$icp_report.xlsx", ".~lock.icp_report.xlsx#"):
        if owner is not None:
            (out / owner).write_text("A. Reader")
        with start_run("score", settings(out)) as run:
            run.outputs.text("icp_report.xlsx", str(owner))
        warnings = load_manifest(out / "runs", "latest")["warnings"]
        assert [text.split(" seems")[0] for text in warnings] == ([] if owner is None else ["icp_report.xlsx"])
        assert (out / "icp_report.xlsx").read_text() == str(owner)
        if owner is not None:
            (out / owner).unlink()


def test_a_failure_on_a_file_that_was_changed_since_names_the_file(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "out")
    name = artifacts.SCORED_ACCOUNTS.name
    for digits in ("1", "2"):  # What the last run wrote counts.
        with start_run("score", chosen) as run:
            run.outputs.parquet(name, pd.DataFrame({"account_id": [digits], "printers": [1.0]}))
    with pytest.raises(KeyError), start_run("live", chosen):
        raise KeyError("a fault of ours")
    pd.DataFrame({"account_id": ["1"]}).to_parquet(tmp_path / "out" / name)
    with pytest.raises(DataError, match=r"changed since.*state/scored_accounts\.parquet; got: KeyError"):
        with start_run("live", chosen) as run:
            artifacts.SCORED_ACCOUNTS.load(run.outputs)["printers"]
    assert load_manifest(tmp_path / "out/runs", "latest")["error"].startswith("files of an earlier run were changed")
    with pytest.raises(Cancelled), start_run("live", chosen):
        raise Cancelled
