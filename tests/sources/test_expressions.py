"""The language of computed columns: conditions, blanks, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from icp_xl.errors import ConfigError
from icp_xl.sources.expressions import parse_expression

FRAME = {
    "Type": ["Invoice", "credit memo", None], "Amount": [100.0, 40.0, float("nan")], "Fee": [float("nan"), 5.0, 1.0],
}  # fmt: skip


def compute(text: str, want: str = "number") -> list[object]:
    def column(name: str) -> pd.Series:
        return pd.Series(FRAME[name])

    found = parse_expression(text).compute(column, column, 3, want)  # type: ignore[arg-type]
    return [None if value is None or value != value else value for value in found]


def test_a_condition_chooses() -> None:
    assert compute('= IF([Type] = "Credit Memo", -[Amount], [Amount])') == [100.0, -40.0, None]
    assert compute('=if([Amount]>=50;"large";"small")', "text") == ["large", "small", "small"]
    assert compute('= IF(AND(CONTAINS([Type], "memo"), NOT([Fee] < 5)), 1, 0)') == [0.0, 1.0, 0.0]
    assert compute('= IF(ISBLANK([Type]), "none", [Type])', "text") == ["Invoice", "credit memo", "none"]
    assert compute('= IF([Type] <> "Invoice", 0, [Amount])') == [100.0, 0.0, 0.0]


def test_a_blank_counts_as_nought_in_a_sum_and_not_in_a_product() -> None:
    assert compute("= [Amount] - [Fee]") == [100.0, 35.0, -1.0]
    assert compute("= [Amount] * [Fee]") == [None, 200.0, None]
    assert compute("= [Amount] * (1 - [Fee] / 100)") == [100.0, 38.0, None]


@pytest.mark.parametrize(
    "text",
    [
        "= " + "-" * 990 + "1", "= " + "9" * 400, "= 1e999", "= " + "(" * 300 + "1" + ")" * 300, "= IF([A], 1, 2)",
        "= IF([A] = 1, 2)", '= CONTAINS([A], "x")', "= __import__('os')", "= [A] ** 2", "= OPEN([A])",
        "= [A] = [B] = [C]", "= ROUND([A], [B])", "= 2 if [A] else 3", "= [A].real", "= lambda: 1",
    ],
)  # fmt: skip
def test_what_is_not_of_the_language_is_one_clear_error(text: str) -> None:
    with pytest.raises(ConfigError, match="this expression cannot be used"):
        parse_expression(text, "columns.sales.revenue")
