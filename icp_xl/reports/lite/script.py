"""The script for xlwings Lite, made of the model: its constants, the code that computes, a function per worksheet call.

The code is files of this package, which import nothing but Python's own library and each other, so that what
runs in Excel is what is tested here. The formulas of the components come from their shapes.
"""

from __future__ import annotations

import ast
import keyword
import unicodedata
from dataclasses import dataclass
from importlib import resources
from typing import Any

import pandas as pd

from icp_xl.components.record import Fact
from icp_xl.components.shapes import Lookup, lookup_key
from icp_xl.reports.functions.book import FunctionInputs, account_keys, signature
from icp_xl.reports.functions.lambdas import parameters
from icp_xl.scoring.model import SEGMENTS, UNKNOWN_SEGMENT, ScoreModel, grade_limits
from icp_xl.sources.total_words import SUM_KINDS, SUM_WORDS

#: The files whose code is put into the script, each after those that it needs.
PIECES = ("cells", "scorer", "ownership", "accounts", "in_place")
#: Scripts read formulas since then; any newer one does (lite.xlwings.org, "Python Dependencies").
REQUIREMENTS = "xlwings>=0.37.0\n"
#: What parameters may not be called, since functions use it.
_TAKEN = frozenset({"ICP", "guarded", "over", "number_of", "look_up", "math", "min", "max", "weights", "component"})
FOLDER = "this workbook's script in xlwings Lite"
WEIGHTS = "A weight per component, summing to 1; left out, the model's own"
_ABOUT = {
    "ICP_SCORE": ("score", "ICP score (0 to 100) of an account, or of each row of a range."),
    "ICP_RAW": ("raw", "Raw score (0 to 1): the weighted sum of the components."),
    "ICP_GRADE": ("grade", "Grade (A to F) of an account, or of each row of a range."),
    "ICP_EXPLAIN": ("explain", "Why an account scores as it does: grade, score, and what each component adds."),
}


@dataclass(frozen=True)
class LiteInputs(FunctionInputs):
    """What the script holds: what the functions of a workbook do, with fewer accounts."""

    most_accounts: int = 2_000


def lite_script(inputs: LiteInputs) -> str:
    """The whole of ``main.py``."""
    model = inputs.model
    names = arguments(model.facts)
    pieces = [
        _head(inputs), _imports(), *(_code(piece) for piece in PIECES), _tables(model), _parts(model, names),
        _scorer(inputs), *_functions(model, names, lookup=not inputs.accounts.empty), _SCRIPTS,
    ]  # fmt: skip
    return "\n\n".join(piece.strip("\n") for piece in pieces) + "\n"


def arguments(facts: tuple[Fact, ...]) -> dict[str, str]:
    """Name of the argument of each fact: that of the other functions, as far as Python takes it.

    >>> arguments((Fact("industry", "", "", text=True), Fact("class", "", ""), Fact("ICP", "", "")))
    {'industry': 'industry', 'class': 'class_', 'ICP': 'ICP_'}
    """
    made: dict[str, str] = {}
    for fact, name in parameters(facts).items():
        # Python reads names in this form, and the decorators go by what it read.
        name = unicodedata.normalize("NFKC", name)
        name = "".join(mark if f"a{mark}".isidentifier() else "_" for mark in name)
        name = name if name[:1].isidentifier() else f"_{name}"
        while keyword.iskeyword(name) or name in _TAKEN or name in made.values():
            name += "_"
        made[fact] = name
    return made


