"""The script for xlwings Lite: the add-in's answers, in plain Python, wherever it runs."""

from __future__ import annotations

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from icp_xl.cli import run
from icp_xl.components.record import Fact
from icp_xl.excel import functions, lookups
from icp_xl.excel.published_results import AccountTable, published
from icp_xl.reports.lite.script import LiteInputs, arguments, lite_script
from icp_xl.scoring.model import ScoreModel
from tests.components.test_declared import KINDS, MORE, scored
from tests.support import lite_xlwings
from tests.support.pyodide import run_pyodide

OTHER = [0.4, 0.1, 0.2, 0.3]
STAND_IN = Path(lite_xlwings.__file__).read_text(encoding="utf-8")
#: Each script with its facts: what every function gives for all of the accounts in one call.
PROGRAM = """
import builtins, json, sys
import xlwings
jobs = json.loads(open("jobs.json").read())
texts = [open(f"script{i}.py").read() for i in range(len(jobs))]
def refused(*given, **options):
    raise OSError("there are no files")
builtins.open = refused
answer = []
for text, job in zip(texts, jobs):
    space = {"__name__": "main"}
    exec(compile(text, "main.py", "exec"), space)
    facts = [[[cell] for cell in column] for column in job["facts"]]
    def ask(name, *before, after=()):
        return [row[0] for row in xlwings.call(space[name], *before, *facts, *after)]
    answer.append({
        "score": ask("ICP_SCORE"), "raw": ask("ICP_RAW"), "grade": ask("ICP_GRADE"), "told": ask("ICP_EXPLAIN"),
        "other": ask("ICP_SCORE", after=([job["weights"]],)),
        "parts": [ask("ICP_COMPONENT", name) for name in job["names"]],
        "segments": [row[0] for row in xlwings.call(space["ICP_SEGMENT"], [[cell] for cell in job["revenue"]])],
    })
    book = xlwings.Book({"Mine": [job["headers"], *map(list, zip(*job["facts"]))]})
    book.run(space["score_accounts"])
    answer[-1]["sheet"] = book.rows("Mine")
"""


@pytest.fixture(scope="module")
def sample(sample_scores: tuple[ScoreModel, pd.DataFrame]) -> LiteInputs:
    return LiteInputs(*sample_scores)


def loaded(inputs: LiteInputs) -> dict[str, Any]:
    """The script as xlwings Lite would load it, here."""
    space: dict[str, Any] = {"__name__": "main"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "xlwings", lite_xlwings)
        exec(compile(lite_script(inputs), "main.py", "exec", dont_inherit=True), space)
    return space


@pytest.fixture(scope="module")
def space(sample: LiteInputs) -> dict[str, Any]:
    return loaded(sample)


def plain(values: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in values.tolist()]


def close(got: Any, want: Any) -> None:
    np.testing.assert_allclose(np.asarray(got, float), np.asarray(want, float), rtol=0, atol=1e-9)


def test_every_account_under_pyodide(sample: LiteInputs) -> None:
    every = [sample, *(LiteInputs(model, frame.reset_index()) for frame, model in (scored(KINDS), scored(MORE)))]
    jobs, files = [], {"xlwings.py": STAND_IN}
    for i, each in enumerate(every):
        model, frame = each.model, each.scored
        files[f"script{i}.py"] = lite_script(each)
        count = len(model.names)
        jobs.append({
            "facts": [plain(frame[fact.name]) for fact in model.facts], "names": model.names,
            "headers": [fact.label for fact in model.facts], "revenue": plain(frame["annual_revenue"]),
            "weights": OTHER if count == 4 else [1 / count] * count,
        })  # fmt: skip
    files["jobs.json"] = json.dumps(jobs)
    assert len(sample.scored) > 1400
    for each, job, got in zip(every, jobs, run_pyodide(files, PROGRAM), strict=True):
        model, frame = each.model, each.scored
        want, other = model.score(frame), model.score(frame, job["weights"])
        close(got["score"], want.icp_score)
        close(got["raw"], want.raw_score)
        close(got["other"], other.icp_score)
        assert got["grade"] == want.icp_grade.tolist()
        assert got["segments"] == model.segment(frame["annual_revenue"]).tolist()
        for i in range(len(model.names)):
            close(got["parts"][i], want.components[:, i])
        assert all(text.startswith(f"{mark}, score ") for text, mark in zip(got["told"], got["grade"], strict=True))
        header, *rows = got["sheet"]
        place = header.index("ICP Score")
        close([row[place] for row in rows], want.icp_score)
        assert [row[place + 1] for row in rows] == want.icp_grade.tolist()


