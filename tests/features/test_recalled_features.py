"""Only the cutoffs that a change reaches are done again, and what is recalled is what would be made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from icp_xl.config import Settings
from icp_xl.features import recalled
from icp_xl.features.build import build_feature_sets
from icp_xl.features.files import names_of
from icp_xl.features.model import FeatureSet
from icp_xl.outputs import open_output
from icp_xl.progress import Progress
from icp_xl.recall import Recall, recalling
from icp_xl.tables.star import Star, open_engine
from icp_xl.tables.star_build import build_star
from tests.support.sales_lines import build_settings, make_lines

EARLY, LATE = CUTOFFS = (dt.date(2025, 3, 1), dt.date(2025, 6, 17))
DIVISIONS = ["Printers", "Software"]


class Filed:
    """An output folder, and which cutoffs were built for it."""

    def __init__(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.out, self.built = out, list[dt.date]()

        def build(star: Star, divisions: Any, cutoffs: Any, *rest: Any, **named: Any) -> Iterator[FeatureSet]:
            self.built += cutoffs
            return build_feature_sets(star, divisions, cutoffs, *rest, **named)

        monkeypatch.setattr(recalled, "build_feature_sets", build)

    def ask(self, star: Star, chosen: Settings, *, fresh: bool = False, stage: bool = True) -> list[FeatureSet]:
        self.built.clear()
        with (
            open_output(self.out) as outputs,
            recalling(Recall(self.out, "code", fresh)),
            open_engine(star, chosen) as engine,
        ):
            found = [
                each.load() for each in recalled.recall_feature_sets(
                    outputs, star, DIVISIONS, CUTOFFS, chosen, engine=engine, progress=Progress(), stage=stage)
            ]  # fmt: skip
            outputs.publish()
        return found


@pytest.fixture
def filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filed:
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "home"))
    return Filed(tmp_path / "out", monkeypatch)


def made(**more: Any) -> tuple[Star, Settings]:
    chosen = build_settings(**{"build.as_of": "2028-01-01", "features.basket_min_accounts": 3, **more})
    return build_star(make_lines(7), chosen).star, chosen


def with_more(star: Star, day: dt.date) -> Star:
    """The log with a higher amount in the last line before ``day``."""
    assert isinstance(star.facts, pd.DataFrame)
    facts = star.facts.copy()
    sales = facts[(facts["kind"] == 1) & (facts["day"] < (day - dt.date(1970, 1, 1)).days)]
    facts.loc[sales["day"].idxmax(), "revenue_e4"] += 10_000_000
    return replace(star, facts=facts)


def same(one: list[FeatureSet], two: list[FeatureSet]) -> None:
    for a, b in zip(one, two, strict=True):
        assert (a.division, a.slug, a.cutoff, a.stats) == (b.division, b.slug, b.cutoff, b.stats)
        for name in ("frame", "catalog"):
            pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name), check_exact=True)


def test_a_change_between_two_cutoffs_builds_the_later_one(filed: Filed) -> None:
    star, chosen = made()
    first = filed.ask(star, chosen)
    assert filed.built == [*CUTOFFS]
    same(filed.ask(star, chosen), first)
    assert filed.built == []
    same(filed.ask(star, chosen, stage=False), first)
    assert filed.built == []
    changed = with_more(star, LATE)
    again = filed.ask(changed, chosen)
    assert filed.built == [LATE]
    same(again, filed.ask(changed, chosen, fresh=True))
    assert filed.built == [*CUTOFFS]
    assert [a.frame.equals(b.frame) for a, b in zip(first, again, strict=True)] == [True, True, False, False]
    filed.ask(with_more(changed, EARLY), chosen)
    assert filed.built == [*CUTOFFS]


def test_sets_that_are_not_filed_are_kept_as_they_are(filed: Filed) -> None:
    star, chosen = made()
    first = filed.ask(star, chosen, stage=False)
    again = filed.ask(with_more(star, LATE), chosen, stage=False)
    assert filed.built == [LATE] and not (filed.out / "curated").exists()
    for one, two in zip(first[:2], again[:2], strict=True):
        pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)
        pd.testing.assert_frame_equal(one.catalog, two.catalog, check_exact=True)


def test_a_file_that_was_changed_or_deleted_is_made_again(filed: Filed) -> None:
    star, chosen = made()
    first = filed.ask(star, chosen)
    features, catalog, _, _ = names_of("printers", EARLY)
    for spoil in (lambda: (filed.out / features).unlink(), lambda: (filed.out / catalog).write_text("name\nplanted\n")):
        spoil()
        same(filed.ask(star, chosen), first)
        assert filed.built == [EARLY]


@pytest.mark.parametrize("more", [{"features.windows": [3, 6]}, {"run.seed": 5}, {"build.window_months": 4}])
def test_other_settings_recall_nothing(filed: Filed, more: dict[str, Any]) -> None:
    filed.ask(*made())
    filed.ask(*made(**more))
    assert filed.built == [*CUTOFFS]


def test_printers_that_are_rolled_back_hang_on_what_was_sold_since(filed: Filed) -> None:
    star, chosen = made(**{"features.stable_fields": ["printers"]})
    filed.ask(star, chosen)
    filed.ask(with_more(star, dt.date(2100, 1, 1)), chosen)
    assert filed.built == [*CUTOFFS]