def _head(inputs: LiteInputs) -> str:
    model, held = inputs.model, len(inputs.accounts)
    calls = [signature(name, model) for name in ("ICP_SCORE", "ICP_COMPONENT", "ICP_SEGMENT")]
    lines = [
        "ICP scores in xlwings Lite, made by icp-xl lite: worksheet functions, and scoring of a table in place.",
        "",
        f"Score model: run {inputs.run}, {model.population:,} accounts.",
        f"It holds the model and {held:,} of {len(inputs.scored):,} accounts with their scores: hand it to those who "
        "may see them.",
        "",
        "In Excel (Windows, Mac, web): open xlwings Lite, put this into its first tab, the requirements in the next.",
        f"Functions: ICP_RAW, ICP_GRADE, ICP_EXPLAIN as {calls[0]};",
        f"{calls[1]}; {calls[2]}; {'ICP_LOOKUP(account, field); ' if held else ''}ICP_MODEL([what]).",
        "Scripts: score_accounts scores the active sheet's accounts; show_weights gives the weights to set.",
    ]  # fmt: skip
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _imports() -> str:
    found: set[str] = {"from xlwings import arg, func, script", "import xlwings as xw"}
    for piece in PIECES:
        for node in _tree(piece).body:
            if isinstance(node, ast.Import):
                found.add(ast.unparse(node))
            elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("icp_xl"):
                found |= {f"from {node.module} import {each.name}" for each in node.names}
    return "\n".join(sorted(found, key=lambda line: (" xlwings" in line, line.startswith("from"), line)))


def _source(piece: str) -> str:
    return resources.files("icp_xl.reports.lite").joinpath(f"{piece}.py").read_text(encoding="utf-8")


def _tree(piece: str) -> ast.Module:
    return ast.parse(_source(piece))


def _code(piece: str) -> str:
    """The code of a file below its docstring and imports."""
    body = _tree(piece).body
    last = max(
        node.end_lineno or 0 for node in body[:1] + [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
    )
    return "\n".join(_source(piece).splitlines()[last:])


def _tables(model: ScoreModel) -> str:
    """The tables of lookups, a text a line."""
    made = []
    for part in model.parts:
        if isinstance(part.shape, Lookup):
            rows = {lookup_key(text): float(weight) for text, weight in part.shape.table.items()}
            lines = "".join(f"    {text!r}: {weight!r},\n" for text, weight in rows.items())
            made.append(f"{part.table_name} = {{\n{lines}}}")
    return "\n".join(made)


def _parts(model: ScoreModel, names: dict[str, str]) -> str:
    """A function for each component."""
    made = []
    for part in model.parts:
        mine = {fact.name: names[fact.name] for fact in part.facts}
        made.append(f"def icp_part_{part.name}({', '.join(mine.values())}):\n    return {part.script(mine)}")
    return "\n\n\n".join(made)


def _scorer(inputs: LiteInputs) -> str:
    model = inputs.model
    places = {fact.name: i for i, fact in enumerate(model.facts)}
    limits = grade_limits(model.grade_shares)
    grades = sorted(((limits[name], name) for name, share in model.grade_shares.items() if share > 0.0))
    told = {
        "run": inputs.run,
        "date": inputs.made or "an unknown date",
        "folder": FOLDER, "components": ", ".join(model.names),
    }  # fmt: skip
    facts = [
        f"        LiteFact({fact.name!r}, {fact.label!r}, {fact.text!r}, {fact.minimum!r})," for fact in model.facts
    ]
    parts = [
        f"        LitePart({part.name!r}, icp_part_{part.name}, {tuple(places[fact.name] for fact in part.facts)!r}),"
        for part in model.parts
    ]
    tables = [
        f"        ({places[part.facts[0].name]}, {part.table_name}),"
        for part in model.parts if isinstance(part.shape, Lookup)
    ]  # fmt: skip
    return "\n".join([
        _accounts(inputs),
        "ICP = Scorer(",
        "    facts=(", *facts, "    ),",
        "    parts=(", *parts, "    ),",
        f"    weights={tuple(float(model.weights[name]) for name in model.names)!r},",
        f"    knots={[int(knot) for knot in model.knots]!r},",
        f"    population={max(int(model.population), 1)!r},",
        f"    grades={tuple((name, float(start)) for start, name in grades)!r},",
        f"    segments={(*SEGMENTS, UNKNOWN_SEGMENT)!r},",
        f"    limits={(float(model.segment_mid_market), float(model.segment_large))!r},",
        f"    told={told!r},",
        "    accounts=ACCOUNTS,",
        f"    totals={_totals()!r},",
        "    tables=(", *tables, "    ),",
        ")",
    ])  # fmt: skip


def _totals() -> dict[str, bool]:
    """Words of rows of sums, as the sources know them: whether each is one by itself."""
    return {word: word in SUM_WORDS for word in sorted(SUM_WORDS | SUM_KINDS)}


def _accounts(inputs: LiteInputs) -> str:
    """The accounts, a row a line, and by what else than its id each may be asked for."""
    frame = inputs.accounts
    if frame.empty:
        return "ACCOUNTS = ScriptAccounts()"
    ids = [" ".join(str(value).split()) for value in frame["account_id"]]
    at = {own: i for i, own in enumerate(ids)}
    keys = {text.casefold(): at[own] for text, own in account_keys(frame).itertuples(index=False)}
    rows = "".join(f"        {tuple(map(_plain, row))!r},\n" for row in frame.itertuples(index=False, name=None))
    lines = "".join(f"        {key!r}: {place},\n" for key, place in keys.items())
    fields = tuple(str(name).lower() for name in frame.columns)
    return f"ACCOUNTS = ScriptAccounts(\n    {fields!r},\n    (\n{rows}    ),\n    {{\n{lines}    }},\n)"


def _plain(value: Any) -> Any:
    """A value as Python writes it; ``None`` where there is none."""
    if pd.isna(value):
        return None
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, bool | int | float | str) else str(value)


