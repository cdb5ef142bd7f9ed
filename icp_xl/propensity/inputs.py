"""From a feature frame to the numbers that a model sees, the same way in training and in scoring.

An input is a numeric feature under its own name, or one value of a category as ``ctx_industry=Dental`` (1 or 0).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.config.build import LeakageSettings
from icp_xl.config.train import TrainSettings
from icp_xl.errors import DataError
from icp_xl.propensity.data import CutoffData
from icp_xl.propensity.metrics import Curve

Floats = NDArray[np.float64]

#: Embedding factors: every cutoff turns them another way, so they mean nothing across cutoffs.
ROTATING = re.compile(r"als_f\d+")
_MAX_LEVELS = 20
#: Rows that are turned at once.
_BLOCK = 2048


@dataclass(frozen=True)
class ModelInputs:
    """Names of the inputs in order, and what was left out, with the reason."""

    names: tuple[str, ...]
    left_out: dict[str, str]


#: Our own features end in a division's name, or what assets roll up to; only what stands before it is ours.
_NAMED_AFTER = re.compile(
    r"^(share|div_(?:recency_days|active_months_\d+m|revenue_\d+m)"
    r"|assets_(?:active|expiring_\d+d_share|expiring_\d+d|subs_share|on_subs_share|off_subs_share))_.+"
)


def tells_outcome(name: str, pattern: re.Pattern[str]) -> bool:
    """Whether a feature's name tells of the outcome; a division called "Labels" in it does not."""
    own = _NAMED_AFTER.match(name)
    return bool(pattern.search(own[1] if own else name))


def choose_inputs(cutoffs: Sequence[CutoffData], settings: TrainSettings, guard: LeakageSettings) -> ModelInputs:
    """Inputs that carry something at the training cutoffs and give nothing away.

    A feature must be known at the latest cutoff and at no fewer than half of all (:func:`same_columns`).
    Left out are constants, embedding factors, infinite values, names that tell of the outcome, and single features
    that alone rank the buyers better than ``leakage.max_auc``.
    """
    names: list[str] = []
    left_out: dict[str, str] = {}
    telling = re.compile(guard.name_pattern, re.IGNORECASE)
    figures = [_figures_of(each) for each in cutoffs]
    known = pd.DataFrame([each.features.notna().any() for each in cutoffs]).eq(True).sum()
    columns = [name for name in cutoffs[-1].features.columns if 2 * known[name] >= len(cutoffs)]
    for name in columns:
        if ROTATING.fullmatch(name):
            continue
        if name in settings.drop_features:
            left_out[name] = "it is dropped by the settings or the leakage check"
        elif tells_outcome(name, telling):
            left_out[name] = "its name tells of the outcome"
        elif name.startswith("ctx_"):
            names += _levels(name, cutoffs, settings)
        else:
            reason = _unfit(name, figures, guard)
            if reason is None:
                names.append(name)
            elif reason:
                left_out[name] = reason
    return ModelInputs(tuple(names), left_out)


def same_columns(cutoffs: Sequence[CutoffData]) -> tuple[CutoffData, ...]:
    """The cutoffs with all columns of the latest; a field that was not filed by an earlier one is missing there."""
    wanted = cutoffs[-1].features.columns
    return tuple(
        each if each.features.columns.equals(wanted) else replace(each, features=each.features.reindex(columns=wanted))
        for each in cutoffs
    )


def design_matrix(features: pd.DataFrame, names: Sequence[str], into: Floats | None = None) -> Floats:
    """Rows × inputs as float64; NaN where a number is missing.

    Args:
        features: one row per account.
        names: inputs, in order.
        into: array of that shape that is filled; a new one by default.

    Raises:
        DataError: features are missing or not numbers; all of them are named.
    """
    missing = sorted({name.partition("=")[0] for name in names} - set(features.columns))
    if missing:
        raise DataError(
            "features that the model was trained on are missing",
            got=", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else ""),
            allowed=f"all {len(names)} inputs of the model",
            next_step="Build features with the settings of the training, or train again.",
        )
    plain = [name for name in names if "=" not in name]
    kinds = {str(name): getattr(dtype, "kind", "O") for name, dtype in features.dtypes.items()}
    wrong = [name for name in plain if kinds[name] not in "fiub"]
    if wrong:
        raise DataError("features that must be numbers are not", got=", ".join(wrong[:8]))
    matrix = np.empty((len(features), len(names)), dtype=np.float64) if into is None else into
    numbers, every = features[plain].to_numpy(np.float64), len(plain) == len(names)
    where = slice(None) if every else [i for i, name in enumerate(names) if "=" not in name]
    # By blocks of rows that stay in the processor's cache: a frame holds its numbers by column.
    for start in range(0, len(matrix), _BLOCK):
        part, told = matrix[start : start + _BLOCK], numbers[start : start + _BLOCK]
        part[:, where] = np.where(np.isinf(told), np.nan, told)
    codes: dict[str, tuple[NDArray[np.intp], dict[object, int]]] = {}
    for i, name in enumerate(names):
        column, _, level = name.partition("=")
        if level and column not in codes:
            place, known = pd.factorize(features[column])
            codes[column] = place, {value: k for k, value in enumerate(known)}
        if level:
            place, places = codes[column]
            matrix[:, i] = place == places.get(level, -2)
    return matrix


def _levels(name: str, cutoffs: Sequence[CutoffData], settings: TrainSettings) -> list[str]:
    counts = pd.concat([each.features[name] for each in cutoffs]).dropna().astype(str).value_counts()
    kept = [level for level, count in counts.items() if count >= settings.min_level_accounts * len(cutoffs)]
    chosen = sorted(str(level) for level in kept[:_MAX_LEVELS])
    return [f"{name}={level}" for level in chosen] if len(chosen) > 1 else []


@dataclass(frozen=True)
class _Inputs:
    """The numbers of one cutoff, a row per feature, and what is to be known of each."""

    data: CutoffData
    place: dict[str, int]
    values: Floats
    infinite: NDArray[np.bool_]
    known: NDArray[np.intp]
    constant: NDArray[np.bool_]


def _figures_of(data: CutoffData) -> _Inputs:
    numbers = data.features.select_dtypes(["number", "bool"])
    values = numbers.to_numpy(np.float64).T
    known = (~np.isnan(values)).sum(axis=1)
    constant = (known == values.shape[1]) & (values.max(axis=1, initial=-np.inf) == values.min(axis=1, initial=np.inf))
    place = {str(name): at for at, name in enumerate(numbers.columns)}
    return _Inputs(data, place, values, np.isinf(values).any(axis=1), known, constant)


def _unfit(name: str, figures: Sequence[_Inputs], guard: LeakageSettings) -> str | None:
    """Why a number is left out: a text to be reported, an empty one for a mere constant, ``None`` if it stays."""
    lowest = np.inf
    for each in figures:
        at = each.place.get(name)
        if at is None:
            return "it is not a number"
        if each.infinite[at]:
            return "it is infinite for some accounts"
        if not each.known[at]:
            continue
        if each.constant[at]:
            return ""
        # One cutoff at which it tells little enough settles it.
        if lowest > guard.max_auc and each.data.positives >= guard.min_positives:
            values = each.values[at]
            filled = np.where(np.isnan(values), np.nanmin(values) - 1.0, values)
            auc = Curve(each.data.label, filled).auc()
            lowest = min(lowest, max(auc, 1.0 - auc))
    if guard.max_auc < lowest < np.inf:
        return f"alone it ranks the buyers with an AUC of {lowest:.3f}, too good to be true"
    return None
