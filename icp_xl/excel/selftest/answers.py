"""Step: every worksheet function, held against the library."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from icp_xl.artifacts import SCORE_MODEL, SCORED_ACCOUNTS
from icp_xl.excel.lookups import WHATIF_HEADER
from icp_xl.excel.name_match import best_matches
from icp_xl.excel.published_results import DEFAULT_OUT
from icp_xl.excel.selftest.bench import DIVISION, FACTS, FACTS_FILE, OFFER, OTHER_WEIGHTS, Bench
from icp_xl.excel.selftest.step import expect, step
from icp_xl.excel.xlwings_udfs import described
from icp_xl.runs import list_runs
from icp_xl.scoring.model import ScoreModel
from icp_xl.tables.industries import standardize_industry
from icp_xl.tables.names import normalize_name

NAME = "Acme Präzision GmbH"


@dataclass(frozen=True)
class Case:
    """A call of a worksheet function, without its equals sign, and the rows that it must show."""

    call: str
    rows: list[list[Any]]

    @property
    def name(self) -> str:
        """The function."""
        return self.call.partition("(")[0]


def cases(bench: Bench) -> Iterator[Case]:
    """One call or more of every function, over the workbook of facts, with the values of the last run's own files."""
    out = bench.first / DEFAULT_OUT
    scored = SCORED_ACCOUNTS.load(out)
    whole = scored[[*FACTS, "raw_score"]].notna().all(axis=1)
    # The second one: what shows the first row whatever it is asked for is found.
    place = int(np.flatnonzero(whole)[1])
    account, row = scored.iloc[place], place + 2
    facts = ",".join(f"Facts!{column}{row}" for column in "ABCDE")
    model = ScoreModel.load(SCORE_MODEL.find(out))
    parts = " + ".join(f"{name} {account[f'{name}_contribution']:.3f}" for name in model.names)
    words = f"{account.icp_grade}, score {account.icp_score:.1f}: {parts} = {account.raw_score:.3f}"
    yield Case(f"ICP_SCORE({facts})", [[account.icp_score]])
    yield Case(f"ICP_RAW({facts})", [[account.raw_score]])
    yield Case(f"ICP_GRADE({facts})", [[account.icp_grade]])
    for name in model.names:
        yield Case(f'ICP_COMPONENT("{name}",{facts})', [[account[f"{name}_score"]]])
        yield Case(f'ICP_WEIGHTS("{name}")', [[model.weights[name]]])
    yield Case(f"ICP_EXPLAIN({facts})", [[words]])
    yield Case(f"ICP_SCORE_ROW(Facts!A1:E1,Facts!A{row}:E{row})", [[account.icp_score]])
    yield Case(f"ICP_SEGMENT(Facts!B{row})", [[account.segment]])
    for field in ("rank", "icp_grade", "account_name"):
        yield Case(f'ICP_LOOKUP("{account.account_id}","{field}")', [[account[field]]])
    yield Case(f'ICP_PROPENSITY("{account.account_id}","{DIVISION}")', [[0.5]])
    yield Case(f'ICP_NEXT("{account.account_id}")', [[DIVISION, OFFER]])
    yield Case('ICP_MODEL("run")', [[list_runs(out / "runs")[-1]["run_id"]]])
    yield Case(f'ICP_NORMALIZE("{NAME}")', [[normalize_name(NAME).core]])
    yield Case(f'ICP_MATCH("{NAME}","Acme Prazision")', [list(best_matches([NAME], ["Acme Prazision"], None)[0])])
    yield Case('ICP_INDUSTRY("dental labs")', [[standardize_industry(["dental labs"]).values[0] or "#N/A"]])
    yield Case("ICP_WHATIF({" + ",".join(map(str, OTHER_WEIGHTS)) + "},4)", what_if(bench, 4))


def what_if(bench: Bench, count: int) -> list[list[Any]]:
    """The best accounts of the first folder under the weights of the second, whose own run ranked them."""
    out = bench.first / DEFAULT_OUT
    now, other = SCORED_ACCOUNTS.load(out), SCORED_ACCOUNTS.load(bench.second / DEFAULT_OUT)
    model = ScoreModel.load(SCORE_MODEL.find(out))
    table = now.merge(other[["account_id", "rank"]], on="account_id", suffixes=("", "_other"))
    components = table[[f"{name}_score" for name in model.names]].to_numpy(dtype=float)
    scores = model.score_components(components, list(OTHER_WEIGHTS))
    table = table.assign(new=scores.icp_score, grade=scores.icp_grade).sort_values("rank_other", kind="stable")
    rows: list[list[Any]] = [list(WHATIF_HEADER)]
    for each in table.head(count).itertuples():
        change = each.new - each.icp_score
        rows.append([each.account_id, each.account_name or "", each.rank_other, each.new, each.grade, each.rank,
                     each.icp_score, change])  # fmt: skip
    return rows


def same(got: Any, want: Any) -> bool:
    """Whether a cell shows a value of the library."""
    if isinstance(want, str) or want is None:
        return (got or "") == (want or "")
    number = isinstance(got, int | float) and not isinstance(got, bool)
    return number and math.isclose(got, float(want), rel_tol=1e-12, abs_tol=1e-9)


def shown(bench: Bench, book: Any, case: Case) -> str:
    """What a call shows in place of what it must; empty where it is that."""
    first = bench.put(book, f"={case.call}")
    height, width = len(case.rows), len(case.rows[0])
    if height * width == 1 or not bench.spills:
        got, want = [[first]], [case.rows[0][:1]]
    else:
        area = bench.read(book.sheets[-1].range((1, 1), (height, width)))
        got, want = area if isinstance(area[0], list) else [area], case.rows
    wrong = [
        (got_cell, want_cell)
        for got_row, want_row in zip(got, want, strict=True)
        for got_cell, want_cell in zip(got_row, want_row, strict=True)
        if not same(got_cell, want_cell)
    ]
    return f"{case.name} shows {wrong[0][0]!r}, wanted {np.array(wrong[0][1]).tolist()!r}" if wrong else ""


@step(7, 15, seconds=300, expected="Each shows the library's own value")
def functions_answer(bench: Bench) -> str:
    """Every function's value."""
    bench.need_functions()
    book = bench.open(bench.first / FACTS_FILE)
    asked = list(cases(bench))
    wrong = {case.name: found for case in asked if (found := shown(bench, book, case))}
    names = {case.name for case in asked}
    left = [item["name"] for item in described() if item["name"] not in names]
    told = f"wrong: {', '.join(wrong)}; " + "; ".join(wrong.values())
    expect(not wrong and not left, told if wrong else f"not asked: {', '.join(left)}")
    return f"{len(asked)} calls of {len(names)} functions show the library's values"
