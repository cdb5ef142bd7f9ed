"""Tables from raw frames: every account once, every row counted, nothing hanging on the order of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.errors import Cancelled, DataError
from icp_xl.progress import RecordingProgress
from icp_xl.sources.model import Sources, SourceTable
from icp_xl.tables import Tables, account_totals, build_tables
from icp_xl.tables.build import build_customers_alone
from icp_xl.tables.matching import Override, Overrides
from icp_xl.tables.model import CUSTOMER_COLUMNS, MATCH_TABLE_COLUMNS, TRANSACTION_COLUMNS

CUSTOMERS = pd.DataFrame(
    [
        ("A1", "Acme Tool Inc", "technolgy", np.nan, "Ann", "West", 1.0, "Austin", "TX", None),
        ("A2", "ACME TOOL, LLC", None, 5e6, None, None, 3.0, "Austin", "TX", "yes"),
        ("A3", "Smith Dental", "Dental Lab", 0.0, "Bob", "East", np.nan, "Dallas", "TX", None),
        (None, "Bolt Works", None, np.nan, "Cy", None, 2.0, None, None, None),
        ("A5", None, "N/A", 1e6, "Cy", None, 1.0, None, None, None),
        (None, None, "Dental", 1e6, None, None, 1.0, None, None, None),
        ("a3 ", "Smith Dental Inc", None, 7e6, None, None, 4.0, None, None, None),
    ],
    columns=["account_id", "account_name", "industry", "annual_revenue", "rep", "region", "printers", "city", "state",
             "do_not_contact"],
)  # fmt: skip
SALES = pd.DataFrame(
    [
        ("2023-01-02", "A1", None, "printer", 100.0, 10.0, "i1"),
        ("2024-01-02", "A2", None, "resin", 50.0, 5.0, "i2"),
        ("2024-01-03", "A2", None, "resin", -20.0, -2.0, "i3"),
        ("2024-02-01", None, "Bolt Works GmbH", "cad licence", 30.0, np.nan, "i4"),
        ("2024-02-02", None, "Newco Ltd", "support", 40.0, 4.0, "i5"),
        ("2024-02-03", None, "NEWCO limited", "SaaS", 50.0, 5.0, "i6"),
        ("2024-02-03", "Z9", "Zed Foods", "mystery", 60.0, 6.0, "i7"),
        ("2024-02-04", None, "Smith Dentl", "training", 70.0, 7.0, "i8"),
        (None, "A1", None, "printer", 80.0, 8.0, "i9"),
        ("2024-03-01", "A1", None, "printer", np.nan, 8.0, "i10"),
        ("2024-03-01", None, None, "printer", 5.0, 1.0, "i11"),
        ("2024-01-02", "A2", None, "resin", 50.0, 5.0, "i2"),
    ],
    columns=["date", "account_id", "account_name", "product", "revenue", "gross_profit", "invoice"],
).assign(date=lambda frame: pd.to_datetime(frame["date"]))
TOTALS = pd.DataFrame(
    [
        ("A1", None, 2024, "revenue", 30.0),
        (None, "Newco", 2024, "revenue", 80.0),
        (None, "Ghost Corp", 2024, "revenue", 9.0),
    ],
    columns=["account_id", "account_name", "year", "measure", "amount"],
)
ENRICHED = pd.DataFrame({"account_name": ["Acme Tools", "Smith Dental Inc."], "annual_revenue": [7e6, 2e6]})
UPDATES = pd.DataFrame({"account_id": ["A5", "A3"], "account_name": [None, None], "industry": ["Helthcare", "unknown"]})


def table(name: str, frame: pd.DataFrame) -> SourceTable:
    rows = frame.assign(source_row=np.arange(len(frame)) + 2)
    return SourceTable(name, rows, f"{name}.csv", rows_read=len(rows))


def sources(**frames: pd.DataFrame | None) -> Sources:
    given = {"customers": CUSTOMERS, "sales": SALES, "yearly_totals": TOTALS, "enriched_revenue": ENRICHED,
             "industry_updates": UPDATES} | frames  # fmt: skip
    return Sources(**{"customers": None, "sales": None}
                   | {name: table(name, frame) for name, frame in given.items() if frame is not None})  # fmt: skip


#: Accounts under ids of their own are merged where they look alike, as a user may allow.
MERGING = load_settings(environ={}, overrides={"matching.merge_different_ids": "accept"})


@pytest.fixture(scope="module")
def tables() -> Tables:
    return build_tables(sources(), MERGING)


def account(tables: Tables, name: str) -> pd.Series:
    return tables.customers.set_index("account_name").loc[name]


def test_each_account_once_with_the_columns_promised(tables: Tables) -> None:
    assert list(tables.customers.columns) == list(CUSTOMER_COLUMNS)
    assert tables.customers["account_id"].is_unique
    assert len(tables.customers) == 6


def test_merged_accounts_keep_the_best_filled_values(tables: Tables) -> None:
    acme = tables.customers[tables.customers["merged_ids"].str.contains("A1")].iloc[0]
    assert set(acme["merged_ids"].split("; ")) == {"A1", "A2"}
    assert set(acme["merged_names"].split("; ")) == {"Acme Tool Inc", "ACME TOOL, LLC"}
    assert (acme["rep"], acme["region"], acme["printers"]) == ("Ann", "West", 3.0)
    assert acme["industry"] == "Technology"
    assert bool(acme["do_not_contact"])


def test_enriched_revenue_goes_over_the_customers_own(tables: Tables) -> None:
    by_id = tables.customers.set_index("merged_ids")
    acme = tables.customers[tables.customers["merged_ids"].str.contains("A1")].iloc[0]
    assert (acme["annual_revenue"], acme["revenue_source"]) == (7e6, "enriched")
    assert (by_id.loc["A5", "annual_revenue"], by_id.loc["A5", "revenue_source"]) == (1e6, "customers")
    bolt = account(tables, "Bolt Works")
    assert np.isnan(bolt["annual_revenue"])
    assert bolt["revenue_source"] == ""


def test_an_industry_update_counts_where_it_says_something(tables: Tables) -> None:
    assert account(tables, "A5")["industry"] == "Healthcare"
    assert account(tables, "A5")["industry_source"] == "update"
    dental = tables.customers[tables.customers["account_name"].str.startswith("Smith")].iloc[0]
    assert (dental["industry"], dental["industry_source"]) == ("Dental", "customers")


def test_ids_are_made_where_missing_and_an_id_listed_twice_is_one_account(tables: Tables) -> None:
    bolt = account(tables, "Bolt Works")
    assert bolt["account_id"].startswith("N-")
    assert bolt["flags"] == "id made from the name"
    dental = tables.customers[tables.customers["account_name"].str.startswith("Smith")].iloc[0]
    assert "id listed twice" in dental["flags"]
    assert dental["printers"] == 4.0


def test_every_line_has_its_account_and_category(tables: Tables) -> None:
    lines = tables.transactions
    assert list(lines.columns) == list(TRANSACTION_COLUMNS)
    assert set(lines["account_id"]) <= set(tables.customers["account_id"])
    by_row = lines.set_index("source_row")
    assert by_row.loc[2, "account_id"] == by_row.loc[3, "account_id"]
    assert by_row.loc[5, "account_name"] == "Bolt Works"
    assert by_row.loc[5, "resolved_by"] == "name"
    assert by_row.loc[9, "account_name"].startswith("Smith Dental")
    assert by_row.loc[6, "account_id"] == by_row.loc[7, "account_id"]
    assert by_row.loc[8, "account_id"] == "Z9"
    assert by_row.loc[8, "category"] is None or pd.isna(by_row.loc[8, "category"])
    expected = ["hardware", "consumable", "consumable", "software licence", "maintenance", "saas", "service"]
    assert by_row.loc[[2, 3, 4, 5, 6, 7, 9], "category"].tolist() == expected


def test_dropped_rows_are_listed_and_counts_add_up(tables: Tables) -> None:
    dropped = tables.dropped.set_index(["source", "row"])["reason"].to_dict()
    assert dropped == {
        ("customers", 7): "no account id and no name",
        ("sales", 10): "no date",
        ("sales", 11): "no revenue",
        ("sales", 12): "no customer",
        ("sales", 13): "repeats another line",
    }
    for count in tables.counts:
        assert count.read == count.kept + sum(count.dropped.values())
    kept = {count.table: count.kept for count in tables.counts}
    assert kept["sales"] == len(tables.transactions) == 8
    assert kept["customers"] == int(tables.customers["origin"].eq("customers").sum())


def test_revenue_is_neither_lost_nor_made(tables: Tables) -> None:
    usable = SALES.iloc[:8]["revenue"].sum()
    totals = account_totals(tables.transactions, tables.customers)
    assert totals["total_revenue"].sum() == pytest.approx(usable)
    parts = ["hardware_revenue", "consumable_revenue", "software_revenue", "service_revenue"]
    assert totals[parts].to_numpy().sum() == pytest.approx(usable - 60.0)
    assert len(totals) == len(tables.customers)
    acme = totals.set_index("account_id").loc[tables.transactions["account_id"].iloc[0]]
    assert (acme["hardware_revenue"], acme["consumable_revenue"]) == (100.0, 30.0)
    assert acme["last_purchase"] == pd.Timestamp("2024-01-02")


def test_totals_before_a_date_see_nothing_after_it(tables: Tables) -> None:
    before = account_totals(tables.transactions, tables.customers, until="2024-01-03")
    assert before["total_revenue"].sum() == 150.0
    since = account_totals(tables.transactions, tables.customers, since="2024-01-03")
    assert since["total_revenue"].sum() == pytest.approx(SALES.iloc[2:8]["revenue"].sum())


def test_yearly_totals_are_reconciled(tables: Tables) -> None:
    found = tables.reconciliation.set_index("account_name")
    acme = tables.customers[tables.customers["merged_ids"].str.contains("A1")].iloc[0]["account_name"]
    assert found.loc[acme, "status"] == "equal"
    newco = found[found.index.str.lower().str.startswith("newco")].iloc[0]
    assert (newco["status"], newco["difference"]) == ("differs", -10.0)
    assert found.loc["Bolt Works", "status"] == "no yearly total"
    ghost = tables.yearly_totals[tables.yearly_totals["account_name"].eq("Ghost Corp")].iloc[0]
    assert ghost["account_id"] is None or pd.isna(ghost["account_id"])


def test_every_decision_on_a_name_is_listed_once(tables: Tables) -> None:
    assert list(tables.matches.columns) == list(MATCH_TABLE_COLUMNS)
    assert not tables.matches.duplicated(["source", "key"]).any()
    assert set(tables.matches["outcome"]) <= {"accepted", "review", "no match"}
    newco = tables.matches[tables.matches["key"].eq("name: newco")].set_index("source")
    assert (newco.loc["sales", "rows"], newco.loc["sales", "money"]) == (2, 90.0)


def test_accounts_under_two_ids_stay_two_and_are_asked_about() -> None:
    found = build_tables(sources())
    assert {"A1", "A2"} <= set(found.customers["account_id"])
    asked = found.duplicates.set_index("key").loc["duplicate: a1 = a2"]
    assert (asked["outcome"], asked["name_id"], asked["account_id"]) == ("review", "A1", "A2")
    assert any("on the Match Review sheet" in text for text in found.warnings)


@pytest.mark.parametrize("shared", [True, False])
def test_a_line_under_an_id_of_its_own_is_joined_by_name_only_where_no_id_is_shared(shared: bool) -> None:
    """An account that left the customers table keeps its lines, however much its name is another account's."""
    customers = pd.DataFrame({"account_id": ["A1", "A2"], "account_name": ["Quorvex Plast AG", "Dental Lab Bonn"]})
    lines = pd.DataFrame(
        {
            "date": pd.to_datetime(["2024-01-02", "2024-01-03"]),
            "account_id": ["A2" if shared else "X2", "B9"],
            "account_name": ["Dental Lab Bonn", "Quorvex Plast AG"],
            "revenue": [10.0, 20.0],
        }
    )
    found = build_tables(Sources(customers=table("customers", customers), sales=table("sales", lines)))
    owners = dict(zip(found.transactions["revenue"], found.transactions["account_id"], strict=True))
    assert owners == {10.0: "A2", 20.0: "B9" if shared else "A1"}
    asked = found.matches.set_index("name").loc["Quorvex Plast AG"]
    assert asked["outcome"] == ("review" if shared else "accepted")
    assert ("id of its own" in asked["reason"] + asked["contradicts"]) is shared


