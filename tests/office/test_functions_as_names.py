"""The functions as LAMBDA names: equal to the library on every sample account in two engines, within Excel's limits."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from datetime import datetime
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lxml import etree

from icp_xl.components.fitted import FittedComponent
from icp_xl.components.record import Component
from icp_xl.components.shapes import Linear
from icp_xl.config.reports import ReportSettings
from icp_xl.delivery.render.book import render_book
from icp_xl.delivery.render.references import with_prefixes
from icp_xl.errors import DeliveryError
from icp_xl.excel import functions, lookups
from icp_xl.excel.published_results import AccountTable, published
from icp_xl.reports.functions.book import FunctionInputs, build_functions_book
from icp_xl.reports.functions.lambdas import MOST_CHARACTERS, MOST_LEVELS, function_names, levels
from icp_xl.reports.spec import Column, Sheet, Table
from icp_xl.scoring.model import ScoreModel
from tests.components.test_declared import KINDS, MORE, scored
from tests.support.lambda_cells import Cells
from tests.support.office import recalculate
from tests.support.second_engine import SecondEngine
from udfs import icp

ROOT = Path(__file__).parents[2]
CLOCK = datetime(2024, 7, 1)
WANTED = ["ICP_SCORE", "ICP_RAW", "ICP_GRADE", "ICP_SEGMENT", "ICP_COMPONENT", "ICP_EXPLAIN", "ICP_LOOKUP"]
OTHER = [0.4, 0.1, 0.2, 0.3]


@pytest.fixture(scope="module")
def sample(sample_scores: tuple[ScoreModel, pd.DataFrame]) -> FunctionInputs:
    """The model and every account of the sample workbooks."""
    return FunctionInputs(*sample_scores)


@pytest.fixture(scope="module")
def declared() -> list[FunctionInputs]:
    """Fifteen kinds of components, declared in settings."""
    made = [scored(kinds) for kinds in (KINDS, MORE)]
    return [FunctionInputs(model, frame.reset_index()) for frame, model in made]


def engine(inputs: FunctionInputs, path: Path) -> SecondEngine:
    render_book(build_functions_book(inputs, ReportSettings()), path, clock=CLOCK)
    return SecondEngine(path)


def put_facts(made: SecondEngine, inputs: FunctionInputs) -> str:
    """The facts of every account on the own sheet, and the ranges that they fill."""
    facts, n = inputs.model.facts, len(inputs.scored)
    for j, fact in enumerate(facts, 1):
        for i, value in enumerate(inputs.scored[fact.name], 1):
            made.put(i, j, value)
    return ",".join(f"{letter}1:{letter}{n}" for letter in "ABCDEFGHIJKL"[: len(facts)])


def close(got: list[Any], want: Any) -> None:
    np.testing.assert_allclose(np.asarray(got, float), np.asarray(want, float), rtol=0, atol=1e-9)


def test_every_sample_account_in_the_second_engine(sample: FunctionInputs, tmp_path: Path) -> None:
    made, model, n = engine(sample, tmp_path / "f.xlsx"), sample.model, len(sample.scored)
    facts = put_facts(made, sample)
    weights = "{" + ",".join(map(str, OTHER)) + "}"
    got = made.ask(
        {20: f"=ICP_SCORE({facts})", 21: f"=ICP_RAW({facts})", 22: f"=ICP_GRADE({facts})", 23: f"=ICP_SEGMENT(B1:B{n})",
         24: f'=ICP_COMPONENT(" Adoption",{facts})', 25: f"=ICP_EXPLAIN({facts})",
         26: f"=ICP_SCORE({facts},{weights})"},
        rows=n,
    )  # fmt: skip
    want, other = model.score(sample.scored), model.score(sample.scored, OTHER)
    assert n > 1400
    close(got[20], want.icp_score)
    close(got[21], want.raw_score)
    assert got[22] == want.icp_grade.tolist()
    assert got[23] == model.segment(sample.scored["annual_revenue"]).tolist()
    close(got[24], want.components[:, 2])
    assert all(text.startswith(f"{letter}, score ") for text, letter in zip(got[25], want.icp_grade, strict=True))
    close(got[26], other.icp_score)


def test_components_of_settings_in_the_second_engine(declared: list[FunctionInputs], tmp_path: Path) -> None:
    for inputs in declared:
        made, n = engine(inputs, tmp_path / "f.xlsx"), len(inputs.scored)
        facts = put_facts(made, inputs)
        asked = {30 + i: f'=ICP_COMPONENT("{name}",{facts})' for i, name in enumerate(inputs.model.names)}
        got = made.ask({20: f"=ICP_SCORE({facts})", **asked}, rows=n)
        want = inputs.model.score(inputs.scored)
        close(got[20], want.icp_score)
        for i in range(len(inputs.model.names)):
            close(got[30 + i], want.components[:, i])


@pytest.mark.office
def test_every_sample_account_in_libreoffice_by_substitution(sample: FunctionInputs, tmp_path: Path) -> None:
    """LibreOffice knows no LAMBDA: what the names bind stands in columns, and the rest is their own text."""
    book, model = build_functions_book(sample, ReportSettings()), sample.model
    functions_ = {name: text for name, text in book.names.items() if text.startswith("LAMBDA(")}
    # Cells are single here: the step over the cells of ranges is left out, and what it calls for each is taken.
    head, each = functions_["icp_fn_each"].split(",LET(", 1)
    functions_["icp_fn_each"] = f"{head},{re.search(r'icp_fn_one[(][^()]*[)]', each)[0]})"  # type: ignore[index]
    functions_["ICP_SEGMENT"] = "LAMBDA(_xlpm.annual_revenue,icp_fn_segment(_xlpm.annual_revenue))"
    facts = [fact.name for fact in model.facts]
    cells = Cells(functions_)
    given = [f"{{{name}}}" for name in facts]
    answers = {
        "score": cells.call("ICP_SCORE", *given), "raw": cells.call("ICP_RAW", *given),
        "grade": cells.call("ICP_GRADE", *given), "segment": cells.call("ICP_SEGMENT", "{annual_revenue}"),
        "told": cells.call("ICP_EXPLAIN", *given),
    }  # fmt: skip
    made = {**cells.columns, **answers}
    assert not any("_xl" in text or "LAMBDA" in text for text in made.values())
    frame = sample.scored[facts].assign(**dict.fromkeys(made, 0))
    columns = [Column(fact.name, fact.name, "text" if fact.text else "number") for fact in model.facts]
    columns += [Column(key, key, "number", formula=text) for key, text in made.items()]
    names = {name: text for name, text in book.names.items() if name not in functions_ and "accounts" not in text}
    names = {name: text for name, text in names.items() if not name.startswith("icp_fn_")}
    model_sheet = replace(book.sheets[0], blocks=[block for block in book.sheets[0].blocks if not _calls(block)])
    shown = Sheet("Facts", "Facts", [Table("facts", columns, frame)], kind="data")
    result = render_book(replace(book, sheets=[model_sheet, shown], names=names), tmp_path / "f.xlsx", clock=CLOCK)
    [found] = recalculate(tmp_path / "f.xlsx", [[]])
    spot, want = result.tables["facts"], model.score(sample.scored)
    got = {
        key: [found.values[spot.sheet][f"{spot.letter(key)}{spot.first_row + i + 1}"] for i in range(spot.rows)]
        for key in answers
    }
    assert spot.rows > 1400 and not found.errors
    close(got["score"], want.icp_score)
    close(got["raw"], want.raw_score)
    assert got["grade"] == want.icp_grade.tolist()
    assert got["segment"] == model.segment(sample.scored["annual_revenue"]).tolist()
    assert all(text.startswith(f"{letter}, score ") for text, letter in zip(got["told"], want.icp_grade, strict=True))


def _calls(block: object) -> bool:
    return "ICP_SEGMENT(0)" in repr(block)


ODD = [None, "", "  ", 0, 12, 1e6, -1, True, "12", " 1,000 ", "$5", "5%", "abc", "1/2/2024", "#DIV/0!", "#N/A"]
TEXTS = ["Electronics", " electronics  ", "ELECTRONICS", "food &  beverage", "Elec*", None, 5, True, "#REF!"]


def test_odd_arguments_give_what_the_add_in_gives(
    sample: FunctionInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, model = engine(sample, tmp_path / "f.xlsx"), sample.model
    monkeypatch.setattr(published, "model", lambda: model)
    rows = [["Electronics", value, 3, 100, 50] for value in ODD] + [["Electronics", 1e6, 3, value, 50] for value in ODD]
    rows += [[text, 1e6, 3, 100, 50] for text in TEXTS] + [[text, None, None, None, None] for text in TEXTS]
    for i, row in enumerate(rows, 1):
        for j, value in enumerate(row, 1):
            made.put(i, j, value)
    n, names = len(rows), [fact.name for fact in model.facts]
    facts = ",".join(f"{letter}1:{letter}{n}" for letter in "ABCDE")
    got = made.ask({20: f"=ICP_SCORE({facts})", 21: f"=ICP_SEGMENT(B1:B{n})"}, rows=n)
    columns = {name: [[row[j]] for row in rows] for j, name in enumerate(names)}
    want = [cell for [cell] in functions.score(columns, None)]
    segments = [cell for [cell] in functions.segment(columns["annual_revenue"])]
    for row, one, other in zip(rows, [*zip(got[20], got[21], strict=True)], [*zip(want, segments, strict=True)],
                               strict=True):  # fmt: skip
        for mine, theirs in zip(one, other, strict=True):
            same = mine == theirs if isinstance(theirs, str) or isinstance(mine, str) else abs(mine - theirs) < 1e-9
            assert same or (mine is None and theirs == ""), (row, one, other)


@pytest.mark.parametrize(
    "weights", ["{0.25,0.25,0.25,0.25}", "{0.4;0.1;0.2;0.3}", "{0.4,0.1;0.2,0.3}", "{0.5,0.5}", "{0.5,0.5,0.5,0}",
                "{1.5,-0.5,0,0}", '{"a",0,0,1}', "Z1:Z4"],
)  # fmt: skip
def test_weights_are_checked_as_the_add_in_checks_them(
    sample: FunctionInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str
) -> None:
    made, model = engine(sample, tmp_path / "f.xlsx"), sample.model
    monkeypatch.setattr(published, "model", lambda: model)
    [got] = made.ask({20: f'=ICP_SCORE("Electronics",1000000,3,100,50,{weights})'})[20]
    rows = [[part.strip('"') if '"' in part else float(part) for part in row.split(",")]
            for row in weights.strip("{}").split(";")] if weights[0] == "{" else [[None]] * 4  # fmt: skip
    cells = dict(zip([fact.name for fact in model.facts], [[["Electronics"]], 1e6, 3, 100, 50], strict=True))
    want = functions.score(cells, rows)
    assert got == want or abs(got - want) < 1e-9


def test_shapes_spill_and_clash_as_those_of_the_add_in(sample: FunctionInputs, tmp_path: Path) -> None:
    made = engine(sample, tmp_path / "f.xlsx")
    for i in range(3):
        made.put(i + 1, 1, "Electronics")
        made.put(i + 1, 2, 1e5 * 100**i)
    rest = "3,100,50"
    got = made.ask(
        {20: f"=ICP_SCORE(A1:A3,B1:B3,{rest})", 21: f'=ICP_SCORE("Electronics",B1:B3,{rest})',
         22: f"=ICP_SCORE(A1:A2,B1:B3,{rest})", 23: f"=ICP_SCORE(A1,,{rest})", 24: "=ICP_SCORE(AZ1,AZ1,AZ1,AZ1,AZ1)",
         25: f'=ICP_COMPONENT("nope",A1:A3,B1:B3,{rest})', 26: f'=ICP_COMPONENT(A1:A2,A1:A3,B1:B3,{rest})'},
        rows=3,
    )  # fmt: skip
    assert got[20] == got[21] and len(set(got[20])) > 1
    assert got[22][0] == got[25][0] == got[26][0] == "#VALUE!"
    assert isinstance(got[23][0], float) and got[24][0] in ("", None)


def test_lookup_finds_what_the_add_in_finds(
    sample: FunctionInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = sample.scored
    table = AccountTable({str(c): [None if pd.isna(v) else v for v in frame[c].tolist()] for c in frame.columns})
    monkeypatch.setattr(published, "accounts", lambda: table)
    merged = next(text for text in frame["merged_ids"].fillna("") if text).split("; ")[0]
    twice = frame["account_name"].value_counts()
    asked = [*frame["account_id"].head(3), frame["account_name"][7].upper(), f" {frame['account_name'][9]} ", merged,
             "nobody", None, frame["account_name"][3], str(twice.index[0]), "C-1007*"]  # fmt: skip
    made = engine(sample, tmp_path / "f.xlsx")
    for i, value in enumerate(asked, 1):
        made.put(i, 1, value)
    fields = ["rank", "ICP Score", "icp_grade", "nothing", "city"]
    names = "{" + ",".join(f'"{name}"' for name in fields) + "}"
    n = len(asked)
    made.ask({20: f"=ICP_LOOKUP(A1:A{n},{names})"})
    got = [[made.get(i + 1, 20 + j) for j in range(len(fields))] for i in range(n)]
    want = lookups.lookup([[value] for value in asked], [fields])
    assert [[cell or "" for cell in row] for row in got] == [[cell or "" for cell in row] for row in want]
    one = made.ask({40: '=ICP_LOOKUP(A1,"rank")', 41: '=ICP_LOOKUP(A1,"nothing")', 42: '=ICP_LOOKUP(A7,"rank")'})
    assert [cells[0] for cells in one.values()] == [1, "#VALUE!", "#N/A"]


def test_each_formula_keeps_to_the_limits_of_excel(
    sample: FunctionInputs, declared: list[FunctionInputs], tmp_path: Path
) -> None:
    for inputs in [sample, *declared]:
        path = tmp_path / "f.xlsx"
        render_book(build_functions_book(inputs, ReportSettings()), path, clock=CLOCK)
        with zipfile.ZipFile(path) as package:
            book = etree.fromstring(package.read("xl/workbook.xml"))
        names = {e.get("name"): e.text for e in book.iter("{*}definedName") if e.text.startswith("_xlfn.LAMBDA(")}
        assert [name for name in names if name.startswith("ICP")] == sorted(WANTED)
        for name, formula in names.items():
            bare = re.sub(r'"[^"]*"', '""', formula)
            assert len(name) <= 255 and len(formula) <= MOST_CHARACTERS and levels(formula) <= MOST_LEVELS
            assert all(len(text) <= 255 for text in re.findall(r'"([^"]*)"', formula))
            # In the form of files: every newer function has its prefix, every parameter too, and nothing twice.
            assert with_prefixes(formula) == formula and "_xlfn._xlfn" not in formula and "[" not in bare
            for parameter in re.findall(r"_xl[po][mp]\.(\w+)", bare):
                assert not re.fullmatch(r"(?i)[a-z]{1,3}\d+|[rczsl]\d*([rczsl]\d*)?|true|false", parameter), parameter
            optional = set(re.findall(r"_xlop\.(\w+)", bare))
            assert optional == ({"weights"} if name in ("ICP_SCORE", "ICP_RAW", "ICP_GRADE", "ICP_EXPLAIN") else set())
        for name in re.findall(r"(?<![\w.])(icp_fn_\w+)\(", " ".join(names.values())):
            assert name in names


def test_a_score_of_too_many_components_is_refused() -> None:
    declared = (Component(f"c{i}", "number", column=f"a_rather_long_name_of_a_column_{i}") for i in range(60))
    parts = tuple(FittedComponent(each, Linear(0.0, 1.0, 0.5)) for each in declared)
    weights = {part.name: 1 / 60 for part in parts}
    model = ScoreModel(parts, weights, dict.fromkeys("ABCDF", 0.2), 1.0, 2.0, [0, 1], 10)
    with pytest.raises(DeliveryError, match="more components than functions"):
        function_names(model)


def test_arguments_are_the_add_ins(sample: FunctionInputs) -> None:
    """Names, order, and what may be left out."""
    names = build_functions_book(sample, ReportSettings()).names
    for name in WANTED:
        declared = [each for each in signature(getattr(icp, name)).parameters.values() if each.name != "book"]
        found = re.findall(r"_xl([po])[mp]\.(\w+),", names[name].split("LET(")[0].split("IF(")[0])
        assert found == [("p" if each.default is each.empty else "o", each.name) for each in declared], name
