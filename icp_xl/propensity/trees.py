"""Gradient-boosted trees by LightGBM: deterministic, one thread a worker, kept as LightGBM's own text.

Explanations are LightGBM's ``pred_contrib`` (exact TreeSHAP): they add up to the raw log-odds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A rare class is not weighted more than this many times the common one.
MAX_POSITIVE_WEIGHT = 10.0
#: Rows that are predicted at once.
_BLOCK = 8192
#: What the bins hang on.
_BINS = {
    "deterministic": True,
    # By column only the features drawn for a tree are looked at: on many rows half the time, and the same trees.
    "force_col_wise": True,
    "num_threads": 1,
    "data_random_seed": 1,
    # A tenth of the rows that LightGBM would look at by default places the edges of the bins as well.
    "bin_construct_sample_cnt": 20_000,
    # Few bins are found sooner, and smooth: on accounts, 255 predict no better.
    "max_bin": 63,
    "feature_pre_filter": False,
    "verbosity": -1,
}


@dataclass(frozen=True)
class TreeModel:
    """A boosted ensemble over ``features``, in their order; ``shift`` undoes the class weight."""

    features: tuple[str, ...]
    text: str
    rounds: int
    shift: float = 0.0

    kind = "lgbm"

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _booster(self) -> lgb.Booster:
        return lgb.Booster(model_str=self.text)

    def log_odds(self, x: Floats) -> Floats:
        """Uncalibrated log-odds of each row."""
        return np.asarray(self._booster.predict(x, raw_score=True, num_threads=1)) + self.shift

    def contributions(self, x: Floats) -> Floats:
        """Rows × (features + 1): what each feature adds to the log-odds, the constant last."""
        terms = np.asarray(self._booster.predict(x, pred_contrib=True, num_threads=1))
        terms[:, -1] += self.shift
        return terms

    def to_json(self) -> dict[str, Any]:
        """Everything but the trees, which have a file of their own."""
        return {"kind": self.kind, "features": list(self.features), "rounds": self.rounds, "shift": self.shift}

    @classmethod
    def from_json(cls, body: Mapping[str, Any], text: str) -> TreeModel:
        """The model that :meth:`to_json` and the tree file described."""
        return cls(tuple(body["features"]), text, int(body["rounds"]), float(body["shift"]))


class Bins:
    """Rows sorted into the bins of their features once, for every fit on some of them.

    Args:
        x: rows × features.
    """

    def __init__(self, x: Floats) -> None:
        self._whole = _Whole(x)
        self._rows: NDArray[np.intp] = np.arange(len(x))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Bins:
        """Some of the rows, marked or by their places, which ascend."""
        part = object.__new__(Bins)
        part._whole, part._rows = self._whole, self._rows[rows]
        return part

    def dataset(self, y: Floats, weight: Floats | None = None) -> lgb.Dataset:
        """The rows with their outcomes, as LightGBM takes them."""
        part = self._whole.dataset.subset(self._rows.tolist(), dict(_BINS)).construct()
        part.set_label(y)
        part.set_weight(weight)
        return part


class _Whole:
    """All rows that are sorted into bins together, when a fit first asks for them."""

    def __init__(self, x: Floats) -> None:
        self._x = x

    @cached_property
    def dataset(self) -> lgb.Dataset:
        return lgb.Dataset(self._x, np.zeros(len(self._x)), feature_name=_plain(self._x.shape[1]), params=_BINS)


def fit_trees(
    x: Floats | Bins, y: Floats, features: Sequence[str], parameters: Mapping[str, Any], *, seed: int, rounds: int,
    validation: tuple[Floats | Bins, Floats] | None = None, patience: int = 30,
) -> TreeModel:  # fmt: skip
    """Fit at most ``rounds`` trees; with ``validation`` rows, stop ``patience`` trees after the best one.

    Args:
        x: rows × features.
        y: 1 or 0 per row.
        features: names of the columns of ``x``.
        parameters: LightGBM's own parameters.
        seed: seed of every draw.
        rounds: most trees.
        validation: rows and labels that decide when to stop; in bins of the same whole, where ``x`` is.
        patience: trees without a gain there before it stops.
    """
    settings = _settings(parameters, y, seed)
    train = x.dataset(y) if isinstance(x, Bins) else _dataset(x, y)
    sets: list[lgb.Dataset] = []
    if validation is not None and 0.0 < validation[1].mean() < 1.0:
        aside, truth = validation
        sets = [aside.dataset(truth) if isinstance(aside, Bins) else _dataset(aside, truth, train)]
    return _grow(train, settings, features, rounds, sets, patience)


def grow_trees(
    x: Floats, y: Floats, features: Sequence[str], parameters: Mapping[str, Any], members: Sequence[NDArray[np.bool_]],
    *, weight: Floats | None = None, level: Floats | None = None, seed: int, bins: Bins | None = None,
) -> tuple[list[TreeModel], Floats]:  # fmt: skip
    """One model per member on the rows that it marks, and log-odds of each row by those that did not see it.

    Rows that every member saw have NaN.

    Args:
        parameters: LightGBM's own, and ``rounds``, the trees of each model.
        weight: say of each row; all have the same by default.
        level: log-odds of each row's window, which the trees begin at and need not find; their mean is in the model.
        bins: of the rows of ``x``, where they are known.
    """
    settings = _settings(parameters, y, seed)
    bins = Bins(x) if bins is None else bins
    middle = 0.0 if level is None else float(np.average(level, weights=weight))
    aside, count, models = np.zeros(len(y)), np.zeros(len(y)), []
    for number, rows in enumerate(members):
        part = bins.take(rows).dataset(y[rows], None if weight is None else weight[rows])
        if level is not None:
            part.set_init_score(level[rows])
        grown = _grow(part, settings | {"seed": seed + number}, features, int(parameters["rounds"]))
        if middle:
            grown = replace(grown, shift=grown.shift + middle)
        models.append(grown)
        others = np.flatnonzero(~rows)
        # By blocks, as a copy of half of all rows costs more than what is asked of it.
        for some in np.array_split(others, len(others) // _BLOCK + 1):
            if some.size:
                aside[some] += models[-1].log_odds(x[some])
        count[others] += 1.0
    return models, np.where(count > 0, aside / np.maximum(count, 1.0), np.nan)


def _dataset(x: Floats, y: Floats, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    return lgb.Dataset(x, y, reference=reference, feature_name=_plain(x.shape[1]), params=_BINS)


def _plain(count: int) -> list[str]:
    """Names for LightGBM, which refuses some characters."""
    return [f"f{i}" for i in range(count)]


def _settings(parameters: Mapping[str, Any], y: Floats, seed: int) -> dict[str, Any]:
    """All that LightGBM is told; the bins hang on neither seed nor weight, so that every fit can share them."""
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        **_BINS,
        "seed": seed,
        "scale_pos_weight": positive_weight(y) if parameters.get("balanced") else 1.0,
        **{name: value for name, value in parameters.items() if name not in ("balanced", "rounds")},
    }


def _grow(
    train: lgb.Dataset,
    settings: Mapping[str, Any],
    features: Sequence[str],
    rounds: int,
    validation: Sequence[lgb.Dataset] = (),
    patience: int = 0,
) -> TreeModel:
    callbacks: list[Any] = [lgb.early_stopping(patience, verbose=False)] if validation else []
    booster = lgb.train(dict(settings), train, num_boost_round=rounds, valid_sets=list(validation), callbacks=callbacks)
    stopped = bool(validation) and booster.best_iteration > 0
    best = booster.best_iteration if stopped else booster.current_iteration()
    text = booster.model_to_string(num_iteration=best)
    model = TreeModel(tuple(features), text, int(best), -float(np.log(settings["scale_pos_weight"])))
    if best == booster.current_iteration():
        # It says what its text says, which need not be read for that.
        model.__dict__["_booster"] = booster.free_dataset()
    return model


def positive_weight(y: Floats) -> float:
    """Weight of a positive row that evens out the classes, capped."""
    positives = float(np.sum(y))
    return float(np.clip((y.size - positives) / max(positives, 1.0), 1.0, MAX_POSITIVE_WEIGHT))
