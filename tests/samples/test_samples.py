"""The sample workbooks: the same from a seed, and read back as what was planted."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from icp_xl.samples import FILES, copy_samples, write_samples
from icp_xl.sources import Sources, read_sources
from tests.support.sheets import settings_for

COMMITTED = Path(__file__).resolve().parents[2] / "workbooks"


@pytest.fixture(scope="module")
def truth() -> dict[str, object]:
    body: dict[str, object] = json.loads((COMMITTED / "planted_truth.json").read_text(encoding="utf-8"))
    return body


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources(settings_for(COMMITTED))


def _content(path: Path) -> object:
    """What a file holds; the packing of a workbook is the business of zlib's version."""
    if path.suffix != ".xlsx":
        return path.read_bytes()
    with zipfile.ZipFile(path) as package:
        return [(item.filename, item.date_time, package.read(item)) for item in package.infolist()]


@pytest.mark.slow
def test_the_committed_samples_are_what_the_generator_makes(tmp_path: Path) -> None:
    for path in write_samples(tmp_path, truth=True):
        assert _content(path) == _content(COMMITTED / path.name), path.name


def test_what_the_demo_copies_are_the_samples_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_samples(tmp_path / "copied")
    copied = {path.relative_to(tmp_path / "copied"): path.read_bytes() for path in (tmp_path / "copied").rglob("*.*")}
    assert {Path(name) for name in FILES} < set(copied) and Path("planted_truth.json") not in copied
    assert all((COMMITTED / name).read_bytes() == held for name, held in copied.items())
    # A folder that lacks a file, or holds somebody's own, is not taken for the samples.
    lone = tmp_path / "package" / "workbooks"
    lone.mkdir(parents=True)
    (lone / "mine.xlsx").write_bytes(b"mine")
    made: list[Path] = []
    monkeypatch.setattr("icp_xl.samples.files.__file__", str(tmp_path / "package" / "icp_xl" / "samples" / "files.py"))
    monkeypatch.setattr("icp_xl.samples.files.write_samples", made.append)
    copy_samples(tmp_path / "made")
    assert made == [tmp_path / "made"] and not (tmp_path / "made").exists()


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    made = [
        [path.read_bytes() for path in write_samples(tmp_path / name, seed=seed, accounts=120, lines=900)]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert made[0] == made[1]
    differ = [name for name, one, other in zip(FILES, made[0], made[2], strict=True) if one != other]
    assert "strategic_industry_tiers.json" not in differ and len(differ) == len(FILES) - 1


def test_the_committed_files_are_small() -> None:
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 3_000_000


def test_all_sources_are_found_and_whole(sources: Sources, truth: dict[str, object]) -> None:
    assert {table.name for table in sources.tables()} == {
        "customers", "sales", "yearly_totals", "enriched_revenue", "industry_updates", "assets", "opportunities",
    }  # fmt: skip
    assert sources.sales is not None and sources.customers is not None
    assert len(sources.sales.frame) == truth["lines"] == 40_000
    assert sources.sales.frame["revenue"].sum() == pytest.approx(truth["revenue"])
    assert not len(sources.sales.flags)
    assert set(sources.sales.dropped["reason"]) == {"blank row", "total", "repeated header", "title above the header"}
    rows = {row for row, _ in truth["customer_rows"]}  # type: ignore[attr-defined]
    assert set(sources.customers.frame["source_row"]) == rows
    for table in sources.tables():
        assert table.rows_read == len(table.frame) + len(table.dropped), table.name
    assert len(sources.strategic_tiers) == 13


def test_untidy_cells_are_read_as_what_was_meant(sources: Sources, truth: dict[str, object]) -> None:
    assert sources.customers is not None and sources.sales is not None
    accounts = {row[0]: row for row in truth["accounts"]}  # type: ignore[attr-defined]
    key = dict(truth["customer_rows"])  # type: ignore[attr-defined]
    frame = sources.customers.frame
    known = frame[frame["annual_revenue"].notna()]
    assert 0.55 < len(known) / len(frame) < 0.75
    meant = known["source_row"].map(lambda row: accounts[key[row]][3])
    assert (known["annual_revenue"] / meant).between(0.99, 1.01).all()
    assert frame["do_not_contact"].dtype == "boolean"
    assert sources.sales.frame["date"].between(pd.Timestamp("2021-01-01"), pd.Timestamp("2024-12-31")).all()
    assert sources.sales.frame["division"].nunique() == 8 + sum(
        name.isupper() for name in sources.sales.frame["division"].unique()
    )


def test_the_planted_mess_is_there(sources: Sources, truth: dict[str, object]) -> None:
    assert sources.customers is not None and sources.sales is not None and sources.opportunities is not None
    names = sources.customers.frame["account_name"]
    assert {text[0] for text in names if not text[0].isalnum()} >= set("=+@-")
    assert any(not text.isascii() for text in names)
    copies = Counter(account for _, account in truth["customer_rows"])  # type: ignore[attr-defined]
    assert sum(count > 1 for count in copies.values()) > 60
    assert len(truth["same_name_other_account"]) >= 10  # type: ignore[arg-type]
    assert (sources.sales.frame["quantity"] < 0).sum() > 300
    assert ((sources.sales.frame["gross_profit"] < 0) & (sources.sales.frame["revenue"] > 0)).sum() > 200
    stages = sources.opportunities.frame["stage"].value_counts()
    assert stages["Closed Won"] > 500 and stages["Closed Lost"] > 500


def test_the_planted_signal_is_there(sources: Sources, truth: dict[str, object]) -> None:
    """What is planted shows in plain averages: industries that pay, owners that renew, drivers of a win."""
    assert sources.sales is not None
    key_of = {row[1]: row[0] for row in truth["accounts"]}  # type: ignore[attr-defined]
    industry = {row[0]: row[2] for row in truth["accounts"]}  # type: ignore[attr-defined]
    written = truth["written_names"]["sales"]  # type: ignore[index]
    key_of.update({name: key for name, _, key in written})
    sales = sources.sales.frame
    keys = sales["account_name"].map(key_of)
    revenue = sales.groupby(keys)["revenue"].sum()
    per_industry = revenue.groupby(revenue.index.map(industry)).mean()
    pays = pd.Series(truth["industry_pays"])
    assert per_industry.corr(pays, method="spearman") > 0.7
    half = sales["date"] >= pd.Timestamp("2024-07-01")
    buyers = set(keys[half & (sales["division"] == "Consumables")])
    before = sales[~half & (sales["date"] >= pd.Timestamp("2024-01-01"))]
    owners = set(keys[before.index][before["division"] == "Printers"])
    everyone = set(keys)
    assert len(owners & buyers) / len(owners) > 1.5 * len(buyers) / len(everyone)
