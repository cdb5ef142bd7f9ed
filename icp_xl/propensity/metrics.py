"""How good a ranking of probabilities is, with intervals.

Every metric is written for weighted rows and for many weightings at once: a bootstrap resample is a row of whole-number
weights, so a thousand resamples are one pass over sorted rows instead of a thousand sorts. Tied scores are one step of
the curve: their order never matters.

Names follow scikit-learn's rule: ``*_loss`` lower is better, everything else higher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LIFT_SHARES = (0.05, 0.10, 0.20)
#: Cells of a resampling matrix that are held at once: few enough that what is made of them stays in the cache.
_BLOCK = 400_000
#: Steps of a ranking that an interval needs; of twice as many, neighbours are taken together.
_STEPS = 4_000
#: Times the wanted share that is looked at first for what its top holds.
_TOP = 1.5
#: With many rows an interval is narrow, and needs fewer resamples to be known well: so many draws, ...
_DRAWS = 10_000_000
#: ... but never fewer resamples than this.
_FEWEST = 200


@dataclass(frozen=True)
class Interval:
    """A figure with its percentile-bootstrap interval; NaN where the figure has no meaning (one class only)."""

    value: float
    low: float
    high: float


class Curve:
    """Rows sorted by score, ties merged: what every ranking metric is computed from.

    Args:
        y: 0 or 1 per row.
        score: higher means more likely.
        value: revenue per row, for the revenue-weighted metrics.
    """

    def __init__(self, y: ArrayLike, score: ArrayLike, value: ArrayLike | None = None) -> None:
        self.y = np.asarray(y, dtype=np.float64)
        self.score = np.asarray(score, dtype=np.float64)
        self.value = None if value is None else np.asarray(value, dtype=np.float64)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Rows by score, the highest first."""
        return np.argsort(-self.score, kind="stable")

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Places in that order at which another score begins."""
        return _changes(self.score[self.order])

    def measure(self, weights: Floats | None = None, only: str = "") -> dict[str, Floats]:
        """Every metric under each row of ``weights`` (resamples × rows), or ``only`` one that hangs on the order alone.

        Unweighted where no weights are given; under weights, neighbours among very many rows count as tied.
        """
        n = self.y.size
        w = np.ones((1, n)) if weights is None else weights
        out = self._ranking(w, self.starts if weights is None else self._coarse, only)
        if only:
            return {only: out[only]}
        total = w.sum(axis=1)
        base = (w @ self.y) / total
        out["base_rate"] = base
        out["brier_loss"] = (w @ (self.score - self.y) ** 2) / total
        constant = base * (1.0 - base)
        out["brier_skill"] = _divide(constant - out["brier_loss"], constant)
        return out

    def auc(self) -> float:
        """Share of the pairs of a buyer and another in which the buyer has the higher score; ties count half."""
        bought = self.y > 0
        buyers, others = np.sort(self.score[bought]), np.sort(self.score[~bought])
        if not buyers.size or not others.size:
            return float("nan")
        # Two halves of each sorted by itself take a tenth of what sorting all with their outcomes takes.
        won = sum(int(np.searchsorted(others, buyers, side=side).sum()) for side in ("left", "right"))
        return won / 2.0 / (float(buyers.size) * float(others.size))

    def aucs(self, member: NDArray[np.intp]) -> Callable[[Floats], Floats]:
        """AUC under resamples: a function of how often each group was drawn (resamples × groups).

        Args:
            member: number of each row's group.
        """
        starts, rows = self._coarse, member[self.order]
        bought = np.flatnonzero(self.y[self.order])
        step = np.searchsorted(starts, bought, side="right") - 1
        first, buyers = _changes(step), rows[bought]
        held = step[first]

        def under(counts: Floats) -> Floats:
            # Steps without a buyer matter by how many others they hold alone, and most steps have none.
            hits, misses = _sum_steps(counts.take(buyers, 1), first), _sum_steps(counts.take(rows, 1), starts)
            misses[:, held] -= hits
            seen, others = np.cumsum(misses, axis=1)[:, held], misses.sum(axis=1)
            won = (hits * (others[:, None] - seen + misses[:, held] / 2.0)).sum(axis=1)
            return _divide(won, hits.sum(axis=1) * others)

        return under

    def lift(self, share: float) -> float:
        """Buyers in the first ``share`` by the number that chance would give."""
        ones, wanted = np.ones((1, self.y.size)), np.array([share * self.y.size])
        captured = self.captured(share, np.arange(self.y.size), self.starts)(ones, wanted)
        return float(_divide(captured, np.array([self.y.sum()]))[0] / share)

    def captured(
        self, share: float, member: NDArray[np.intp], starts: NDArray[np.intp] | None = None
    ) -> Callable[[Floats, Floats], Floats]:
        """Buyers at the top under resamples: a function of the draws (resamples × groups) and of the rows at the top.

        Args:
            share: of all rows, that are about as many as will be asked for.
            member: number of each row's group.
            starts: places at which the steps of the ranking begin; by default neighbours among very many count as tied.
        """
        starts = self._coarse if starts is None else starts
        ends = np.append(starts[1:], self.y.size)
        rows, bought = member[self.order], np.flatnonzero(self.y[self.order])
        # Hits are added up over buyers, behind a zero: of each step's end, the buyers before it.
        before = np.searchsorted(bought, ends)
        # The top of the ranking is enough, as long as every resample drew enough of it.
        top = int(np.searchsorted(starts, _TOP * share * self.y.size)) + 1

        def under(counts: Floats, wanted: Floats, steps: int = top) -> Floats:
            drawn = counts.take(rows[: ends[:steps][-1]], 1)
            seen = np.cumsum(drawn, axis=1).take(ends[:steps] - 1, 1)
            if steps < starts.size and np.any(seen[:, -1] <= wanted):
                return under(counts, wanted, starts.size)
            hits = np.zeros((len(counts), before[:steps][-1] + 1))
            np.cumsum(drawn.take(bought[: hits.shape[1] - 1], 1), axis=1, out=hits[:, 1:])
            return _at_share(seen, hits.take(before[:steps], 1), wanted)

        return under

    @cached_property
    def _coarse(self) -> NDArray[np.intp]:
        # The top is where neighbours differ.
        top, rest = np.split(self.starts, [_STEPS // 2])
        return np.concatenate([top, rest[:: max(1, 2 * rest.size // _STEPS)]])

    def _ranking(self, w: Floats, starts: NDArray[np.intp], only: str) -> dict[str, Floats]:
        if not starts.size:
            return {}
        w, y = w.take(self.order, 1), self.y[self.order]
        hits, size = _sum_steps(w * y, starts), _sum_steps(w, starts)
        misses = size - hits
        positives, negatives = hits.sum(axis=1), misses.sum(axis=1)
        seen_hits, seen = np.cumsum(hits, axis=1), np.cumsum(size, axis=1)
        above = seen_hits - hits
        out = {}
        if only != "pr_auc":
            out["auc"] = _divide((misses * (above + hits / 2.0)).sum(axis=1), positives * negatives)
        if only != "auc":
            # A resample may miss the first rows: nothing seen, nothing hit, nothing to add.
            out["pr_auc"] = _divide((hits * np.nan_to_num(_divide(seen_hits, seen))).sum(axis=1), positives)
        if only:
            return out
        worth = None
        if self.value is not None:
            worth = np.cumsum(_sum_steps(w * (self.value[self.order] * y), starts), axis=1)
        for share in LIFT_SHARES:
            name = f"{round(share * 100)}"
            wanted = share * seen[:, -1]
            captured = _at_share(seen, seen_hits, wanted)
            out[f"capture_{name}"] = _divide(captured, positives)
            out[f"lift_{name}"] = _divide(captured, positives) / share
            if worth is not None:
                out[f"revenue_capture_{name}"] = _divide(_at_share(seen, worth, wanted), worth[:, -1])
                out[f"revenue_lift_{name}"] = out[f"revenue_capture_{name}"] / share
        return out


def _changes(values: NDArray[Any]) -> NDArray[np.intp]:
    """Places at which a value differs from the one before; the first does."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: values.size])


