"""What a division model learns from: features at cutoffs, and what happened after them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl import artifacts
from icp_xl.errors import DataError, InsufficientDataError
from icp_xl.features.files import names_of
from icp_xl.propensity.level import Mix
from icp_xl.recall import content_hash

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


#: First day of a division and the day after its last; ``None``: open.
Validity = tuple[date | None, date | None]

#: What a question over all divisions keeps of each.
_TOLD = ("recency_days", "active_months", "revenue")


@dataclass(frozen=True)
class CutoffData:
    """One division at one cutoff.

    ``features`` has one row per account, indexed by ``account_id`` in order: numbers as float64, categories as text
    with the prefix ``ctx_``. ``label`` (0 or 1), ``revenue`` and ``gross_profit`` (in the division, in the window) have
    the same order. ``window_months`` is the window of the labels.
    """

    cutoff: date
    features: pd.DataFrame
    label: Ints
    revenue: Floats
    gross_profit: Floats
    window_months: int

    @cached_property
    def accounts(self) -> NDArray[Any]:
        """Account ids, in the order of the rows."""
        return self.features.index.to_numpy(dtype=object)

    @cached_property
    def window_end(self) -> date:
        """First day after the label window."""
        return (pd.Timestamp(self.cutoff) + pd.DateOffset(months=self.window_months)).date()

    @cached_property
    def digest(self) -> str:
        """Hash of its contents, which are hashed once."""
        rest = [getattr(self, each.name) for each in fields(self) if each.name != "features"]
        return content_hash([self._of_features, rest])

    @cached_property
    def _of_features(self) -> str:
        return content_hash(self.features)

    @cached_property
    def without_money(self) -> CutoffData:
        """Who bought, and nothing of how much."""
        none = np.zeros(len(self.label))
        bare = replace(self, revenue=none, gross_profit=none)
        if "_of_features" in vars(self):
            vars(bare)["_of_features"] = self._of_features
        return bare

    @property
    def positives(self) -> int:
        """Accounts that bought in the window."""
        return int(self.label.sum())


@dataclass(frozen=True)
class Outline:
    """What is asked of a division's cutoffs besides their rows.

    Attributes:
        windows: of each cutoff, it and the first day after its label window.
        base_rates: share of buyers at each cutoff, by its date.
        positives: buyers over all cutoffs.
        rows: of all cutoffs.
        catalog: describes the features of the latest one.
    """

    windows: list[tuple[date, date]]
    base_rates: dict[str, float]
    positives: int
    rows: int
    catalog: pd.DataFrame


@dataclass(frozen=True)
class DivisionData:
    """One division at several cutoffs, the oldest first.

    ``catalog`` describes the features of the latest one, ``mix`` the division's share of each month's buyers.
    """

    division: str
    slug: str
    window_months: int
    cutoffs: tuple[CutoffData, ...]
    catalog: pd.DataFrame
    mix: Mix = Mix()

    @property
    def positives(self) -> int:
        """Buyers over all cutoffs."""
        return sum(each.positives for each in self.cutoffs)

    @property
    def outline(self) -> Outline:
        """What is asked of its cutoffs besides their rows."""
        windows = [(each.cutoff, each.window_end) for each in self.cutoffs]
        rates = {each.cutoff.isoformat(): each.positives / max(len(each.label), 1) for each in self.cutoffs}
        return Outline(windows, rates, self.positives, sum(len(each.label) for each in self.cutoffs), self.catalog)

    @cached_property
    def digest(self) -> str:
        """Hash of its contents, which are hashed once."""
        return content_hash([getattr(self, each.name) for each in fields(self)])

    @property
    def bare_digest(self) -> str:
        """Hash of its contents without money."""
        return self.without_money().digest

    @property
    def whole(self) -> DivisionData:
        """Itself: its rows are at hand."""
        return self

    @property
    def latest(self) -> pd.DataFrame:
        """Features at the latest cutoff."""
        return self.cutoffs[-1].features

    @property
    def buyers(self) -> int:
        """Buyers over cutoffs whose windows do not overlap: a purchase that two windows hold is one outcome."""
        total, start = 0, None
        for each in reversed(self.cutoffs):
            if start is None or each.window_end <= start:
                total, start = total + each.positives, each.cutoff
        return total

    def while_sold(self, valid: Validity = (None, None)) -> DivisionData:
        """Only the cutoffs at which the division could be bought: within its stated time, and after its first sale.

        What nobody could buy says nothing of who does. Where nothing was sold before any cutoff, all of them stay.

        Args:
            valid: its first day and the day after its last, where they are stated.
        """
        start, end = valid
        kept = [
            each for each in self.cutoffs if not (start and each.cutoff < start) and not (end and each.cutoff >= end)
        ]
        sold = [each for each in kept if _was_sold(each)]
        return replace(self, cutoffs=tuple(sold or kept))

    def without_money(self) -> DivisionData:
        """Who bought, and nothing of how much."""
        return replace(self, cutoffs=tuple(each.without_money for each in self.cutoffs))

    def before(self, day: date) -> DivisionData:
        """Only the cutoffs whose label windows ended by ``day``: what one knew then."""
        known = tuple(each for each in self.cutoffs if each.window_end <= day)
        return replace(self, cutoffs=known)


def _was_sold(data: CutoffData) -> bool:
    """Whether anybody had bought in the division before the cutoff."""
    return "own_recency_days" not in data.features or bool(data.features["own_recency_days"].notna().any())


def read_division(find: Callable[[str], Path], division: str, slug: str, cutoffs: Sequence[date]) -> DivisionData:
    """Features and labels of a division as ``icp-xl build`` writes them.

    Cutoffs whose windows the log does not cover are left out, since a 0 there may yet become a 1.

    Args:
        find: gives the place of a file by its name under the output folder (:meth:`icp_xl.outputs.Publication.find`).

    Raises:
        DataError: features or labels of a cutoff are missing.
        InsufficientDataError: no cutoff has a full window.
    """
    found = []
    catalog = pd.DataFrame()
    for cutoff in sorted(set(cutoffs)):
        features, described, _, _ = names_of(slug, cutoff)
        labels = artifacts.LABELS.read(_present(find, label_file(slug, cutoff)))
        if bool(labels["censored"].any()):
            continue
        catalog = artifacts.FEATURE_CATALOG.read(_present(find, described))
        frame = artifacts.FEATURES.read(_present(find, features)).set_index("account_id")
        found.append(join_labels(cutoff, frame, labels))
    made = division_of(division, slug, found, catalog)
    if made is None:
        raise InsufficientDataError(
            "no cutoff has a window that the log covers whole",
            where=division,
            got=", ".join(f"{cutoff:%Y-%m-%d}" for cutoff in cutoffs),
            next_step="Choose earlier cutoffs or a shorter window.",
        )
    return made


def division_of(
    division: str, slug: str, cutoffs: Sequence[CutoffData], catalog: pd.DataFrame | None
) -> DivisionData | None:
    """The division at these cutoffs, the oldest first; ``None`` where there are none."""
    if not cutoffs or catalog is None:
        return None
    return DivisionData(division, slug, cutoffs[-1].window_months, tuple(cutoffs), catalog)


def read_scoring_features(find: Callable[[str], Path], slug: str, cutoff: date) -> pd.DataFrame:
    """Features as of the scoring cutoff, indexed by account id in order."""
    frame: pd.DataFrame = artifacts.FEATURES.read(_present(find, names_of(slug, cutoff)[0]))
    return frame.set_index("account_id").sort_index()


def label_file(slug: str, cutoff: date) -> str:
    """Name of a label set under the output folder."""
    return artifacts.LABELS.path(division=slug, cutoff=cutoff)


def _present(find: Callable[[str], Path], name: str) -> Path:
    path = find(name)
    if not path.is_file():
        raise DataError(
            "a file of the build is missing",
            where=name,
            next_step="Run `icp-xl build` with this division and cutoff first.",
        )
    return path


def join_labels(cutoff: date, features: pd.DataFrame, labels: pd.DataFrame) -> CutoffData:
    """Features (indexed by account) and labels (one row per account) of the accounts that are in both."""
    indexed = labels.set_index("account_id").sort_index()
    frame, rows = features.sort_index(), indexed
    if not frame.index.equals(indexed.index):
        frame = frame[frame.index.isin(indexed.index)]
        rows = indexed.loc[frame.index]
    return CutoffData(
        cutoff,
        frame,
        rows["label"].to_numpy(np.int64),
        rows["revenue"].to_numpy(np.float64),
        rows["gross_profit"].to_numpy(np.float64),
        int(rows["window_months"].iloc[0]) if len(rows) else int(labels["window_months"].max() or 0),
    )


def pool(divisions: Sequence[DivisionData]) -> DivisionData:
    """All divisions as one, a row per account × division: for those with too few buyers for a model of their own."""
    days = sorted({each.cutoff for data in divisions for each in data.cutoffs})
    common = set.intersection(*(set(each.features.columns) for data in divisions for each in data.cutoffs))
    columns = [name for name in divisions[0].cutoffs[0].features.columns if name in common]
    stacked = []
    for day in days:
        parts = [each for data in divisions for each in data.cutoffs if each.cutoff == day]
        stacked.append(
            CutoffData(
                day,
                pd.concat([part.features[columns] for part in parts]),
                np.concatenate([part.label for part in parts]),
                np.concatenate([part.revenue for part in parts]),
                np.concatenate([part.gross_profit for part in parts]),
                max(part.window_months for part in parts),
            )
        )
    first = divisions[0]
    return DivisionData("All divisions", "all_divisions", first.window_months, tuple(stacked), first.catalog)


def any_of(divisions: Sequence[DivisionData], name: str = "Any purchase") -> DivisionData:
    """A purchase in any of the divisions as one question.

    Of what is known of one division alone, its last purchase, its months with one and its revenue stay, under its name:
    ``div_recency_days_bags``.
    """
    stacked = []
    for parts in zip(*(data.cutoffs for data in divisions), strict=True):
        first = parts[0]
        kept = [column for column in first.features if not str(column).startswith(("own_", "mb_", "als_"))]
        told = {
            renamed: part.features[column].to_numpy()
            for data, part in zip(divisions, parts, strict=True)
            for column, renamed in _told_of(part.features.columns, data.slug).items()
        }
        frame = pd.concat([first.features[kept], pd.DataFrame(told, index=first.features.index)], axis=1)
        label = np.maximum.reduce([part.label for part in parts])
        revenue = np.sum([part.revenue for part in parts], axis=0)
        profit = np.sum([part.gross_profit for part in parts], axis=0)
        stacked.append(CutoffData(first.cutoff, frame, label, revenue, profit, first.window_months))
    catalog = pd.concat([divisions[0].catalog, *map(_catalog_of, divisions)], ignore_index=True)
    return DivisionData(name, "any_purchase", divisions[0].window_months, tuple(stacked), catalog)


def _told_of(columns: Iterable[object], slug: str) -> dict[str, str]:
    """The columns of one division that a question over all of them keeps, over the longest window, and their names."""
    found: dict[str, str] = {}
    names = [str(column) for column in columns]
    for stem in _TOLD:
        fitting = [each for each in names if re.fullmatch(rf"own_{stem}(_\d+m)?", each)]
        if fitting:
            longest = max(fitting, key=lambda each: int(each.rsplit("_", 1)[-1].rstrip("m") if each[-1] == "m" else 0))
            found[longest] = f"div_{longest.removeprefix('own_')}_{slug}"
    return found


def _catalog_of(data: DivisionData) -> pd.DataFrame:
    if "name" not in data.catalog:
        return data.catalog.iloc[:0]
    names = _told_of(data.catalog["name"], data.slug)
    rows = data.catalog[data.catalog["name"].isin(names)]
    return rows.assign(
        name=rows["name"].map(names), meaning=rows["meaning"].str.replace("this division", data.division, regex=False)
    )
