"""A newcomer adds a fifth component: one record, and model, report, optimiser, live workbook and functions have it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.newcomer import Copy

RECORD = """        note="Software, SaaS and maintenance bought, on a log scale (0 to 1).",
    ),
    Component("loyalty", "tenure", about="How long the account has been a customer."),
)  # fmt: skip
"""
PROGRAM = """
import json, sys
from pathlib import Path
from unittest import mock
import numpy as np
import pandas as pd
from icp_xl.components.presets import EQUIPMENT
from icp_xl.config import load_settings
from icp_xl.config.reports import ReportSettings
from icp_xl.config.scoring import ScoringSettings
from icp_xl.excel import functions
from icp_xl.excel.xlwings_udfs import described
from icp_xl.excel.published_results import published
from icp_xl.excel.templates import settings_rows
from icp_xl.reports.accounts import account_columns
from icp_xl.reports.live.book import build_live_book
from icp_xl.reports.live.inputs import LiveInputs
from icp_xl.reports.optimize.book import optimisation_book
from icp_xl.reports.words import build_reasons
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.model import ScoreModel
from icp_xl.weight_search.search import optimize_weights
from icp_xl.reports.lite.script import LiteInputs, lite_script
from tests.support import lite_xlwings
from tests.support.score_report import make_sold

sold = make_sold(200).assign(gross_profit=0.0)
sold["loyalty_months"] = np.random.default_rng(0).integers(0, 90, len(sold)).astype(float)
settings = ScoringSettings()
result = score_accounts(sold, {}, settings.default_weights(settings.declared("equipment")), settings)
model = ScoreModel.from_json(result.model.to_json())
book = build_live_book(LiveInputs(result.scored, model, {}), ReportSettings(live_lambda=True))
tables = {}
for sheet in book.sheets:
    for block in sheet.blocks:
        for item in block if isinstance(block, tuple) else (block,):
            if hasattr(item, "frame"):
                tables[item.name] = item
raw = next(column for column in tables["live"].columns if column.key == "key")
search = load_settings(environ={}, overrides={
    "optimize.n_trials": 60, "optimize.tpe_trials": 8, "optimize.bootstrap": 50, "optimize.lambdas": [0.5],
    "optimize.minimum_engaged": 20,
})
found = optimize_weights(result.scored, search, Path(sys.argv[1]))
sheets = optimisation_book(found, search, {}).sheets
published.model = lambda: model
row = result.scored.iloc[:3]
cells = {fact.name: [[value if value == value else None] for value in row[fact.name]] for fact in model.facts}
names = [fact.label for fact in reversed(model.facts)]
values = [[cells[fact.name][i][0] for fact in reversed(model.facts)] for i in range(3)]
told = build_reasons(result.scored, model)
space = {"__name__": "main"}
with mock.patch.dict(sys.modules, xlwings=lite_xlwings):
    exec(compile(lite_script(LiteInputs(model, result.scored)), "main.py", "exec", dont_inherit=True), space)
print(json.dumps({
    "columns": [column.header for column in account_columns(result.scored, model)],
    "weights": model.weights, "raw": raw.formula, "names": list(book.names),
    "presets": tables["live_presets"].frame["name"].tolist(),
    "reasons": int(told.str.contains("month", case=False).sum()),
    "found": dict(zip(found.problem.names, found.weights)), "trials": list(found.trials.columns),
    "score": [cell[0] for cell in functions.score(cells, None)],
    "rows": functions.score_row([names], values, None, None),
    "batch": row["icp_score"].tolist(), "labels": [fact.label for fact in model.facts],
    "arguments": {item["name"]: [arg["name"] for arg in item["arguments"]] for item in described()},
    "lite": lite_xlwings.call(space["ICP_SCORE"], *cells.values()),
    "settings": [key for key, _, _ in settings_rows()],
}))
"""

COMMANDS = """
import json
from pathlib import Path
from icp_xl import docs_tables
from icp_xl.cli import run
from icp_xl.excel.stubs import help_module, stubs_module
from icp_xl.sources import open_book
from tests.support.broken_inputs import CUSTOMERS, SALES, customers, sales, write_book

