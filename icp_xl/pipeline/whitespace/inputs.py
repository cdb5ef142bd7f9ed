"""What the whitespace ranking needs of each account × division, gathered from what earlier stages wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import ArrowException
from pyarrow.parquet import read_schema

from icp_xl import artifacts
from icp_xl.errors import DataError, InsufficientDataError
from icp_xl.features.files import names_of
from icp_xl.pipeline.models.build import division_slug, load_star
from icp_xl.pipeline.whitespace.accounts import contacts, drivers, exclusions, open_deals, with_accounts
from icp_xl.runs import RunContext
from icp_xl.signals import FEATURES
from icp_xl.sql import whitespace as sql
from icp_xl.sql.engine import Engine
from icp_xl.sql.star import SCALE
from icp_xl.tables.star import Star, open_engine
from icp_xl.tables.star_calendar import EPOCH, add_months, to_day
from icp_xl.tables.star_dims import fold
from icp_xl.whitespace.frames import as_text
from icp_xl.whitespace.peers import expiring_points, peer_points

SCORES = artifacts.SCORES.name
KEY = ["account_id", "division"]
#: What a division defined by codes is known by, since the log has no such division.
OWN = ("own_recency_days", "own_revenue_12m", "own_profit_12m", "own_active_months_12m", "own_lines_12m")
_UNIT = 10**9
#: Lift from which a code is evidence for a division.
_LEAST_LIFT = 1.2


@dataclass(frozen=True)
class WhitespaceInputs:
    """Candidates of the scoring cutoff and what the report says of them."""

    candidates: pd.DataFrame
    cutoff: date
    window_months: int
    value_name: str
    verdicts: Mapping[str, str] = field(default_factory=dict)


def read_scores(run: RunContext) -> pd.DataFrame:
    """What ``icp-xl train`` left: one row per account × division.

    Raises:
        InsufficientDataError: nothing has been trained yet.
    """
    path = run.outputs.find(SCORES)
    if not path.is_file():
        raise InsufficientDataError(
            "there are no division scores yet", where=SCORES, next_step="Run `icp-xl train` with the same --out first."
        )
    run.read(path)
    scores: pd.DataFrame = artifacts.SCORES.read(path)
    if scores.empty:
        raise DataError("the division scores cannot be used", where=SCORES, got="no row",
                        next_step="Run `icp-xl train` again.")  # fmt: skip
    return scores.assign(cutoff_date=pd.to_datetime(scores["cutoff_date"]))


def gather(run: RunContext) -> WhitespaceInputs:
    """Candidates at the scoring cutoff: scores, signals, purchases, people, deals, holds, talking points."""
    scores = read_scores(run)
    latest = scores["cutoff_date"].max()
    older = sorted(scores.loc[scores["cutoff_date"] < latest, "division"].unique())
    if older:
        run.warn(f"scores of an older cutoff are left out: {', '.join(older)}")
        scores = scores[scores["cutoff_date"] == latest]
    cutoff, star = latest.date(), load_star(run)
    value, months = value_name(run), int(scores["window_months"].max())
    with open_engine(star, run.settings) as engine:
        found = add_history(run, star, engine, scores, cutoff, value, months)
        run.progress.check()
        found = found.assign(**_evidence(run, star, engine, found, cutoff))
    found = with_accounts(run, star, found)
    found["open_deal"] = open_deals(run, found)
    found["exclusion"] = exclusions(run, found)
    found["contacted_on"] = contacts(run, found)
    found["driver"] = drivers(run, found)
    verdicts = scores.drop_duplicates("division").set_index("division").get("verdict", pd.Series(dtype=object))
    return WhitespaceInputs(found, cutoff, months, value, {str(k): str(v) for k, v in sorted(verdicts.items())})


def value_name(run: RunContext) -> str:
    """``gross profit`` or ``revenue``: what expected value is counted in."""
    return run.settings.whitespace.value.replace("_", " ")


def add_history(
    run: RunContext, star: Star, engine: Engine, scores: pd.DataFrame, cutoff: date, value: str, months: int
) -> pd.DataFrame:  # fmt: skip
    """The scores with signals of the features and with purchases before the cutoff; sorted by account and division.

    Args:
        run: which features and remarks go through.
        star: the star schema.
        engine: runs the SQL, with the star's tables open.
        scores: one row per account and division, with the chance to buy.
        cutoff: purchases on this day and later are the future.
        value: what a purchase counts with, ``revenue`` or ``gross_profit``.
        months: length of the windows in which purchases are counted, that of the label.
    """
    frame = scores.assign(account_id=as_text(scores["account_id"]), division=as_text(scores["division"]))
    frame = frame.sort_values(KEY, kind="stable").reset_index(drop=True)
    history = _history(star, engine, cutoff, value, months)
    frame = frame.merge(history, on=KEY, how="left")
    frame["last_bought"] = pd.Timestamp(EPOCH) + pd.to_timedelta(frame.pop("last_day"), unit="D")
    for name in ("value_own", "days_own", "lines_own", "windows_own"):
        frame[name] = frame[name].fillna(0.0)
    frame = _with_features(run, star, frame, cutoff, value)
    totals = history.groupby("account_id")[["value_own", "lines_own"]].sum()
    by_account = totals.reindex(frame["account_id"])
    frame["account_value"] = by_account["value_own"].fillna(0.0).to_numpy()
    frame["account_lines"] = by_account["lines_own"].fillna(0.0).to_numpy()
    return frame


def _history(star: Star, engine: Engine, cutoff: date, value: str, months: int) -> pd.DataFrame:
    # As long as the longest such run of months, so that a year holds no window more than it should.
    window = -(-366 * months // 12)
    found = engine.fetch(sql.pair_history(to_day(add_months(cutoff, -12)), to_day(cutoff), window))
    accounts = star.customers.drop_duplicates("account_key").set_index("account_key")["account_id"]
    divisions = star.divisions.set_index("division_key")["division"]
    frame = pd.DataFrame(
        {
            "account_id": accounts.reindex(found["account_key"]).to_numpy(dtype=object),
            "division": divisions.reindex(found["division_key"]).to_numpy(dtype=object),
            "first_day": found["first_day"],
            "last_day": found["last_day"],
            "value_own": found["profit" if value == "gross profit" else "revenue"] / SCALE,
            "days_own": found["n_days"].astype(np.float64),
            "lines_own": found["n_sales"].astype(np.float64),
            "windows_own": found["n_windows"].astype(np.float64),
        }
    )
    # A pair with returns only was never bought; fees belong to no division.
    return frame[(frame["last_day"] > -(2**31)) & frame["division"].notna() & frame["account_id"].notna()]


def _with_features(run: RunContext, star: Star, frame: pd.DataFrame, cutoff: date, value: str) -> pd.DataFrame:
    """The signals of each division's feature set, and the history of divisions that the log does not know."""
    known = set(star.division_names)
    for name in FEATURES:
        frame[name] = np.nan
    lacking = []
    for division, rows in frame.groupby("division", sort=True).indices.items():
        virtual = division in run.settings.labels.target_skus or division not in known
        wanted = [*FEATURES, *(OWN if virtual else ())]
        got = read_columns(run, division_slug(star, str(division)), cutoff, wanted)
        if got is None:
            lacking.append(str(division))
            continue
        mine = got.reindex(frame["account_id"].to_numpy()[rows])
        for name in FEATURES:
            if name in mine:
                frame.loc[rows, name] = mine[name].to_numpy(dtype=np.float64)
        if virtual and "own_recency_days" in mine:
            _from_features(frame, rows, mine, cutoff, value)
    if lacking:
        run.warn(f"no features at {cutoff:%Y-%m-%d} for {', '.join(lacking)}: affinity and likeness are missing there")
    return frame


