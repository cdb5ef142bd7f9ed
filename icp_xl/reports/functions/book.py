"""The sheets behind the functions of :mod:`icp_xl.reports.functions.lambdas`: the score model, and the accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.components.shapes import Lookup, lookup_key
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.functions.lambdas import function_names, parameters
from icp_xl.reports.live.tables import lookup_parts
from icp_xl.reports.spec import Column, Facts, Figure, Item, ReportBook, Sheet, Table, Text
from icp_xl.scoring.model import (
    KEY_UNIT,
    ROUNDING,
    SCORE_MEAN,
    SCORE_SD,
    SEGMENTS,
    UNKNOWN_SEGMENT,
    ScoreModel,
    grade_limits,
)
from icp_xl.tables.names import normalize_name

MODEL_SHEET, ACCOUNTS_SHEET = "ICP Functions", "ICP Accounts"
#: What the cell shows that finds out whether the reader's Excel knows LAMBDA.
WORKS = "Yes: the functions compute in this Excel."
FAILS = "No: this program does not know LAMBDA, so cells that call them show #NAME?. See below."
_MORE = {
    "icp_knots": "{functions_knots.knot}",
    "icp_knot_base": "{functions_knots.base}",
    "icp_knot_middle": "{functions_knots.middle}",
    "icp_knot_slope": "{functions_knots.slope}",
    "icp_key_unit": "{functions_constants.value:1}",
    "icp_score_mean": "{functions_constants.value:2}",
    "icp_score_sd": "{functions_constants.value:3}",
    "icp_least": "{functions_constants.value:4}",
    "icp_most": "{functions_constants.value:5}",
    "icp_mid_market": "{functions_constants.value:6}",
    "icp_large": "{functions_constants.value:7}",
    "icp_rounding": "{functions_constants.value:8}",
    "icp_segments": "{functions_segments.segment}",
    "icp_weights": "{functions_weights.weight}",
    **{f"icp_from_{grade}": f"{{functions_grades.starts:{i}}}" for i, grade in enumerate(GRADES, 1)},
}
_ABOUT = {
    "ICP_SCORE": "ICP score, 0 to 100",
    "ICP_RAW": "Raw score, 0 to 1",
    "ICP_GRADE": "Grade, A to F",
    "ICP_SEGMENT": "Segment by annual revenue",
    "ICP_COMPONENT": "Score of one component, 0 to 1",
    "ICP_EXPLAIN": "Grade, score, and what each component adds",
    "ICP_LOOKUP": "A field of an account of the last run",
}


@dataclass(frozen=True)
class FunctionInputs:
    """What the functions hold: the model, and the accounts for ``ICP_LOOKUP``, best first (none leaves it out)."""

    model: ScoreModel
    scored: pd.DataFrame
    most_accounts: int = 20_000
    run_id: str = ""

    @property
    def accounts(self) -> pd.DataFrame:
        """The accounts that it gets."""
        return self.scored.head(self.most_accounts)

    @property
    def run(self) -> str:
        """The run that the model is of."""
        return self.model.run_id or self.run_id or "unknown"

    @property
    def made(self) -> str:
        """When the model was fitted, to the minute."""
        return self.model.fitted_at[:16].replace("T", " ")


def build_functions_book(inputs: FunctionInputs, settings: ReportSettings) -> ReportBook:
    """The two sheets with the names that make the functions.

    Raises:
        DeliveryError: the model has more components than Excel's formulas can hold.
    """
    model, accounts = inputs.model, inputs.accounts
    names = {**_MORE, **_table_names(model), **function_names(model, lookup=not accounts.empty)}
    sheets = [_model_sheet(inputs)]
    if not accounts.empty:
        keys = account_keys(accounts)
        sheets.append(_accounts_sheet(inputs, keys))
        names |= {
            "icp_fn_accounts": "{functions_accounts.*}",
            "icp_fn_ids": "{functions_accounts.account_id}",
            "icp_fn_fields": "{functions_fields.field}",
            "icp_fn_keys": "{functions_keys.key}",
            "icp_fn_key_ids": "{functions_keys.account_id}",
        }
    return ReportBook(sheets, title="ICP functions", names=names, footer=inputs.run_id, currency=settings.currency,
                      paper=settings.paper)  # fmt: skip


def functions_of(book: ReportBook) -> list[str]:
    """The functions that a reader may type."""
    return [name for name in _ABOUT if name in book.names]


def _table_names(model: ScoreModel) -> dict[str, str]:
    return {
        f"{part.table_name}_{column}": f"{{functions_table_{part.name}.{column}}}"
        for part in lookup_parts(model)
        for column in ("key", "weight")
    }


def _model_sheet(inputs: FunctionInputs) -> Sheet:
    model = inputs.model
    edge = 0.5 / max(model.population, 1)
    constants = [
        ("Key unit", KEY_UNIT), ("Score mean", SCORE_MEAN), ("Score deviation", SCORE_SD), ("Least percentile", edge),
        ("Most percentile", 1.0 - edge), ("Mid-Market from", model.segment_mid_market),
        ("Large Enterprise from", model.segment_large), ("Rounding", ROUNDING),
    ]  # fmt: skip
    limits = grade_limits(model.grade_shares)
    # A grade without a share is never given.
    starts = [(name, limits[name] if model.grade_shares[name] > 0.0 else 9.0) for name in GRADES]
    held = not inputs.accounts.empty
    values = f"the values on the sheet {ACCOUNTS_SHEET}, or result columns" if held else "result columns"
    blocks: list[Item] = [
        Text("Type =ICP_SCORE( in any cell of this workbook. One cell or a range may be given for each argument; a "
             "range gives a result per row. Nothing is installed, no macro runs, and the workbook may be mailed as it "
             "is: it holds the score model and the accounts listed here, so send it to those who may see them."),
        Facts([("Do they compute here?", Figure("", WORKS, "text", formula=_status())),
               ("Score model", f"run {inputs.run}, {model.population:,} accounts"),
               ("Made", inputs.made or "unknown")]),  # fmt: skip
        Text("The functions need Excel 2024, Excel for Microsoft 365, on the web or on a phone. Earlier versions know "
             f"no LAMBDA and show #NAME? in cells that call one, once they compute. Use {values} there.", "note"),
        Text("Where the ICP add-in is loaded too, its functions have the same names and arguments. A cell keeps the "
             "one that it was typed with; those of this workbook go by the model on this sheet.", "note"),
        Text("An industry that is in no table below, in capitals or small letters, counts as unknown: other spellings "
             "are known to the add-in only. A text is taken for a number as Excel itself would.", "note"),
        _functions_table(model, lookup=held),
        (_weights_table(model), _pairs("functions_constants", "Constants", ("constant", "value"), constants),
         _pairs("functions_grades", "Grades", ("grade", "starts"), starts),
         _pairs("functions_segments", "Segments", ("number", "segment"),
                list(enumerate([*SEGMENTS, UNKNOWN_SEGMENT], 1)))),
        *_lookups(model),
        Table("functions_knots", _KNOTS, _knots(model), title="Quantiles of all raw scores", filters=False),
    ]  # fmt: skip
    return Sheet(MODEL_SHEET, "ICP functions", blocks, subtitle="The score model that the functions of this workbook "
                 "read. Made by icp-xl write-back --functions, and replaced by the next one.", kind="method",
                 protected=True)  # fmt: skip


def _status() -> str:
    return f'IF(ISERROR(ICP_SEGMENT(0)),"{FAILS}","{WORKS}")'


def signature(name: str, model: ScoreModel) -> str:
    """How a function is called, with what may be left out in brackets."""
    facts = ", ".join(parameters(model.facts).values())
    given = {"ICP_SEGMENT": "annual_revenue", "ICP_LOOKUP": "account, field", "ICP_COMPONENT": f"component, {facts}"}
    return f"{name}({given.get(name, f'{facts}, [weights]')})"


def _functions_table(model: ScoreModel, *, lookup: bool) -> Table:
    rows = [(signature(name, model), about) for name, about in _ABOUT.items() if lookup or name != "ICP_LOOKUP"]
    columns = [Column("call", "Function", "long_text", width=60), Column("gives", "Gives", width=44)]
    return Table(
        "functions_list", columns, pd.DataFrame(rows, columns=["call", "gives"]), title="Functions", filters=False
    )


def _weights_table(model: ScoreModel) -> Table:
    frame = pd.DataFrame({"component": model.names, "weight": [model.weights[name] for name in model.names]})
    columns = [Column("component", "Component", width=16), Column("weight", "Weight", "number", decimals=4, width=10)]
    return Table("functions_weights", columns, frame, title="Weights", filters=False)


def _pairs(name: str, title: str, keys: tuple[str, str], rows: Sequence[tuple[Any, Any]]) -> Table:
    columns = [
        Column(key, key.capitalize(), "number" if isinstance(rows[0][i], float) else "text", width=18)
        for i, key in enumerate(keys)
    ]
    return Table(name, columns, pd.DataFrame(rows, columns=list(keys)), title=title, filters=False)


def _lookups(model: ScoreModel) -> list[Item]:
    tables = []
    for part in lookup_parts(model):
        shape = part.shape
        assert isinstance(shape, Lookup)
        # One row per text as it is looked up: without regard to case and to spaces.
        kept = {lookup_key(key): (" ".join(key.split()), weight) for key, weight in shape.table.items()}
        frame = pd.DataFrame(list(kept.values()), columns=["key", "weight"])
        columns = [Column("key", part.facts[0].label, width=26), Column("weight", "Score", "weight", width=10)]
        tables.append(
            Table(f"functions_table_{part.name}", columns, frame, title=f"{part.title} scores", filters=False)
        )
    return [tuple(tables)] if len(tables) > 1 else list(tables)


_KNOTS = [
    Column("knot", "Key at quantile", "integer", width=18),
    Column("base", "Percentile", "number", decimals=5, width=12),
    Column("middle", "Percentile at tie", "number", decimals=5, width=16),
    Column("slope", "Percentile per unit", "number", decimals=5, width=18),
]


def _knots(model: ScoreModel) -> pd.DataFrame:
    knots = np.asarray(model.knots, dtype=np.int64)
    first = np.searchsorted(knots, knots, side="left")
    last = np.searchsorted(knots, knots, side="right") - 1
    after = knots[np.minimum(last + 1, knots.size - 1)]
    return pd.DataFrame(
        {
            "knot": knots.astype(float),
            "base": last / (knots.size - 1),
            "middle": (first + last) / (2 * (knots.size - 1)),
            "slope": 1 / ((knots.size - 1) * np.maximum(1, after - knots).astype(float)),
        }
    )


def _accounts_sheet(inputs: FunctionInputs, keys: pd.DataFrame) -> Sheet:
    frame, total = inputs.accounts, len(inputs.scored)
    columns = [_field(str(name), frame[name]) for name in frame.columns]
    fields = pd.DataFrame({"field": [column.key.lower() for column in columns]})
    pointers = [Column("key", "Id or name", "id", width=30), Column("account_id", "Account ID", "id")]
    note = "All" if len(frame) == total else f"The best {len(frame):,} of"
    return Sheet(
        ACCOUNTS_SHEET, "Accounts of the last run",
        [(Table("functions_accounts", columns, frame, filters=False),
          Table("functions_keys", pointers, keys, filters=False),
          Table("functions_fields", [Column("field", "Field", width=26)], fields, filters=False))],
        subtitle=f"{note} {total:,} accounts, as values: ICP_LOOKUP reads them, and versions of Excel without LAMBDA "
                 "have their scores here.",
        protected=True,
    )  # fmt: skip


def _field(name: str, values: pd.Series) -> Column:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if name in ("account_id", "merged_ids"):
        return Column(name, name, "id")
    if not numeric:
        return Column(name, name, "text")
    return Column(name, name, "number" if pd.api.types.is_float_dtype(values) else "integer")


def account_keys(accounts: pd.DataFrame) -> pd.DataFrame:
    """What an account may be asked for by, each leading to its id: ids first, then names that only one has."""
    ids = [_key(value) for value in accounts["account_id"]]
    found = dict(zip(ids, ids, strict=True))
    if "merged_ids" in accounts:
        for own, merged in zip(ids, accounts["merged_ids"].fillna(""), strict=True):
            found.update({_key(each): own for each in str(merged).split("; ") if each and _key(each) not in found})
    names = [str(value) for value in accounts["account_name"].fillna("")]
    spellings: list[list[str]] = [[_key(name) for name in names], [normalize_name(name).identity for name in names]]
    lower = {key.casefold() for key in found}
    for texts in spellings:
        counts = pd.Series([text.casefold() for text in texts]).value_counts()
        for text, own in zip(texts, ids, strict=True):
            if text and counts[text.casefold()] == 1 and text.casefold() not in lower:
                found[text] = own
                lower.add(text.casefold())
    return pd.DataFrame(list(found.items()), columns=["key", "account_id"])


def _key(value: object) -> str:
    return " ".join(str(value).split())
