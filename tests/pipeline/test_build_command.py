"""``icp-xl build`` from the outside: what breaks it, what it leaves behind then, and what it writes again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icp_xl.cli import run as cli
from icp_xl.config import load_settings
from icp_xl.errors import DataError
from icp_xl.pipeline.models.build import build
from icp_xl.runs import start_run
from icp_xl.sources import read_sources
from tests.support.messy_lines import messy_assets
from tests.support.sales_lines import DIVISIONS, make_lines

SETTINGS = {
    "build.allowed_divisions": list(DIVISIONS),
    "build.as_of": "2026-01-01",
    "build.cutoffs": ["2025-03-01"],
    "build.divisions": ["Printers"],
    "build.window_months": 3,
    "features.use_als": False,
    "features.use_basket": False,
    "labels.auto_widen": False,
}
#: How a log can be broken: the change, what the message says, the exit code, and the row of the contract report.
BROKEN = {
    "column": (lambda lines: lines.drop(columns="revenue"), "column revenue is missing", 3,
               ("every needed column is there", 1)),
    "division": (lambda lines: lines.assign(division=lines["division"].where(lines.index >= 4, "Nonsense")),
                 "unknown division", 4, ("every division is one of build.allowed_divisions", 4)),
    "future": (lambda lines: lines.assign(date=lines["date"].where(lines.index >= 3, pd.Timestamp("2031-05-01"))),
               "date in the future", 4, ("no date after build.as_of", 3)),
    "amount": (lambda lines: lines.assign(revenue=lines["revenue"].where(lines.index >= 2, 9e15)),
               "amount out of range", 4, ("no amount above build.max_amount", 2)),
    "no lines": (lambda lines: lines.iloc[:0], "no sales line is left", 4, ("a line is left to build from", 1)),
    "no window": (lambda lines: lines[lines["date"] < pd.Timestamp("2025-03-01")], "label window is empty", 4, None),
    "no past": (lambda lines: lines[lines["date"] >= pd.Timestamp("2025-03-01")], "no line before it", 4, None),
}  # fmt: skip


class Desk:
    """A folder with a log, and the command on it."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.folder, self.out, self.log = folder, folder / "out", folder / "lines.parquet"
        self.settings = {**SETTINGS, "build.transactions": str(self.log), "paths.out": str(self.out), **more}

    def build(self, lines: pd.DataFrame, *options: str) -> int:
        lines.to_parquet(self.log)
        sets = [part for key, value in self.settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
        return cli(["build", *sets, *options])

    def read(self, name: str) -> pd.DataFrame:
        path = self.out / name
        return pd.read_csv(path, encoding="utf-8-sig") if path.suffix == ".csv" else pd.read_parquet(path)

    def files(self) -> dict[str, bytes]:
        """Every result (the record of the runs aside) and its content."""
        found = {path.relative_to(self.out).as_posix(): path for path in sorted(self.out.rglob("*")) if path.is_file()}
        return {name: path.read_bytes() for name, path in found.items() if not name.startswith(("runs/", "."))}

    def report_text(self) -> str:
        """All text of the report workbook."""
        sheets = pd.read_excel(self.out / "icp_build.xlsx", sheet_name=None, header=None, engine="calamine")
        return "\n".join(str(cell) for sheet in sheets.values() for cell in sheet.to_numpy().ravel())


REPORTS = {"contract_report.csv", "contract_violations.csv", "cleaning_report.csv"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_log_ends_in_a_contract_report_and_nothing_else(
    desk: Desk, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message, code, row = BROKEN[case]
    assert desk.build(change(make_lines(1)), "--quiet") == code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    files = desk.files()
    assert {"contract_report.csv", "contract_violations.csv"} <= set(files) <= REPORTS
    report = desk.read("contract_report.csv")
    if row is not None:
        broken = report[report["status"] == "error"]
        assert list(zip(broken["rule"], broken["broken"], strict=True)) == [row]
        listed = desk.read("contract_violations.csv")
        assert len(listed) == (row[1] if case != "no lines" else 0)
        assert (listed["severity"] == "error").all()
    manifest = json.loads(next((desk.out / "runs").glob("*/manifest.json")).read_text(encoding="utf-8"))
    assert manifest["status"] == "failed"
    assert message in manifest["error"]


def test_a_build_that_breaks_leaves_the_one_before_whole(desk: Desk) -> None:
    assert desk.build(make_lines(1), "--quiet") == 0
    before = {name: body for name, body in desk.files().items() if name not in REPORTS}
    for case in ("column", "future", "no window"):
        assert desk.build(BROKEN[case][0](make_lines(1)), "--quiet") != 0
        assert {name: body for name, body in desk.files().items() if name not in REPORTS} == before, case


@pytest.mark.parametrize("case", ["division", "future"])
def test_fail_soft_goes_on_without_the_bad_rows_and_says_so(
    desk: Desk, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message, _, (rule, n) = BROKEN[case]
    lines = make_lines(1)
    assert desk.build(change(lines), "--fail-soft") == 0
    told = f"went on without {n} lines of the sales log: {message}"
    assert told in capsys.readouterr().out
    report = desk.read("contract_report.csv").set_index("rule")
    assert report.loc[rule, ["broken", "status"]].tolist() == [n, "error"]
    assert sorted(desk.read("contract_violations.csv")["row"]) == list(range(2, 2 + n))
    star = json.loads((desk.out / "curated/star/star.json").read_text(encoding="utf-8"))
    assert star["rows"] == len(lines) - n
    text = desk.report_text()
    assert told[1:] in text
    assert message in text.lower()
    # The rows are gone from what is built: the same log without them gives the same features.
    without = desk.files()["curated/features/features_printers_2025-03-01.parquet"]
    assert desk.build(lines.iloc[n:], "--quiet") == 0
    assert desk.files()["curated/features/features_printers_2025-03-01.parquet"] == without


def test_fail_soft_goes_on_without_a_cutoff_and_a_division_that_cannot_be_used(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.settings["build.cutoffs"] = ["2025-03-01", "2025-12-20", "2023-01-01"]
    desk.settings["build.divisions"] = ["Printers", "Nonsense"]
    assert desk.build(make_lines(1), "--quiet") == 4
    assert desk.build(make_lines(1), "--fail-soft") == 0
    said = capsys.readouterr().out
    text = desk.report_text()
    for told in ("cutoff 2025-12-20: the label window is empty", "cutoff 2023-01-01: the log has no line before it",
                 "no such division in the log: Nonsense"):  # fmt: skip
        assert told in said
        assert told[1:] in text
    assert set(desk.read("curated/labels/labels_summary.csv")["cutoff_date"]) == {"2025-03-01"}


def test_an_unknown_division_is_named_with_those_that_there_are(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.settings["build.divisions"] = []
    assert desk.build(make_lines(1), "--quiet", "--division", "Printer") == 2
    said = capsys.readouterr().err
    assert "got: Printer; allowed: Printers, Service, Software" in said
    assert set(desk.files()) == REPORTS


def test_a_csv_log_without_a_needed_column_is_reported_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_lines(1).drop(columns="revenue").to_csv(tmp_path / "log.csv", index=False)
    options = [
        "--data",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--set",
        "sources.sales.file=log.csv",
        "--quiet",
    ]
    assert cli(["build", *options]) == 3
    assert "no column for revenue" in capsys.readouterr().err
    assert set(Desk(tmp_path).files()) == {"contract_report.csv", "contract_violations.csv"}
    report = Desk(tmp_path).read("contract_report.csv")
    assert report[["rule", "status"]].to_numpy().tolist() == [["every needed column is there", "error"]]


def test_rows_that_cleaning_left_out_are_in_the_contract_report(tmp_path: Path) -> None:
    lines = make_lines(1, n=120)
    lines = lines.astype({"date": "str"}).drop(columns="source_row")
    lines.loc[3, "date"], lines.loc[[5, 6], "account_id"], lines.loc[9, "revenue"] = None, None, np.nan
    lines = pd.concat([lines, lines.iloc[20:22]])
    lines.to_csv(tmp_path / "log.csv", index=False)
    options = {"paths.data": str(tmp_path), "paths.out": str(tmp_path / "out"), "sources.sales": {"file": "log.csv"}}
    chosen = load_settings(environ={}, overrides={**SETTINGS, **options})
    assert len(read_sources(chosen).sales.frame) == 122  # type: ignore[union-attr]
    with start_run("build", chosen) as run:
        result = build(run)
    assert result is not None
    assert (result.star.read, result.star.kept) == (122, 116)
    desk = Desk(tmp_path)
    report = desk.read("contract_report.csv").set_index("rule")["broken"]
    assert report[report > 0].to_dict() == {
        "every line names an account": 2, "no line occurs twice": 2, "every line has a date": 1,
        "every line has a revenue": 1,
    }  # fmt: skip
    # Rows as the file has them: a header, then line 0 in row 2.
    assert sorted(desk.read("contract_violations.csv")["row"]) == [5, 7, 8, 11, 122, 123]


def test_a_build_that_breaks_within_a_longer_run_takes_nothing_of_the_others(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    BROKEN["future"][0](make_lines(1)).to_parquet(desk.log)
    with start_run("run", load_settings(environ={}, overrides=desk.settings)) as run:
        run.outputs.text("icp_scores.csv", "scores of an earlier stage")
        with pytest.raises(DataError, match="breaks its contract"):
            build(run)
        assert not (desk.out / "icp_scores.csv").exists()  # nothing is published before the run's end …
        assert (desk.out / "contract_report.csv").exists()  # … but the report on the broken log
        assert "star" not in run.memo
    assert set(desk.files()) == {"icp_scores.csv", *REPORTS}


def test_only_the_month_that_changed_is_written_again(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    lines = make_lines(1)
    assert desk.build(lines) == 0
    stamps = _stamps(desk)
    assert min(stamps) == "2024-01"
    assert len(stamps) == 23
    assert desk.build(lines.sample(frac=1.0, random_state=1)) == 0  # another order is no change
    assert _stamps(desk) == stamps
    assert "0 months written" in capsys.readouterr().out
    day = pd.Timestamp("2024-08-01")
    changed = lines.copy()
    changed.loc[changed["date"].between(day, day + pd.DateOffset(days=30)), "revenue"] += 1.0
    assert desk.build(changed) == 0
    assert {name for name, stamp in _stamps(desk).items() if stamp != stamps[name]} == {"2024-08"}
    assert "1 months written" in capsys.readouterr().out
    # A month that is gone loses its file with the next build at the latest, and is not read any more at once.
    shorter = changed[changed["date"] < pd.Timestamp("2025-10-01")]
    assert desk.build(shorter, "--quiet") == 0
    star = json.loads((desk.out / "curated/star/star.json").read_text(encoding="utf-8"))
    assert max(part["ym"] for part in star["partitions"]) == 202509
    assert desk.build(shorter, "--quiet") == 0
    assert max(_stamps(desk)) == "2025-09"


def _stamps(desk: Desk) -> dict[str, int]:
    folder = desk.out / "curated" / "star" / "fact_transactions"
    return {
        f"{path.parent.parent.name[-4:]}-{path.parent.name[-2:]}": path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*.parquet"))
    }


def test_rebuild_writes_every_month_and_the_same_bytes(desk: Desk) -> None:
    desk.settings["run.clock"] = "2026-01-01T00:00:00"
    lines = make_lines(1)
    assert desk.build(lines, "--quiet") == 0
    stamps, files = _stamps(desk), desk.files()
    assert desk.build(lines, "--quiet", "--rebuild") == 0
    assert all(stamp != stamps[name] for name, stamp in _stamps(desk).items())
    again = desk.files()
    assert {name for name in files if files[name] != again[name]} == set()


def test_staging_only_writes_the_judged_lines_and_no_star_schema(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = BROKEN["future"][0](make_lines(1))
    again = lines.iloc[[10]].assign(source_row=900)
    assert desk.build(pd.concat([lines, again]), "--staging-only", "--fail-soft") == 0
    assert set(desk.files()) == {*REPORTS, "curated/staging/sales_lines.parquet"}
    staged = desk.read("curated/staging/sales_lines.parquet").set_index("source_row")
    assert len(staged) == len(lines) + 1
    assert staged["reason"].dropna().to_dict() == {
        2: "date in the future", 3: "date in the future", 4: "date in the future", 900: "exact duplicate"}  # fmt: skip
    by_row = lines.set_index("source_row")
    kept = staged.loc[by_row.index]
    np.testing.assert_allclose(kept["revenue"], by_row["revenue"], atol=1e-9)
    assert (kept["kind"] == np.where(by_row["revenue"] < 0, "return", "sale")).all()
    assert "months" not in capsys.readouterr().out


def test_a_folder_of_parquet_files_is_one_log(desk: Desk) -> None:
    lines = make_lines(1)
    desk.settings["run.clock"] = "2026-01-01T00:00:00"
    assert desk.build(lines, "--quiet") == 0
    one = desk.files()["curated/star/star.json"]
    folder = desk.folder / "log"
    for name, part in (("2024/a.parquet", lines.iloc[:150]), ("2025/a.parquet", lines.iloc[150:])):
        (folder / name).parent.mkdir(parents=True)
        table = pa.Table.from_pandas(part, preserve_index=False)
        # As other programs write it: not a number, where pandas would leave a gap.
        known = pa.array([math.nan if k == 7 else value for k, value in enumerate(part["revenue"])], from_pandas=False)
        table = table.set_column(table.column_names.index("revenue"), "revenue", known)
        pq.write_table(table, folder / name)
    desk.settings["build.transactions"] = str(folder)
    assert desk.build(lines, "--quiet") == 0
    listed = desk.read("contract_violations.csv")
    assert listed[["row", "reason", "severity"]].to_numpy().tolist() == [
        [9, "no readable revenue", "dropped"], [159, "no readable revenue", "dropped"]]  # fmt: skip
    assert json.loads(one)["rows"] - 2 == json.loads(desk.files()["curated/star/star.json"])["rows"]
    manifest = max((desk.out / "runs").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
    assert set(json.loads(manifest.read_text(encoding="utf-8"))["inputs"]) == {"2024/a.parquet", "2025/a.parquet"}


def test_a_dry_run_writes_nothing_and_lists_what_it_would(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.build(make_lines(1), "--dry-run") == 0
    assert desk.files() == {}
    said = capsys.readouterr().out
    stem = "printers_2025-03-01.parquet"
    for name in ("star.json", f"labels_{stem}", f"features_{stem}", "icp_build.xlsx"):
        assert name in said


def test_lists_are_given_with_commas_or_repeated(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cutoffs", "divisions", "allowed_divisions"):
        del desk.settings[f"build.{name}"]
    lines = make_lines(1).replace({"division": {"Service": "Service, Parts"}})
    options = ("--cutoff", "2025-01-01,2025-03-01", "--division", "Printers, Software", "--division", "Service, Parts")
    assert desk.build(lines, *options, "--quiet") == 0
    made = {name for name in desk.files() if "/labels_" in name and name.endswith(".parquet")}
    slugs = ("printers", "software", "service_parts")
    days = ("2025-01-01", "2025-03-01")
    assert {name.rpartition("/")[2] for name in made} == {f"labels_{s}_{day}.parquet" for s in slugs for day in days}
    assert desk.build(lines, "--cutoff", "2025-01-01,soon", "--quiet") == 2
    assert "soon" in capsys.readouterr().err


def test_an_overrides_file_moves_codes_to_other_divisions(desk: Desk) -> None:
    place = desk.folder / "map.csv"
    place.write_text("sku,division\npr-1,Plotters\n PR-2 ,Plotters\n", encoding="utf-8")
    desk.settings |= {"build.sku_map": str(place), "build.divisions": ["Plotters", "Printers"]}
    lines = make_lines(1)
    assert desk.build(lines, "--quiet") == 0
    products = desk.read("curated/star/dim_product.parquet").set_index("fold")
    assert products.loc[["PR-1", "PR-2", "PR-3"], "division"].tolist() == ["Plotters", "Plotters", "Printers"]
    assert products["from_map"].sum() == 2
    facts = pd.concat(pd.read_parquet(path) for path in desk.out.rglob("part.parquet"))
    moved = facts["sku"].isin(["Pr-1", "Pr-2"])
    assert (facts["division"] == "Plotters").equals(moved)
    assert moved.sum() == lines["sku"].isin(["Pr-1", "Pr-2"]).sum()
    features = desk.read("curated/features/features_plotters_2025-03-01.parquet")
    assert features["own_ever"].sum() == lines.loc[
        lines["sku"].isin(["Pr-1", "Pr-2"]) & (lines["date"] < pd.Timestamp("2025-03-01")) & (lines["revenue"] >= 0),
        "account_id"].nunique()  # fmt: skip


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("code,division\nPr-1,Plotters\n", "columns are missing"),
        ("sku,division\nPr-1,Plotters\nPR-1,Printers\n", "gives one code several divisions"),
        (None, "the file does not exist"),
    ],
)
def test_an_overrides_file_that_says_nothing_clear_is_refused(
    desk: Desk, body: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if body is not None:
        (desk.folder / "map.csv").write_text(body, encoding="utf-8")
    desk.settings["build.sku_map"] = str(desk.folder / "map.csv")
    assert desk.build(make_lines(1, n=60), "--quiet") == 2
    said = capsys.readouterr().err
    assert message in said
    assert "map.csv" in said
    assert desk.files() == {}


def with_assets(desk: Desk, lines: pd.DataFrame) -> Callable[[], list[str]]:
    """A build over the library with assets beside the log; gives the names of the asset features."""
    from icp_xl.pipeline.models import build_inputs

    assets = messy_assets(1, [pd.Timestamp("2025-03-01").date()])
    lines.to_parquet(desk.log)

    def names() -> list[str]:
        chosen = load_settings(overrides=desk.settings)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "icp_xl.pipeline.models.build.read_inputs", lambda run: build_inputs.BuildInputs(lines, assets=assets)
            )
            with start_run("build", chosen) as run:
                build(run)
        catalog = desk.read("curated/features/feature_catalog_printers_2025-03-01.csv")
        return [name for name in catalog["name"] if name.startswith("assets_")]

    return names


def test_assets_are_switched_off_by_the_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    names = with_assets(desk, make_lines(1))
    assert {"assets_tenure_days", "assets_active_printers", "assets_active_software"} <= set(names())
    sanity = desk.out / "curated/features/assets_sanity.csv"
    assert sanity.exists()
    monkeypatch.setenv("ICP_XL__FEATURES__USE_ASSETS", "0")
    assert names() == []
    assert not sanity.exists()
    monkeypatch.setenv("ICP_XL__FEATURES__USE_ASSETS", "true")
    assert names()
    assert sanity.exists()
