"""Candidate models of each family: logistic regression, LightGBM, and the mean of both on the log-odds scale."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icp_xl.config.train import LinearGrid, TrainSettings, TreeGrid
from icp_xl.propensity.calibration import fit_calibrator
from icp_xl.propensity.level import knows_a_year
from icp_xl.propensity.linear import fit_linear_members, fit_linear_path
from icp_xl.propensity.matrix import DesignMatrix, Ensemble, Matrices
from icp_xl.propensity.metrics import Curve
from icp_xl.propensity.splits import Fold, account_groups
from icp_xl.propensity.trees import TreeModel, fit_trees, grow_trees

Floats = NDArray[np.float64]

#: Standard errors beyond which a difference is more than noise.
BEYOND = 1.96
#: One account in so many is kept aside to see when more trees stop helping.
_STOP_FOLDS = 5
#: Trees of an ensemble at least.
_FEWEST = 10


@dataclass(frozen=True)
class Recipe:
    """What was chosen within the families: settings, and how many trees."""

    logreg: LinearGrid | None
    lgbm: TreeGrid | None
    rounds: int
    regularised: bool = False


def choose_recipe(fold: Fold, inputs: Matrices, settings: TrainSettings, seed: int, check: Check) -> Recipe:
    """Settings of each family by log-loss on the judging rows of the latest fold, and the number of trees.

    Args:
        fold: the latest one.
        inputs: of its cutoffs.
        settings: which families, and which settings of each are tried.
        seed: of samples and trees.
        check: called between fits; raises where the user cancels.
    """
    names = inputs.names
    train = _sample(inputs.stack(fold.train, settings.half_life_months), settings.grid_rows, seed)
    valid = _sample(inputs.stack([fold.valid]), settings.grid_rows, seed)
    apart = knows_a_year(fold.train[0].cutoff, fold.valid.cutoff)
    linear = _best_linear(train, valid, names, settings, check, apart) if wants(settings, "logreg") else None
    if not wants(settings, "lgbm"):
        return Recipe(linear, None, 0)
    trees = _tuned(train, valid, names, settings, seed, check) or _best_trees(
        train, valid, names, settings, seed, check
    )
    [group] = account_groups([train.accounts], _STOP_FOLDS, seed)
    kept, aside = (train.take(np.flatnonzero(each)) for each in (group > 0, group == 0))
    if not _mixed(kept.y) or not _mixed(aside.y):
        return Recipe(linear, trees, trees.rounds)
    model = fit_trees(
        kept.bins, kept.y, names, parameters(trees), seed=seed, rounds=trees.rounds, validation=(aside.bins, aside.y)
    )
    recipe = Recipe(linear, trees, max(_FEWEST, model.rounds))
    return _without_overfit(recipe, model, kept, valid, names, settings, seed)


Check = Callable[[], None]


def account_members(accounts: NDArray[np.object_], count: int, seed: int) -> list[NDArray[np.bool_]]:
    """Which rows each of ``count`` members of an ensemble learns from: all but those of its own group of accounts."""
    [group] = account_groups([accounts], count, seed)
    return [group != k for k in range(count)]


def fit_family(
    family: str,
    rows: DesignMatrix,
    names: Sequence[str],
    recipe: Recipe,
    seed: int,
    members: Sequence[NDArray[np.bool_]],
    level: Floats | None = None,
    apart: bool = False,
) -> tuple[Ensemble, Floats]:
    """Parts of one candidate with their weights, and log-odds of every row by members that did not see its account.

    Args:
        family: ``logreg`` or ``lgbm``.
        rows: features, outcomes and weights, one row per account and cutoff.
        names: of the features, in the order of their columns.
        recipe: settings of each family.
        seed: of the trees.
        members: one mask of ``rows`` per member, of the accounts that it learns from.
        level: log-odds of each row's window, which trees begin at.
        apart: each window of a linear model has a level of its own.

    Raises:
        ValueError: there is no such family.
    """
    if family == "logreg":
        grid = recipe.logreg or LinearGrid()
        model, aside = fit_linear_members(
            rows.x, rows.y, names, members, weight=rows.weight, window=rows.window if apart else None,
            c=grid.c, l1_ratio=grid.l1_ratio, balanced=grid.balanced,
        )  # fmt: skip
        return ((1.0, model),), aside
    if family == "lgbm":
        settings = parameters(recipe.lgbm or TreeGrid()) | {"rounds": recipe.rounds}
        grown, aside = grow_trees(
            rows.x, rows.y, names, settings, members, weight=rows.weight, level=level, seed=seed, bins=rows.bins,
        )  # fmt: skip
        return tuple((1.0 / len(grown), trees) for trees in grown), aside
    raise ValueError(f"unknown family {family!r}")


def blend(linear: Ensemble, trees: Ensemble) -> Ensemble:
    """Mean of two candidates on the log-odds scale."""
    return tuple((weight / 2.0, part) for weight, part in (*linear, *trees))


def recent_losses(fold: Fold, inputs: Matrices, settings: TrainSettings) -> Floats:
    """Log-loss of each judging row by a plain logistic regression that learned from the fold's cutoffs."""
    return log_losses(fold.valid.label.astype(np.float64), plain_log_odds(fold, inputs, settings))