def _from_features(frame: pd.DataFrame, rows: Any, mine: pd.DataFrame, cutoff: date, value: str) -> None:
    days = pd.to_timedelta(mine["own_recency_days"].to_numpy(dtype=np.float64), unit="D")
    frame.loc[rows, "last_bought"] = pd.Timestamp(cutoff) - days
    money = "own_profit_12m" if value == "gross profit" else "own_revenue_12m"
    # Days are not counted there: months with a purchase stand for them, and for the windows by way of them.
    for target, source in (("value_own", money), ("lines_own", "own_lines_12m"), ("days_own", "own_active_months_12m")):
        if source in mine:
            frame.loc[rows, target] = mine[source].fillna(0.0).to_numpy(dtype=np.float64)
    frame.loc[rows, "windows_own"] = np.nan


def read_columns(run: RunContext, slug: str, cutoff: date, wanted: list[str]) -> pd.DataFrame | None:
    """Some columns of a feature set, by account; None where there is no such set.

    Args:
        run: whose outputs are read.
        slug: the division as it stands in file names.
        cutoff: of the feature set.
        wanted: columns, of which those that are not there are left out.
    """
    path = run.outputs.find(names_of(slug, cutoff)[0])
    if not path.is_file():
        return None
    try:
        there = [name for name in ("account_id", *wanted) if name in read_schema(path).names]
    except (OSError, ArrowException):
        there = []
    # Some of a hundred and more; of a damaged file, the whole says what is wrong with it.
    found: pd.DataFrame = artifacts.FEATURES.read(path, there if "account_id" in there else None)
    frame = found[["account_id", *(name for name in wanted if name in found)]]
    return frame.assign(account_id=as_text(frame["account_id"])).set_index("account_id")