def test_it_needs_python_and_xlwings_alone(sample: LiteInputs) -> None:
    text = lite_script(sample)
    tree = ast.parse(text)
    needed = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    needed |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in needed} - sys.stdlib_module_names == {"xlwings"}
    assert text == lite_script(sample) and "icp_xl" not in text


ODD = [
    None,
    "",
    "  ",
    0,
    12,
    1e6,
    -1,
    True,
    "12",
    "$5",
    "5%",
    "(5%)",
    "abc",
    "1,050.5",
    "1_000",
    "nan",
    "1e400",
    10**400,
]
ERRORS = ["#DIV/0!", "#N/A", "#SPILL!", "#CALC!"]
TEXTS = ["Electronics", " electronics  ", "ELECTRONICS", None, 5, 5.5, True]


def test_odd_arguments_give_what_the_add_in_gives(
    sample: LiteInputs, space: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = sample.model
    monkeypatch.setattr(published, "model", lambda: model)
    names = [fact.name for fact in model.facts]
    rows = [["Electronics", value, 3, 100, 50] for value in [*ODD, *ERRORS]]
    rows += [["Electronics", 1e6, 3, value, 50] for value in [*ODD, *ERRORS]]
    rows += [[text, 1e6, 3, 100, 50] for text in TEXTS] + [[text, None, None, None, None] for text in TEXTS]
    for row in rows:
        cells = [lite_xlwings.Error(cell) if cell in ERRORS else cell for cell in row]
        want = functions.score(dict(zip(names, [[[cell]] for cell in row], strict=True)), None)
        segment = functions.segment([[row[1]]])
        # Lite cannot write the newer errors: they stay texts there, which the stand-in refuses.
        for name, given, theirs in (("ICP_SCORE", cells, want), ("ICP_SEGMENT", cells[1:2], segment)):
            if theirs in ("#SPILL!", "#CALC!"):
                theirs = "#VALUE!"
            [[mine]] = lite_xlwings.call(space[name], *given)
            same = mine == theirs if isinstance(theirs, str) or isinstance(mine, str) else abs(mine - theirs) < 1e-9
            assert same, (name, row, mine, theirs)


@pytest.mark.parametrize("text", ["1.050", "1,050", "1/2/2024", "1.2.3", "1,00,000", "12e", ".", "--5", "1'00"])
def test_a_text_that_could_be_two_numbers_is_none(space: dict[str, Any], text: str) -> None:
    assert lite_xlwings.call(space["ICP_SCORE"], "Electronics", 1e6, 3, text, 50) == [["#VALUE!"]]


@pytest.mark.parametrize("text", ["1.050,5", "1 050,5", "1050.5", "1'050.50", "€1,050.5"])
def test_a_text_that_is_one_number_in_every_country(space: dict[str, Any], text: str) -> None:
    want = lite_xlwings.call(space["ICP_SCORE"], "Electronics", 1e6, 3, 1050.5, 50)
    assert lite_xlwings.call(space["ICP_SCORE"], "Electronics", 1e6, 3, text, 50) == want


@pytest.mark.parametrize(
    "weights", [[[0.25] * 4], [[0.4], [0.1], [0.2], [0.3]], [[0.4, 0.1], [0.2, 0.3]], [[0.5, 0.5]],
                [[0.5, 0.5, 0.5, 0]], [[1.5, -0.5, 0, 0]], [["a", 0, 0, 1]], [[None]] * 4, [[None]]],
)  # fmt: skip
def test_weights_are_checked_as_the_add_in_checks_them(
    sample: LiteInputs, space: dict[str, Any], monkeypatch: pytest.MonkeyPatch, weights: list[list[Any]]
) -> None:
    names = [fact.name for fact in sample.model.facts]
    monkeypatch.setattr(published, "model", lambda: sample.model)
    row = ["Electronics", 1e6, 3, 100, 50]
    want = functions.score(dict(zip(names, row, strict=True)), weights)
    [[got]] = lite_xlwings.call(space["ICP_SCORE"], *row, weights)
    assert got == want or abs(got - want) < 1e-9


def test_ranges_spill_and_clash_and_whole_columns_end(
    sample: LiteInputs, space: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    score, rest = space["ICP_SCORE"], (3, 100, 50)
    three = [[1e5], [1e7], [1e9]]
    got = lite_xlwings.call(score, [["Electronics"]] * 3, three, *rest)
    assert got == lite_xlwings.call(score, "Electronics", three, *rest) and len({row[0] for row in got}) > 1
    assert lite_xlwings.call(score, [["Electronics"]] * 2, three, *rest) == [["#VALUE!"]]
    assert lite_xlwings.call(score, *[None] * 5) == [[""]]
    assert lite_xlwings.call(space["ICP_COMPONENT"], "nope", "Electronics", 1e6, *rest) == [["#VALUE!"]]
    monkeypatch.setitem(space, "ALL_ROWS", 40)
    column = [["Electronics"]] * 3 + [[None]] * 37
    assert lite_xlwings.call(score, column, [*three, *[[None]] * 37], *rest) == got


def test_lookup_and_model_answer_as_the_add_in(
    sample: LiteInputs, space: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = sample.scored
    table = AccountTable({str(name): plain(frame[name]) for name in frame.columns})
    monkeypatch.setattr(published, "accounts", lambda: table)
    ids, names = frame["account_id"].tolist(), frame["account_name"].tolist()
    fields = [["icp_score", "ICP Grade", "rank", "nothing"]]
    asked = [[ids[0]], [names[3]], [f" {str(names[9]).upper()} "], ["nobody"], [None], [ids[700]]]
    got, want = lite_xlwings.call(space["ICP_LOOKUP"], asked, fields), lookups.lookup(asked, fields)
    assert got == want and got[3][0] == "#N/A" and got[0][3] == "#VALUE!"
    assert lite_xlwings.call(space["ICP_LOOKUP"], ids[5], "nothing") == [["#VALUE!"]]
    assert lite_xlwings.call(space["ICP_LOOKUP"], ids[5], "icp_grade") == [[frame["icp_grade"][5]]]
    assert lite_xlwings.call(space["ICP_MODEL"], [["run", "components"]]) == [
        [sample.model.run_id, "vertical, size, adoption, relationship"]
    ]
    assert sample.model.run_id in lite_xlwings.call(space["ICP_MODEL"])[0][0]
    few = loaded(replace(sample, most_accounts=2))
    assert lite_xlwings.call(few["ICP_LOOKUP"], ids[2], "rank") == [["#N/A"]]
    assert "ICP_LOOKUP" not in loaded(replace(sample, most_accounts=0))


def test_names_of_facts_are_names_of_arguments_in_python_and_excel() -> None:
    odd = ["class", "R", "q1", "math", "ICP", "2. field", "ﬁeld", "x²", "Größe", "weights", "MIN", "min", "Min"]
    made = arguments(tuple(Fact(name, name, name) for name in odd))
    assert len({name.lower() for name in made.values()}) == len(odd)
    ast.parse(f"def f({', '.join(made.values())}): pass")
    assert all(f"def {name}()" and name == ast.parse(f"def {name}(): pass").body[0].name for name in made.values())


def test_the_command_writes_it_and_says_what_it_holds(
    sample: LiteInputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["lite", "--out", str(out)]) != 0
    assert "icp-xl score" in capsys.readouterr().err and not (out / "lite").exists()
    (out / "state").mkdir(parents=True, exist_ok=True)
    sample.scored.to_parquet(out / "state" / "scored_accounts.parquet")
    sample.model.save(out / "score_model.json")
    assert run(["lite", "--out", str(out), "--dry-run"]) == 0 and not (out / "lite").exists()
    capsys.readouterr()
    assert run(["lite", "--out", str(out), "--set", "reports.lite_accounts=7"]) == 0
    said = capsys.readouterr().out
    assert "best 7 of" in said and "score model and 7 accounts" in said
    text = (out / "lite" / "main.py").read_text(encoding="utf-8")
    assert text == lite_script(replace(sample, most_accounts=7)) and str(tmp_path) not in text
    assert (out / "lite" / "requirements.txt").read_text(encoding="utf-8") == "xlwings>=0.37.0\n"


def test_hostile_texts_stay_texts(sample: LiteInputs) -> None:
    bad = '"); import os #\n\\'
    frame = sample.scored.head(5).copy()
    frame["account_name"] = [f"{bad}{i}" for i in range(5)]
    space = loaded(replace(sample, scored=frame, run_id=bad))
    assert "os" not in space and SimpleNamespace(**space).ICP.accounts.rows[0]
    assert lite_xlwings.call(space["ICP_LOOKUP"], frame["account_id"].iloc[0], "account_name") == [[f"{bad}0"]]
