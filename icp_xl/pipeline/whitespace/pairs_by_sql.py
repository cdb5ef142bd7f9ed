"""The table ``pairs`` of the ranking by SQL, joined from what earlier stages left; and the words for the pairs shown.

The tables of accounts, products, deals, holds and contacts are in memory as everywhere; scores, features and sales are
not.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet

from icp_xl import artifacts
from icp_xl.features.files import names_of
from icp_xl.pipeline.models.build import division_slug
from icp_xl.pipeline.whitespace.accounts import (
    contacts_table,
    deals_table,
    holds_table,
    must_not_be_called,
    people_of,
)
from icp_xl.pipeline.whitespace.inputs import OWN, evidence_of
from icp_xl.runs import RunContext
from icp_xl.signals import FEATURES
from icp_xl.sql import candidates as sql
from icp_xl.sql import whitespace as history_sql
from icp_xl.sql.engine import Engine
from icp_xl.sql.query import Query
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import EPOCH, add_months, to_day
from icp_xl.whitespace.candidates import has_division, prepare_candidates, with_states
from icp_xl.whitespace.eligibility_rules import apply_rules
from icp_xl.whitespace.model import Memory, Ranking, Terms
from icp_xl.whitespace.peers import expiring_points, peers_said
from icp_xl.whitespace.reasons import Tops, explain_pairs
from icp_xl.whitespace.states import valid_states


def open_scores(run: RunContext, engine: Engine) -> pd.DataFrame:
    """Make the scores of the latest cutoff readable as ``scores``; one row per division: cutoff, window, verdict."""
    path = artifacts.SCORES.find(run.outputs)
    run.read(path)
    engine.view_parquet("all_scores", [path])
    facts = engine.frame(Query(
        "select division, max(cutoff_date) as cutoff_date, cast(max(window_months) as bigint) as window_months, "
        "max(verdict) as verdict from all_scores group by division order by division"
    ))  # fmt: skip
    facts["cutoff_date"] = pd.to_datetime(facts["cutoff_date"])
    latest = facts["cutoff_date"] == facts["cutoff_date"].max()
    if not latest.all():
        run.warn(f"scores of an older cutoff are left out: {', '.join(sorted(facts.loc[~latest, 'division']))}")
    kept: pd.DataFrame = facts[latest].reset_index(drop=True)
    return kept


def keep_pairs(run: RunContext, star: Star, engine: Engine, facts: pd.DataFrame, value: str) -> None:
    """Join the table ``pairs`` of the divisions of ``facts``, and keep it on disk."""
    cutoff, months = facts["cutoff_date"].max().date(), int(facts["window_months"].max())
    window = -(-366 * months // 12)
    start = to_day(add_months(cutoff, -12))
    engine.keep("history", history_sql.pair_history(start, to_day(cutoff), window))
    keys = dict(zip(star.divisions["division"], star.divisions["division_key"], strict=True))
    names = pd.DataFrame({"division": facts["division"].astype("str"), "div_ix": range(len(facts))})
    names["division_key"] = [int(keys.get(name, -1)) for name in names["division"]]
    names["fold"] = names["division"].str.casefold()
    codes = run.settings.labels.target_skus
    names["virtual"] = [name in codes or name not in set(star.division_names) for name in names["division"]]
    people = people_of(run, star)
    texts = {name: people[name].fillna("").astype("str") if name in people else "" for name in _WORDS}
    table = pd.DataFrame({"account_id": people.index.astype("str"), **texts}, index=people.index)
    none = pd.DataFrame({"account_id": [], "fold": []}, dtype="str")
    deals, holds, said = deals_table(run), holds_table(run), contacts_table(run)
    holds = none.assign(reason="") if holds is None else holds[["account_id", "fold", "reason"]]
    contacts = none.assign(contacted_day=pd.Series(dtype="int64")) if said is None else pd.DataFrame(
        {"account_id": said["account_id"], "fold": said["fold"], "contacted_day": _days(said["contacted_on"])}
    )  # fmt: skip
    accounts = star.customers.drop_duplicates("account_id")[["account_id", "account_key"]]
    tables = {
        "names": names,
        "people": table.assign(do_not_contact=must_not_be_called(people)),
        "account_keys": accounts.assign(account_id=accounts["account_id"].astype("str")),
        "sold": pd.DataFrame({"division_key": [int(key) for key in keys.values()]}),
        "deals": deals[deals["fold"] != ""],
        "deal_accounts": deals.loc[deals["fold"] == "", ["account_id"]],
        "holds": holds,
        "contacts": contacts,
    }
    for name, frame in tables.items():
        engine.view_frame(name, frame.reset_index(drop=True))
    engine.keep("scores", Query(
        "select s.account_id, s.division, s.p_icp, s.p_icp_pct from all_scores s "
        "join names n on s.division = n.division"
    ))  # fmt: skip
    text = sql.pairs(_signals(run, star, engine, names, cutoff), to_day(cutoff), _COUNTED[value])
    engine.keep("pairs", Query(text))
    for name in ("scores", *tables):
        engine.drop(name)


_WORDS = ("account_name", "rep", "region", "segment")
_COUNTED = {"revenue": "revenue", "gross profit": "profit"}


def _days(column: pd.Series[Any]) -> Any:
    return (pd.to_datetime(column) - pd.Timestamp(EPOCH)).dt.days.astype("int64")


def _signals(run: RunContext, star: Star, engine: Engine, names: pd.DataFrame, cutoff: date) -> str:
    wanted = [*FEATURES, *OWN]
    tables, lacking = {}, []
    for no, division in zip(names["div_ix"], names["division"], strict=True):
        path = run.outputs.find(names_of(division_slug(star, str(division)), cutoff)[0])
        if not path.is_file():
            lacking.append(str(division))
            continue
        engine.view_parquet(f"features_{no}", [path])
        tables[int(no)] = (f"features_{no}", set(parquet.read_schema(path).names))
    if lacking:
        run.warn(f"no features at {cutoff:%Y-%m-%d} for {', '.join(lacking)}: affinity and likeness are missing there")
    return sql.signals_of(tables, wanted)


def with_words(
    run: RunContext, star: Star, engine: Engine, ranking: Ranking, details: pd.DataFrame, memory: Memory, tops: Tops,
    terms: Terms,
) -> pd.DataFrame:  # fmt: skip
    """The pairs of the ranking that are shown, with reasons, talking points and why a pair was removed.

    Args:
        run: whose outputs are read.
        star: the star schema.
        engine: with ``history`` open.
        ranking: its pairs are shown.
        details: the rows of ``pairs`` of these.
        memory: what people said.
        tops: what reasons compare with.
        terms: dates and currency.
    """
    settings = run.settings.whitespace
    details = details.assign(
        last_bought=pd.Timestamp(EPOCH) + pd.to_timedelta(details["last_day"].astype("float64"), unit="D"),
        contacted_on=pd.Timestamp(EPOCH) + pd.to_timedelta(details["contacted_day"].astype("float64"), unit="D"),
    )
    known = with_states(prepare_candidates(details), valid_states(memory.states, terms.today, settings))
    known = known.assign(has_division=has_division(known, terms.cutoff, settings))
    known["removal_reason"] = apply_rules(known, terms.today, settings).reason
    accounts = sorted(set(known["account_id"]))
    keys = star.customers.drop_duplicates("account_id").set_index("account_id")["account_key"]
    mine = keys.reindex(accounts).dropna().astype("int64")
    engine.view_frame("some_accounts", pd.DataFrame({"account_key": mine.to_numpy()}))
    known = known.assign(**evidence_of(run, star, engine, known, terms.cutoff, only="some_accounts"))
    names = star.divisions.set_index("division_key")["division"]
    took = engine.frame(Query(sql.NEXT))
    movers = engine.frame(Query(sql.MOVERS)).set_index("a")["movers"]
    table = pd.DataFrame({
        "after": names.reindex(took["a"]).to_numpy(), "division": names.reindex(took["b"]).to_numpy(),
        "took": took["took"], "movers": movers.reindex(took["a"]).to_numpy(),
    }).dropna()  # fmt: skip
    own = engine.frame(Query(
        "select h.account_key, h.division_key from history h join some_accounts s on h.account_key = s.account_key "
        "where h.last_day > -2147483648"
    ))  # fmt: skip
    by_key = pd.Series(mine.index, index=mine.to_numpy())
    owned = pd.DataFrame({"account_id": by_key.reindex(own["account_key"]).to_numpy(),
                          "division": names.reindex(own["division_key"]).to_numpy()}).dropna()  # fmt: skip
    table["share"] = table["took"] / table["movers"].clip(lower=1)
    sold = engine.frame(Query("select distinct division_key from history where last_day > -2147483648"))
    width = max(names.reindex(sold["division_key"]).nunique() - 1, 1)
    known["peers"] = peers_said(known, table, owned, width, settings.peers_min)
    known["expiring"] = expiring_points(known, star.assets, to_day(terms.cutoff), settings.expiring_days)
    known["driver"] = _drivers(run, engine, known)
    columns = ["account_id", "division", "mb_lift_max", "als_similarity", "verdict", "evidence", "evidence_lift",
               "peers", "expiring", "driver", "removal_reason"]  # fmt: skip
    shown = ranking.pairs.merge(known[columns], on=["account_id", "division"], how="left")
    verdicts = _verdicts(engine)
    return explain_pairs(shown.assign(verdict=shown["division"].map(verdicts).fillna("")), terms, tops)


def _verdicts(engine: Engine) -> dict[str, str]:
    found = engine.frame(Query("select division, max(verdict) as verdict from all_scores group by division"))
    return dict(zip(found["division"], found["verdict"], strict=True))


def _drivers(run: RunContext, engine: Engine, frame: pd.DataFrame) -> Any:
    path = artifacts.EXPLANATIONS.find(run.outputs)
    if not path.is_file():
        return ""
    engine.view_frame("some_ids", pd.DataFrame({"account_id": sorted(set(frame["account_id"]))}, dtype="str"))
    engine.view_parquet("explained", [path])
    found = engine.frame(Query(
        "select e.account_id, e.division, e.rank, e.words from explained e "
        "join some_ids s on e.account_id = s.account_id "
        "where e.contribution > 0e0 and e.words is not null"
    )).sort_values("rank", kind="stable").drop_duplicates(["account_id", "division"])  # fmt: skip
    words = found.set_index(["account_id", "division"])["words"]
    mine = words.reindex(pd.MultiIndex.from_frame(frame[["account_id", "division"]])).to_numpy(dtype=object)
    return np.where(pd.isna(mine), "", mine).astype(object)
