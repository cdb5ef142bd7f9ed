"""Which file of a folder is which source, when its name says so and when only its columns do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from icp_xl.cli import run
from icp_xl.config import load_settings
from icp_xl.errors import MissingColumnsError, SourceError
from icp_xl.sources import read_sources
from icp_xl.sources.locate import locate
from tests.conftest import SHARED
from tests.support.sheets import write_book

SALES = "Rechnungsdatum;Kunde;Betrag\n05.01.2024;Acme;100,50\n06.02.2024;Beta;200,00\n"
CUSTOMERS = "Company,Industry,City\nAcme,Dental,Bonn\nBeta,Foods,Ulm\n"
DEALS = "Account,Stage,Amount,Close Date\nAcme,Closed Won,500,2024-03-01\nGamma,Proposal,900,2024-04-01\n"


def settings_for(folder: Path, **more: object) -> Any:
    return load_settings(environ={}, overrides={"paths.data": folder, "paths.out": folder / "out", **more})


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", " ", 9).replace("DOT", ".")).write_text(text, encoding="utf-8")
    return folder


def found(folder: Path) -> dict[str, str]:
    places = {name: locate(name, settings_for(folder)) for name in ("customers", "sales", "opportunities")}
    return {name: place.path.name for name, place in places.items() if place}


@pytest.mark.parametrize("suffix", ["csv", "txt", "tsv"])
def test_a_folder_with_one_recognisable_file_just_works(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, **{f"ExportDOT{suffix}": SALES})
    assert found(tmp_path) == {"sales": f"Export.{suffix}"}
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None and sources.sales.frame["revenue"].sum() == 300.5
    assert any(f"read from Export.{suffix}, by its columns" in text for text in sources.warnings)


def test_files_without_telling_names_are_told_apart_by_their_columns(tmp_path: Path) -> None:
    write(tmp_path, aDOTcsv=CUSTOMERS, bDOTcsv=DEALS, cDOTcsv=SALES, dDOTcsv="Colour,Taste\nred,sweet\n")
    assert found(tmp_path) == {"customers": "a.csv", "opportunities": "b.csv", "sales": "c.csv"}


def test_our_own_results_and_empty_templates_are_no_input(tmp_path: Path) -> None:
    write(tmp_path, aDOTcsv=SALES.splitlines()[0] + "\n")
    (tmp_path / "icp_scored_accounts.csv").write_text(CUSTOMERS, encoding="utf-8")
    assert found(tmp_path) == {}


def test_two_files_for_one_source_are_said(tmp_path: Path) -> None:
    write(tmp_path, oneDOTcsv=CUSTOMERS, twoDOTcsv=CUSTOMERS)
    place = locate("customers", settings_for(tmp_path))
    assert place is not None and any("two.csv" in text for text in place.remarks)


def test_a_sheet_named_sales_of_a_year_is_a_yearly_total_only_without_days(tmp_path: Path) -> None:
    (tmp_path / "Sales 2024.csv").write_text("Date,Customer,Amount\n2024-01-05,Acme,100\n", encoding="utf-8")
    assert read_sources(settings_for(tmp_path)).yearly_totals is None
    (tmp_path / "Sales 2024.csv").write_text("Customer,Amount\nAcme,100\n", encoding="utf-8")
    settings = settings_for(tmp_path, **{"sources.sales.ignore": True, "sources.yearly_totals.file": "Sales 2024.csv"})
    totals = read_sources(settings).yearly_totals
    assert totals is not None and totals.frame["amount"].tolist() == [100.0]


def test_missing_columns_name_the_closest_headers_and_the_line_to_paste(tmp_path: Path) -> None:
    text = "Xdat,Wer,Wieviel,Notiz\n2024-01-05,Acme GmbH,100.50,x\n2024-01-06,Beta AG,200.75,y\n"
    (tmp_path / "sales.csv").write_text(text, encoding="utf-8")
    with pytest.raises(MissingColumnsError) as caught:
        read_sources(settings_for(tmp_path))
    said = str(caught.value)
    assert "columns: {sales: {date: Xdat, account_name: Wer, revenue: Wieviel}}" in said
    # What it says to paste works as it stands.
    config = tmp_path / "icp_xl.yaml"
    config.write_text("columns: {sales: {date: Xdat, account_name: Wer, revenue: Wieviel}}\n", encoding="utf-8")
    sales = read_sources(load_settings(config, environ={}, overrides={"paths.data": tmp_path})).sales
    assert sales is not None and sales.frame["revenue"].sum() == 301.25


def test_a_mapped_header_that_is_not_there_names_the_closest(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("Date,Customer,Net value\n2024-01-05,Acme,5\n", encoding="utf-8")
    settings = settings_for(tmp_path, **{"columns.sales.revenue": "Net vaule", "columns.sales.quantity": "= [Dat] * 2"})
    with pytest.raises(MissingColumnsError) as caught:
        read_sources(settings)
    said = str(caught.value)
    assert "the closest header is Net value: columns: {sales: {revenue: Net value}}" in said
    assert "the closest header is Date" in said


def test_opportunities_alone_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = ("Closed Won", "Closed Lost", "Proposal")
    rows = [f"O-{n},Company {n % 7},{stages[n % 3]},{100 * (n + 1)},2024-{n % 9 + 1:02}-05" for n in range(60)]
    text = "\n".join(["Opportunity ID,Account Name,Stage,Amount,Close Date", *rows])
    (tmp_path / "Opportunities.csv").write_text(text + "\n", encoding="utf-8")
    options = ["--set", f"paths.data={tmp_path}", "--set", f"paths.out={tmp_path / 'out'}"]
    won = sum(100 * (n + 1) for n in range(60) if n % 3 == 0)
    for command in ("check", "score", "snapshot", "outcomes", "won-lost"):
        code = run([command, *options])
        said = capsys.readouterr()
        assert code == 0, (command, said.err)
        if command in ("check", "score"):
            assert f"the 20 won of 60 deals (Opportunities.csv) stand in for it, {won:,.0f} in all" in said.out


CASES = (
    "category_over_product_words",
    "headers_not_known",
    "closest_header",
    "contact_beside_company",
    "text_file",
    "settings_sheet_formula",
)


def _cases() -> list[str]:
    path = SHARED / "cases" / "sources" / "expected.yaml"
    body = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [case["name"] for case in body if case["kind"] == "recognition" or case["name"] in CASES]


@pytest.mark.parametrize("name", _cases())
def test_shared_cases(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SHARED / "cases"
    spec = importlib.util.spec_from_file_location("check_sources", folder / "check_sources.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cases = yaml.safe_load((folder / "sources" / "expected.yaml").read_text(encoding="utf-8"))
    case = next(case for case in cases if case["name"] == name)
    monkeypatch.chdir(folder / "sources" / name)
    assert module.faults(case, folder / "sources" / name) == []


def log(first: int, last: int) -> str:
    """Lines number ``first`` to ``last`` of one and the same log, without invoice numbers."""
    lines = [f"2024-{at // 28 + 1:02}-{at % 28 + 1:02},Acme {at % 7},{100 + at}.50" for at in range(first, last)]
    return "\n".join(["Date,Customer,Amount", *lines]) + "\n"


@pytest.mark.parametrize(
    "names, second",
    [
        (("sales (1).csv", "sales (2).csv"), (0, 60)),  # a file that was downloaded twice
        (("report1700000000001.csv", "report1700086400002.csv"), (0, 75)),  # the same report a day later
        (("Sales 2023.csv", "Sales 2024.csv"), (25, 90)),
    ],
)
def test_lines_are_not_counted_twice(tmp_path: Path, names: tuple[str, str], second: tuple[int, int]) -> None:
    (tmp_path / names[0]).write_text(log(0, 60), encoding="utf-8")
    (tmp_path / names[1]).write_text(log(*second), encoding="utf-8")
    same = 60 - second[0]
    with pytest.raises(SourceError, match=f"{same} of 60 of the one stand in the other"):
        read_sources(settings_for(tmp_path))
    one = read_sources(settings_for(tmp_path, **{"sources.sales.file": names[1]})).sales
    assert one is not None and len(one.frame) == second[1] - second[0]
    both = read_sources(settings_for(tmp_path, **{"sources.sales.file": list(names)}))
    assert both.sales is not None and len(both.sales.frame) == 60 + second[1] - second[0]
    assert any("hold the same lines" in text for text in both.warnings)


def test_a_few_lines_in_two_files_are_said(tmp_path: Path) -> None:
    (tmp_path / "Sales 2023.csv").write_text(log(0, 100), encoding="utf-8")
    (tmp_path / "Sales 2024.csv").write_text(log(90, 200), encoding="utf-8")
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None and len(sources.sales.frame) == 210
    assert any("10 of 100 of the one stand in the other too (revenue 1,950.00)" in text for text in sources.warnings)


def test_sheets_that_are_copies_are_not_counted_twice(tmp_path: Path) -> None:
    rows: list[list[object]] = [line.split(",") for line in log(0, 60).splitlines()]
    write_book(tmp_path / "sales.xlsx", {"Sales (1)": rows, "Sales (2)": rows})
    with pytest.raises(SourceError, match="60 of 60"):
        read_sources(settings_for(tmp_path))
