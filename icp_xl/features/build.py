"""Build the features of divisions at cutoffs, from one aggregation of the sales log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.errors import ConfigError, InsufficientDataError
from icp_xl.features.assets import build_assets_features
from icp_xl.features.basket import RULE_COLUMNS, Basket, build_basket
from icp_xl.features.context import build_context
from icp_xl.features.embeddings import build_embeddings
from icp_xl.features.families import (
    lifecycle_features,
    mix_features,
    own_features,
    purchase_features,
    return_features,
    season_features,
)
from icp_xl.features.history import Accounts, History, read_accounts, read_history
from icp_xl.features.model import Array, Feature, FeatureSet
from icp_xl.features.winsor import Cap, fit_cap
from icp_xl.progress import Progress
from icp_xl.sql import features as sql
from icp_xl.sql.engine import Arrays, Engine
from icp_xl.tables.star import Star, open_engine, slug, stable_key
from icp_xl.tables.star_calendar import add_months, to_day
from icp_xl.tables.star_dims import fold

_SKUS = "account_skus"


def build_features(
    star: Star, division: str, cutoff: date, settings: Settings, *, engine: Engine | None = None
) -> FeatureSet:
    """Features of one division at one cutoff; see :func:`build_feature_sets`.

    Nothing at or after the cutoff can change a bit of the result.

    Args:
        star: the star schema.
        division: name of the division.
        cutoff: the day before which everything must lie.
        settings: families and windows of the features.
        engine: where the SQL runs; DuckDB in memory by default.
    """
    return next(build_feature_sets(star, [division], [cutoff], settings, engine=engine))


def build_feature_sets(
    star: Star,
    divisions: Sequence[str],
    cutoffs: Sequence[date],
    settings: Settings,
    *,
    engine: Engine | None = None,
    progress: Progress | None = None,
    today: date | None = None,
) -> Iterator[FeatureSet]:
    """Features of every division at every cutoff, cutoff by cutoff, division by division.

    Windows are half-open, ``[cutoff - window, cutoff)``. Accounts: all with a sale before the cutoff.

    Args:
        divisions: names of the log's divisions, or of ones that ``labels.target_skus`` defines by their codes.
        engine: an open engine to use; by default one is opened.
        today: the cutoff that is today, at which the customers and assets tables are known as they stand.

    Raises:
        ConfigError: an unknown division.
        InsufficientDataError: no account bought anything before a cutoff.
    """
    progress = progress or Progress()
    wanted = sorted(set(cutoffs))
    order, names, slugs, virtual = _divisions(star, divisions, settings)
    with nullcontext(engine) if engine is not None else open_engine(star, settings) as opened:
        accounts = read_accounts(opened, star, to_day(wanted[-1]))
        for cutoff in wanted:
            if not (accounts.first_day < to_day(cutoff)).any():
                raise InsufficientDataError(
                    "no account bought anything before the cutoff",
                    got=cutoff.isoformat(),
                    next_step="Choose a later cutoff date.",
                )
        real = [key for key in order if key not in virtual]
        histories = read_history(opened, star, accounts, real, virtual, wanted, settings, progress)
        days, skus = _passes(opened, wanted, settings, progress)
        progress.stage("features", len(wanted) * len(divisions))
        for number, cutoff in enumerate(wanted):
            progress.check()
            within = accounts.first_day < to_day(cutoff)
            history = histories.pop(cutoff)
            here = Accounts(accounts.keys[within], accounts.ids[within], accounts.first_day[within])
            notes: dict[str, Any] = {}
            common = _common(history, here, number, days, skus, slugs, names, settings, notes)
            common += build_assets_features(star, here.keys, cutoff, settings, cutoff == today)
            basket = Basket({}, {})
            if settings.features.use_basket:
                basket = build_basket(opened, star, here, history, number, settings, names, _SKUS, virtual)
            factors: list[Feature] = []
            similar: dict[int, list[Feature]] = {}
            if settings.features.use_als:
                factors, similar, notes["als"] = build_embeddings(opened, here, history, settings, virtual)
            index = pd.Index(here.ids.astype(str), name="account_id", dtype="str")
            context = build_context(opened, star, here, cutoff, settings, cutoff == today)
            shared = [_column(each, settings) for each in common]
            after = [_column(each, settings) for each in (*factors, *context)]
            for division in divisions:
                progress.check()
                at = names.index(division)
                own = [
                    *own_features(history, settings.features.windows, at),
                    *basket.features.get(at, []),
                    *similar.get(at, []),
                ]
                rules = basket.rules.get(at, pd.DataFrame(columns=list(RULE_COLUMNS)))
                columns = [*shared, *(_column(each, settings) for each in own), *after]
                yield _assemble(division, slugs[at], cutoff, index, columns, rules, notes, settings)
                progress.advance()
        opened.drop(_SKUS)


def _divisions(
    star: Star, divisions: Sequence[str], settings: Settings
) -> tuple[list[int], list[str], list[str], dict[int, tuple[int, ...]]]:
    """Keys, names and slugs of the log's divisions followed by virtual ones, and the codes of the latter."""
    known = star.divisions
    order = [int(key) for key in known["division_key"]]
    names, slugs = [str(name) for name in known["division"]], [str(text) for text in known["slug"]]
    codes = dict(zip(star.products["fold"], star.products["sku_key"], strict=True))
    virtual: dict[int, tuple[int, ...]] = {}
    for name, skus in sorted(settings.labels.target_skus.items(), key=lambda item: stable_key(item[0].upper())):
        keys = sorted({int(codes[text]) for text in fold(pd.Series(list(skus), dtype="str")) if text in codes})
        if name not in names and keys:
            key = stable_key(name.upper())
            virtual[key] = tuple(keys)
            order.append(key)
            if slug(name) in slugs:
                raise ConfigError(
                    "two divisions would share their file names",
                    where=f"labels.target_skus.{name}",
                    got=f"{name} and {names[slugs.index(slug(name))]}",
                    next_step="Give the division that is defined by its codes another name.",
                )
            names.append(name)
            slugs.append(slug(name))
    missing = [name for name in divisions if name not in names]
    if missing:
        raise ConfigError(
            "no such division in the log", where="build.divisions", got=", ".join(missing), allowed=", ".join(names)
        )
    return order, names, slugs, virtual