def _sum_steps(values: Floats, starts: NDArray[np.intp]) -> Floats:
    """Sums over tied rows, along the last axis."""
    if starts.size == values.shape[-1]:
        return values
    return np.asarray(np.add.reduceat(values, starts, axis=-1))


def _at_share(seen: Floats, cumulated: Floats, wanted: Floats) -> Floats:
    """What the first ``wanted`` rows hold, going linearly through a step of tied rows."""
    position = (seen < wanted[:, None]).sum(axis=1).clip(max=seen.shape[1] - 1)
    rows = np.arange(seen.shape[0])
    before = np.where(position > 0, seen[rows, position - 1], 0.0)
    held = np.where(position > 0, cumulated[rows, position - 1], 0.0)
    part = _divide(wanted - before, seen[rows, position] - before)
    return np.asarray(held + part * (cumulated[rows, position] - held))


def _divide(top: Floats, bottom: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), np.nan)


def _members(n: int, groups: ArrayLike | None) -> NDArray[np.intp]:
    """The number of each row's group."""
    if groups is None:
        return np.arange(n)
    return np.asarray(pd.factorize(np.asarray(groups), sort=True)[0], dtype=np.intp)


def measure(
    y: ArrayLike,
    score: ArrayLike,
    value: ArrayLike | None = None,
    *,
    resamples: int = 0,
    seed: int = 0,
    groups: ArrayLike | None = None,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Every metric of one ranking with its bootstrap interval (``resamples`` 0: no interval).

    Args:
        y: 1 or 0 per row.
        score: what ranks the rows, higher first.
        value: money per row, for figures in money.
        resamples: resamples of the bootstrap; 0 gives no interval.
        seed: seed of the resamples.
        groups: what is drawn together (accounts), one value per row; rows by themselves where it is left out.
        level: share that an interval covers.
    """
    curve = Curve(y, score, value)
    point = {name: float(values[0]) for name, values in curve.measure().items()}
    if not resamples:
        return {name: Interval(figure, np.nan, np.nan) for name, figure in point.items()}
    drawn = _resample([curve], resamples, seed, groups)[0]
    return {name: Interval(point[name], *bounds(drawn[name], level)) for name in point}


def measure_brier(
    y: ArrayLike, p: ArrayLike, *, resamples: int = 0, seed: int = 0, groups: ArrayLike | None = None
) -> dict[str, Interval]:
    """Brier loss and skill of probabilities with their bootstrap intervals, and nothing that needs an order.

    Args:
        y: 1 or 0 per row.
        p: probability per row, 0 to 1.
        resamples: resamples of the bootstrap; 0 gives no interval.
        seed: seed of the resamples.
        groups: what is drawn together (accounts), one value per row; rows by themselves where it is left out.
    """
    (found,) = _brier(y, [p], resamples, seed, groups)
    return _intervals(found)


def compare_brier(
    y: ArrayLike, p: ArrayLike, other: ArrayLike, *, resamples: int, seed: int, groups: ArrayLike
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """What :func:`measure_brier` says of ``p``, and that less what it says of ``other``, from the same resamples.

    Args:
        y: 1 or 0 per row.
        p: probability per row, 0 to 1.
        other: another one of the same rows.
        resamples: resamples of the bootstrap.
        seed: seed of the resamples.
        groups: what is drawn together (accounts), one value per row.
    """
    one, two = _brier(y, [p, other], resamples, seed, groups)
    return _intervals(one), _intervals({name: one[name] - two[name] for name in one})


def _brier(
    y: ArrayLike, chances: Sequence[ArrayLike], resamples: int, seed: int, groups: ArrayLike | None
) -> list[dict[str, Floats]]:
    """Loss and skill of each of ``chances``: of the rows as they are, then of each resample."""
    truth = np.asarray(y, dtype=np.float64)
    losses = [(np.asarray(p, dtype=np.float64) - truth) ** 2 for p in chances]
    columns = np.column_stack([np.ones_like(truth), truth, *losses])
    blocks = chain([np.ones((1, truth.size))], draw_weights(truth.size, resamples, seed, groups))
    total, base, *found = np.concatenate([weights @ columns for weights in blocks]).T
    constant = base / total * (1.0 - base / total)
    return [{"brier_loss": each / total, "brier_skill": 1.0 - _divide(each / total, constant)} for each in found]


def _intervals(found: Mapping[str, Floats]) -> dict[str, Interval]:
    return {name: Interval(float(each[0]), *bounds(each[1:])) for name, each in found.items()}


def compare(
    y: ArrayLike,
    score: ArrayLike,
    other: ArrayLike,
    value: ArrayLike | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    only: str = "",
) -> dict[str, Interval]:
    """Difference ``score`` minus ``other`` of every metric, with the interval of the paired bootstrap.

    Args:
        y: 1 or 0 per row.
        score: a ranking of the rows, higher first.
        other: another one of the same rows.
        value: money per row, for figures in money.
        resamples: resamples of the bootstrap; 0 gives no interval.
        seed: seed of the resamples.
        groups: what is drawn together (accounts), one value per row; rows by themselves where it is left out.
        level: share that an interval covers.
        only: the one metric that is asked for, ``auc`` or ``pr_auc``; all by default.
    """
    curves = [Curve(y, score, value), Curve(y, other, value)]
    first, second = (curve.measure(only=only) for curve in curves)
    one, two = _resample(curves, resamples, seed, groups, only)
    return _differences(first, second, one, two, level)


def measure_and_compare(
    y: ArrayLike, score: ArrayLike, other: ArrayLike, value: ArrayLike, *, resamples: int, seed: int, groups: ArrayLike
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """What :func:`measure` says of ``score`` and :func:`compare` of both, from the same resamples at once.

    Args:
        y: 1 or 0 per row.
        score: a ranking of the rows, higher first.
        other: another one of the same rows.
        value: money per row, for figures in money.
        resamples: resamples of the bootstrap.
        seed: seed of the resamples.
        groups: what is drawn together (accounts), one value per row.
    """
    curves = [Curve(y, score, value), Curve(y, other, value)]
    first, second = (curve.measure() for curve in curves)
    one, two = _resample(curves, resamples, seed, groups)
    alone = {name: Interval(float(first[name][0]), *bounds(one[name])) for name in first}
    return alone, _differences(first, second, one, two, 0.95)


def _differences(
    first: Mapping[str, Floats], second: Mapping[str, Floats], one: Mapping[str, Floats], two: Mapping[str, Floats],
    level: float,
) -> dict[str, Interval]:  # fmt: skip
    return {
        name: Interval(float(first[name][0] - second[name][0]), *bounds(one[name] - two[name], level)) for name in first
    }


def _resample(
    curves: list[Curve], resamples: int, seed: int, groups: ArrayLike | None, only: str = ""
) -> list[dict[str, Floats]]:
    member = _members(curves[0].y.size, groups)
    draws = _draw_counts(member, resamples, seed)
    if only == "auc":
        aucs = [curve.aucs(member) for curve in curves]
        drawn = np.concatenate([np.stack([auc(counts) for auc in aucs]) for counts in draws], axis=1)
        return [{"auc": each} for each in drawn]
    parts: list[list[dict[str, Floats]]] = [[] for _ in curves]
    for counts in draws:
        weights = counts.take(member, 1)
        for part, curve in zip(parts, curves, strict=True):
            part.append(curve.measure(weights, only))
    return [{name: np.concatenate([piece[name] for piece in part]) for name in part[0]} for part in parts]


def draw_weights(n: int, resamples: int, seed: int, groups: ArrayLike | None = None) -> Iterator[Floats]:
    """Weights of the resamples in blocks; fewer than ``resamples`` where there are very many rows.

    Args:
        n: rows.
        resamples: wished for.
        seed: of the draws.
        groups: accounts of the rows, which are drawn whole; without them each row is drawn by itself.

    Returns:
        Blocks of resamples × n.
    """
    member = _members(n, groups)
    for counts in _draw_counts(member, resamples, seed):
        yield counts.take(member, 1)


def _draw_counts(member: NDArray[np.intp], resamples: int, seed: int) -> Iterator[Floats]:
    """How often each group is drawn, in blocks of resamples × groups: see :func:`draw_weights`."""
    n, k = member.size, int(member.max(initial=-1)) + 1
    wanted = min(resamples, max(_FEWEST, _DRAWS // max(n, 1)))
    block = max(1, min(wanted, _BLOCK // max(n, 1)))
    rng = np.random.default_rng(seed)
    for start in range(0, wanted, block):
        counts = np.empty((min(block, wanted - start), k))
        for row in counts if k else ():
            # Counting k draws is the multinomial, in a twentieth of its time.
            row[:] = np.bincount(rng.integers(0, k, k), minlength=k)
        yield counts


def resample_lifts(
    curves: Sequence[Curve], share: float, *, resamples: int, seed: int, groups: ArrayLike | None
) -> list[Floats]:
    """Lift in the top of each ranking under the same resamples, for comparing many rankings in pairs.

    Args:
        curves: one ranking each of the same rows.
        share: of the rows that counts as the top, above 0 and at most 1.
        resamples: wished for.
        seed: of the draws.
        groups: accounts of the rows, which are drawn whole.

    Returns:
        One array of lifts per ranking, a lift per resample.
    """
    y = curves[0].y
    member = _members(y.size, groups)
    rows, buyers = np.bincount(member).astype(np.float64), np.bincount(member, y)
    top = [curve.captured(share, member) for curve in curves]

    def lifts(counts: Floats) -> Floats:
        wanted, all_buyers = share * (counts @ rows), counts @ buyers
        return np.stack([_divide(captured(counts, wanted), all_buyers) for captured in top]) / share

    return list(np.concatenate([lifts(counts) for counts in _draw_counts(member, resamples, seed)], axis=1))


def bounds(values: Floats, level: float = 0.95) -> tuple[float, float]:
    """The middle ``level`` of resampled figures; NaN where fewer than half of them have a value."""
    kept = values[np.isfinite(values)]
    if kept.size < max(20, values.size // 2):
        return (float("nan"), float("nan"))
    edge = (1.0 - level) / 2.0
    low, high = np.quantile(kept, [edge, 1.0 - edge])
    return float(low), float(high)


def gains_table(y: ArrayLike, score: ArrayLike, value: ArrayLike | None = None, bins: int = 10) -> pd.DataFrame:
    """One row per tenth of the ranking, best first.

    Columns: decile, count, bought_in_division_mean, p_mean, captured (cumulated share of all buyers), lift
    (cumulated), and revenue_captured where ``value`` is given. Ties at an edge are split by position.

    Args:
        y: 1 or 0 per row.
        score: what ranks the rows, higher first.
        value: money per row.
        bins: parts of equal size.
    """
    truth, p = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    decile = np.minimum(np.arange(p.size) * bins // max(p.size, 1), bins - 1) + 1
    frame = pd.DataFrame({"decile": decile, "y": truth[order], "p": p[order]})
    frame["value"] = np.asarray(value, dtype=np.float64)[order] * frame["y"] if value is not None else 0.0
    table = frame.groupby("decile").agg(
        count=("y", "size"), bought_in_division_mean=("y", "mean"), p_mean=("p", "mean"), hits=("y", "sum"),
        worth=("value", "sum"),
    )  # fmt: skip
    positives = max(float(truth.sum()), 1.0)
    table["captured"] = table["hits"].cumsum() / positives
    table["lift"] = table["captured"] / (table["count"].cumsum() / p.size)
    if value is not None:
        table["revenue_captured"] = table["worth"].cumsum() / max(float(table["worth"].sum()), 1e-12)
    return table.drop(columns=["hits", "worth"]).reset_index()


def thresholds_table(score: ArrayLike, shares: tuple[float, ...] = (0.05, 0.10, 0.20, 0.30)) -> pd.DataFrame:
    """The score from which an account is in the top K percent: k_percent, threshold, count (ties included)."""
    p = np.sort(np.asarray(score, dtype=np.float64))[::-1]
    rows = []
    for share in shares:
        count = max(1, int(np.ceil(share * p.size)))
        threshold = float(p[count - 1]) if p.size else float("nan")
        rows.append((round(share * 100, 6), threshold, int((p >= threshold).sum())))
    return pd.DataFrame(rows, columns=["k_percent", "threshold", "count"])


def flatten(figures: Mapping[str, Interval]) -> dict[str, float | None]:
    """``name``, ``name_low``, ``name_high`` for a file; NaN becomes ``None``."""
    out: dict[str, float | None] = {}
    for name, figure in figures.items():
        for suffix, number in (("", figure.value), ("_low", figure.low), ("_high", figure.high)):
            out[name + suffix] = float(number) if np.isfinite(number) else None
    return out
