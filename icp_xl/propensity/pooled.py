"""One model for all divisions, for those with too few buyers for a good one of their own.

It learns from the rows of every division (large ones thinned), calibrates on accounts that its members did not see, and
gives each small division an offset of its own, drawn towards none the more, the fewer its buyers are. Twenty buyers
cannot tell a model from a rule, but ten such divisions together can: what all small divisions say decides whether the
model or the best rule serves, and a division departs from it only where its own rows say otherwise beyond noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from icp_xl.config import Settings
from icp_xl.config.train import LinearGrid, TrainSettings, TreeGrid
from icp_xl.propensity.arena import P, cross_fitted, measure_candidate
from icp_xl.propensity.baselines import BASELINES
from icp_xl.propensity.calibration import Calibrator, fit_calibrator
from icp_xl.propensity.candidates import BEYOND, Recipe, account_members, fit_family, wants
from icp_xl.propensity.data import DivisionData, pool
from icp_xl.propensity.fit import Fitted, fit_candidates
from icp_xl.propensity.inputs import ModelInputs, choose_inputs
from icp_xl.propensity.level import Level, forecast_level, own_levels, shift_of
from icp_xl.propensity.linear import LinearModel
from icp_xl.propensity.matrix import Ensemble, Matrices
from icp_xl.propensity.model import DivisionModel
from icp_xl.propensity.splits import Fold, account_groups, forward_folds, take
from icp_xl.propensity.trees import TreeModel
from icp_xl.propensity.verdict import chance_error
from icp_xl.propensity.windows import complete_windows
from icp_xl.recall import recalled

Floats = NDArray[np.float64]
KIND = "pooled"
#: Rows that the model learns from at most, about; small divisions keep all of theirs.
_ROWS = 40_000
#: How far the levels of divisions lie apart, in log-odds, before anything is known of one.
_APART = 0.5


@dataclass(frozen=True)
class Pooled:
    """A small division's part in the model for all: what was fitted, and what the small divisions say together.

    ``gain`` is the difference in AUC to the best rule, a mean over the buyers of all small divisions in all judged
    windows, with its standard error; ``skill`` how many standard errors their rankings together are above chance.
    """

    fitted: Fitted
    gain: tuple[float, float]
    skill: float


@dataclass(frozen=True)
class _Shared:
    """The model for all divisions as of one day: parts, calibrator, level, and the offset of each division."""

    parts: Ensemble
    calibrator: Calibrator
    level: Level
    offsets: Mapping[str, float]

    def of(self, division: str) -> Calibrator:
        """The calibrator of one division."""
        return replace(self.calibrator, rate=self.level.shift + self.offsets.get(division, 0.0))


def fit_pooled(
    datas: Sequence[DivisionData], small: Sequence[str], settings: Settings, *, seed: int, target: date,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Pooled]:  # fmt: skip
    """The model for all, judged and calibrated for each division of ``small``; none where nothing can be compared.

    Args:
        datas: all divisions, at the same cutoffs.
        target: the cutoff to be predicted.
        check: called between steps; raises to cancel.
    """
    train = settings.train
    datas = [complete_windows(data, target) for data in datas]
    thinned = _thinned(datas, set(small), seed)
    whole = pool(thinned)
    inputs = choose_inputs(whole.cutoffs, train, settings.leakage)
    recipe = Recipe(
        next(iter(train.logreg), LinearGrid()), next(iter(train.lgbm), TreeGrid()), train.lgbm[0].rounds
    )  # fmt: skip
    if not inputs.names or sum(each.positives for each in datas) < train.min_positives:
        return {}
    judged: dict[str, list[pd.DataFrame]] = {name: [] for name in small}
    forward = bool(forward_folds(whole))
    days = [fold.valid.cutoff for fold in forward_folds(whole)] if forward else []
    mine = {data.division: data for data in datas if data.division in judged}
    if forward:
        for number, day in enumerate(days):
            check()
            past = [_before(data, day) for data in thinned]
            shared = _recall_shared([each for each in past if each.cutoffs], inputs.names, recipe, train, seed, day)
            for name, data in mine.items():
                known, valid = _before(data, day), next((c for c in data.cutoffs if c.cutoff == day), None)
                if shared is None or valid is None or not known.cutoffs:
                    continue
                judged[name].append(_frame(shared, name, Fold(known.cutoffs, valid), train, number))
    check()
    final = _recall_shared(thinned, inputs.names, recipe, train, seed, target)
    frames = {name: pd.concat(parts, ignore_index=True) for name, parts in judged.items() if parts}
    if final is None or not frames:
        return {}
    return _judged_together(frames, final, mine, inputs, recipe, train, seed)


def _thinned(datas: Sequence[DivisionData], small: set[str], seed: int) -> list[DivisionData]:
    """All rows of small divisions, and of the others every so many accounts, for about ``_ROWS`` rows in all."""
    rows = {data.division: sum(len(each.label) for each in data.cutoffs) for data in datas}
    large = sum(count for name, count in rows.items() if name not in small)
    share = min(1.0, max(_ROWS - sum(rows.values()) + large, _ROWS // 4) / max(large, 1))
    parts = max(1, round(1.0 / max(share, 1e-3)))
    found = []
    for data in datas:
        if data.division not in small and parts > 1:
            member = account_groups([each.accounts for each in data.cutoffs], parts, seed)
            kept = (take(each, group == 0) for each, group in zip(data.cutoffs, member, strict=True))
            data = replace(data, cutoffs=tuple(kept))
        found.append(data)
    return found


def _before(data: DivisionData, day: date) -> DivisionData:
    return replace(data, cutoffs=tuple(each for each in data.cutoffs if each.window_end <= day))


def _recall_shared(
    datas: Sequence[DivisionData], names: Sequence[str], recipe: Recipe, train: TrainSettings, seed: int, target: date
) -> _Shared | None:
    """:func:`_fit_shared`, or what it gave of the same; for how much was bought, neither is told."""
    datas = [data.without_money() for data in datas]
    return recalled(
        "shared", lambda: (datas, names, recipe, train, seed, target),
        lambda: _fit_shared(datas, names, recipe, train, seed, target),
        (_Shared, LinearModel, TreeModel, Calibrator, Level),
    )  # fmt: skip


def _fit_shared(
    datas: Sequence[DivisionData], names: Sequence[str], recipe: Recipe, train: TrainSettings, seed: int, target: date
) -> _Shared | None:
    """The model for all of ``datas`` with the offset of each; ``None`` where it cannot be fitted."""
    families = [name for name in ("logreg", "lgbm") if wants(train, name)]
    if not datas or not families:
        return None
    whole = pool(datas)
    days = [each.cutoff for each in whole.cutoffs]
    rows = Matrices(names).stack(whole.cutoffs, train.half_life_months)
    owner = np.concatenate([_owners(datas, day) for day in days])
    members = account_members(rows.accounts, 2, seed)
    if any(not 0.0 < rows.y[member].mean() < 1.0 for member in members):
        return None
    fitted = [fit_family(name, rows, names, recipe, seed, members) for name in families]
    aside = np.mean([each for _, each in fitted], axis=0)
    if not np.isfinite(aside).all() or np.ptp(aside) < 1e-4:
        return None
    shifts, levelled = own_levels(rows.y, aside, rows.window)
    calibrator = fit_calibrator(levelled, rows.y, "platt", weight=rows.weight)
    p = calibrator.apply(levelled)
    offsets = {}
    for data in datas:
        here = owner == data.division
        shift, error = shift_of(rows.y[here], p[here])
        offsets[data.division] = shift * _APART**2 / (_APART**2 + error**2)
    parts = tuple((weight / len(fitted), part) for found, _ in fitted for weight, part in found)
    months = whole.cutoffs[-1].window_months
    return _Shared(
        parts, calibrator, forecast_level(days, shifts, target, months, train.half_life_months), offsets
    )  # fmt: skip


def _owners(datas: Sequence[DivisionData], day: date) -> NDArray[np.object_]:
    """The division of each row of the pooled cutoff ``day``."""
    parts = [np.full(len(each.label), data.division, dtype=object) for data in datas for each in data.cutoffs
             if each.cutoff == day]  # fmt: skip
    return np.concatenate(parts)


def _frame(shared: _Shared, division: str, fold: Fold, train: TrainSettings, number: int) -> pd.DataFrame:
    """Judged rows of one division at one cutoff: the model for all, and the rules that learned from the division."""
    valid = fold.valid
    frame = pd.DataFrame(
        {"account_id": valid.accounts, "cutoff_date": pd.Timestamp(valid.cutoff), "fold": number,
         "label": valid.label, "revenue": valid.revenue, "gross_profit": valid.gross_profit}
    )  # fmt: skip
    inputs = Matrices(())
    found = fit_candidates(fold.train, inputs, Recipe(None, None, 0), train, 0, train.baselines, valid.cutoff)
    for name, rule in found.items():
        frame[name] = inputs.log_odds(rule.parts, valid)
        frame[P + name] = rule.calibrator.apply(frame[name])
    frame[KIND] = DivisionModel("", "", KIND, shared.parts, Calibrator("platt"), (), 0).log_odds(valid.features)
    frame[P + KIND] = shared.of(division).apply(frame[KIND])
    return frame


def _judged_together(
    frames: Mapping[str, pd.DataFrame], shared: _Shared, mine: Mapping[str, DivisionData], inputs: ModelInputs,
    recipe: Recipe, train: TrainSettings, seed: int,
) -> dict[str, Pooled]:  # fmt: skip
    tables, fitted = {}, {}
    for name, frame in frames.items():
        known = [each for each in (*BASELINES, KIND) if each in frame and frame[each].notna().all()]
        fitted[name] = frame = cross_fitted(frame, known, seed)
        rows = [measure_candidate(each, int(k), frame[frame["fold"] == k]) for each in known
                for k in sorted(frame["fold"].unique())]  # fmt: skip
        tables[name] = pd.DataFrame(rows)
    frames = fitted
    rules = common_rules(tables)
    ahead = _ahead(frames, rules)
    gain, error, spread = _mean_gain(ahead)
    z: list[tuple[float, float]] = []
    for name, frame in frames.items():
        last = frame[frame["fold"] == frame["fold"].max()]
        buyers = int(last["label"].sum())
        if 0 < buyers < len(last):
            auc = tables[name].query("candidate == @KIND")["auc"].iloc[-1]
            z.append(((auc - 0.5), chance_error(buyers, len(last) - buyers)))
    lifted = sum(value / error**2 for value, error in z) / np.sqrt(sum(1.0 / error**2 for _, error in z)) if z else 0.0
    own = ahead.groupby("division")["gain"].agg(["mean", "count"])
    behind = own.index[own["mean"] < -BEYOND * spread / np.sqrt(own["count"])]
    made = {}
    for name, frame in frames.items():
        kind = KIND if gain > 0.0 and name not in behind else rules[name]
        made[name] = Pooled(
            _fitted(mine[name], frame.assign(p_hat=frame[P + kind]), tables[name], kind, shared, inputs, recipe, train),
            (gain, error), float(lifted),
        )  # fmt: skip
    return made


def _ahead(frames: Mapping[str, pd.DataFrame], rules: Mapping[str, str]) -> pd.DataFrame:
    """Of each buyer of a judged window: the share of the others ranked below it by the model for all, less by the rule.

    Over the buyers of a window, the mean of ``gain`` is the difference in AUC. Further columns: division, account_id.
    """
    found: dict[str, list[NDArray[Any]]] = {"division": [], "account_id": [], "gain": []}
    for name, frame in frames.items():
        for _, part in frame.groupby("fold"):
            bought = part["label"].to_numpy() > 0
            if bought.all():
                continue
            model, rule = (_share_below(part[each].to_numpy(), bought) for each in (KIND, rules[name]))
            found["division"].append(np.full(model.size, name, dtype=object))
            found["account_id"].append(part["account_id"].to_numpy(object)[bought])
            found["gain"].append(model - rule)
    return pd.DataFrame({name: np.concatenate([[], *parts]) for name, parts in found.items()})


def _share_below(score: Floats, bought: NDArray[np.bool_]) -> Floats:
    """Share of those who did not buy that have a lower score than each buyer; ties count half."""
    others, buyers = np.sort(score[~bought]), score[bought]
    places = np.searchsorted(others, buyers, "left") + np.searchsorted(others, buyers, "right")
    return np.asarray(places / (2.0 * others.size))


def _mean_gain(ahead: pd.DataFrame) -> tuple[float, float, float]:
    """Mean over buyers, its standard error by accounts, which buy in several divisions, and the spread of buyers.

    A division of one buyer has no error of its own: what all of them spread by is also its.
    """
    if not len(ahead):
        return 0.0, 0.0, 0.0
    mean = float(ahead["gain"].mean())
    of_account = (ahead["gain"] - mean).groupby(ahead["account_id"]).sum()
    return mean, float(np.sqrt((of_account**2).sum()) / len(ahead)), float(ahead["gain"].std(ddof=0))


def common_rules(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """The rule of each small division, by name: the highest mean lift in the top tenth over all of them.

    The best of each on a handful of buyers is the luckiest. Of the rules that could be fitted to the most divisions one
    is chosen; a division that shows too little to fit it takes the next best.

    Args:
        tables: per division, one row per candidate × cutoff; see :class:`~icp_xl.propensity.fit.Fitted`.
    """
    table = pd.concat(tables.values()).groupby("candidate")["lift_10"].agg(["count", "mean"])
    table = table[table.index.isin(BASELINES)].assign(ranks=lambda found: found.index != "base_rate")
    order = table.sort_values(["ranks", "count", "mean"], ascending=False, kind="stable").index
    return {name: next(str(each) for each in order if each in set(found["candidate"]))
            for name, found in tables.items()}  # fmt: skip


def _fitted(
    data: DivisionData, judged: pd.DataFrame, table: pd.DataFrame, kind: str, shared: _Shared, inputs: ModelInputs,
    recipe: Recipe, train: TrainSettings,
) -> Fitted:  # fmt: skip
    if kind == KIND:
        parts, calibrator, level = shared.parts, shared.of(data.division), shared.level
    else:
        end = data.cutoffs[-1].window_end
        rule = fit_candidates(data.cutoffs, Matrices(()), recipe, train, 0, (kind,), end)[kind]
        parts, calibrator, level = rule.parts, rule.calibrator, rule.level
    model = DivisionModel(
        data.division, data.slug, kind, parts, calibrator, tuple(each.cutoff for each in data.cutoffs),
        data.window_months,
    )  # fmt: skip
    auc = float(table.loc[table["candidate"] == kind, "auc"].iloc[-1])
    return Fitted(model, judged, table, (), inputs, recipe, True, auc, level)


def certain(found: Pooled, evidence: float) -> bool:
    """Whether the small divisions together rank better than chance, as surely as the settings ask."""
    return found.skill > float(norm.ppf(evidence))


__all__ = ["KIND", "Pooled", "certain", "common_rules", "fit_pooled"]
