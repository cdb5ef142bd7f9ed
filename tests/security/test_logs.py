"""Logs may be sent to whoever helps: they hold nothing of the user's data."""

from __future__ import annotations

from pathlib import Path

from icp_xl.config import Settings
from icp_xl.runs import start_run


def test_a_log_holds_no_names_figures_or_paths(tmp_path: Path) -> None:
    source = tmp_path / "Secret Plan.xlsx"
    source.write_bytes(b"x")
    with start_run("score", Settings.model_validate({"paths": {"out": str(tmp_path / "out")}})) as run:
        run.read(source)
        run.count("sales", 7_654_321, 7_654_321)
        run.metric("revenue of Acme", 98_765_432.1)
        run.warn("Two reps differ only in capitals: ANN LEE and Ann Lee, in Secret Plan.xlsx.")
        run.status("Printers", "AUC 0.87654")
    logs = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("logs.jsonl")]
    assert len(logs) == 1
    for secret in ("Secret", "7654321", "Acme", "98765432", "ANN", "Ann", "Printers", "0.87", str(tmp_path)):
        assert secret not in logs[0]
