"""Stages and outcomes: flags first, then what people say, then words; what none tells is asked."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from icp_xl.cli import run as icp
from icp_xl.config.feedback import FeedbackSettings, StageSettings
from icp_xl.errors import SourceError
from icp_xl.feedback.opportunities import prepare_opportunities
from icp_xl.feedback.stages import decide_outcomes, read_stage_answers, stage_remarks, stage_table
from icp_xl.sources.stages import read_stage
from tests.conftest import SHARED

WON = ("won", "gewonnen", "gagnée", "ganado", "vinta", "ganho", "wygrana", "vunnen", "voitettu", "受注", "赢单")
LOST = (
    "lost",
    "verloren",
    "perdue",
    "perdido",
    "persa",
    "przegrana",
    "förlorad",
    "hävitty",
    "失注",
    "丢单",
    "abgelehnt",
)
NOT = {"not": "won", "nicht": "gewonnen", "non": "gagnée", "no": "ganado", "niet": "gewonnen", "nie": "wygrana",
       "inte": "vunnen", "não": "ganho"}  # fmt: skip


def outcomes(**columns: list[object]) -> list[str]:
    frame = pd.DataFrame(columns)
    frame.insert(0, "opportunity_id", [str(k) for k in range(len(frame))])
    return list(prepare_opportunities(frame)["outcome"])


def test_the_shared_texts_are_read_as_a_person_would() -> None:
    path = SHARED / "cases" / "feedback" / "outcome_words.csv"
    if not path.is_file():
        pytest.skip("published data files not found beside the project")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = []
    for row, got in zip(rows, outcomes(stage=[row["stage"] for row in rows]), strict=True):
        wanted = "unknown" if row["outcome"] == "ask" else row["outcome"]
        wrong += [(row["stage"], wanted, got)] if got != wanted else []
    assert not wrong


@given(word=st.sampled_from(WON + LOST),
       before=st.sampled_from(["", "Closed ", "6 - ", "Deal ", "closed_", "(", "Stage 7: "]),
       case=st.sampled_from([str.upper, str.lower, str.title, str]))  # fmt: skip
def test_dress_changes_no_outcome(word: str, before: str, case: object) -> None:
    assert read_stage(case(f"{before}{word}")).outcome == ("won" if word in WON else "lost")  # type: ignore[operator]


@pytest.mark.parametrize("no, word", NOT.items())
@pytest.mark.parametrize("form", ["{no} {word}", "Closed - {no} {word}", "{no} {word} (2)"])
def test_what_is_negated_is_not_won(no: str, word: str, form: str) -> None:
    assert read_stage(form.format(no=no, word=word)).outcome == "lost"


#: A negation with *yet*, and a win that is only near: before, behind, and in scripts without spaces.
NEAR = ("Not yet won", "Not won yet", "Noch nicht gewonnen", "Pas encore gagné", "Aún no ganado", "Non ancora vinto",
        "Ainda não ganho", "Nog niet gewonnen", "Jeszcze nie wygrana", "Ännu inte vunnen", "Ikke vunnet ennå",
        "Ещё не выиграна", "尚未赢单", "まだ受注していない", "Almost won", "Fast gewonnen", "Presque gagné",
        "Casi ganado", "Quasi vinto", "Quase ganho", "Bijna gewonnen", "Prawie wygrana", "Nästan vunnen",
        "Почти выиграна", "即将成交", "Neredeyse kazanıldı")  # fmt: skip


@pytest.mark.parametrize("text", NEAR)
def test_what_is_not_won_yet_is_open(text: str) -> None:
    assert read_stage(text).outcome == "open"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("Auftrag nicht erhalten", "lost"), ("Zuschlag nicht erhalten", "lost"), ("Zuschlag erhalten", "won"),
     ("Failed to win", "lost"), ("Niewygrana", "lost"), ("Nevyhráno", "lost"), ("Успешно реализовано", "won"),
     ("Закрыто и не реализовано", "lost"), ("Kunde wählte Wettbewerber", "lost"), ("Sem orçamento", "lost"),
     ("Ej intresserad", "lost"), ("Recovered from lost", "open"), ("Loss prevention", "ask"),
     ("Won't be won this quarter", "ask")],
)  # fmt: skip
def test_what_a_negation_or_a_past_holds_for(text: str, outcome: str) -> None:
    assert read_stage(text).outcome == outcome


@pytest.mark.parametrize("text", ["Must win", "Win room", "Path to win", "Zu gewinnen", "Por ganar", "Likely won",
                                  "Nearly lost", "Wonder fit-out", "Lostwithiel plant"])  # fmt: skip
def test_what_is_aimed_at_or_only_looks_alike_is_open(text: str) -> None:
    assert outcomes(stage=[text]) == ["open"]


@pytest.mark.parametrize(
    "text", ["Closed", "Finished", "Abgeschlossen", "Clôturé", "Cerrada", "Won/Lost", "1234567", "100%"]
)
def test_what_does_not_tell_counts_as_nothing_and_is_asked_about(text: str) -> None:
    frame = pd.DataFrame({"opportunity_id": ["1", "2"], "stage": [text, "Won"]})
    assert list(prepare_opportunities(frame)["outcome"]) == ["unknown", "won"]
    (told,) = stage_remarks(stage_table(frame, {}), "icp_won_lost.xlsx")
    assert text in told and "feedback: {stages:" in told and told.startswith("1 ")


def test_the_line_to_paste_is_obeyed() -> None:
    frame = pd.DataFrame({"opportunity_id": ["1", "2", "3"], "stage": ["Closed", "CLOSED ", "Done"]})
    said = FeedbackSettings.model_validate(
        {"stages": {"Closed": "won", "done": {"outcome": "lost", "order": 1}}}
    ).stages
    assert list(prepare_opportunities(frame, said)["outcome"]) == ["won", "won", "lost"]
    assert not stage_remarks(stage_table(frame, said), "x")


def test_flags_stand_above_words_and_people() -> None:
    got = outcomes(
        stage=["Closed Won", "Negotiation", "Negotiation", "Closed Won", "Closed Won", "Closed"],
        is_won=[False, True, False, False, True, None],
        is_closed=[True, True, True, False, True, True],
        is_deleted=[False, False, False, False, True, False],
    )
    assert got == ["lost", "won", "lost", "open", "deleted", "unknown"]


def test_state_codes_and_truth_values() -> None:
    assert outcomes(outcome=["0", "1", "2"]) == ["open", "won", "lost"]
    assert outcomes(outcome=["TRUE", "FALSE", "FALSE"], stage=["x", "Closed Lost", "Proposal"]) == [
        "won",
        "lost",
        "open",
    ]


def test_a_state_code_stands_above_the_stages_words() -> None:
    assert outcomes(outcome=["0", "1", "2"], stage=["Won", "Lost", "Won"]) == ["open", "won", "lost"]


def test_a_status_and_a_stage_that_contradict_count_as_neither() -> None:
    stages = ["Lost", "Closed Won", "Negotiation", "Lost"]
    assert outcomes(outcome=["Won", "Open", "Closed", "Closed"], stage=stages) == [
        "unknown", "won", "unknown", "lost"]  # fmt: skip


def test_probabilities_decide_what_words_leave_open_and_say_so() -> None:
    frame = pd.DataFrame({"opportunity_id": list("abcd"), "stage": ["Closed", "Closed", "Xyzzy", "Proposal"],
                          "probability": [100, 0, 40, 100]})  # fmt: skip
    table = stage_table(frame, {})
    assert list(prepare_opportunities(frame)["outcome"]) == ["won", "lost", "open", "open"]
    (told,) = stage_remarks(table, "x")
    assert "100 or 0 %" in told and table.set_index("stage").loc["Xyzzy", "probability"] == 0.4


def test_an_unknown_word_whose_deals_have_all_closed_is_asked_about_and_else_open_is_said() -> None:
    frame = pd.DataFrame({
        "opportunity_id": list("abcd"), "stage": ["Zzyx", "Zzyx", "Quux", "Proposal"],
        "created_date": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01", "2026-06-01"]),
        "close_date": pd.to_datetime(["2026-03-01", "2026-04-01", "2026-12-01", "2026-12-01"]),
    })  # fmt: skip
    assert list(prepare_opportunities(frame)["outcome"]) == ["unknown", "unknown", "open", "open"]
    told = stage_remarks(stage_table(frame, {}), "x")
    assert any("Zzyx (2)" in text and "do not tell" in text for text in told)
    assert any("Quux (1)" in text and "taken as open" in text for text in told)


def test_stages_are_ordered_by_what_is_known_of_them() -> None:
    frame = pd.DataFrame({"stage": ["Won", "3-Propose", "1-Qualify", "Lost", "2-Develop"]})
    assert list(stage_table(frame, {})["stage"]) == ["1-Qualify", "2-Develop", "3-Propose", "Won", "Lost"]
    chance = pd.DataFrame({"stage": ["Proposal", "Lead", "Demo"], "probability": [60, 10, 30]})
    assert list(stage_table(chance, {"Proposal": StageSettings(outcome="open", order=1)})["stage"]) == [
        "Proposal", "Lead", "Demo"]  # fmt: skip


def test_how_a_row_was_decided_is_kept() -> None:
    frame = pd.DataFrame({"stage": ["Won", "Closed", "Xyzzy"], "is_won": [None, True, None]})
    judged = decide_outcomes(frame, {})
    assert list(judged.how) == ["words", "flag", "words unknown"]


def write(folder: Path, stages: list[str], closes: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    rows = [["id", "account", "stage", "amount", "created date", "close date", "owner"]]
    rows += [[f"O{k}", f"Account {'abcdefgh'[k]}", stage, "1000", "2026-01-10", close, "Rita"]
             for k, (stage, close) in enumerate(zip(stages, closes, strict=True))]  # fmt: skip
    (folder / "opportunities.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")


@pytest.mark.filterwarnings("ignore:.*extension is not supported")
def test_the_answer_on_the_sheet_is_asked_for_and_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    places = ["--data", str(data), "--out", str(out)]
    write(data, ["Proposal", "Proposal", "Won", "Lost"], ["2026-09-01"] * 4)
    assert icp(["snapshot", *places, "--only-today"]) == 0
    write(data, ["Finito", "Proposal", "Won", "Lost"], ["2026-02-01"] * 4)
    capsys.readouterr()
    assert icp(["outcomes", *places]) == 0
    said = "".join(capsys.readouterr())
    assert "Finito (1)" in said and "Nothing new" in said
    assert icp(["won-lost", "--out", str(out)]) == 0
    path = out / "icp_won_lost.xlsx"
    book = load_workbook(path)
    sheet = book["Stages"]
    cells = {cell.value: cell for row in sheet.iter_rows() for cell in row if cell.value}
    sheet.cell(cells["Finito"].row, cells["Counts as"].column).value = "Won"
    book.save(path)
    assert read_stage_answers(path)["Finito"].outcome == "won"
    assert icp(["outcomes", *places]) == 0
    assert "1 won" in "".join(capsys.readouterr())
    sheet.cell(cells["Finito"].row, cells["Counts as"].column).value = "perhaps"
    book.save(path)
    with pytest.raises(SourceError, match="cannot be used"):
        read_stage_answers(path)
