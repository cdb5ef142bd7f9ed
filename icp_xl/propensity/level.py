"""How many will buy: the level that the coming window is expected to have, from the levels of the windows before it.

A model explains most of what moves the share of buyers by what moves its features. What is left of each past window is
a shift: how much more often its accounts bought than the model says. The shifts are taken for a season that comes back,
a trend, a drift, what the first windows of a log lack in features, and the noise of each window (a Gaussian process).
How large each of these is, nobody knows; all that is likely of it is reckoned with, as far as the windows bear it out.
Where the log is too short for a season, it still has some months of the calendar: what share of the
accounts that buy in a month buy the division (its :class:`Mix`). A month that was not seen lies between the nearest
that were, December being followed by January.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from icp_xl.propensity.calibration import lifted

Floats = NDArray[np.float64]
_EDGE = 1e-6
_MONTH = 365.25 / 12
#: Spread of the level of a month against others that is reckoned with before any is known, in the Mix.
_DRIFT = 0.15
#: Months of the calendar that must be known before the others are taken to lie between them.
_KNOWN_MONTHS = 8
#: Standard deviations that are reckoned with, as logs of how often accounts buy: of the season, of the drift, of the
#: trend in a year, and of the first window of a log.
_SEASON, _WANDER, _TREND, _START = (0.0, 0.3, 0.9), (0.05, 0.15, 0.35), (0.1, 0.3), (0.1, 0.4, 1.0)
#: Standard deviation of the level before anything is known of it; how alike the neighbours in a year are (radians / 2).
_ANY, _NEAR = 2.0, 0.6
#: Months from the first cutoff on in which the features, which look back a year and more, still fill up.
_FILLING = 8.5


@dataclass(frozen=True)
class Level:
    """``shift`` with its 95 % interval, see :func:`shift_of`; ``season``: how likely it is that there is one (0 to 1).

    ``mix``: the part of the shift that comes from the months of the calendar, see :class:`Mix`.
    """

    shift: float = 0.0
    low: float = 0.0
    high: float = 0.0
    season: float = 0.0
    mix: float = 0.0

    def rates(self, p: Floats) -> tuple[float, float, float]:
        """Share of buyers expected of accounts with the probabilities ``p`` (the shift is in them), low and high."""
        odds = logit(np.clip(p, _EDGE, 1.0 - _EDGE))
        ends = (self.shift, self.low, self.high)
        return tuple(float(expit(lifted(odds, end - self.shift)).mean()) for end in ends)  # type: ignore[return-value]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"shift": self.shift, "low": self.low, "high": self.high, "season": self.season,
                "mix": self.mix}  # fmt: skip


@dataclass(frozen=True)
class Mix:
    """Per calendar month of the log that was over: buyers of the division, and of anything.

    ``months`` are their first days, ascending and without a gap; ``buyers`` and ``active`` have the same order.
    """

    months: tuple[date, ...] = ()
    buyers: tuple[int, ...] = ()
    active: tuple[int, ...] = ()

    def before(self, day: date) -> Mix:
        """Only the months that were over by ``day``."""
        count = sum(1 for month in self.months if month.year * 12 + month.month < day.year * 12 + day.month)
        return Mix(self.months[:count], self.buyers[:count], self.active[:count])

    def forecast(self, days: Sequence[date], target: date, window_months: int) -> tuple[Floats, float] | None:
        """How the mix of the windows after ``days`` and after ``target`` differs from the usual, in log-odds.

        Drawn towards no difference as far as the months differ by no more than chance. ``None`` where the log knows too
        few months of the calendar, or the windows hold all those that are wanted: then they tell more.
        """
        here = self.before(target)
        n, k = np.array(here.active, float), np.array(here.buyers, float)
        numbers = [month.month - 1 for month in here.months]
        wanted = [(target.month - 1 + step) % 12 for step in range(window_months)]
        seen = {(day.month - 1 + step) % 12 for day in days for step in range(window_months)}
        if len(set(numbers)) < _KNOWN_MONTHS or set(wanted) <= seen:
            return None
        share = (k + 0.5) / (n + 1.0)
        odds, noise = _log_orders(share), share / (1.0 - share) / (n + 1.0) / np.log1p(-share) ** 2
        spread = max(float(np.var(odds)) - float(noise.mean()), 0.0)
        odds = odds * spread / (spread + float(noise.mean()) + _DRIFT**2)
        known = sorted({number: float(odds[i]) for i, number in enumerate(numbers)}.items())
        at, values = zip(*known, strict=True)
        year = np.interp(np.arange(12), at, values, period=12)
        place = {(month.year, month.month): float(value) for month, value in zip(here.months, odds, strict=True)}
        past = [
            np.mean([place.get(_month_after(day, step), year[(day.month - 1 + step) % 12])
                     for step in range(window_months)])
            for day in days
        ]  # fmt: skip
        return np.array(past), float(np.mean(year[wanted]))


def _month_after(day: date, step: int) -> tuple[int, int]:
    number = day.year * 12 + day.month - 1 + step
    return number // 12, number % 12 + 1


def _log_orders(share: Floats) -> Floats:
    """Log of the orders per account behind a share of buyers."""
    return np.asarray(np.log(-np.log1p(-share)))


def shift_of(y: Floats, p: Floats) -> tuple[float, float]:
    """How much more often accounts bought than expected, as a log, and its standard error: see :func:`lifted`."""
    orders = -np.log1p(-np.clip(p, _EDGE, 1.0 - _EDGE))
    # Half a buyer more and half a one less keep it finite where none or all bought.
    wanted = (y.sum() + 0.5) / (y.size + 1.0)
    shift = 0.0
    for _ in range(50):
        now = orders * np.exp(shift)
        step = (wanted + np.expm1(-now).mean()) / max(float((now * np.exp(-now)).mean()), 1e-9)
        shift += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-9:
            break
    now = orders * np.exp(shift)
    chance = -np.expm1(-now)
    error = np.sqrt(float((chance * (1.0 - chance)).sum())) / max(float((now * np.exp(-now)).sum()), 1e-9)
    return shift, float(error)


def own_levels(y: Floats, log_odds: Floats, window: NDArray[np.intp]) -> tuple[list[tuple[float, float]], Floats]:
    """The shift of each window with its error, see :func:`shift_of`, and the log-odds of each row with it.

    Args:
        y: 1 or 0 per row.
        log_odds: what a model says of each row.
        window: number of its window, from 0 on.
    """
    shifts = [shift_of(y[window == k], expit(log_odds[window == k])) for k in range(window.max() + 1)]
    return shifts, lifted(log_odds, np.array([shift for shift, _ in shifts])[window])


def knows_a_year(first: date, target: date) -> bool:
    """Whether the windows from ``first`` on reach back a year, so that they tell a season from a trend."""
    return (target - first).days >= 360


def differs_by_season(first: date, target: date) -> bool:
    """Whether the windows from ``first`` on are of seasons enough that a level of each is no part of a model.

    The first cutoff lies three months after the first sale, so that the log holds a year.
    """
    return (target - first).days >= 270


def forecast_level(
    days: Sequence[date], shifts: Sequence[tuple[float, float]], target: date, window_months: int, half_life: float,
    mix: Mix | None = None,
) -> Level:  # fmt: skip
    """The level of the window after ``target``.

    Args:
        days: cutoffs of the past windows, ascending.
        shifts: shift and standard error of each, see :func:`shift_of`.
        window_months: length of a window.
        half_life: months after which a cutoff counts half, where the windows do not reach back a year.
        mix: the division's months, for where no window tells of the season.
    """
    if not days:
        return Level()
    values, errors = (np.array(column) for column in zip(*shifts, strict=True))
    years = np.array([(day - target).days / _MONTH / 12.0 for day in days])
    if knows_a_year(days[0], target):
        shift, error, season = _expected(values, errors, years, window_months)
        return Level(shift, shift - 1.96 * error, shift + 1.96 * error, season)
    weights = 0.5 ** (-12.0 * years / half_life)
    shift, ahead = float(weights @ values / weights.sum()), 0.0
    told = None if mix is None else mix.forecast(days, target, window_months)
    if told is not None:
        ahead = told[1] - float(weights @ told[0] / weights.sum())
    noise = float(np.mean(errors**2))
    error = np.sqrt(max(float(np.var(values)) - noise, 0.0) + _DRIFT**2 + noise)
    # What lies between known months is known the less, the further it is from what the windows had.
    reach = 1.96 * float(np.hypot(error, ahead / 2.0))
    shift += ahead
    return Level(shift, shift - reach, shift + reach, 0.0, ahead)


def _expected(values: Floats, errors: Floats, years: Floats, window_months: int) -> tuple[float, float, float]:
    """Mean and standard deviation of the level now, and the probability of a season.

    Args:
        values: levels of the past windows.
        errors: standard error of each.
        years: when they began, from now: negative, ascending.
        window_months: length of a window.
    """
    when = np.append(years, 0.0)
    apart = np.abs(when[:, None] - when)
    # Windows that overlap have their buyers, and so their noise, in common.
    noise = np.clip(1.0 - apart[:-1, :-1] * 12.0 / window_months, 0.0, 1.0) * np.outer(errors, errors)
    # In the first year of a log hardly anybody is known for as long as the features ask.
    filling = np.clip(1.0 - (when - when[0]) * 12.0 / _FILLING, 0.0, None)
    season, drift = np.exp(-2.0 * np.sin(np.pi * apart) ** 2 / _NEAR**2), np.exp(-apart)
    # Every pair of windows under each of what these may be, at once.
    s, w, t, f = (np.reshape(each, (-1, 1, 1)) for each in zip(*product(_SEASON, _WANDER, _TREND, _START), strict=True))
    both = _ANY**2 + s**2 * season + w**2 * drift + t**2 * np.outer(when, when) + f**2 * np.outer(filling, filling)
    half = np.linalg.cholesky(both[:, :-1, :-1] + noise + 1e-6 * np.eye(len(values)))
    told = np.stack([np.broadcast_to(values, (len(half), len(values))), both[:, -1, :-1]], axis=2)
    here, there = np.moveaxis(np.linalg.solve(half, told), 2, 0)
    likely = -(here**2).sum(axis=1) / 2.0 - np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1)
    mean, spread = (there * here).sum(axis=1), both[:, -1, -1] - (there**2).sum(axis=1)
    seasonal = s.ravel() > 0.0
    weight = np.exp(likely - likely.max())
    weight /= weight.sum()
    level = float(weight @ mean)
    return level, float(np.sqrt(weight @ (spread + (mean - level) ** 2))), float(weight @ seasonal)
