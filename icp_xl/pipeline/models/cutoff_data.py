"""Features and outcomes of divisions at cutoffs, in memory: what looking back needs, with nothing staged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import product

from icp_xl.config import Settings
from icp_xl.features.recalled import Filed, recall_feature_sets
from icp_xl.labels.build import build_label_sets
from icp_xl.pipeline.models.build import division_slug
from icp_xl.pipeline.models.monthly_mix import read_mixes
from icp_xl.propensity.data import CutoffData, DivisionData, join_labels
from icp_xl.propensity.level import Mix
from icp_xl.runs import RunContext
from icp_xl.tables.star import Star, open_engine


def load_cutoffs(
    run: RunContext,
    star: Star,
    divisions: Sequence[str],
    days: Sequence[date],
    settings: Settings,
    *,
    window_months: int | None = None,
) -> dict[str, DivisionData]:
    """Features and outcomes of every division at every cutoff; the outcomes are those of the window after it.

    Args:
        run: whose progress is told.
        star: the star schema.
        divisions: by their names.
        days: the cutoffs, which ascend.
        settings: of labels and features.
        window_months: length of the label window; by default the settings'.

    Returns:
        One entry per division, its cutoffs in the order of ``days``.
    """
    kept: dict[str, list[CutoffData]] = {division: [] for division in divisions}
    latest: dict[str, Filed] = {}
    with open_engine(star, settings) as engine:
        sets = build_label_sets(star, divisions, days, settings, window_months=window_months, engine=engine)
        labels = {(division, day): found for (day, division), found in zip(product(days, divisions), sets, strict=True)}
        mixes = read_mixes(engine, star, divisions, settings)
        for filed in recall_feature_sets(
            run.outputs, star, divisions, days, settings, engine=engine, progress=run.progress, stage=False
        ):
            data = join_labels(filed.cutoff, filed.frame(), labels.pop((filed.division, filed.cutoff)))
            kept[filed.division].append(data)
            latest[filed.division] = filed
    months = window_months or settings.build.window_months
    return {
        name: DivisionData(
            name, division_slug(star, name), months, tuple(parts), latest[name].load().catalog, mixes.get(name, Mix())
        )
        for name, parts in kept.items()
    }