def _passes(engine: Engine, cutoffs: Sequence[date], settings: Settings, progress: Progress) -> tuple[Arrays, Arrays]:
    """The second pass: days with purchases and their gaps; distinct codes."""
    days = [to_day(cutoff) for cutoff in cutoffs]
    starts = [[to_day(add_months(cutoff, -w)) for w in settings.features.windows] for cutoff in cutoffs]
    progress.stage("days and gaps", None)
    gaps = engine.fetch(sql.day_gaps(days, starts))
    progress.check()
    progress.stage("distinct codes", None)
    engine.keep(_SKUS, sql.last_days_per_sku(days))
    skus = engine.fetch(sql.distinct_skus(_SKUS, starts))
    progress.check()
    return gaps, skus


def _common(
    history: History,
    accounts: Accounts,
    number: int,
    days: Arrays,
    skus: Arrays,
    slugs: Sequence[str],
    names: Sequence[str],
    settings: Settings,
    notes: dict[str, Any],
) -> list[Feature]:
    """Features that do not hang on the target division."""
    windows = settings.features.windows
    at = _lookup(days["account_key"], accounts.keys)
    counted = {w: _taken(days[f"d_{number}_{i}"], at) for i, w in enumerate(windows)}
    figures = [_taken(days[f"{name}_{number}"], at) for name in ("n", "sq", "mx")]
    sku_at = _lookup(skus["account_key"], accounts.keys)
    whole = slice(0, history.real)
    return [
        *purchase_features(history, windows, "all", whole, "in any division"),
        *lifecycle_features(history, counted, *figures),
        *season_features(history),
        *mix_features(history, slugs, names, notes),
        *(
            Feature(
                f"div_skus_{w}m",
                _taken(skus[f"s_{number}_{i}"], sku_at).astype(float),
                "Distinct codes bought",
                "codes",
                f"{w} months",
                "diversity",
                True,
            )
            for i, w in enumerate(windows)
        ),
        *return_features(history),
    ]