def _evidence(
    run: RunContext, star: Star, engine: Engine, frame: pd.DataFrame, cutoff: date
) -> dict[str, Any]:  # fmt: skip
    """The code that speaks loudest for each pair, what peers bought next, and what expires soon."""
    settings = run.settings
    first = engine.fetch(sql.pair_history(0, to_day(cutoff)))
    first_days = _first_days(star, first)
    peers = peer_points(frame, first_days, settings.whitespace.peers_min) if len(first_days) else _nothing(frame)
    soon = expiring_points(frame, star.assets, to_day(cutoff), settings.whitespace.expiring_days)
    return {**evidence_of(run, star, engine, frame, cutoff), "peers": peers, "expiring": soon}


def _nothing(frame: pd.DataFrame) -> Any:
    return np.full(len(frame), "", dtype=object)


def evidence_of(
    run: RunContext, star: Star, engine: Engine, frame: pd.DataFrame, cutoff: date, only: str = ""
) -> dict[str, Any]:  # fmt: skip
    """The code that speaks loudest for each pair, and its lift.

    Args:
        run: whose rules are read.
        star: the star schema.
        engine: with the sales open.
        frame: pairs of account_id and division.
        cutoff: purchases on this day and later are the future.
        only: a table of account keys, where not all accounts are asked for.
    """
    rules = _rules(run, star, sorted(frame["division"].unique()), cutoff)
    if not len(rules):
        return {"evidence": _nothing(frame), "evidence_lift": np.full(len(frame), np.nan)}
    engine.view_frame("spoken", rules)
    start = to_day(add_months(cutoff, -run.settings.features.basket_months))
    found = engine.fetch(sql.best_evidence(start, to_day(cutoff), only))
    engine.drop("spoken")
    code, lift = _placed(star, frame, found)
    return {"evidence": code, "evidence_lift": lift}


def _rules(run: RunContext, star: Star, divisions: list[str], cutoff: date) -> pd.DataFrame:
    """Rules worth a word, by key: sku_key, division_key, lift_e9."""
    skus = dict(zip(star.products["fold"], star.products["sku_key"], strict=True))
    keys = dict(zip(star.divisions["division"], star.divisions["division_key"], strict=True))
    frames = []
    for division in divisions:
        path = run.outputs.find(names_of(division_slug(star, division), cutoff)[3])
        if division not in keys or not path.is_file():
            continue
        rules = artifacts.BASKET_RULES.read(path)
        rules = rules[(rules["kind"] == "code") & (rules["lift"] >= _LEAST_LIFT)]
        if len(rules):
            # Codes that a spreadsheet would run as a formula stand in the file with an apostrophe before them.
            sku = fold(rules["item"].str.removeprefix("'")).map(skus)
            lift = np.round(rules["lift"] * _UNIT)
            frames.append(pd.DataFrame({"sku_key": sku, "division_key": keys[division], "lift_e9": lift}).dropna())
    return pd.concat(frames, ignore_index=True).astype(np.int64) if frames else pd.DataFrame()


def _placed(star: Star, frame: pd.DataFrame, found: Mapping[str, Any]) -> tuple[Any, Any]:
    names = star.products.drop_duplicates("sku_key").set_index("sku_key")
    shown = [
        f"{sku} ({product})" if isinstance(product, str) and product.strip() else str(sku)
        for sku, product in zip(names["sku"], names["product"], strict=True)
    ]
    words = pd.Series(shown, index=names.index)
    best = pd.DataFrame(
        {
            "evidence": words.reindex(found["sku_key"]).to_numpy(dtype=object),
            "evidence_lift": found["lift_e9"] / _UNIT,
        },
        index=_pairs(star, found),
    )
    mine = best.reindex(pd.MultiIndex.from_frame(frame[KEY]))
    text = mine["evidence"].to_numpy(dtype=object)
    return np.where(pd.isna(text), "", text).astype(object), mine["evidence_lift"].to_numpy(dtype=np.float64)


def _pairs(star: Star, found: Mapping[str, Any]) -> pd.MultiIndex:
    accounts = star.customers.drop_duplicates("account_key").set_index("account_key")["account_id"]
    divisions = star.divisions.set_index("division_key")["division"]
    ids = accounts.reindex(found["account_key"]).to_numpy(dtype=object)
    return pd.MultiIndex.from_arrays([ids, divisions.reindex(found["division_key"]).to_numpy(dtype=object)])


def _first_days(star: Star, found: Mapping[str, Any]) -> pd.DataFrame:
    index = _pairs(star, found)
    frame = pd.DataFrame({"account_id": index.get_level_values(0), "division": index.get_level_values(1)})
    frame["first_day"] = found["first_day"]
    kept = (frame["first_day"] < 2**31 - 1) & frame["account_id"].notna() & frame["division"].notna()
    return frame[kept].reset_index(drop=True)
