"""The add-in's worksheet functions as defined names (LAMBDA): no add-in, no Python, no macro.

Arguments are the add-in's: the same names in the same order, single cells or ranges, and what Excel calls optional.
The figures come from the expressions of the live workbook and of the components, so that a cell, the batch and the
add-in agree. Names that begin with ``icp_fn_`` are steps of the others.

How a file writes them: a parameter is ``_xlpm.x`` where it is declared and where it is used (XlsxWriter's
documentation, "The Excel 365 LAMBDA() function"). An optional one is declared ``_xlop.x``, without brackets, and used
as ``_xlpm.x``; no documentation says so, workbooks saved by Excel 16 do, and Excel takes a name with ``[_xlpm.x]`` out
of a file. ``_xlfn.`` before newer functions is put there by the renderer. A parameter may not read as a cell nor be
``R`` or ``C`` (support.microsoft.com, "LET function"), in any language of Excel: ``Z1S1`` is a cell in German.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from icp_xl.components.fitted import FittedComponent
from icp_xl.components.record import Fact
from icp_xl.components.shapes import without_wildcards
from icp_xl.errors import DeliveryError
from icp_xl.reports.live import expressions as ex
from icp_xl.scoring.model import ScoreModel

#: Excel's own limits: characters of a formula, levels of nesting (support.microsoft.com, "Excel specifications and
#: limits").
MOST_CHARACTERS, MOST_LEVELS = 8192, 64
#: Rows of a sheet: an argument with as many is a whole column, and ends with its last cell in use.
_ALL_ROWS = 1_048_576
#: Below every number.
_NO_LEAST = "-1E+307"
_REFERENCE = re.compile(r"[a-z]{1,3}\d+|[rczsl]\d*([rczsl]\d*)?|true|false", re.IGNORECASE)
_OWN_PARAMETERS = frozenset({"weights", "component", "account", "field"})


def function_names(model: ScoreModel, *, lookup: bool = False) -> dict[str, str]:
    """Defined names with their formulas; with ``lookup`` also ``ICP_LOOKUP``, which reads a table of accounts.

    Raises:
        DeliveryError: the model has so many facts that a formula would pass Excel's limits.
    """
    arguments = parameters(model.facts)
    made = {**_steps(), **_scoring_steps(model, arguments), **_scores(model, arguments), **_segment()}
    if lookup:
        made |= _lookup()
    for name, formula in made.items():
        _check(name, formula)
    return made


def parameters(facts: Iterable[Fact]) -> dict[str, str]:
    """Name of the argument of each fact: the fact's own, as far as Excel takes it for a name.

    >>> from icp_xl.components.record import FACTS
    >>> parameters([FACTS["industry"], Fact("q1", "", ""), Fact("R", "", ""), Fact("2. field", "", "")])
    {'industry': 'industry', 'q1': 'q1_', 'R': 'R_', '2. field': '_2__field'}
    """
    made: dict[str, str] = {}
    for fact in facts:
        name = re.sub(r"\W", "_", fact.name)[:200]
        name = f"_{name}" if name[:1].isdigit() or not name else name
        while _REFERENCE.fullmatch(name) or name.lower() in {*_OWN_PARAMETERS, *map(str.lower, made.values())}:
            name += "_"
        made[fact.name] = name
    return made


def levels(formula: str) -> int:
    """How deep calls are nested in a formula.

    >>> levels('IF(A1=")(",SUM(A1),1)')
    2
    """
    depth = deepest = 0
    for mark in re.sub(r'"(?:[^"]|"")*"', "", formula):
        depth += (mark == "(") - (mark == ")")
        deepest = max(deepest, depth)
    return deepest


def _check(name: str, formula: str) -> None:
    # As the file writes it: longer than what Excel counts, which is without prefixes.
    if len(formula) > MOST_CHARACTERS or levels(formula) > MOST_LEVELS:
        raise DeliveryError(
            "the score has more components than functions without the add-in can hold",
            where=name,
            got=f"a formula of {len(formula):,} characters and {levels(formula)} levels",
            allowed=f"{MOST_CHARACTERS:,} characters and {MOST_LEVELS} levels, by Excel's own limits",
            next_step="Use the add-in's functions, or result columns (--columns).",
        )


def _p(name: str) -> str:
    return f"_xlpm.{name}"


def _lambda(names: Sequence[str], body: str, optional: Sequence[str] = ()) -> str:
    return f"LAMBDA({','.join([*map(_p, names), *(f'_xlop.{name}' for name in optional), body])})"


def _let(values: Mapping[str, str], body: str) -> str:
    return f"LET({','.join(f'{_p(name)},{value}' for name, value in values.items())},{body})"


def _first_error(names: Iterable[str], otherwise: str) -> str:
    text = otherwise
    for name in reversed(list(names)):
        text = f"IF(ISERROR({name}),{name},{text})"
    return text


_CELL, _CELLS, _ROW, _COLUMN = _p("cell_"), _p("cells_"), _p("row_"), _p("column_")


def _steps() -> dict[str, str]:
    """Cells as the add-in reads them: numbers, texts, ranges."""
    number, text, rows, columns, weights = map(_p, ("number_", "text_", "rows_", "columns_", "weights_"))
    used_rows = f'IF(ISERROR({_CELLS}),ROW({_CELLS}),IF({_CELLS}="",0,ROW({_CELLS})))'
    spaces = _CELL
    for code in ("UNICHAR(160)", "CHAR(9)", "CHAR(10)", "CHAR(13)"):
        spaces = f'SUBSTITUTE({spaces},{code}," ")'
    read = f"IF(ISNUMBER({_CELL}),{_CELL},icp_fn_value(TRIM({_CELL})))"
    # A text that Excel would take for a date or a time is no amount.
    dated = f'ISNUMBER(FIND("/",{text}))+ISNUMBER(FIND(":",{text}))'
    same = f"OR(ROWS({_CELLS})={rows},ROWS({_CELLS})={_ALL_ROWS}),COLUMNS({_CELLS})={columns}"
    return {
        "icp_fn_rows": _lambda(["cells_"], f"IF(ROWS({_CELLS})={_ALL_ROWS},MAX(1,{used_rows}),ROWS({_CELLS}))"),
        "icp_fn_at": _lambda(
            ["cells_", "row_", "column_"],
            f"IF(ROWS({_CELLS})*COLUMNS({_CELLS})=1,{_CELLS},INDEX({_CELLS},{_ROW},{_COLUMN}))",
        ),
        "icp_fn_fits": _lambda(["cells_", "rows_", "columns_"], f"OR(ROWS({_CELLS})*COLUMNS({_CELLS})=1,AND({same}))"),
        "icp_fn_value": _lambda(["text_"], f'IF({text}="","",IF({dated},#VALUE!,VALUE({text})))'),
        "icp_fn_number": _lambda(
            ["cell_", "least_"],
            _let(
                {"number_": f"IF(ISERROR({_CELL}),{_CELL},IF(ISLOGICAL({_CELL}),#VALUE!,{read}))"},
                f"IF(ISNUMBER({number}),IF({number}<{_p('least_')},#NUM!,{number}),{number})",
            ),
        ),
        "icp_fn_text": _lambda(
            ["cell_"], f"IF(ISERROR({_CELL}),{_CELL},IF(ISLOGICAL({_CELL}),#VALUE!,TRIM({spaces})))"
        ),
        "icp_fn_weight": _lambda(
            ["weights_", "column_"],
            _let(
                {
                    "number_": f"icp_fn_number(icp_fn_at({weights},1+INT(({_COLUMN}-1)/COLUMNS({weights})),"
                    f"1+MOD({_COLUMN}-1,COLUMNS({weights}))),{_NO_LEAST})"
                },
                f"IF(LEN({number})=0,#VALUE!,{number})",
            ),
        ),
    }


def _expression(part: FittedComponent, cells: Mapping[str, str]) -> str:
    """The component's expression, its numbers with the capital E of files."""
    return re.sub(r"(?<![\w.])(\d[\d.]*)e([+-]?\d+)", r"\1E\2", part.expression(cells))


