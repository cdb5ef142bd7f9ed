"""Settings of the section ``train``."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from icp_xl.config.base import Section

Candidate = Literal["logreg", "lgbm", "blend"]
Baseline = Literal["base_rate", "recency", "frequency", "days", "spending", "bgnbd"]
Positive = Annotated[float, Field(gt=0.0)]


class LinearGrid(Section):
    """One logistic regression to try."""

    c: Positive = Field(0.01, description="inverse strength of the regularisation")
    l1_ratio: float = Field(0.0, ge=0.0, le=1.0, description="share of the L1 penalty; 0 is ridge")
    balanced: bool = Field(False, description="both classes weigh the same")


class TreeGrid(Section):
    """One LightGBM ensemble to try."""

    learning_rate: float = Field(0.05, gt=0.0, le=1.0, description="how much each tree counts")
    num_leaves: int = Field(8, ge=2, le=1024, description="most leaves of a tree")
    min_data_in_leaf: int = Field(40, ge=1, description="fewest rows in a leaf")
    feature_fraction: float = Field(0.4, gt=0.0, le=1.0, description="share of the features drawn for each tree")
    bagging_fraction: float = Field(0.7, gt=0.0, le=1.0, description="share of the rows drawn for each tree")
    lambda_l2: float = Field(10.0, ge=0.0, description="L2 penalty on the values of leaves")
    rounds: int = Field(90, ge=1, le=10_000, description="most trees; early stopping may take fewer")
    balanced: bool = Field(False, description="a rare class weighs more, at most ten times")


class TrainSettings(Section):
    """How division models are trained, chosen, calibrated and published."""

    cutoffs: tuple[date, ...] = Field(
        (), description="cutoffs to learn from; empty takes as many full windows as the log holds, newest first"
    )
    n_cutoffs: int | None = Field(
        None, ge=1, le=120, description="at most so many cutoffs where none are given; empty: as the row budget allows"
    )
    row_budget: int = Field(
        30_000,
        ge=1000,
        description="accounts × cutoffs of one division that are learned from, the newest first; three windows always",
    )
    half_life_months: float = Field(
        18.0, gt=0.0, description="months after which a cutoff has half the say of the latest"
    )
    score_cutoff: date | None = Field(
        None, description="day as of which accounts are scored; by default the first that the log does not cover"
    )
    candidates: tuple[Candidate, ...] = Field(("logreg", "lgbm", "blend"), description="models to try")
    baselines: tuple[Baseline, ...] = Field(
        ("base_rate", "recency", "frequency", "days", "spending", "bgnbd"),
        min_length=1,
        description="rules that a model must beat",
    )
    logreg: tuple[LinearGrid, ...] = Field(
        (LinearGrid(), LinearGrid(c=0.003), LinearGrid(c=0.01, l1_ratio=0.3)),
        min_length=1,
        description="logistic regressions to try",
    )
    lgbm: tuple[TreeGrid, ...] = Field((TreeGrid(),), min_length=1, description="tree ensembles to try")
    tree_seeds: int = Field(3, ge=1, le=20, description="tree ensembles that are averaged; fewer above 20,000 rows")
    tune_trials: int = Field(0, ge=0, le=500, description="Optuna trials over the tree settings; 0 takes the grid")
    tune_seconds: Positive = Field(120.0, description="time that tuning a division may take")
    grid_rows: int = Field(20_000, ge=200, description="rows on which the settings of a grid are compared")
    folds: int = Field(5, ge=2, le=20, description="folds, grouped by account, where there is only one cutoff")
    calibration: Literal["auto", "platt", "isotonic"] = Field(
        "auto", description="how probabilities are calibrated; auto goes by the size of the data"
    )
    min_positives: int = Field(40, ge=5, description="buyers that a model of its own needs")
    pooled: bool = Field(True, description="a division with too few buyers is served by one model for all divisions")
    min_level_accounts: int = Field(50, ge=1, description="accounts that a value needs to be a feature of its own")
    drop_features: tuple[str, ...] = Field((), description="features that no model may use")
    any_division: bool = Field(False, description="also model a purchase in any division, as 'Any purchase'")
    bootstrap: int = Field(500, ge=50, le=20_000, description="resamples behind every interval")
    evidence: float = Field(
        0.999, gt=0.9, lt=1.0, description="certainty that rankings are better than chance, over all divisions"
    )
    ready_positives: int = Field(100, ge=5, description="buyers in the test window below which a model needs care")
    max_gap: float = Field(0.12, gt=0.0, le=0.5, description="AUC in training above that in the test window: overfit")
    slope_limits: tuple[float, float] = Field((0.6, 1.6), description="calibration slopes that pass")
    keep_versions: int = Field(10, ge=1, le=1000, description="versions of a model that are kept")
    sample_rows: int = Field(2000, ge=10, description="accounts in the feature and explanation samples")