def test_what_one_id_joins_is_listed_with_its_undo(tables: Tables) -> None:
    joined = tables.duplicates.set_index("key").loc["rows: a3"]
    assert "give each an id of its own" in joined["reason"]
    assert set(joined["name"].split("; ")) == {"Smith Dental", "Smith Dental Inc"}


def test_an_answer_serves_every_source() -> None:
    decided = Overrides((Override("name: newco", "same", "A3"),))
    found = build_tables(sources(), overrides=decided)
    assert set(found.matches.loc[found.matches["key"].eq("name: newco"), "account_id"]) == {"A3"}
    assert set(found.matches.loc[found.matches["key"].eq("name: newco"), "source"]) == {"sales", "yearly_totals"}


def test_settings_can_forbid_new_accounts_and_keep_repeats() -> None:
    settings = load_settings(
        environ={}, overrides={"matching.create_missing_accounts": False, "matching.duplicate_lines": "keep"}
    )
    found = build_tables(sources(), settings)
    assert set(found.customers["origin"]) == {"customers"}
    assert found.dropped["reason"].eq("customer is not among the accounts").sum() == 3
    assert found.transactions["repeated"].sum() == 1


def test_decisions_move_lines_and_merge_accounts(tables: Tables) -> None:
    decided = Overrides(
        (
            Override("name: newco", "merge", "A3"),
            Override("name: bolt works", "different", account(tables, "Bolt Works")["account_id"]),
            Override("duplicate: a1 = a2", "different", ""),
            Override("name: smith dentl", "same", "NOBODY"),
        )
    )
    found = build_tables(sources(), overrides=decided)
    by_row = found.transactions.set_index("source_row")
    assert by_row.loc[6, "account_name"].startswith("Smith Dental")
    assert by_row.loc[5, "resolved_by"] == "created"
    assert by_row.loc[2, "account_id"] == "A1"
    assert by_row.loc[3, "account_id"] == "A2"
    assert any("NOBODY" in text for text in found.warnings)
    decision = found.matches.drop_duplicates("key").set_index("key")["decision"]
    assert (decision["name: newco"], decision["name: bolt works"]) == ("same", "different")


