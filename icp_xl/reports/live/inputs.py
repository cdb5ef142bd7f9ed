"""What the live workbook is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from icp_xl.components.record import score_columns
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.charts import Diagnostic, diagnostics, sample_rows
from icp_xl.scoring.model import ScoreModel

PUBLISHED, EQUAL = "Published", "Equal"


@dataclass(frozen=True)
class LiveInputs:
    """``scored``: the scored accounts; ``presets``: name to weights, besides the published and the equal ones."""

    scored: pd.DataFrame
    model: ScoreModel
    presets: Mapping[str, Mapping[str, float]]
    run_id: str = ""

    def all_presets(self) -> dict[str, dict[str, float]]:
        """Every preset, the published weights first and the equal ones last."""
        equal = {name: 1.0 / len(self.model.names) for name in self.model.names}
        given = {name: dict(weights) for name, weights in self.presets.items()}
        published = {name: self.model.weights[name] for name in self.model.names}
        return {PUBLISHED: published, **given, EQUAL: equal}


def raw_inputs(model: ScoreModel) -> dict[str, Diagnostic]:
    """Every number that a component is made of, each once, by its column in :func:`base_frame`."""
    return {f"raw_{item.fact.name}": item for item in diagnostics(model)}


def base_frame(inputs: LiveInputs, settings: ReportSettings) -> pd.DataFrame:
    """Accounts of the sheet by published rank, at most ``settings.live_accounts``, an even spread of more."""
    scored = sample_rows(inputs.scored, settings.live_accounts).reset_index(drop=True)
    names = ["account_id", "account_name", "industry", "annual_revenue", "total_revenue"]
    names += score_columns(inputs.model.names)
    frame = scored[names].copy()
    frame["industry"] = frame["industry"].astype(object).where(frame["industry"].notna(), "Unknown")
    frame["total_revenue"] = frame["total_revenue"].fillna(0.0)
    frame["revenue_rank"] = frame["total_revenue"].rank() / max(len(frame), 1)
    for column, item in raw_inputs(inputs.model).items():
        frame[column] = scored[item.fact.name].astype(float)
    frame["published_score"] = scored["icp_score"].astype(float)
    frame["published_grade"] = scored["icp_grade"].astype(object)
    frame["published_percentile"] = scored["percentile"].astype(float)
    return frame


def charted_industries(frame: pd.DataFrame, most: int) -> list[str]:
    """The industries with most accounts, by their average published score."""
    sizes = frame["industry"].value_counts()
    largest = sorted(sizes.index, key=lambda name: (-int(sizes[name]), str(name)))[:most]
    means = frame.groupby("industry")["published_score"].mean()
    return sorted(largest, key=lambda name: (-float(means[name]), str(name)))
