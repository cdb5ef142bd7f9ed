"""Files that cannot be read whole: the message says which column, which file and which setting, and nothing is guessed
against the values."""

from __future__ import annotations

from pathlib import Path

import pytest

from icp_xl.cli import run
from icp_xl.errors import MissingColumnsError
from icp_xl.sources import read_sources
from icp_xl.sources.fields import SPECS
from icp_xl.sources.headers import find_header
from tests.support.sheets import settings_for


def score(folder: Path, *more: str) -> int:
    return run(["score", "--data", str(folder), "--out", str(folder / "out"), *more])


def log(header: str, line: str, count: int = 12) -> str:
    return header + "\n" + "".join(line.format(at=at, month=at + 1) + "\n" for at in range(count))


@pytest.mark.parametrize("header", ["Geldart", "WAERK", "Money", "xyz"])
def test_a_currency_known_by_its_values_alone(tmp_path: Path, header: str) -> None:
    text = log(f"Date,Customer,Amount,{header}", "2024-{month:02}-13,Acme {at},{at}5.50,EUR")
    (tmp_path / "sales.csv").write_text(text)
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and set(table.frame["currency"]) == {"EUR"}


def test_field_names_of_sap(tmp_path: Path) -> None:
    text = log("FKDAT;VBELN;KUNAG;NAME1;MATNR;ARKTX;FKIMG;NETWR;WAERK",
               "2024{month:02}13;90000{at};000071{at};Acme {at};M{at};Bolt;3;1{at}5,50;EUR")  # fmt: skip
    (tmp_path / "EXPORT.csv").write_text(text)
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and len(table.frame) == 12
    first = table.frame.iloc[0]
    assert (first["account_id"], first["account_name"], first["revenue"]) == ("0000710", "Acme 0", 105.5)
    assert (f"{first['date']:%Y-%m-%d}", first["quantity"], first["sku"]) == ("2024-01-13", 3, "M0")


def test_a_price_is_no_revenue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sales.csv").write_text(log("Date,Customer,Quantity,Unit Price", "2024-{month:02}-13,Acme {at},3,10.5"))
    assert score(tmp_path) != 0
    assert 'revenue: "= [Quantity] * [Unit Price]"' in " ".join(capsys.readouterr().err.split())
    written = tmp_path / "mapped.yaml"
    assert run(["map", "--yes", "--data", str(tmp_path), "--write", str(written), "--out", str(tmp_path / "out")]) == 0
    assert "revenue 378.00" in capsys.readouterr().out


@pytest.mark.parametrize(
    "header, line",
    [("Wann,Customer,Amount", "{at}5391,Acme {at},{at}5.50"), ("Xtag,Customer,Amount", ",Acme {at},1.5")],
)
def test_numbers_and_blanks_are_not_guessed_to_be_days(
    tmp_path: Path, header: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sales.csv").write_text(log(header, line))
    written = tmp_path / "mapped.yaml"
    assert run(["map", "--yes", "--data", str(tmp_path), "--write", str(written), "--out", str(tmp_path / "out")]) != 0
    assert "no column comes near date" in " ".join(capsys.readouterr().err.split()) and not written.exists()


def test_a_column_of_dates_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sales.csv").write_text(log("Date,Customer,Amount", ",Acme {at},1.5"))
    assert run(["map", "--yes", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    assert score(tmp_path) != 0
    assert "no line of the sales log can b" in " ".join(capsys.readouterr().err.split())


def test_eight_digits_are_days(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(log("Xdat,Wer,Wieviel", "2024{month:02}13,Acme {at},{at}5.50"))
    written = tmp_path / "mapped.yaml"
    assert run(["map", "--yes", "--data", str(tmp_path), "--write", str(written), "--out", str(tmp_path / "out")]) == 0
    assert "date: Xdat" in written.read_text()


def test_a_filter_that_leaves_nothing_names_what_the_column_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = log("Date,Customer,Amount,Status", "2024-{month:02}-13,Acme {at},{at}5.50,Posted")
    (tmp_path / "sales.csv").write_text(text)
    assert score(tmp_path, "--set", "sources.sales.where={Status: Postd}") != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "where: Status leaves no row of sales.csv; the column holds Posted (12)" in said


def test_a_header_without_rows_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sales.csv").write_text("Date,Customer,Revenue\n")
    assert score(tmp_path) != 0
    assert "sales.csv, sheet sales has a header and no rows of data" in " ".join(capsys.readouterr().err.split())


def test_a_file_that_cannot_be_looked_into_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "export.xls").write_text("<html><table><tr><td>Date</td></tr></table></html>")
    assert score(tmp_path) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "export.xls; got: a web page saved under a workbook's name" in said and "icp-xl map" in said


@pytest.mark.parametrize("header, factor", [("Amount (cents)", 0.01), ("Amount (in cents)", 0.01)])
def test_cents(tmp_path: Path, header: str, factor: float) -> None:
    (tmp_path / "sales.csv").write_text(log(f"Date,Customer,{header}", "2024-{month:02}-13,Acme {at},1050"))
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and table.frame["revenue"].sum() == pytest.approx(12 * 1050 * factor)


def test_fields_of_sap_do_not_hide_its_lists() -> None:
    header = find_header([["Sold-to party", "Name 1", "Net value"], ["000071", "Acme", 5.0]], SPECS["sales"])
    assert header is not None and header.matches["account_id"].header == "Sold-to party"


def test_nothing_is_taken_where_nothing_fits(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text('[{"date":"2024-01-01","customer":"A","amount":3}]')
    with pytest.raises(MissingColumnsError):
        read_sources(settings_for(tmp_path))


@pytest.mark.parametrize(
    "kind",
    ["Rechnungskorrektur", "Factura rectificativa", "Nota de abono", "Nota rettificativa", "Faktura korygująca"],
)
def test_the_legal_names_of_corrections_count_negative(tmp_path: Path, kind: str) -> None:
    text = f"Date,Customer,Document Type,Amount\n2024-01-13,Acme,Invoice,100\n2024-01-16,Acme,{kind},30\n"
    (tmp_path / "sales.csv").write_text(text + "2024-01-18,Beta,Invoice,200\n", encoding="utf-8")
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None and sources.sales.frame["revenue"].sum() == 270
    assert any(f"are {kind} by Document Type and count negative, 30.00" in said for said in sources.warnings)