def test_decisions_survive_the_sheet_that_shows_them() -> None:
    """What a run lists of its decisions, read back as the next run does, decides the same again."""
    decided = Overrides(
        (
            Override("name: newco", "merge", "A3"),
            Override("name: bolt works", "different", "N-00EB205736"),
            Override("duplicate: a1 = a2", "merge", "A5"),
            Override("duplicate: a3 = a5", "different", ""),
            Override("duplicate: a1 = a5", "merge", "A5"),
        )
    )
    first = build_tables(sources(), overrides=decided)
    listed = pd.concat([first.matches, first.duplicates])
    listed = listed[listed["decision"] != ""]
    again = Overrides(tuple(Override(row.key, row.decision, row.account_id) for row in listed.itertuples()))
    second = build_tables(sources(), overrides=again)
    for name in ("customers", "transactions", "matches", "duplicates"):
        pd.testing.assert_frame_equal(getattr(second, name), getattr(first, name), obj=name)
    merged = first.customers[first.customers["merged_ids"].str.contains("A1")].iloc[0]
    assert set(merged["merged_ids"].split("; ")) == {"A1", "A2", "A5"}


def _shuffled(whole: Sources, seed: int) -> Sources:
    return Sources(
        **{
            item.name: replace(item, frame=item.frame.sample(frac=1, random_state=seed).reset_index(drop=True))
            for item in whole.tables()
        }
        | {name: None for name in ("customers", "sales") if getattr(whole, name) is None}  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_rows_changes_nothing(tables: Tables, seed: int) -> None:
    mixed = build_tables(_shuffled(sources(), seed), MERGING)
    for name in ("customers", "transactions", "yearly_totals", "reconciliation", "matches", "duplicates", "industries",
                 "issues", "account_map"):  # fmt: skip
        pd.testing.assert_frame_equal(getattr(mixed, name), getattr(tables, name), check_dtype=False, obj=name)
    assert sorted(map(tuple, mixed.dropped.to_numpy().tolist())) == sorted(
        map(tuple, tables.dropped.to_numpy().tolist())
    )
    assert (mixed.counts, mixed.warnings) == (tables.counts, tables.warnings)


def test_either_source_alone_is_enough() -> None:
    alone = {"yearly_totals": None, "enriched_revenue": None, "industry_updates": None}
    only_sales = build_tables(sources(customers=None, **alone))
    assert set(only_sales.customers["origin"]) == {"sales"}
    assert len(only_sales.transactions) == 8
    only_customers = build_tables(sources(sales=None, **alone))
    assert only_customers.transactions.empty
    assert account_totals(only_customers.transactions, only_customers.customers)["total_revenue"].eq(0).all()


def test_no_account_at_all_is_one_clear_error() -> None:
    with pytest.raises(DataError, match="no account found"):
        build_tables(Sources(None, None))


def test_the_inputs_are_left_as_they_were() -> None:
    given = sources()
    before = {item.name: item.frame.copy() for item in given.tables()}
    build_tables(given)
    for item in given.tables():
        pd.testing.assert_frame_equal(item.frame, before[item.name])


@pytest.mark.parametrize("after", [0, 2, 5])
def test_a_cancel_is_obeyed(after: int) -> None:
    with pytest.raises(Cancelled):
        build_tables(sources(), progress=RecordingProgress(cancel_after=after))


@pytest.mark.parametrize("rows", [range(7), [0, 1, 2, 4, 6], [6, 2], [5], [3, 3], [0, 0, 6]])
@pytest.mark.parametrize("different", ["review", "accept"])
def test_an_export_alone_has_the_accounts_that_all_tables_would_have(rows: list[int], different: str) -> None:
    frame = CUSTOMERS.iloc[list(rows)].reset_index(drop=True).assign(source_row=lambda each: each.index + 2)
    sources = Sources(customers=SourceTable("customers", frame, "customers.csv"), sales=None)
    settings = load_settings(environ={}, overrides={"matching.merge_different_ids": different})
    try:
        whole = build_tables(sources, settings).customers
    except DataError:
        whole = build_customers_alone(sources, settings).iloc[:0]
    pd.testing.assert_frame_equal(build_customers_alone(sources, settings), whole)
