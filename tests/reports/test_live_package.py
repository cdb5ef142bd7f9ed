"""What the live workbook's package holds: nothing that warns, nothing volatile, inputs marked, charts told in words."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from icp_xl.config.reports import ReportSettings
from icp_xl.delivery.render.theme import INPUT_FILL
from icp_xl.reports.live import knots
from icp_xl.reports.live.book import build_live_book
from icp_xl.reports.live.inputs import PUBLISHED
from icp_xl.reports.spec import Chart, Table
from tests.support.live_books import Live, make_live, render_live
from tests.support.validator import assert_valid

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
VOLATILE = ("NOW", "TODAY", "RAND", "RANDBETWEEN", "RANDARRAY", "OFFSET", "INDIRECT", "CELL", "INFO")
#: Elements that hold formulas, anywhere in a package.
FORMULAS = (
    "f",
    "formula",
    "formula1",
    "formula2",
    "definedName",
    "calculatedColumnFormula",
    "totalsRowFormula",
    "cfRule",
)
#: The only parts that there may be; no connection, query, macro, picture of a desktop, or link.
PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(app|core)\.xml|xl/_rels/workbook\.xml\.rels|xl/workbook\.xml"
    r"|xl/(styles|sharedStrings|metadata)\.xml|xl/theme/theme1\.xml|xl/worksheets/(_rels/)?sheet\d+\.xml(\.rels)?"
    r"|xl/tables/table\d+\.xml|xl/drawings/(_rels/)?drawing\d+\.xml(\.rels)?|xl/charts/chart\d+\.xml"
    r"|xl/drawings/icp_controls\d+\.vml|xl/ctrlProps/ctrlProp\d+\.xml"
)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "lambda"])
def live(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Live:
    settings = ReportSettings(live_lambda=request.param)
    return render_live(make_live(1500), tmp_path_factory.mktemp("live") / "live.xlsx", settings)


def parts(live: Live) -> dict[str, bytes]:
    with zipfile.ZipFile(live.path) as package:
        return {name: package.read(name) for name in package.namelist()}


def test_no_link_no_macro_and_nothing_volatile(live: Live) -> None:
    found, formulas = parts(live), []
    assert [name for name in found if not PARTS.fullmatch(name)] == []
    for name, body in found.items():
        if name.endswith(".rels"):
            assert b"External" not in body, name
        elif name.endswith((".xml", ".vml")):
            for element in etree.fromstring(body).iter(etree.Element):
                if etree.QName(element).localname in FORMULAS and element.text:
                    formulas.append(element.text)
    assert len(formulas) > 15 * 1500
    for formula in formulas:
        bare = re.sub(r'"[^"]*"', '""', formula)
        assert not re.search(rf"(?<![\w.])({'|'.join(VOLATILE)})\(", bare), formula
        # Nor a link to another file, data from elsewhere, or a function of this add-in.
        assert "[" not in re.sub(r"icp_\w+\[[^\]]*\]", "", bare) and "!" not in re.sub(r"'[^']*'!|\w+!", "", bare), (
            formula
        )
        assert not re.search(r"WEBSERVICE|RTD|DDE|HYPERLINK|ICP_\w+\(", bare.replace("_xlfn.LAMBDA", "")), formula
    later = {match for formula in formulas for match in re.findall(r"_xl\w+\.\w+", formula)}
    # Names of parameters are held to Excel's rules by the tests of the functions.
    later = {match for match in later if not match.startswith("_xlpm.")}
    functions = ("LAMBDA", "LET", "MAKEARRAY", "ISOMITTED", "UNICHAR", "SWITCH")
    lambdas = {"_xlop.weights", *(f"_xlfn.{name}" for name in functions)}
    many = "below" in live.result.tables["live_knots"].columns
    # Of Excel 2010; what the project asks for is 2016.
    of_2010 = {"_xlfn.AGGREGATE"} if many else set()
    assert later == of_2010 | (lambdas if live.settings.live_lambda else set())
    arrays = [
        (name, element) for name, body in found.items() if name.startswith("xl/worksheets/sheet")
        for element in etree.fromstring(body).iter(f"{MAIN}f") if element.get("t") == "array"
    ]  # fmt: skip
    # Excel takes an array over several cells anywhere but in a native table.
    asked = Counter(name for _, element in arrays for name in re.findall(r"FREQUENCY|AGGREGATE", element.text or ""))
    assert asked == {"FREQUENCY": 4, **({"AGGREGATE": 2} if many else {})} and asked.total() == len(arrays)
    native = {etree.fromstring(body).get("name") for name, body in found.items() if name.startswith("xl/tables/")}
    assert not {"icp_live_mix", "icp_live_histogram"} & native and "icp_live_segments" in native
    assert ("icp_live_knots" in native) != many


def test_quantiles_of_many_keep_the_same_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knots, "ARRAY_FROM", 1002)
    live = render_live(make_live(1500), tmp_path / "live.xlsx")
    assert "below" in live.result.tables["live_knots"].columns
    test_no_link_no_macro_and_nothing_volatile(live)
    test_small_enough_for_mail(live)
    test_no_merged_cells_in_tables(live)
    test_inputs_are_marked_and_all_else_is_locked_without_a_password(live)
    assert_valid_live(live)


def test_small_enough_for_mail(live: Live) -> None:
    assert live.path.stat().st_size < 1_500_000


def assert_valid_live(live: Live) -> None:
    assert_valid(live.path)


def test_valid_by_the_specification(live: Live) -> None:
    assert_valid_live(live)


def test_alternative_text_on_every_chart(live: Live) -> None:
    drawn = 0
    for name, body in parts(live).items():
        if re.fullmatch(r"xl/drawings/drawing\d+\.xml", name):
            for frame in etree.fromstring(body).iter("{*}graphicFrame"):
                [told] = frame.iter("{*}cNvPr")
                assert len(told.get("descr") or "") > 40
                drawn += 1
    assert drawn == 20


def test_no_merged_cells_in_tables(live: Live) -> None:
    found = parts(live)
    tables = list(live.result.tables.values())
    merged = 0
    book = etree.fromstring(found["xl/workbook.xml"])
    for i, sheet in enumerate(book.iter(f"{MAIN}sheet"), 1):
        areas = [
            each.get("ref") for each in etree.fromstring(found[f"xl/worksheets/sheet{i}.xml"]).iter(f"{MAIN}mergeCell")
        ]
        for area in areas:
            rows = [int(number) - 1 for number in re.findall(r"\d+", area)]
            merged += 1
            for table in tables:
                # No table of ours shares its rows with merged cells, whatever the columns.
                assert table.sheet != sheet.get("name") or rows[1] < table.header_row or rows[0] > table.last_row
    assert merged > 0


def test_inputs_are_marked_and_all_else_is_locked_without_a_password(live: Live) -> None:
    found = parts(live)
    styles = etree.fromstring(found["xl/styles.xml"])
    fills = [fill.find(f"{MAIN}patternFill/{MAIN}fgColor") for fill in styles.find(f"{MAIN}fills")]
    looks = []
    for xf in styles.find(f"{MAIN}cellXfs"):
        colour = fills[int(xf.get("fillId"))]
        protection = xf.find(f"{MAIN}protection")
        open_ = protection is not None and protection.get("locked") == "0"
        looks.append((open_, colour is not None and (colour.get("rgb") or "")[2:] == INPUT_FILL[1:]))
    assert all(unlocked == yellow for unlocked, yellow in looks)
    wanted = {
        live.cell(table, column, row + 1)
        for table, column in (("live_weights", "own"), ("live_weights", "slider"), ("live_grades", "target"),
                              ("live_limits", "starts"), ("live_preset", "value"), ("live_normalise", "value"),
                              ("live_segment", "value"))
        for row in range(live.result.tables[table].rows)
    }  # fmt: skip
    book = etree.fromstring(found["xl/workbook.xml"])
    got = set()
    for i, sheet in enumerate(book.iter(f"{MAIN}sheet"), 1):
        root = etree.fromstring(found[f"xl/worksheets/sheet{i}.xml"])
        guard = root.find(f"{MAIN}sheetProtection")
        if sheet.get("name") != "Method":
            assert guard is not None and guard.get("sheet") == "1"
            assert not {"password", "hashValue", "algorithmName"} & set(guard.attrib)
        open_cells = [c for c in root.iter(f"{MAIN}c") if looks[int(c.get("s", 0))][0]]
        assert not any(cell.find(f"{MAIN}f") is not None for cell in open_cells)
        got |= {(sheet.get("name"), cell.get("r")) for cell in open_cells}
        choices = [each.get("type") for each in root.iter(f"{MAIN}dataValidation")]
        assert choices.count("list") == (3 if sheet.get("name") == "What-If" else 0)
    assert got == wanted


def test_one_place_for_each_constant(live: Live) -> None:
    book = build_live_book(live.inputs, live.settings)
    [accounts] = [sheet for sheet in book.sheets if sheet.name == "Live Accounts"]
    [table] = accounts.blocks
    assert isinstance(table, Table)
    for column in table.columns:
        numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", re.sub(r'"[^"]*"|\{[^}]*\}', "", column.formula or ""))
        # Bounds of the score, the numbers of grades, digits of places; the rest has a name.
        assert {float(number) for number in numbers} <= {0, 1, 2, 3, 4, 5, 9, 100}, column.key


def test_presets_by_name(live: Live) -> None:
    assert list(live.inputs.all_presets()) == [PUBLISHED, "Default", "Equal"]


#: How colours look without red cones, without green cones (Machado, Oliveira and Fernandes 2009), and to all.
EYES = {
    "all": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip


def lab(colour: str, eye: np.ndarray) -> np.ndarray:
    """CIELAB of an sRGB colour as an eye sees it."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(eye @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    scaled = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_series_of_a_chart_are_told_apart_by_every_eye(live: Live) -> None:
    found = parts(live)
    compared = 0
    for name, body in found.items():
        if not re.fullmatch(r"xl/charts/chart\d+\.xml", name):
            continue
        colours = []
        for series in etree.fromstring(body).iter("{*}ser"):
            fill = series.find("{*}spPr/{*}solidFill/{*}srgbClr")
            line = series.find("{*}spPr/{*}ln/{*}solidFill/{*}srgbClr")
            colour = fill if fill is not None else line
            if colour is not None:
                colours.append("#" + colour.get("val"))
        for one, other in combinations(dict.fromkeys(colours), 2):
            for eye in EYES.values():
                assert np.linalg.norm(lab(one, eye) - lab(other, eye)) > 20, (name, one, other)
            compared += 1
    assert compared >= 8


def test_charts_are_on_the_sheets_that_promise_them(live: Live) -> None:
    def charts(blocks: object) -> list[str]:
        if isinstance(blocks, Chart):
            return [blocks.title]
        return [title for each in blocks for title in charts(each)] if isinstance(blocks, list | tuple) else []

    book = build_live_book(live.inputs, live.settings)
    count = {sheet.name: len(charts(list(sheet.blocks))) for sheet in book.sheets}
    assert count == {"Dashboard": 7, "What-If": 13, "Live Accounts": 0, "Score Model": 0, "Method": 0}


def test_same_bytes_every_time(tmp_path: Path) -> None:
    one, two = (render_live(make_live(50), tmp_path / name).path.read_bytes() for name in ("a.xlsx", "b.xlsx"))
    assert one == two
