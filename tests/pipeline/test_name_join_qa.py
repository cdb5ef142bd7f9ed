"""The name-join report adds up, and lists the largest names that joined nothing."""

from __future__ import annotations

import pandas as pd

from icp_xl.pipeline.models.name_join_qa import name_join_qa


def test_shares_add_up_and_unmapped_names_are_listed_by_size() -> None:
    matches = pd.DataFrame(
        {"source": ["sales"] * 4 + ["assets"], "name": ["Acme", "Akme", "Zeta", "Beta", "Acme"],
         "outcome": ["accepted", "review", "no match", "no match", "accepted"], "rows": [60, 20, 5, 15, 7],
         "money": [600.0, 200.0, 50.0, None, 70.0]}
    )  # fmt: skip
    found = name_join_qa(matches)
    sales = found[(found["source"] == "sales") & (found["name"] == "")]
    assert sales["share_of_rows"].sum() == 1.0
    assert sales.set_index("kind")["rows"].to_dict() == {"accepted": 60.0, "review": 20.0, "no match": 20.0}
    assert found.loc[found["kind"] == "unmapped name", "name"].tolist() == ["Beta", "Zeta"]
    assert name_join_qa(matches.iloc[:0]).empty