def _scoring_steps(model: ScoreModel, arguments: Mapping[str, str]) -> dict[str, str]:
    """From facts to the raw score, and from there to the percentile."""
    names = list(arguments.values())
    cells = [_p(name) for name in names]
    rows, columns, use = _p("rows_"), _p("columns_"), _p("use_")
    one = f"icp_fn_one({','.join(cells)},{use})"
    at = ",".join(f"icp_fn_at({cell},{_ROW},{_COLUMN})" for cell in cells)
    block = f"MAKEARRAY({rows},{columns},{_lambda(['row_', 'column_'], f'icp_fn_one({at},{use})')})"
    fits = ",".join(f"icp_fn_fits({cell},{rows},{columns})" for cell in cells)
    each = _let(
        {
            "rows_": f"MAX({','.join(f'icp_fn_rows({cell})' for cell in cells)})",
            "columns_": f"MAX({','.join(f'COLUMNS({cell})' for cell in cells)})",
        },
        f"IF(AND({fits}),IF({rows}*{columns}=1,{one},{block}),#VALUE!)",
    )
    read = {f"{arguments[fact.name]}_read": _read(fact, _p(arguments[fact.name])) for fact in model.facts}
    known = [_p(name) for name in read]
    empty = "+".join(f"LEN({name})" for name in known)
    row = _let(read, _first_error(known, f'IF({empty}=0,"",{use}({",".join(known)}))'))
    made = {
        "icp_fn_each": _lambda([*names, "use_"], each),
        "icp_fn_one": _lambda([*names, "use_"], row),
        "icp_fn_weights": _lambda(["weights_"], _weights(len(model.parts))),
    }
    for part in model.parts:
        mine = {fact.name: _p(arguments[fact.name]) for fact in part.facts}
        made[_part(part)] = _lambda([arguments[fact.name] for fact in part.facts], _expression(part, mine))
    scores = {part.name: _call(part, arguments) for part in model.parts}
    used = {name: f"INDEX({_p('used_')},{i})" for i, name in enumerate(scores, 1)}
    made["icp_fn_raw"] = _lambda([*names, "used_"], ex.raw(scores, used))
    key, place = _p("key_"), _p("place_")
    made["icp_fn_percentile"] = _lambda(
        ["raw_"],
        _let({"key_": ex.key(_p("raw_")), "place_": ex.position(key)}, ex.percentile(key, place)),
    )
    return made