def _lookup(found: Array, keys: Array) -> tuple[Array, Array]:
    """Where each of ``keys`` stands in ``found`` (which rises), and whether it does."""
    if not len(found):
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(found, keys), len(found) - 1)
    return at, found[at] == keys


def _taken(values: Array, at: tuple[Array, Array]) -> Array:
    place, hit = at
    if not len(values):
        return np.zeros(len(place), np.int64)
    taken: Array = np.where(hit, values[place], 0)
    return taken


@dataclass(frozen=True)
class _FeatureColumn:
    """A feature as it is filed: capped, judged and hashed once, however many divisions share it."""

    feature: Feature
    values: Any
    cap: Cap | None
    coverage: float
    digest: bytes


def _column(feature: Feature, settings: Settings) -> _FeatureColumn:
    if feature.kind == "category":
        texts = pd.Series(feature.values, dtype="str")
        return _FeatureColumn(feature, texts.array, None, _share(texts.notna()), _digest(feature.name, texts))
    cap = fit_cap(feature.values, settings.features.winsor_quantile) if feature.heavy else None
    known = ~np.isnan(feature.values) & (feature.values != 0)
    values = feature.values if cap is None else np.clip(feature.values, *cap)
    # A feature may be whole numbers or flags until here.
    values = np.asarray(values, dtype=float)
    return _FeatureColumn(feature, values, cap, _share(known), _digest(feature.name, values))


def _assemble(
    division: str,
    name: str,
    cutoff: date,
    index: pd.Index[Any],
    columns: Sequence[_FeatureColumn],
    rules: pd.DataFrame,
    notes: Mapping[str, Any],
    settings: Settings,
) -> FeatureSet:
    frame = pd.DataFrame({column.feature.name: column.values for column in columns}, index=index)
    none = (np.nan, np.nan)
    rows = [(*_described(column.feature), column.coverage, *(column.cap or none)) for column in columns]
    header = ["name", "meaning", "unit", "window", "family", "kind", "coverage", "cap_low", "cap_high"]
    catalog = pd.DataFrame(rows, columns=header)
    caps = {column.feature.name: list(column.cap) for column in columns if column.cap is not None}
    stats = {
        "division": division,
        "cutoff_date": cutoff.isoformat(),
        "accounts": len(frame),
        "features": len(columns),
        "coverage": {column.feature.name: column.coverage for column in columns},
        "winsor_quantile": settings.features.winsor_quantile,
        "winsor_caps": dict(sorted(caps.items())),
        "checksum": _whole(_digest("", index.to_series()), {c.feature.name: c.digest for c in columns}),
        **notes,
    }
    return FeatureSet(division, name, cutoff, frame, catalog, stats, rules)


def _described(feature: Feature) -> tuple[str, str, str, str, str, str]:
    return feature.name, feature.meaning, feature.unit, feature.window, feature.family, feature.kind


def _share(known: Any) -> float:
    return float(np.mean(known)) if len(known) else 0.0


def frame_checksum(frame: pd.DataFrame) -> str:
    """SHA-256 over names, index and the exact bits of every value."""
    columns = {str(name): frame[name] for name in frame.columns}
    digests = {
        name: _digest(name, column.to_numpy(dtype=float) if pd.api.types.is_float_dtype(column.dtype) else column)
        for name, column in columns.items()
    }
    return _whole(_digest("", frame.index.to_series()), digests)


def _whole(index: bytes, digests: Mapping[str, bytes]) -> str:
    return hashlib.sha256(index + b"".join(digests[name] for name in sorted(digests))).hexdigest()


def _digest(name: str, values: Any) -> bytes:
    """Of one column: its name, then its texts, or one bit pattern for every NaN and for both zeros."""
    if isinstance(values, np.ndarray):
        values = values.astype("<f8") + 0.0
        values[np.isnan(values)] = np.nan
        content = values.tobytes()
    else:
        content = _joined(values)
    return hashlib.sha256(name.encode() + b"\x1e" + content).digest()


def _joined(column: pd.Series[Any]) -> bytes:
    """Texts between separators; a missing one is empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.fill_null(pa.array(column, type=pa.string(), from_pandas=True), "")
    whole = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    found: bytes = pc.binary_join(whole, "\x1f")[0].as_buffer().to_pybytes()
    return found
