"""Logs may be sent to whoever helps: they hold nothing of the user's data."""

from __future__ import annotations

import ast
from pathlib import Path

import icp_xl
from icp_xl.config import Settings
from icp_xl.runs import start_run

PACKAGE = Path(icp_xl.__file__).parent


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


#: What the log holds besides the moment: words of this program's own, and how many there are of them.
FIELDS = {"command", "dry_run", "table", "number", "status", "name"}


def test_no_command_logs_anything_but_words_of_the_program() -> None:
    """Every line of every command's log is made by one of these calls; there is no other log, at any level."""
    calls = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                first = node.args[0] if node.args else None
                if node.func.attr == "log" and owner in ("run", "self", "context", "self.run"):
                    calls.append((path.name, ast.unparse(first) if first else "", node.keywords))
                # Other people's libraries are quietened, and nothing is written by way of them.
                assert node.func.attr not in ("getLogger", "basicConfig", "add_sink"), path
    assert len(calls) >= 8 and {name for name, _, _ in calls} == {"runs.py", "run_all.py"}
    for name, event, fields in calls:
        assert event.startswith("'") and {field.arg for field in fields} <= FIELDS, (name, event)
        for field in fields:
            assert ast.unparse(field.value) in (
                "command", "dry_run", "table", "status", "stage.name", "len(self.warnings)", "len(self.metrics)",
                "len(self.statuses)",
            ), (name, event)  # fmt: skip


def test_tables_that_are_counted_have_names_of_the_program() -> None:
    """The one name in a log that is handed over is that of a table: a constant, or that of a source in the settings."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("run.count"):
                assert isinstance(node.args[0], ast.Constant) or ast.unparse(node.args[0]) == "rows.table", path
