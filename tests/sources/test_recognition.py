"""Headers as systems and languages export them give the right columns, and never a wrong one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from icp_xl.errors import ConfigError
from icp_xl.sources.fields import SPECS
from icp_xl.sources.headers import match_columns
from icp_xl.sources.vocabulary import vocabulary
from tests.conftest import SHARED

ROWS = yaml.safe_load(Path(__file__).with_name("header_rows.yaml").read_text(encoding="utf-8"))


def taken(headers: list[str], source: str, **options: Any) -> dict[str, str]:
    """Header to column."""
    found, _ = match_columns([[header] for header in headers], SPECS[source], 88.0, **options)
    return {match.header: column for column, match in found.items()}


@pytest.mark.parametrize("system, source, want, never", ROWS, ids=[row[0] for row in ROWS])
def test_headers_of_systems_and_languages(system: str, source: str, want: dict[str, str], never: list[str]) -> None:
    order = [*want, *never]
    for seed in range(4):  # the order of columns is the exporter's affair
        by = taken(order, source)
        assert {header: by.get(header, "none") for header in want} == want
        assert not set(never) & set(by), {header: by[header] for header in never if header in by}
        random.Random(seed).shuffle(order)


def test_shared_cases_of_recognition() -> None:
    path = SHARED / "cases" / "sources" / "recognition.yaml"
    if not path.is_file():
        pytest.skip("published data files not found beside the project")
    cases = yaml.safe_load(path.read_text(encoding="utf-8"))
    right = 0
    for case in cases:
        by = taken([str(header) for header in case["headers"]], case["source"])
        wrong = {
            header: by[header]
            for header, column in (case.get("never") or {}).items()
            if by.get(header) is not None and column in ("any", by[header])
        }
        assert not wrong, (case["system"], wrong)
        right += all(by.get(header) == column for header, column in case["want"].items())
    assert right >= 0.95 * len(cases), f"{right} of {len(cases)} rows are fully right"


def test_values_overrule_headers() -> None:
    def found(
        header: list[str], rows: list[list[Any]], source: str = "sales"
    ) -> tuple[dict[str, str], tuple[str, ...]]:
        columns, remarks = match_columns([[text] for text in header], SPECS[source], 88.0, rows)
        return {match.header: column for column, match in columns.items()}, remarks

    # The same header is money in one file and a share in the next.
    money, _ = found(["Date", "Customer", "Sales"], [["2024-01-05", "Acme", 120.5], ["2024-01-06", "Beta", 80]])
    share, said = found(["Date", "Customer", "Sales"], [["2024-01-05", "Acme", 0.6], ["2024-01-06", "Beta", 0.4]])
    assert money["Sales"] == "revenue" and "Sales" not in share
    assert any("Sales holds shares" in text for text in said)
    # A date column holds dates; a column of names is no id; a column of ids under the customer's header is no name.
    assert "Date" not in found(["Date", "Customer", "Amount"], [["north", "Acme", 1], ["south", "Beta", 2]])[0]
    names, _ = found(["Customer ID", "Amount"], [["Acme Tooling", 1], ["Beta Foods", 2]])
    assert names.get("Customer ID") != "account_id"
    both, _ = found(["Account", "Name"], [["C-1001", "Acme"], ["C-1002", "Beta"]])
    assert both == {"Account": "account_id", "Name": "account_name"}
    # "Type" is a category only where it says so.
    assert "Type" not in found(["Type", "Amount"], [["Invoice", 1], ["Credit Memo", 2]])[0]
    assert found(["Type", "Amount"], [["Hardware", 1], ["Consumables", 2]])[0]["Type"] == "category"


def test_estimates_percentages_and_taxes_are_never_taken_whatever_the_order() -> None:
    """Every money word of every language, beside an idea that makes something else of it."""
    known = vocabulary()
    money = [term for idea in ("amount", "sales", "profit") for term, ideas in _terms(idea)]
    other = [term for idea in ("percent", "est", "tax", "prior", "cost", "balance") for term, _ in _terms(idea)]
    random.seed(7)
    for _ in range(400):
        header = f"{random.choice(money)} {random.choice(other)}"
        readings = known.readings(header)
        if any(reading.ideas <= {"amount", "sales", "profit", "total", "net"} for reading in readings):
            continue  # the two grew together into one word that means money after all
        for source, columns in (("sales", {"revenue", "gross_profit"}), ("customers", {"annual_revenue"})):
            assert taken([header], source).get(header) not in columns, header


def _terms(idea: str) -> list[tuple[str, set[str]]]:
    return sorted((term, ideas) for term, ideas in vocabulary().terms.items() if ideas == {idea} and len(term) > 3)


def test_a_users_own_headers(tmp_path: Path) -> None:
    extra = tmp_path / "headers.yaml"
    extra.write_text("terms: {account: [Mandant]}\nwhole: {revenue: [Gutwert]}\n", encoding="utf-8")
    by = taken(["Mandant-Nr.", "Gutwert", "Betrag"], "sales", known=vocabulary(extra))
    assert by == {"Mandant-Nr.": "account_id", "Gutwert": "revenue"}
    assert "Gutwert" not in taken(["Gutwert"], "sales")
    extra.write_text("term: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="sections that there are not"):
        vocabulary(extra)
    with pytest.raises(ConfigError, match="cannot be read"):
        vocabulary(tmp_path / "absent.yaml")
