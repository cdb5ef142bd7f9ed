"""A bakery wholesaler's workbook, five components on its settings sheet, through everything that follows a score."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lxml import etree
from python_calamine import CalamineWorkbook
from xlsxwriter.utility import xl_col_to_name

from icp_xl.cli import run
from icp_xl.excel import functions
from icp_xl.excel.published_results import published
from icp_xl.scoring.model import KEY_UNIT, ScoreModel
from tests.components.bakery import NAMES, write_bakery

SMALL = ("optimize.n_trials=60", "optimize.tpe_trials=8", "optimize.bootstrap=50", "optimize.minimum_engaged=20")


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the bakery after score, optimize, score by the weights found, and live."""
    folder = tmp_path_factory.mktemp("bakery")
    write_bakery(folder)
    out = ["--quiet", "--out", str(folder / "out")]
    score = ["score", *out, "--data", str(folder), "--set", "reports.live_lambda=true"]
    assert run(score) == 0
    assert run(["optimize", *out, *(part for one in SMALL for part in ("--set", one))]) == 0
    assert run(score) == 0
    assert run(["live", *out, "--set", "reports.live_lambda=true"]) == 0
    return folder


def scored(folder: Path) -> tuple[ScoreModel, pd.DataFrame]:
    state = pd.read_parquet(folder / "out" / "state" / "scored_accounts.parquet")
    return ScoreModel.load(folder / "out" / "score_model.json"), state


def texts(path: Path) -> set[str]:
    """Every cell of a workbook as text."""
    book = CalamineWorkbook.from_path(path)
    sheets = (book.get_sheet_by_name(name).to_python() for name in book.sheet_names)
    return {str(cell) for rows in sheets for row in rows for cell in row}


def test_the_optimiser_moves_the_five_weights_and_the_next_score_takes_them(bakery: Path) -> None:
    model, _ = scored(bakery)
    assert model.names == NAMES and abs(sum(model.weights.values()) - 1.0) < 1e-9
    assert set(pd.read_csv(bakery / "out" / "optimization_trials.csv").columns) >= set(NAMES)
    assert model.weights["bread"] != 0.3 or model.weights["class"] != 0.175


def test_score_row_finds_the_facts_under_the_headers_of_the_report(
    bakery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, frame = scored(bakery)
    monkeypatch.setattr(published, "model", lambda: model)
    for names in ([fact.label for fact in model.facts], [fact.name for fact in reversed(model.facts)]):
        facts = {fact.label: fact for fact in model.facts} | {fact.name: fact for fact in model.facts}
        columns = [
            frame[facts[name].name].astype(object).where(frame[facts[name].name].notna(), None) for name in names
        ]
        grid = [list(row) for row in zip(*columns, strict=True)]
        got = functions.score_row([names], grid, None, None)
        np.testing.assert_allclose([row[0] for row in got], frame["icp_score"], atol=1e-9)
    graded = functions.score_row([names], grid, "grade", None)
    assert [row[0] for row in graded] == frame["icp_grade"].tolist()
    assert functions.score_row([names[1:]], [row[1:] for row in grid], None, None) == "#VALUE!"


def test_the_names_of_the_live_workbook_are_ones_that_excel_takes(bakery: Path) -> None:
    with zipfile.ZipFile(bakery / "out" / "live" / "icp_live.xlsx") as package:
        book = etree.fromstring(package.read("xl/workbook.xml"))
    names = {each.get("name"): each.text for each in book.iter("{*}definedName")}
    assert {f"icp_fn_part_{name}" for name in NAMES} <= set(names)
    model, _ = scored(bakery)
    arguments = names["ICP_SCORE"].removeprefix("_xlfn.LAMBDA(").split(",")[: len(model.facts) + 1]
    assert arguments == [*(f"_xlpm.{fact.name}" for fact in model.facts), "_xlop.weights"]
    assert all(f"*INDEX(_xlpm.used_,{i})" in names["icp_fn_raw"] for i in range(1, len(NAMES) + 1))


def test_copies_to_share_hold_the_components_and_a_reps_own_accounts_only(bakery: Path) -> None:
    _, frame = scored(bakery)
    out = ["--quiet", "--out", str(bakery / "out")]
    assert run(["share", *out]) == 0
    assert run(["share", *out, "--by", "rep", "--csv"]) == 0
    assert {"Loyalty score", "Bread contribution", "Growth score"} <= texts(
        bakery / "out" / "shared" / "icp_report.xlsx"
    )
    for rep, accounts in frame.groupby("rep"):
        [path] = [path for path in (bakery / "out" / "shared").rglob("*.xlsx") if str(rep) in path.name]
        found = texts(path)
        assert set(accounts["account_name"]) <= found, rep
        assert not set(frame.loc[frame["rep"] != rep, "account_name"]) & found, rep


def test_write_back_puts_columns_of_the_components_beside_the_customers(
    bakery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, frame = scored(bakery)
    monkeypatch.setenv("ICP_XL__PATHS__OUT", str(bakery / "out"))
    copy = bakery / "with scores.xlsx"
    fields = "icp_score,icp_grade,bread_score,growth_contribution,reasons"
    assert run(["write-back", str(bakery / "Customers.xlsx"), "--quiet", "--columns", "Customer ID",
                "--fields", fields, "--out", str(copy)]) == 0  # fmt: skip
    got = pd.read_excel(copy, sheet_name="Customers", engine="calamine").set_index("Customer ID")
    wanted = frame.set_index("account_id").loc[got.index]
    for header, name in (("ICP Score", "icp_score"), ("ICP Bread Score", "bread_score"),
                         ("ICP Growth Contribution", "growth_contribution")):  # fmt: skip
        np.testing.assert_allclose(got[header], wanted[name], atol=1e-9)
    assert got["ICP Grade"].tolist() == wanted["icp_grade"].tolist()


@pytest.mark.office
def test_libreoffice_finds_the_scores_of_the_live_workbook(bakery: Path) -> None:
    from tests.support.office import recalculate

    _, frame = scored(bakery)
    path = bakery / "out" / "live" / "icp_live.xlsx"
    [found] = recalculate(path, [[]])
    assert not found.errors
    rows = CalamineWorkbook.from_path(path).get_sheet_by_name("Live Accounts").to_python(skip_empty_area=False)
    head = next(i for i, row in enumerate(rows) if row[0] == "Account ID")
    wanted = frame.set_index("account_id").loc[[row[0] for row in rows[head + 1 :] if row[0]]]
    assert len(wanted) == len(frame)
    for header, name in (("ICP score", "icp_score"), ("Raw score", "raw_score"), ("Percentile", "percentile")):
        letter = xl_col_to_name(rows[head].index(header))
        got = [found.values["Live Accounts"][f"{letter}{head + 2 + i}"] for i in range(len(wanted))]
        # Raw scores are in units of 1e-12.
        unit = KEY_UNIT if name == "raw_score" else 1
        np.testing.assert_allclose(np.asarray(got, float) * unit, wanted[name], rtol=0, atol=1e-9, err_msg=header)