Path("books").mkdir()
write_book(Path("books", CUSTOMERS), customers(60, Industry=lambda i: ("Retail", "Energy", "Tooling")[i % 3]))
write_book(Path("books", SALES), sales(300, **{
    "Category": lambda i: "Software" if i % 7 == 0 else "Consumable", "Revenue": lambda i: 400.0 * (i % 3) + i,
    "Gross Profit": lambda i: 10.0 + i % 13}))
asked = [part for item in ("n_trials=60", "tpe_trials=8", "bootstrap=50", "minimum_engaged=10")
         for part in ("--set", f"optimize.{item}")]
codes = [run(["score", "--data", "books", "--out", "out", "--quiet"]),
         run(["optimize", "--out", "out", "--quiet", *asked])]
docs_tables.main([])
texts = {}
for path in sorted(Path("out").rglob("*.xlsx")):
    book = open_book(path)
    texts[path.name] = [str(cell) for name in book.sheet_names() for row in book.rows(name) for cell in row if cell]
print("RESULT" + json.dumps({
    "codes": codes,
    "texts": {name: sum("loyalty" in cell.casefold() for cell in cells) for name, cells in texts.items()},
    "stubs": stubs_module(), "helps": help_module(), "outdated": docs_tables.outdated(),
    "functions": Path("docs/reference/functions.md").read_text(encoding="utf-8"),
    "weights": json.loads(Path("out/score_model.json").read_text())["weights"],
}))
"""


def changed(folder: Path) -> Copy:
    """A copy of the package with a fifth component."""
    copy = Copy(folder)
    copy.replace(
        "icp_xl/components/presets.py",
        '        note="Software, SaaS and maintenance bought, on a log scale (0 to 1).",\n    ),\n)  # fmt: skip\n',
        RECORD,
    )
    assert len(copy.changed) <= 3
    return copy


def test_a_component_is_one_record(tmp_path: Path) -> None:
    copy = changed(tmp_path)
    found = json.loads(copy.run("-c", PROGRAM, str(tmp_path / "study")))
    assert found["weights"] == dict.fromkeys(("vertical", "size", "adoption", "relationship", "loyalty"), 0.2)
    assert {"Loyalty score", "Loyalty contribution"} <= set(found["columns"])
    assert "{loyalty_score}*icp_w_loyalty" in found["raw"] and "icp_w_loyalty" in found["names"]
    assert "icp_fn_part_loyalty" in found["names"] and "Equal Loyalty" in found["presets"]
    assert found["reasons"] > 0
    assert found["found"]["loyalty"] >= 0.12 and abs(sum(found["found"].values()) - 1.0) < 1e-12
    assert "loyalty" in found["trials"]
    assert max(abs(a - b) for a, b in zip(found["score"], found["batch"], strict=True)) < 1e-9
    assert max(abs(a[0] - b) for a, b in zip(found["rows"], found["batch"], strict=True)) < 1e-9
    assert max(abs(a[0] - b) for a, b in zip(found["lite"], found["batch"], strict=True)) < 1e-9
    assert "loyalty_months" in found["arguments"]["ICP_SCORE"]
    assert "scoring.weights.loyalty" in found["settings"]


def test_commands_add_in_and_pages_have_the_component_too(tmp_path: Path) -> None:
    found = json.loads(changed(tmp_path).run("-c", COMMANDS).rpartition("RESULT")[2])
    assert found["codes"] == [0, 0] and not found["outdated"]
    assert found["weights"]["loyalty"] == 0.2
    assert set(found["texts"]) >= {"icp_report.xlsx", "icp_live.xlsx", "icp_optimisation.xlsx"}
    assert all(found["texts"].values()), found["texts"]
    assert "loyalty_months" in found["stubs"] and "`loyalty_months`" in found["functions"]
    assert "relationship and loyalty" in found["helps"]