def _functions(model: ScoreModel, names: dict[str, str], *, lookup: bool) -> list[str]:
    helps = {names[fact.name]: fact.help for fact in model.facts}
    given = f"[{', '.join(helps)}]"
    made = [
        _function(
            name, about, {**helps, "weights": WEIGHTS}, f"ICP.answer, {what!r}, {given}, weights", optional="weights"
        )
        for name, (what, about) in _ABOUT.items()
    ]
    component = f"One of {', '.join(model.names)}"
    made.append(_function("ICP_COMPONENT", "Score (0 to 1) of one component.", {"component": component, **helps},
                          f"ICP.component, component, {given}"))  # fmt: skip
    made.append(_function("ICP_SEGMENT", "Segment by annual revenue; Unknown where it is blank.",
                          {"annual_revenue": "Annual revenue of the account's company"},
                          "over, [annual_revenue], lambda cell: ICP.segment(number_of(cell, 0.0))"))  # fmt: skip
    if lookup:
        made.append(_function("ICP_LOOKUP", "A field of an account of the run; #N/A for an unknown account.",
                              {"account": "Account id, or its name; one cell or a range",
                               "field": 'Field such as "icp_grade" or "rank"; a row gives a table'},
                              "ICP.accounts.look, account, field"))  # fmt: skip
    made.append(_function("ICP_MODEL", "Which run, of what date, stands behind the ICP functions of this workbook.",
                          {"what": '"run", "date", "folder" or "components"; left out, all of it in one text'},
                          "ICP.tell, what", optional="what"))  # fmt: skip
    return made


def _function(name: str, about: str, helps: dict[str, str], call: str, *, optional: str = "") -> str:
    """A worksheet function: every argument as rows of cells, errors as texts."""
    decorators = "\n".join(f"@arg({each!r}, ndim=2, err_to_str=True, doc={doc!r})" for each, doc in helps.items())
    given = ", ".join(f"{each}=None" if each == optional else each for each in helps)
    return f"@func\n{decorators}\ndef {name}({given}):\n    {about!r}\n    return guarded({call})"


_SCRIPTS = '''
@script
async def score_accounts(book: xw.Book):
    """Score the accounts of the active sheet in place, by the weights of the sheet ICP Weights."""
    for line in await score_sheet(book, ICP):
        print(line)


@script
async def show_weights(book: xw.Book):
    """Make the sheet ICP Weights where there is none, with the weights of the last run."""
    print(await show_weights_sheet(book, ICP))
'''
