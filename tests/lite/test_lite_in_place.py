"""The scripts that score a sheet in place: what they write, where, and what they never touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from icp_xl.scoring.model import with_population
from tests.support import lite_xlwings
from tests.support.lite_xlwings import Book, Table
from tests.support.live_books import make_live

LIVE = make_live(120, twins=20)
MODEL = LIVE.model
FACTS = [fact.name for fact in MODEL.facts]
HEADERS = [fact.label for fact in MODEL.facts]
OTHER = {"vertical": 0.1, "size": 0.4, "adoption": 0.3, "relationship": 0.2}


def rows(n: int = 40, step: int = 1, start: int = 0) -> list[list[Any]]:
    """A sheet as users have it: a title, headers in another order, a column of their own in between."""
    frame = LIVE.scored.iloc[start::step].head(n)
    columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in reversed(FACTS)]
    body = [[f"No. {i}", *row] for i, row in enumerate(zip(*columns, strict=True))]
    return [["Our customers"], [], ["Ours", *reversed(HEADERS)], *body]


def weighted(book: Book, script: dict[str, Any], weights: dict[str, float], among: str = "last run") -> None:
    """Make the sheet of weights as the script does, and set them."""
    book.run(script["show_weights"])
    [sheet] = [each for each in book.sheets if each.name == "ICP Weights"]
    for (i, j), value in list(sheet.cells.items()):
        if j == 1 and value in weights:
            sheet.cells[i, 2] = weights[value]
        if value == "Rank among":
            sheet.cells[i, 2] = among


def column(book: Book, header: str, name: str = "Accounts", at: int = 2) -> list[Any]:
    found = book.rows(name)
    return [row[found[at].index(header)] for row in found[at + 1 :]]


@pytest.mark.parametrize("among", ["last run", "this table"])
def test_scores_follow_the_weights_of_the_sheet(
    script: dict[str, Any], capsys: pytest.CaptureFixture[str], among: str
) -> None:
    book = Book({"Accounts": rows()})
    before = book.rows("Accounts")
    weighted(book, script, OTHER, among)
    book.run(script["score_accounts"])
    frame = LIVE.scored.head(40)
    from dataclasses import replace

    moved = replace(MODEL, weights=OTHER)
    want = (moved if among == "last run" else with_population(moved, frame, len(MODEL.knots))).score(frame)
    np.testing.assert_allclose(column(book, "ICP Score"), want.icp_score, rtol=0, atol=1e-9)
    assert column(book, "ICP Grade") == want.icp_grade.tolist()
    assert column(book, "ICP Segment") == MODEL.segment(frame["annual_revenue"]).tolist()
    assert all(text.startswith(f"{grade}, score ") for text, grade in
               zip(column(book, "ICP Why"), want.icp_grade, strict=True))  # fmt: skip
    assert [row[: len(before[0])] for row in book.rows("Accounts")] == before
    said = capsys.readouterr().out
    assert "40 of 40 rows of Accounts scored" in said and "size 0.4" in said and f"{among}." in said
    assert "ICP Score in column G" in said
    assert any("40 of 40 rows" in str(cell) for row in book.rows("ICP Weights") for cell in row)


def test_a_second_run_fills_its_own_columns_and_leaves_those_of_the_user(script: dict[str, Any]) -> None:
    book = Book({"Accounts": rows()})
    book.run(script["score_accounts"])
    first = book.rows("Accounts")
    weighted(book, script, OTHER)
    # Rows sorted and one taken out are no reason for new columns.
    [sheet] = [each for each in book.sheets if each.name == "Accounts"]
    turned = [*first[:3], *reversed(first[3:-1])]
    sheet.cells = {(i, j): cell for i, row in enumerate(turned, 1) for j, cell in enumerate(row, 1)}
    book.run(script["score_accounts"])
    second = book.rows("Accounts")
    assert second[2] == first[2] and second[3:] != turned[3:]
    # A figure that the user typed makes the column his.
    at = first[2].index("ICP Score") + 1
    sheet.cells[5, at] = 99.0
    book.run(script["score_accounts"])
    third = book.rows("Accounts")
    assert [row[at - 1] for row in third[3:]] == [99.0 if i == 1 else row[at - 1] for i, row in enumerate(second[3:])]
    assert third[2][-1] == "ICP Score (2)" and third[2].count("ICP Grade") == 1


def test_a_column_of_the_user_called_as_ours_is_never_written(
    script: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made = rows()
    for i, row in enumerate(made[2:]):
        row.append("ICP Score" if i == 0 else i)
    made[5].append("a remark far out")
    book = Book({"Accounts": made})
    book.run(script["score_accounts"])
    assert column(book, "ICP Score") == list(range(1, 41))
    assert "ICP Score (2) in column I (column G is yours" in capsys.readouterr().out
    assert book.rows("Accounts")[5][7] == "a remark far out"


def test_texts_that_the_model_does_not_know_are_told(
    script: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made = rows(5)
    at = HEADERS[::-1].index("Industry") + 1
    for i, text in enumerate([None, "Zzz", f"  {str(made[5][at]).upper()} ", "Zzz", "Yyy"]):
        made[3 + i][at] = text
    book = Book({"Accounts": made})
    book.run(script["score_accounts"])
    assert "5 of 5 rows" in (said := capsys.readouterr().out)
    assert "3 rows count as unknown in Industry" in said and "'Zzz', 'Yyy'." in said
    book = Book({"Accounts": rows(5)})
    book.run(script["score_accounts"])
    assert "unknown" not in capsys.readouterr().out


def test_rows_without_facts_and_with_faults_are_told(
    script: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made = rows(4)
    made[4][1:] = [None] * len(FACTS)
    made[5][HEADERS[::-1].index("Annual revenue") + 1] = lite_xlwings.Error("#DIV/0!")
    made[6][HEADERS[::-1].index("Printers") + 1] = -3
    book = Book({"Accounts": made})
    book.run(script["score_accounts"])
    why = column(book, "ICP Why")
    assert why[1] is None and "Annual revenue is '#DIV/0!'" in why[2] and "Printers is -3 (#NUM!)" in why[3]
    assert [score is None for score in column(book, "ICP Score")] == [False, True, True, True]
    said = capsys.readouterr().out
    assert "1 of 4 rows" in said and "2 rows could not be scored" in said and "1 rows without facts" in said


def test_a_table_is_scored_without_its_total(script: dict[str, Any]) -> None:
    made = rows(5)
    total = ["Total", *[None] * len(FACTS)]
    book = Book({"Accounts": [*made, total]})
    sheet = book.sheets[0]
    sheet.tables.append(Table(sheet, "Customers", (3, 1), (8, len(FACTS) + 1)))
    book.run(script["score_accounts"])
    assert column(book, "ICP Score")[:5].count(None) == 0 and book.rows("Accounts")[8][-1] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda book: book.sheets[0].cells.update({(3, 2): "x", (3, 3): "y"}), "lacks Consumable revenue, Software"),
        (lambda book: book.sheets[0].cells.update({(3, 1): "Industry"}), "Two columns are headed Industry"),
        (lambda book: book.sheets[1].cells.update({(4, 2): "a", (5, 2): -1, (6, 2): None}),
         "vertical: 'a'; size: -1; adoption: blank"),
        (lambda book: book.sheets[1].cells.update({(9, 2): "all"}), "Rank among: 'all'"),
        (lambda book: book.sheets[1].cells.update({(i, 2): 0 for i in range(4, 8)}), "all of them are 0"),
        (lambda book: book.sheets[1].activate(), "Go to the sheet with your accounts"),
        (lambda book: book.sheets.add(name="ICP Written", after=book.sheets[0]).cells.update({(1, 1): "Mine"}) or
         book.sheets[0].activate(), "ICP Written is not as these"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_is_said_and_nothing_is_written(script: dict[str, Any], change: Any, words: str) -> None:
    book = Book({"Accounts": rows(6)})
    book.run(script["show_weights"])
    change(book)
    before = {sheet.name: dict(sheet.cells) for sheet in book.sheets}
    with pytest.raises(script["CannotScore"], match=words.replace("(", r"\(")):
        book.run(script["score_accounts"])
    assert not book.queue and before == {sheet.name: sheet.cells for sheet in book.sheets}


def test_weights_that_do_not_sum_to_1_are_scaled_and_that_is_said(
    script: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    book = Book({"Accounts": rows(6)})
    weighted(book, script, {name: 3 * weight for name, weight in MODEL.weights.items()})
    book.run(script["score_accounts"])
    np.testing.assert_allclose(column(book, "ICP Score"), MODEL.score(LIVE.scored.head(6)).icp_score, atol=1e-9)
    assert "scaled to sum to 1" in capsys.readouterr().out
    book.run(script["show_weights"])
    assert [sheet.name for sheet in book.sheets] == ["Accounts", "ICP Weights", "ICP Written"]
