"""Cost of worksheet functions on the Python side, against a plain xlwings function that returns its argument.

Run: ``python tests/benchmarks/bench_functions.py``. Times are CPU milliseconds, the best of several rounds.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
ROWS = 10_000


def support(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"support_{name}", ROOT / "tests" / "support" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"support_{name}"] = module
    spec.loader.exec_module(module)
    return module


def best(call: Callable[[], object], rounds: int, each: int) -> float:
    found = []
    for _ in range(rounds):
        before = time.process_time()
        for _ in range(each):
            call()
        found.append((time.process_time() - before) / each)
    return min(found) * 1e3


def main() -> None:
    from icp_xl.config.scoring import ScoringSettings
    from icp_xl.scoring.accounts import score_accounts

    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"account_id": [str(i) for i in range(ROWS)], "account_name": "x", "rep": "r", "region": "w"})
    frame["industry"] = rng.choice(["Dental", "Education", "Aerospace & Defense", "Medical"], ROWS)
    for name in ("annual_revenue", "printers", "hardware_revenue", "consumable_revenue", "software_revenue",
                 "service_revenue", "total_revenue", "gross_profit"):  # fmt: skip
        frame[name] = rng.lognormal(8, 2, ROWS)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ICP_XL__PATHS__OUT"] = os.environ["ICP_XL_HOME"] = folder
        even = dict.fromkeys(("vertical", "size", "adoption", "relationship"), 0.25)
        score_accounts(frame, {}, even, ScoringSettings()).model.save(Path(folder) / "score_model.json")
        server_support = support("udf_server")
        with server_support.function_server() as server:
            plain = ModuleType("plain")
            machinery = server.machinery

            def same(value: Any) -> Any:
                """Return the argument."""
                return value

            plain.same = machinery.xlfunc(machinery.xlarg("value", ndim=2)(same))  # type: ignore[attr-defined]
            machinery.udf_modules["plain"] = {"module": plain, "filetime": None, "filename": ""}
            server.modules["plain"] = plain
            facts = ("industry", "annual_revenue", "printers", "consumable_revenue", "software_revenue")
            columns = [tuple((cell,) for cell in frame[name].tolist()) for name in facts]
            row = [column[0][0] for column in columns]
            block = tuple(tuple(cells) for cells in frame[list(facts)].itertuples(index=False))
            missing = server_support.MISSING
            many = best(lambda: server.call("ICP_SCORE", *columns, missing), 7, 1)
            alone = best(lambda: server.call("ICP_SCORE", *row, missing), 7, 300)
            plain_column = best(lambda: server.call("same", columns[1], module="plain"), 7, 1)
            plain_block = best(lambda: server.call("same", block, module="plain"), 7, 1)
            plain_one = best(lambda: server.call("same", 1.0, module="plain"), 7, 300)
    print(
        f"10,000 rows in one call: {many:.1f} ms; returning one such column {plain_column:.1f} ms "
        f"(ratio {many / plain_column:.2f}), returning all five {plain_block:.1f} ms (ratio {many / plain_block:.2f})"
    )
    print(f"one cell: {alone:.3f} ms; returning one cell {plain_one:.3f} ms (ratio {alone / plain_one:.1f})")


if __name__ == "__main__":
    main()