def _read(fact: Fact, cell: str) -> str:
    if fact.text:
        return f"icp_fn_text({cell})"
    return f"icp_fn_number({cell},{_NO_LEAST if fact.minimum is None else f'{fact.minimum:g}'})"


def _weights(count: int) -> str:
    weights, numbers = _p("weights_"), _p("numbers_")
    each = _lambda(["row_", "column_"], f"icp_fn_weight({weights},{_COLUMN})")
    wrong = f"OR(MIN({numbers})<0,ABS(SUM({numbers})-1)>0.000001)"
    given = _let(
        {"numbers_": f"MAKEARRAY(1,{count},{each})"},
        f"IF(ISERROR(SUM({numbers})),SUM({numbers}),IF({wrong},#NUM!,{numbers}))",
    )
    size = f"ROWS({weights})*COLUMNS({weights})"
    return f"IF(SUMPRODUCT(LEN({weights}))=0,icp_weights,IF({size}<>{count},#VALUE!,{given}))"


def _part(part: FittedComponent) -> str:
    return f"icp_fn_part_{part.name}"


def _call(part: FittedComponent, arguments: Mapping[str, str]) -> str:
    return f"{_part(part)}({','.join(_p(arguments[fact.name]) for fact in part.facts)})"


def _scores(model: ScoreModel, arguments: Mapping[str, str]) -> dict[str, str]:
    names = list(arguments.values())
    cells = [_p(name) for name in names]
    # An argument that is left out between commas is a blank cell.
    given = ",".join(f'IF(ISOMITTED({cell}),"",{cell})' for cell in cells)
    used, raw, percentile = _p("used_"), _p("raw_"), _p("percentile_")

    def each(body: str) -> str:
        return f"icp_fn_each({given},{_lambda(names, body)})"

    def weighted(body: str) -> str:
        weights = {"used_": f"IF(ISOMITTED({_p('weights')}),icp_weights,icp_fn_weights({_p('weights')}))"}
        return _lambda(names, _let(weights, f"IF(ISERROR(SUM({used})),SUM({used}),{each(body)})"), optional=["weights"])

    sums = f"icp_fn_raw({','.join(cells)},{used})"
    ranked = f"icp_fn_percentile({sums})"
    graded = ex.grade(ex.grade_number(percentile))
    parts = '&" + '.join(
        f'{"" if i > 1 else chr(34)}{part.name} "&FIXED({_call(part, arguments)}*INDEX({used},{i}),3,TRUE)'
        for i, part in enumerate(model.parts, 1)
    )
    # FIXED writes the reader's own decimal sign; the pattern of TEXT would have to be in his language.
    told = f'{graded}&", score "&FIXED({ex.score(percentile)},1,TRUE)&": "&{parts}&" = "&FIXED({raw},3,TRUE)'
    places = ",".join(f'"{part.name}",{i}' for i, part in enumerate(model.parts, 1))
    wanted, at = _p("component"), _p("at_")
    choose = f"CHOOSE({at},{','.join(_call(part, arguments) for part in model.parts)})"
    single = f"ROWS({wanted})*COLUMNS({wanted})<>1"
    found = f"IF({single},#VALUE!,SWITCH(LOWER(icp_fn_text({wanted})),{places},#VALUE!))"
    return {
        "ICP_SCORE": weighted(ex.score(ranked)),
        "ICP_RAW": weighted(sums),
        "ICP_GRADE": weighted(_let({"percentile_": ranked}, graded)),
        "ICP_COMPONENT": _lambda(["component", *names], _let({"at_": found}, f"IF(ISERROR({at}),{at},{each(choose)})")),
        "ICP_EXPLAIN": weighted(_let({"raw_": sums, "percentile_": f"icp_fn_percentile({raw})"}, told)),
    }


