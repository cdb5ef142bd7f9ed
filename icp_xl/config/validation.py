"""Settings of the section ``validation``."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from icp_xl.config.base import Section

Percent = Annotated[float, Field(gt=0.0, le=100.0)]
PerRep = Annotated[int, Field(ge=1, le=100_000)]


class ValidationSettings(Section):
    """Which cutoffs are looked back on, and when a figure is an alert."""

    cutoffs: tuple[date, ...] = Field((), description="cutoffs to validate; empty takes the latest with a full window")
    cut_window: bool = Field(
        True, description="shorten a window that the log does not cover whole to its full months; false refuses it"
    )
    capacity_grid: tuple[Percent, ...] = Field(
        (5.0, 10.0, 20.0), min_length=1, description="percent of accounts called"
    )
    accounts_per_rep_grid: tuple[PerRep, ...] = Field((10, 25), description="accounts that each rep calls")
    bootstrap: int = Field(1000, ge=50, le=20_000, description="resamples behind every interval")
    bins: int = Field(10, ge=4, le=50, description="bins of the population stability index")
    psi_least: float = Field(0.10, ge=0.0, description="stability index below which a feature never counts as moved")
    alpha: float = Field(0.01, gt=0.0, le=0.2, description="chance that a feature that did not move is flagged")
    ev_psi: float = Field(0.25, gt=0.0, description="stability index of expected value against what came: alert")
    calibration_loss: float = Field(0.05, gt=0.0, le=1.0, description="mean calibration gap: alert")
    intercept: float = Field(0.35, gt=0.0, description="calibration intercept either way: alert")
    slope_limits: tuple[float, float] = Field((0.6, 1.6), description="calibration slopes that pass")
    base_rate_ratio: float = Field(1.3, gt=1.0, description="ratio of the shares of buyers: alert, if beyond noise")
    min_auc: float = Field(0.55, ge=0.5, lt=1.0, description="AUC below which a model is told to be weak")
    drifted_share: float = Field(0.2, gt=0.0, le=1.0, description="share of features that moved: alert")
    ablations: tuple[Literal["assets", "als", "lgbm"], ...] = Field(
        (), description="what is taken away to see what it is worth"
    )