def plain_log_odds(fold: Fold, inputs: Matrices, settings: TrainSettings) -> Floats:
    """Log-odds of the judging rows by a plain logistic regression that learned from the fold's cutoffs."""
    rows = _sample(inputs.stack(fold.train, settings.half_life_months), settings.grid_rows, 0)
    everybody, apart = [np.ones(rows.y.size, bool)], knows_a_year(fold.train[0].cutoff, fold.valid.cutoff)
    model, _ = fit_linear_members(
        rows.x, rows.y, inputs.names, everybody, weight=rows.weight, window=rows.window if apart else None, c=0.01,
        l1_ratio=0.0, balanced=False,
    )  # fmt: skip
    return model.log_odds(inputs.of(fold.valid))


def log_loss(y: Floats, log_odds: Floats) -> float:
    """Mean negative log-likelihood after Platt's sigmoid (lower is better).

    A base rate that moves between cutoffs is the calibration's business; here it would drown what the settings differ
    in.
    """
    return float(np.mean(log_losses(y, log_odds)))


def log_losses(y: Floats, log_odds: Floats) -> Floats:
    """Negative log-likelihood of each row after Platt's sigmoid."""
    p = fit_calibrator(log_odds, y, "platt").apply(log_odds)
    return np.asarray(-np.where(y > 0, np.log(p), np.log1p(-p)))


def parameters(grid: TreeGrid) -> dict[str, Any]:
    """LightGBM's names for the settings."""
    return grid.model_dump(exclude={"rounds"}) | {"bagging_freq": 1}


def wants(settings: TrainSettings, family: str) -> bool:
    """Whether the candidates of the settings need this family."""
    return family in settings.candidates or "blend" in settings.candidates


def _mixed(y: Floats) -> bool:
    return bool(y.size) and 0.0 < float(y.mean()) < 1.0


def _sample(rows: DesignMatrix, most: int, seed: int) -> DesignMatrix:
    if rows.y.size <= most:
        return rows
    kept = np.sort(np.random.default_rng(seed).choice(rows.y.size, most, replace=False))
    return rows.take(kept)


def _trees(rows: DesignMatrix, names: Sequence[str], grid: TreeGrid | None, rounds: int, seed: int) -> TreeModel:
    return fit_trees(rows.bins, rows.y, names, parameters(grid or TreeGrid()), seed=seed, rounds=rounds)