def _over(cells: str, one: Callable[[str], str]) -> str:
    """``one`` for each of the cells of an argument."""
    block = _lambda(["row_", "column_"], one(f"INDEX({cells},{_ROW},{_COLUMN})"))
    many = f"MAKEARRAY(icp_fn_rows({cells}),COLUMNS({cells}),{block})"
    return f"IF(ROWS({cells})*COLUMNS({cells})=1,{one(cells)},{many})"


def _segment() -> dict[str, str]:
    number = _p("number_")
    named = f"INDEX(icp_segments,{ex.segment_number(number)})"
    one = _let({"number_": f"icp_fn_number({_CELL},0)"}, f"IF(ISERROR({number}),{number},{named})")
    return {
        "icp_fn_segment": _lambda(["cell_"], one),
        "ICP_SEGMENT": _lambda(["annual_revenue"], _over(_p("annual_revenue"), lambda cell: f"icp_fn_segment({cell})")),
    }


def _lookup() -> dict[str, str]:
    """``ICP_LOOKUP``: a key leads to an id, the id to a row of ``icp_fn_accounts``."""
    account, field, text, account_id = map(_p, ("account", "field", "text_", "id_"))
    place, column, value = map(_p, ("place_", "at_", "value_"))
    id_of = f'IFERROR(INDEX(icp_fn_key_ids,MATCH({without_wildcards(text)},icp_fn_keys,0)),"")'
    row_of = f'IF({account_id}="",NA(),MATCH({without_wildcards(account_id)},icp_fn_ids,0))'
    found = f'IF(ISERROR({text}),{text},IF({text}="",NA(),{_let({"id_": id_of}, row_of)}))'
    plain = f'SUBSTITUTE(LOWER({text})," ","_")'
    named = f"IF(ISERROR({text}),{text},IFERROR(MATCH({without_wildcards(plain)},icp_fn_fields,0),#VALUE!))"
    shown = _let({"value_": f"INDEX(icp_fn_accounts,{place},{column})"}, f'IF({value}="","",{value})')
    answer = _first_error([place, column], shown)
    cell = f"icp_fn_lookup(icp_fn_at({account},{_ROW},1),icp_fn_at({field},1,{_COLUMN}))"
    block = f"MAKEARRAY(icp_fn_rows({account}),COLUMNS({field}),{_lambda(['row_', 'column_'], cell)})"
    table = f"IF(OR(ROWS({field})<>1,COLUMNS({account})<>1),#VALUE!,{block})"
    one = _over(account, lambda each: f"icp_fn_lookup({each},{field})")
    # A field that does not exist is one error; among several it is the error of its column.
    single = _let({"at_": f"icp_fn_field({field})"}, f"IF(ISERROR({column}),{column},{one})")
    return {
        "icp_fn_place": _lambda(["cell_"], _let({"text_": f"icp_fn_text({_CELL})"}, found)),
        "icp_fn_field": _lambda(["cell_"], _let({"text_": f"icp_fn_text({_CELL})"}, named)),
        "icp_fn_lookup": _lambda(
            ["account", "field"],
            _let({"place_": f"icp_fn_place({account})", "at_": f"icp_fn_field({field})"}, answer),
        ),
        "ICP_LOOKUP": _lambda(["account", "field"], f"IF(ROWS({field})*COLUMNS({field})=1,{single},{table})"),
    }
