"""How many will buy: the level that the coming window is expected to have, from the levels of the windows before it.

A model explains most of what moves the share of buyers by what moves its features. What is left of each past window is
a shift of all log-odds (Cox's calibration intercept). The coming window takes the mean of these shifts, the newest with
the most say; where the same season of a year before is among them, it is drawn towards that one, as far as earlier
windows bear it out. Where the log is too short for that, it still has some months of the calendar: what share of the
accounts that buy in a month buy the division (its :class:`Mix`). A month that was not seen lies between the nearest
that were, December being followed by January.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
_EDGE = 1e-6
_WEIGHTS = np.linspace(0.0, 1.0, 11)
#: Drift of the level in a year that is always reckoned with, in log-odds.
_DRIFT = 0.15
_MONTH = 365.25 / 12
#: Months of the calendar that must be known before the others are taken to lie between them.
_KNOWN_MONTHS = 8
#: Months from the first cutoff on in which the features, which look back a year and more, still fill up.
_FILLING = 8.5
#: Backward looks from which on they, and no prior belief, say how far the season is to be followed.
_LOOKS = 4


@dataclass(frozen=True)
class Level:
    """``shift`` of all log-odds with its 95 % interval; ``season`` says how far a year before was followed (0 to 1).

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
        return tuple(float(expit(odds + end - self.shift).mean()) for end in (self.shift, self.low, self.high))  # type: ignore[return-value]

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
        few months of the calendar, or all those that are wanted: then whole windows tell more.
        """
        here = self.before(target)
        n, k = np.array(here.active, float), np.array(here.buyers, float)
        numbers = [month.month - 1 for month in here.months]
        wanted = [(target.month - 1 + step) % 12 for step in range(window_months)]
        if len(set(numbers)) < _KNOWN_MONTHS or set(wanted) <= set(numbers):
            return None
        odds, noise = logit((k + 0.5) / (n + 1.0)), (n + 1.0) / ((k + 0.5) * (n - k + 0.5))
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


def shift_of(y: Floats, p: Floats) -> tuple[float, float]:
    """The shift of all log-odds under which as many are expected as bought, and its standard error."""
    odds = logit(np.clip(p, _EDGE, 1.0 - _EDGE))
    # Half a buyer more and half a one less keep it finite where none or all bought.
    wanted = (y.sum() + 0.5) / (y.size + 1.0)
    shift = 0.0
    for _ in range(50):
        now = expit(odds + shift)
        step = (wanted - now.mean()) / max(float((now * (1.0 - now)).mean()), 1e-9)
        shift += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-9:
            break
    now = expit(odds + shift)
    return shift, 1.0 / float(np.sqrt(max((now * (1.0 - now)).sum(), 1e-9)))


def forecast_level(
    days: Sequence[date], shifts: Sequence[tuple[float, float]], target: date, window_months: int, half_life: float,
    mix: Mix | None = None,
) -> Level:  # fmt: skip
    """The level of the window after ``target``.

    Args:
        days: cutoffs of the past windows, ascending.
        shifts: shift and standard error of each, see :func:`shift_of`.
        window_months: length of a window.
        half_life: months after which a cutoff counts half.
        mix: the division's months, for where no window tells of the season.
    """
    if not days:
        return Level()
    values, errors = (np.array(column) for column in zip(*shifts, strict=True))
    ages = np.array([(target - day).days / _MONTH for day in days])
    followed = _season(values, ages, errors, window_months)
    told = mix.forecast(days, target, window_months) if mix is not None and followed is None else None
    ahead = 0.0
    if told is not None:
        ahead = told[1] - _mean(told[0], ages, half_life)
    mean = _mean(values, ages, half_life)
    spread = max(float(np.var(values)) - float(np.mean(errors**2)), 0.0)
    missed: list[tuple[float, float, float]] = []
    for i, age in enumerate(ages):
        # Only what was known then: windows that had ended.
        known = ages - age >= window_months - 0.2
        if known.any():
            then = _season(values[known], ages[known] - age, errors[known], window_months, filled=True)
            missed.append(
                (values[i], _mean(values[known], ages[known] - age, half_life), np.nan if then is None else then)
            )
    looks = np.array(missed).reshape(-1, 3)
    seasonal = looks[~np.isnan(looks[:, 2])]
    weight = 0.0
    if followed is not None:
        weight = spread / (spread + float(np.mean(errors**2)) + _DRIFT**2)
        if len(seasonal) >= _LOOKS:
            truth, plain, year = seasonal.T
            loss = [float(np.mean((truth - plain - w * (year - plain)) ** 2)) for w in _WEIGHTS]
            weight = float(_WEIGHTS[int(np.argmin(loss))])
    shift = mean if followed is None else mean + weight * (followed - mean)
    error = np.sqrt(spread * (1.0 - weight) ** 2 + _DRIFT**2 + float(np.mean(errors**2)))
    # Where the season is followed, looks back to a time that knew none say nothing of how far off it is.
    looks = seasonal if weight > 0.0 and len(seasonal) >= _LOOKS else looks
    if len(looks) >= _LOOKS:
        made = looks[:, 1] + weight * np.where(np.isnan(looks[:, 2]), 0.0, looks[:, 2] - looks[:, 1])
        error = max(float(np.sqrt(np.mean((looks[:, 0] - made) ** 2))), float(np.sqrt(np.mean(errors**2))))
    # What lies between known months is known the less, the further it is from what the windows had.
    reach = 1.96 * float(np.hypot(error, ahead / 2.0))
    shift += ahead
    return Level(float(shift), float(shift - reach), float(shift + reach), float(weight), float(ahead))


def _mean(values: Floats, ages: Floats, half_life: float) -> float:
    weights = 0.5 ** (ages / half_life)
    return float(weights @ values / weights.sum())


def _season(values: Floats, ages: Floats, errors: Floats, window_months: int, *, filled: bool = False) -> float | None:
    """Shift of the same season in the years before, within a month, moved by what a year moves; ``None`` where unknown.

    Mean of the years where several are known; ``filled``: not from the first year of the log alone.
    """
    years = np.round(ages / 12.0)
    same = (ages > 10.5) & (np.abs(ages - 12.0 * years) <= 1.2)
    # In the first year of a log hardly anybody is known for as long as the features ask: its levels are too high.
    later = same & (ages <= ages.max() - _FILLING)
    same = later if filled or later.any() else same
    if not same.any():
        return None
    return float((values[same] + years[same] * _yearly(values, ages, errors, window_months)).mean())


def _yearly(values: Floats, ages: Floats, errors: Floats, window_months: int) -> float:
    """How the windows of the last year differ from the same a year before, drawn to 0 as far as that may be noise.

    Accounts that are gone are known only by and by, so that the level a year ago, of whatever season, is too high.
    """
    older, newer = np.nonzero((np.abs(ages[:, None] - ages - 12.0) <= 1.2) & (ages < 11.0))
    if newer.size < 2:
        return 0.0
    moved = values[newer] - values[older]
    # Overlapping windows tell the same twice.
    apart = min(newer.size, 1.0 + float(np.ptp(ages[newer])) / window_months)
    noise = max(float(np.var(moved)), float(np.mean(errors[newer] ** 2 + errors[older] ** 2))) / apart
    mean = float(moved.mean())
    return mean * max(1.0 - noise / max(mean**2, 1e-12), 0.0)
