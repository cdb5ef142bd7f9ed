"""A purchase in any division: what the question keeps of each division, and that it learns from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from icp_xl.config import load_settings
from icp_xl.propensity.data import DivisionData, any_of
from icp_xl.propensity.inputs import choose_inputs
from tests.support.divisions import make_division


def _two() -> list[DivisionData]:
    """Two divisions of the same accounts, with the mixed windows that settings may leave."""
    found = []
    for seed, name in ((1, "Bags"), (2, "Toys")):
        data, _ = make_division(200, seed)
        cutoffs = tuple(
            replace(
                each, features=each.features.assign(own_revenue_3m=1.0, own_revenue_12m=each.revenue, mb_lift_max=1.0)
            )
            for each in data.cutoffs
        )
        meaning = pd.DataFrame({"name": ["own_revenue_12m"], "meaning": ["Revenue in this division"], "window": ["x"]})
        found.append(replace(data, division=name, slug=name.lower(), cutoffs=cutoffs, catalog=meaning))
    return found


def test_labels_are_the_union_and_each_division_keeps_what_names_it() -> None:
    bags, toys = _two()
    found = any_of([bags, toys])
    for one, two, both in zip(bags.cutoffs, toys.cutoffs, found.cutoffs, strict=True):
        assert (both.label == (one.label | two.label)).all()
        assert np.allclose(both.revenue, one.revenue + two.revenue)
        assert not [name for name in both.features if str(name).startswith(("own_", "mb_", "als_"))]
        for name, slug in (("recency_days", "bags"), ("active_months_24m", "bags"), ("revenue_12m", "toys")):
            source = one if slug == "bags" else two
            kept, own = both.features[f"div_{name}_{slug}"], source.features[f"own_{name}"]
            assert np.array_equal(kept, own, equal_nan=True)
        assert "div_revenue_3m_bags" not in both.features
    told = found.catalog.set_index("name")["meaning"]
    assert told["div_revenue_12m_toys"] == "Revenue in Toys"


def test_the_order_of_the_divisions_changes_no_label_and_no_input() -> None:
    bags, toys = _two()
    settings = load_settings()
    one, two = any_of([bags, toys]), any_of([toys, bags])
    names = [set(choose_inputs(each.cutoffs, settings.train, settings.leakage).names) for each in (one, two)]
    assert names[0] == names[1]
    assert all((a.label == b.label).all() for a, b in zip(one.cutoffs, two.cutoffs, strict=True))
