"""A newcomer adds a whitespace signal: one record, and it is in the blend, the files, the log, the report, the help."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.newcomer import Copy

RECORD = """    Signal(
        "momentum", "momentum_6m", "momentum", 0.20, "momentum", "growth of what it buys", "Momentum",
        "How its purchases grew.", natural=_cosine, features=("momentum_6m",), sparse=True,
    ),
)  # fmt: skip
#: Columns of the normalised"""

PROGRAM = """
import json
from datetime import date
import numpy as np
from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.errors import ConfigError
from icp_xl.pipeline.whitespace.inputs import FEATURES
from icp_xl.reports.whitespace_metrics import build_metrics_sheet
from icp_xl.whitespace.blend import check_weights
from icp_xl.whitespace.model import COLUMNS, EXPLANATION_COLUMNS, Past, Memory, Terms
from icp_xl.whitespace.rank import rank_whitespace
from tests.support.whitespace_frames import make_candidates

frame = make_candidates(300, 4, seed=3)
rng = np.random.default_rng(0)
frame["momentum_6m"] = np.where(rng.random(len(frame)) < 0.2, rng.uniform(-1, 1, len(frame)), np.nan)
past = frame.assign(bought=(frame["momentum_6m"] > 0.2).astype(int), last_bought=np.datetime64("NaT"))
terms = Terms(date(2024, 7, 1), date(2024, 7, 2), 6)
found = rank_whitespace(frame, WhitespaceSettings(), terms, Memory(past=Past(date(2024, 1, 1), past)))
sheet = build_metrics_sheet(found, "revenue", found.warnings, {})
table = next(item for block in sheet.blocks for item in (block if isinstance(block, tuple) else (block,))
             if getattr(item, "name", "") == "ws_weights")
try:
    check_weights([1, 1, 1, 1])
    refused = ""
except ConfigError as error:
    refused = str(error)
print(json.dumps({
    "weights": found.metrics["weights"], "challenger": found.metrics["challenger"],
    "warnings": found.warnings, "columns": COLUMNS, "explained": EXPLANATION_COLUMNS, "features": FEATURES,
    "sheet": table.frame["name"].tolist(), "refused": refused, "default": WhitespaceSettings().weights,
    "help": WhitespaceSettings.model_fields["weights"].description,
    "moves": float(np.corrcoef(found.ranked["momentum_part"], found.ranked["momentum_norm"])[0, 1]),
}))
"""


def test_a_signal_is_one_record(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.replace("icp_xl/signals.py", ")  # fmt: skip\n#: Columns of the normalised", RECORD)
    found = json.loads(copy.run("-c", PROGRAM))
    assert len(copy.changed) <= 3
    weight = found["weights"]["momentum"]
    assert weight["asked"] > 0.16 and 0.1 < weight["coverage"] < 0.3 and 0.0 < weight["used"] < weight["asked"]
    assert sum(row["used"] for row in found["weights"].values()) > 0.999
    assert any("growth of what it buys covers" in text for text in found["warnings"])
    assert found["challenger"]["weights"]["momentum"] > 0.3, "the challenger learns what the outcome hangs on"
    assert "momentum_norm" in found["columns"]
    assert {"momentum_part", "momentum_6m"} <= set(found["explained"])
    assert "momentum_6m" in found["features"] and "Momentum" in found["sheet"]
    assert "five numbers" in found["refused"] and len(found["default"]) == 5
    assert "expected value and momentum" in found["help"]
    assert found["moves"] > 0.5
