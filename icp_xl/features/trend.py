"""Trend and spread of monthly revenue; months come first in every array, the latest month first of all."""

from __future__ import annotations

import numpy as np

from icp_xl.features.model import Array
from icp_xl.sql.star import SCALE


def slope(series: Array) -> Array:
    """Least-squares slope over the months, per month, in currency; exact until the end.

    >>> slope(np.array([[30_000], [20_000], [10_000]])).tolist()
    [1.0]
    """
    n = len(series)
    # Twice the centred time, so that it is whole: n - 1, n - 3, … for the latest month first.
    time = np.arange(n - 1, -n, -2, dtype=np.int64)
    product = np.zeros(series.shape[1:], np.int64)
    for step, month in zip(time, series, strict=True):
        product += step * month
    found: Array = 2.0 * product / float((time * time).sum()) / SCALE
    return found


def spread(series: Array) -> Array:
    """Population standard deviation over the months, in currency; months are added in order, one by one.

    >>> spread(np.array([[30_000], [10_000]])).tolist()
    [1.0]
    """
    n = len(series)
    mean = series.sum(axis=0) / n
    squares = np.zeros(series.shape[1:])
    for month in series:
        squares += (month - mean) ** 2
    found: Array = np.sqrt(squares / n) / SCALE
    return found