def _best_linear(
    train: DesignMatrix, valid: DesignMatrix, names: Sequence[str], settings: TrainSettings, check: Check, apart: bool
) -> LinearGrid:
    """Settings by log-loss on ``valid``; ``apart``: each window of ``train`` has a level of its own."""
    if len(settings.logreg) == 1:
        return settings.logreg[0]
    check()
    path = [(grid.c, grid.l1_ratio, grid.balanced) for grid in settings.logreg]
    models = fit_linear_path(train.x, train.y, names, path, train.window if apart else None)
    losses = [log_losses(valid.y, each.log_odds(valid.x)) for each in models]
    first = int(np.argmin([each.mean() for each in losses]))
    if apart:
        return settings.logreg[first]
    best = losses[first]
    # The firmest that is not worse beyond noise: what the season after next looks like is less sure than this one
    # comparison says. Once a year is known, seasons are levels of windows, no part of what is held small.
    near = [
        grid
        for grid, each in zip(settings.logreg, losses, strict=True)
        if (each - best).mean() <= BEYOND * (each - best).std() / np.sqrt(best.size)
    ]
    return min(near, key=lambda grid: grid.c)


def _best_trees(
    train: DesignMatrix, valid: DesignMatrix, names: Sequence[str], settings: TrainSettings, seed: int, check: Check
) -> TreeGrid:
    if len(settings.lgbm) == 1:
        return settings.lgbm[0]
    losses = []
    for grid in settings.lgbm:
        check()
        losses.append(log_loss(valid.y, _trees(train, names, grid, grid.rounds, seed).log_odds(valid.x)))
    return settings.lgbm[int(np.argmin(losses))]


def _tuned(
    train: DesignMatrix, valid: DesignMatrix, names: Sequence[str], settings: TrainSettings, seed: int, check: Check
) -> TreeGrid | None:
    """Settings found by Optuna within its budget of trials and seconds; ``None`` where tuning is off."""
    if not settings.tune_trials:
        return None
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    started = time.monotonic()

    def objective(trial: optuna.Trial) -> float:
        check()
        grid = TreeGrid(
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
            num_leaves=trial.suggest_int("num_leaves", 4, 32, log=True),
            min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 10, 200, log=True),
            feature_fraction=trial.suggest_float("feature_fraction", 0.2, 1.0),
            bagging_fraction=trial.suggest_float("bagging_fraction", 0.5, 1.0),
            lambda_l2=trial.suggest_float("lambda_l2", 0.1, 50.0, log=True),
            rounds=trial.suggest_int("rounds", 50, 400),
        )
        trial.set_user_attr("grid", grid.model_dump())
        return log_loss(valid.y, _trees(train, names, grid, grid.rounds, seed).log_odds(valid.x))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(settings.lgbm[0].model_dump(exclude={"balanced"}))
    for _ in range(settings.tune_trials):
        study.optimize(objective, n_trials=1)
        if time.monotonic() - started > settings.tune_seconds:
            break
    return TreeGrid(**study.best_trial.user_attrs["grid"])


def _without_overfit(
    recipe: Recipe, model: TreeModel, train: DesignMatrix, valid: DesignMatrix, names: Sequence[str],
    settings: TrainSettings, seed: int,
) -> Recipe:  # fmt: skip
    """Simpler trees where the AUC in training is far above that on the judging rows, if they predict no worse.

    ``model`` was fitted on ``train``.
    """
    assert recipe.lgbm is not None
    if not _mixed(valid.y):
        return recipe
    inside, outside = (Curve(each.y, model.log_odds(each.x)).auc() for each in (train, valid))
    if inside - outside <= settings.max_gap:
        return recipe
    grid = recipe.lgbm.model_copy(
        update={
            "num_leaves": max(2, recipe.lgbm.num_leaves // 2),
            "min_data_in_leaf": 2 * recipe.lgbm.min_data_in_leaf,
            "lambda_l2": 3.0 * recipe.lgbm.lambda_l2,
        }
    )
    calmer = _trees(train, names, grid, recipe.rounds, seed)
    if log_loss(valid.y, calmer.log_odds(valid.x)) > log_loss(valid.y, model.log_odds(valid.x)):
        return recipe
    return Recipe(recipe.logreg, grid, recipe.rounds, regularised=True)
