"""What became of each opportunity: the CRM's own flags, then what people said of its stage, then the stage's words.

What none of them tells is ``unknown``: it counts neither as won nor as lost nor as open, and a person is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from icp_xl.config.feedback import StageSettings
from icp_xl.errors import Fault, SourceError
from icp_xl.sources.stages import ASK, DELETED, LOST, OPEN, WON, read_stage
from icp_xl.user_cells import STAGES

UNKNOWN = "unknown"
#: What a person may say of a stage.
ANSWERS = (OPEN, WON, LOST, DELETED)
STAGE_COLUMNS = (
    "stage", "deals", "outcome", "decided_by", "proposed", "probability", "order", "won", "lost", "open", "unknown",
    "amount",
)  # fmt: skip
StageAnswers = Mapping[str, StageSettings]
_SHOWN = 8
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class StageOutcomes:
    """The outcome of each row and what decided it, in the order of the rows."""

    outcome: Objects
    how: Objects
    text: Objects


def plain(text: str) -> str:
    """A stage as it is compared: without case and double spaces."""
    return " ".join(text.split()).casefold()


def decide_outcomes(frame: pd.DataFrame, given: StageAnswers) -> StageOutcomes:
    """Decide every row of the opportunities as the sources give them (``frame`` has a plain index).

    Args:
        given: what the settings or the sheet *Stages* say, by stage.
    """
    stage, state = _texts(frame, "stage"), _texts(frame, "outcome")
    text = np.where(stage != "", stage, state)
    answers = {plain(key): value.outcome for key, value in given.items()}
    chance = probabilities(frame)
    codes = _state_codes(state)
    of_state = np.array([codes.get(value, "") for value in state], dtype=object) if codes is not None else _said(
        state, answers)  # fmt: skip
    of_stage = _said(stage, answers)
    outcome, how = _agree(of_state, of_stage, "state code" if codes is not None else "state")
    _by_probability(outcome, how, text, chance)
    _by_dates(outcome, how, text, frame)
    for person, value in answers.items():
        rows = np.array([plain(each) == person for each in stage], dtype=bool)
        outcome[rows], how[rows] = value, "you"
    _by_flags(outcome, how, frame)
    outcome[np.isin(outcome, ["", ASK])] = UNKNOWN
    return StageOutcomes(outcome, how, text)


def _texts(frame: pd.DataFrame, name: str) -> Objects:
    if name not in frame:
        return np.full(len(frame), "", dtype=object)
    column = frame[name]
    return np.array(["" if blank else str(value).strip() for value, blank in zip(column, column.isna(), strict=True)]
                    or [], dtype=object)  # fmt: skip


def _said(texts: Objects, answers: Mapping[str, str]) -> Objects:
    """The outcome that each text says; a truth value under a header such as Won says it was won, or nothing."""
    known: dict[str, str] = {}
    for text in set(texts.tolist()):
        words = plain(text)
        truth = {"true": WON, "yes": WON, "false": "", "no": ""}.get(words)
        known[text] = answers.get(words) or (
            truth if truth is not None else "" if not text else read_stage(text).outcome or "words unknown"
        )
    return np.array([known[text] for text in texts], dtype=object)


def _state_codes(state: Objects) -> dict[str, str] | None:
    """Dynamics counts states 0 open, 1 won, 2 lost; ``None`` where the column holds anything else."""
    values = {re.sub(r"\.0+$", "", text) for text in set(state.tolist()) if text}
    if not values or not values <= {"0", "1", "2"}:
        return None
    meaning = {"0": OPEN if values & {"2"} else "", "1": WON, "2": LOST}
    return {text: meaning.get(re.sub(r"\.0+$", "", text), "") for text in set(state.tolist())}


def _agree(state: Objects, stage: Objects, word: str) -> tuple[Objects, Objects]:
    """The state decides where it closes a deal, else the stage where that does; words that contradict decide nothing.

    A state's code is the CRM's own, and stands above the stage.
    """
    closing = [WON, LOST, DELETED]
    own = (word == "state code") & (state != "")
    by_state, by_stage = np.isin(state, closing), np.isin(stage, closing) & ~own
    clash = np.isin(state, [WON, LOST]) & np.isin(stage, [WON, LOST]) & (state != stage) & ~own
    outcome = np.where(by_state, state, np.where(by_stage, stage, ""))
    how = np.where(by_state, word, np.where(by_stage, "words", "")).astype(object)
    rest = outcome == ""
    # A state that says closed and a stage that says where it then stood do not tell how it ended.
    ended = rest & (state == ASK)
    opened = rest & ~ended & ((state == OPEN) | (stage == OPEN))
    asked = rest & ~ended & ~opened & (stage == ASK)
    blank = (state == "") & (stage == "")
    outcome = np.where(opened, OPEN, np.where(ended | asked | clash, ASK, outcome)).astype(object)
    how = np.where(opened, np.where(state == OPEN, word, "words"), np.where(clash, "contradiction", how)).astype(object)
    unread = rest & ~opened & ~ended & ~asked
    outcome[unread], how[unread] = OPEN, "words unknown"
    how[unread & blank] = "blank"
    return outcome, how


def probabilities(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The CRM's chance to win of each row, 0 to 1; NaN where none is known."""
    if "probability" not in frame:
        return np.full(len(frame), np.nan)
    values = pd.to_numeric(frame["probability"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    top = np.nanmax(values) if np.isfinite(values).any() else 0.0
    return np.asarray(values / 100.0 if top > 1.0 else values)


def _by_probability(outcome: Objects, how: Objects, text: Objects, chance: npt.NDArray[np.float64]) -> None:
    """A stage that does not tell is decided by chances of 0 and 100 %, if all of its deals have one of these."""
    for stage in set(text[(outcome == ASK) | (how == "words unknown")].tolist()):
        rows = text == stage
        if not np.isin(chance[rows], [0.0, 1.0]).all():
            sure = (how[rows] == "words unknown").all() and np.isfinite(chance[rows]).all()
            how[rows] = np.where(sure, "probability", how[rows])
            continue
        open_rows = rows & ((outcome == ASK) | (how == "words unknown"))
        outcome[open_rows] = np.where(chance[open_rows] == 1.0, WON, LOST)
        how[open_rows] = "probability"


def _by_dates(outcome: Objects, how: Objects, text: Objects, frame: pd.DataFrame) -> None:
    """A stage of unknown words whose deals have all closed by their dates is no open one: it is asked about.

    The export's own last day is what the dates are held against, not today: an old export is read as it was.
    """
    doubtful = np.isin(how, ["words unknown", "blank"])
    if not doubtful.any() or not {"close_date", "created_date"} <= set(frame.columns):
        return
    close, created = (pd.to_datetime(frame[name], errors="coerce") for name in ("close_date", "created_date"))
    last = pd.concat([created, close[np.isin(outcome, [WON, LOST])]]).max()
    for stage in set(text[doubtful].tolist()):
        rows = doubtful & (text == stage)
        dates = close[rows].dropna()
        if len(dates) and bool((dates <= last).all()):
            outcome[rows] = ASK


def _by_flags(outcome: Objects, how: Objects, frame: pd.DataFrame) -> None:
    """The CRM's own flags stand above every word."""
    won, closed, deleted = (_flag(frame, name) for name in ("is_won", "is_closed", "is_deleted"))
    words = outcome.copy()
    # Without a flag that says how it ended, a closed deal is what its stage says, if that is an end.
    ended = closed & ~won.known & ~np.isin(words, [WON, LOST, DELETED])
    for rows, value in (
        (won.no & closed.known & closed.no, OPEN), (closed.no & ~won.known, OPEN), (ended.yes, ASK),
        (won.no & closed.yes, LOST), (won.no & ~closed.known & (words == WON), ASK), (won.yes, WON),
        (deleted.yes, DELETED),
    ):  # fmt: skip
        outcome[rows], how[rows] = value, "flag"


@dataclass(frozen=True)
class _Flag:
    yes: npt.NDArray[np.bool_]
    no: npt.NDArray[np.bool_]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        return self.yes | self.no

    def __and__(self, other: npt.NDArray[np.bool_]) -> _Flag:
        return _Flag(self.yes & other, self.no & other)


def _flag(frame: pd.DataFrame, name: str) -> _Flag:
    if name not in frame:
        nothing = np.zeros(len(frame), dtype=bool)
        return _Flag(nothing, nothing)
    texts = np.array([plain(str(value)) for value in frame[name]] or [], dtype=object)
    return _Flag(np.isin(texts, ["true", "yes", "1", "1.0"]), np.isin(texts, ["false", "no", "0", "0.0"]))


def stage_table(frame: pd.DataFrame, given: StageAnswers, evaluated: StageOutcomes | None = None) -> pd.DataFrame:
    """One row per stage with :data:`STAGE_COLUMNS`: what it counts as, what decided so, its chance and its place.

    ``probability`` (0 to 1) is what people say, else the median of the CRM's chances; ``order`` counts the stages
    from 1: as people say, by a number in front of the name, by the chance, by how old its open deals are; ``proposed``
    is what the probabilities and the other deals of an unknown stage speak for; ``amount`` adds up.
    """
    frame = frame.reset_index(drop=True)
    evaluated = evaluated or decide_outcomes(frame, given)
    known = {plain(key): value for key, value in given.items()}
    body = pd.DataFrame({"stage": evaluated.text, "outcome": evaluated.outcome, "how": evaluated.how,
                         "probability": probabilities(frame)})  # fmt: skip
    body["amount"] = pd.to_numeric(frame["amount"], errors="coerce") if "amount" in frame else np.nan
    created = frame["created_date"] if "created_date" in frame else pd.Series(pd.NaT, index=frame.index)
    created = pd.to_datetime(created, errors="coerce")
    body["age"] = (created.max() - created).dt.days if created.notna().any() else np.nan
    rows = []
    for stage, part in body.groupby("stage", sort=True):
        counts = part["outcome"].value_counts()
        answer = known.get(plain(str(stage)))
        outcome = str(counts.index[0]) if len(counts) == 1 else "mixed"
        middle = float(part["probability"].median()) if part["probability"].notna().any() else np.nan
        rows.append({
            "stage": stage, "deals": len(part), "outcome": outcome, "proposed": _proposal(part),
            "decided_by": " and ".join(sorted(set(part["how"]) - {""})),
            "probability": middle if answer is None or answer.probability is None else answer.probability,
            "order": np.nan if answer is None or answer.order is None else answer.order,
            **{name: int(counts.get(name, 0)) for name in (WON, LOST, OPEN, UNKNOWN)}, "amount": part["amount"].sum(),
            "_age": part["age"].mean(),
        })  # fmt: skip
    table = pd.DataFrame(rows, columns=[*STAGE_COLUMNS, "_age"])
    return _ordered(table)[list(STAGE_COLUMNS)]


def _proposal(part: pd.DataFrame) -> str:
    """What the chances of an unknown stage speak for; nothing where they do not."""
    if not (part["outcome"] == UNKNOWN).any():
        return ""
    chance = part["probability"].dropna()
    return WON if len(chance) and (chance == 1.0).all() else LOST if len(chance) and (chance == 0.0).all() else ""


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    number = table["stage"].astype(str).str.extract(r"^\W*(\d{1,2})\b")[0].astype(float)
    last = table["outcome"].map({OPEN: 0, "mixed": 0, UNKNOWN: 1, WON: 2, LOST: 3, DELETED: 4}).fillna(1)
    keys = pd.DataFrame({"said": table["order"].fillna(999), "last": last, "number": number.fillna(99),
                         "chance": table["probability"].fillna(2.0), "age": table["_age"].fillna(0.0),
                         "stage": table["stage"].astype(str)})  # fmt: skip
    table = table.loc[keys.sort_values([*map(str, keys)], kind="stable").index].reset_index(drop=True)
    return table.assign(order=np.arange(1, len(table) + 1))


def stage_remarks(table: pd.DataFrame, sheet: str) -> list[str]:
    """What to ask a person: stages that do not tell, and those that were guessed from their chance or taken as open."""
    told = []
    asked = table[table["unknown"] > 0]
    if len(asked):
        first = asked.sort_values(["unknown", "stage"], ascending=[False, True], kind="stable").iloc[0]
        told.append(
            f"{int(asked['unknown'].sum()):,} opportunities are at stages that do not tell whether they are won, lost "
            f"or open: {_listed(asked, 'unknown')}. They count as none of these. Say what they are on the "
            f"sheet {STAGES.sheet} of {sheet}, or in the settings: {paste_line(asked)}"
            + (" (proposed by their probability)." if first["proposed"] else ".")
        )  # fmt: skip
    guessed = table[table["decided_by"].str.contains("words unknown") & (table["open"] > 0)]
    if len(guessed):
        told.append(
            f"{int(guessed['open'].sum()):,} opportunities were taken as open, because no word of their stage is "
            f"known: {_listed(guessed, 'open')}. If they are not: {paste_line(guessed)}."
        )
    chances = table[table["decided_by"].str.contains("probability") & ((table["won"] > 0) | (table["lost"] > 0))]
    if len(chances):
        told.append(
            f"{int(chances['won'].sum()):,} opportunities were taken as won and {int(chances['lost'].sum()):,} as lost "
            f"because of a probability of 100 or 0 %: {_listed(chances, 'deals')}. If not: {paste_line(chances)}."
        )
    return told


def _listed(table: pd.DataFrame, count: str) -> str:
    ordered = table.sort_values([count, "stage"], ascending=[False, True], kind="stable")
    shown = [f"{row['stage'] or '(blank)'} ({row[count]:,})" for row in ordered.head(_SHOWN).to_dict("records")]
    return ", ".join(shown) + (f" and {len(table) - _SHOWN} more" if len(table) > _SHOWN else "")


def paste_line(table: pd.DataFrame) -> str:
    """A line for the settings that says what the stages of ``table`` are; the person puts in the right word."""
    parts = []
    for row in table[table["stage"] != ""].head(_SHOWN).to_dict("records"):
        name = str(row["stage"]).replace('"', '\\"')
        parts.append(f'"{name}": {row["proposed"] or "won"}')
    return f"feedback: {{stages: {{{', '.join(parts)}}}}} (won, lost, open or deleted)"


def read_stage_answers(path: Path) -> dict[str, StageSettings]:
    """A person's answers on the sheet *Stages* of a report: stage to meaning; none where there is no such sheet.

    Raises:
        SourceError: the workbook cannot be read, or an answer is none of :data:`ANSWERS`.
    """
    from icp_xl.sources.file_types import open_book

    if not path.is_file():
        return {}
    book = open_book(path)
    if STAGES.sheet not in book.sheet_names():
        return {}
    found: dict[str, StageSettings] = {}
    faults: list[Fault] = []
    for number, row in STAGES.read(book.rows(STAGES.sheet)) or []:
        answer, stage = row["answer"].lower(), row["stage"]
        if answer and answer not in ANSWERS:
            faults.append(
                Fault("it is none of these", f"{path.name}, sheet {STAGES.sheet}, row {number}", row["answer"])
            )
        elif answer and stage:
            found[stage] = StageSettings(outcome=answer)
    if faults:
        raise SourceError("answers on the sheet Stages cannot be used", allowed=", ".join(ANSWERS),
                          next_step="Choose from the list in the cell.", faults=faults)  # fmt: skip
    return found


def deal_remarks(prepared: pd.DataFrame, evaluated: Any) -> list[str]:
    """What is odd about the opportunities, with its count: closed before they were created, won without an amount."""
    closed = prepared["outcome"].isin([WON, LOST])
    early = closed & (prepared["close_date"] < prepared["created_date"])
    blank = (prepared["outcome"] == WON) & prepared["amount"].isna()
    undated = closed & prepared["close_date"].isna()
    clash = int((evaluated.how == "contradiction").sum())
    remarks = (
        (early.sum(), "opportunities were closed before they were created: how long they took is not counted."),
        (blank.sum(), "won opportunities have no amount: they count as won, without revenue."),
        (undated.sum(), "won or lost opportunities have no close date: they are no part of the history before today."),
        (clash, "opportunities are won by their status and lost by their stage, or the other way round: they count as "
                "neither. Correct them in the CRM."),
    )  # fmt: skip
    return [f"{count:,} {text}" for count, text in remarks if count]
