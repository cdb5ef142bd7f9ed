"""The ranking by SQL, for lists that memory does not hold: the same order as :func:`~.rank.rank_whitespace`.

DuckDB works out of core within its memory limit, Spark on its cluster. What comes back to this process are figures per
division and the few pairs that a workbook shows; all pairs go to Parquet files, best first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.errors import DataError, Fault
from icp_xl.progress import Progress
from icp_xl.sql import ranking as sql
from icp_xl.sql.engine import Engine
from icp_xl.sql.query import Query
from icp_xl.tables.star_calendar import add_months, to_day
from icp_xl.whitespace.blend import scale_weights
from icp_xl.whitespace.capacity import pairs_of_share, quota
from icp_xl.whitespace.eligibility_rules import RULES, in_scope
from icp_xl.whitespace.holdout import draw_holdout
from icp_xl.whitespace.model import Memory, Terms
from icp_xl.whitespace.reasons import TOP, Tops
from icp_xl.whitespace.states import valid_states
from icp_xl.whitespace.value import GROUPED_BY_SEGMENT, SIZE_CAP

#: Pairs of a file of the list, about.
SHARD_ROWS = 1_000_000
#: Accounts drawn for the holdout at a time.
_DRAWN = 500_000


@dataclass(frozen=True)
class RankedFiles:
    """The list as files, and what was found on the way.

    Attributes:
        files: Parquet, best pairs first, those that a rule removed after them.
        divisions: their names, in order.
        ranked: pairs in the list.
        removals: one row per rule.
        weights: one row per signal.
        tops: what reasons compare with.
    """

    files: list[Path]
    divisions: list[str]
    ranked: int
    removals: pd.DataFrame
    weights: pd.DataFrame
    tops: Tops


def rank_by_sql(
    engine: Engine,
    settings: WhitespaceSettings,
    terms: Terms,
    folder: Path,
    memory: Memory | None = None,
    progress: Progress | None = None,
    shard_rows: int = SHARD_ROWS,
) -> RankedFiles:
    """Rank every pair of the table ``pairs`` and write the list.

    Args:
        engine: with the table ``pairs`` open, see :data:`icp_xl.sql.ranking.PAIRS`.
        settings: of the section ``whitespace``; the challenger and the shadow are not made here.
        terms: dates, window and seed.
        folder: for the files; it must be there and empty.
        memory: what people said of pairs.
        progress: told of each pass over the pairs.
        shard_rows: pairs of a file, about.

    Raises:
        DataError: a pair stands twice, or a probability is none.
        ConfigError: the weights cannot be used.
        Cancelled: the user asked to stop.
    """
    passes = _Passes(engine, settings, terms, progress or Progress())
    passes.check()
    passes.prepare(memory or Memory())
    passes.values()
    weights = passes.scores()
    passes.shards(shard_rows)
    return passes.write(folder, weights)


def pairs_table(candidates: pd.DataFrame) -> pd.DataFrame:
    """Candidates in memory as the table ``pairs``.

    Args:
        candidates: as :func:`~icp_xl.whitespace.candidates.prepare_candidates` gives them.
    """
    epoch = pd.Timestamp("1970-01-01")
    out = {}
    for name, kind in sql.PAIRS.items():
        if kind == "bigint":
            dates = candidates["last_bought" if name == "last_day" else "contacted_on"]
            out[name] = (pd.to_datetime(dates) - epoch).dt.days.astype("Int64")
        else:
            out[name] = candidates[name]
    return pd.DataFrame(out)


class _Passes:
    """The passes over the pairs, in order; each leaves small tables that the next one reads."""

    def __init__(self, engine: Engine, settings: WhitespaceSettings, terms: Terms, progress: Progress) -> None:
        self.engine, self.settings, self.terms, self.progress = engine, settings, terms, progress
        self.days = sql.RankingDays(
            to_day(terms.today), to_day(add_months(terms.cutoff, -settings.owned_months)), terms.window_months
        )
        progress.stage("ranking whitespace by SQL", 7)

    def _ask(self, text: str) -> pd.DataFrame:
        return self.engine.frame(Query(text))

    def _step(self) -> None:
        self.progress.advance()
        self.progress.check()

    def check(self) -> None:
        """Refuse what cannot be ranked; count divisions and segments."""
        counts = self._ask(sql.DIVISIONS)
        wrong, twice = int(counts["wrong"].sum()), int(self._ask(sql.TWICE)["n"].iloc[0])
        faults = []
        if wrong:
            faults.append(Fault("probabilities are missing or outside 0 to 1", where="p_icp", got=f"{wrong:,} rows"))
        if twice:
            faults.append(Fault("an account and division stand in several rows", got=f"{twice:,} rows"))
        if faults:
            raise DataError("the pairs cannot be ranked", faults=faults)
        self.divisions = sorted(str(name) for name in counts["division"])
        known = counts["segments"].sum() / max(counts["n"].sum(), 1)
        self.percentiles = bool(counts["percentiles"].any())
        wanted = self.settings.value_groups
        self.by_spend = wanted == "spend" or (wanted == "auto" and not known >= GROUPED_BY_SEGMENT)
        self._step()

    def prepare(self, memory: Memory) -> None:
        """Small tables, and what the gates remove."""
        repeated = [name in self.settings.repeat_divisions for name in self.divisions]
        self.engine.view_frame(
            "divisions",
            pd.DataFrame({"division": self.divisions, "div_no": range(len(self.divisions)), "repeated": repeated}),
        )
        self.engine.view_frame("states", _states_table(valid_states(memory.states, self.terms.today, self.settings)))
        regions = [str(name) for name in self._ask("select distinct region from pairs order by region")["region"]]
        self.engine.view_frame("far_regions", pd.DataFrame({"region": self._far(regions)}, dtype="str"))
        if self.by_spend:
            self.engine.keep("account_groups", Query(sql.FIFTHS))
        self.known = sql.known(self.settings, self.days, by_spend=self.by_spend, percentiles=self.percentiles)
        counts = self._ask(sql.gate_counts(self.known)).set_index("div_no")
        self.base = {
            int(no): owners / n for no, owners, n in zip(counts.index, counts["owners"], counts["n"], strict=True)
        }
        rows = [
            (name, int(counts[f"removed_{i}"].sum()), int(counts[f"caught_{i}"].sum())) for i, name in enumerate(RULES)
        ]
        self.removals = pd.DataFrame(rows, columns=["gate", "removed", "caught"])
        self._step()

    def _far(self, regions: list[str]) -> list[str]:
        kept = in_scope(pd.Series(regions, dtype="object"), self.settings)
        return [name for name, stays in zip(regions, kept, strict=True) if not stays]

    def values(self) -> None:
        """What accounts spend: medians of buyers, by group and by division."""
        self.engine.keep("buyers", Query(sql.buyers(self.known)))
        groups = self._ask(sql.medians(("div_no", "grp")))
        by_division = self._ask(sql.medians(("div_no",))).set_index("div_no")
        counts: dict[int, int] = dict(zip(by_division.index.tolist(), by_division["n"].tolist(), strict=True))
        most = self._at_places("select * from buyers", "own", _places(SIZE_CAP, counts))
        overall = 0.0
        if len(by_division) < len(self.divisions) and len(by_division):
            overall = float(self._ask(sql.medians(()))["typical"].iloc[0])
        self.engine.drop("buyers")
        enough = groups[groups["n"] >= self.settings.value_min_buyers]
        narrow = dict(zip(zip(enough["div_no"], enough["grp"], strict=True), enough["typical"], strict=True))
        names = self._ask(f"select distinct grp from ({self.known}) k order by grp")["grp"]
        rows = []
        for no in range(len(self.divisions)):
            wide = by_division["typical"].get(no, overall)
            share = by_division["by_share"].get(no, np.nan)
            top = most.get(no, 0.0)
            rows += [(no, str(name), float(narrow.get((no, name), wide)), float(share), top) for name in names]
        usual = pd.DataFrame(rows, columns=["div_no", "grp", "typical", "by_share", "most"])
        # A missing number is nothing to both engines only as such.
        self.engine.view_frame("usual_of", usual.assign(by_share=usual["by_share"].astype("Float64")))
        self.valued = sql.valued(self.known, self.settings.value_prior_windows)
        self._step()

    def scores(self) -> pd.DataFrame:
        """Caps of expected value and weights of the signals, which are given back."""
        found = self._ask(sql.coverage(self.valued)).set_index("div_no")
        n: dict[int, int] = dict(zip(found.index.tolist(), found["n"].tolist(), strict=True))
        q = self.settings.value_cap_quantile
        cap = dict.fromkeys(range(len(self.divisions)), math.inf)
        if q < 1.0 and n:
            unowned = f"select div_no, product from ({self.valued}) v where g0 = 0"
            cap |= self._at_places(unowned, "product", _places(q, n))
        top = max((min(float(found["largest"][no]), cap[no]) for no in n), default=0.0)
        facts = pd.DataFrame(
            {"div_no": list(cap), "base": [self.base.get(no, 0.0) for no in cap], "cap": list(cap.values())}
        )
        facts["cap"] = facts["cap"].clip(upper=np.finfo(float).max)
        self.engine.view_frame("facts", facts)
        total = max(sum(n.values()), 1)
        some = 1.0 if n else 0.0
        share = {
            "p_icp": some, "affinity": found["affinity"].sum() / total, "als": found["als"].sum() / total,
            "expected_value": some,
        }  # fmt: skip
        weights = scale_weights(self.settings.weights, share, self.settings.full_coverage)
        used = [float(weight) for weight in weights["used"]]
        self.scored = sql.scored(self.valued, self.settings, used, top, (0.0, 0.0))
        if self.settings.rank_by == "balanced":
            means = self._ask(f"select avg(p) as p, avg(ev) as ev from ({self.scored}) s where score is not null").iloc[
                0
            ]
            self.scored = sql.scored(self.valued, self.settings, used, top, (float(means["p"]), float(means["ev"])))
        self._step()
        return weights

    def _at_places(self, source: str, column: str, places: Mapping[int, float]) -> dict[int, float]:
        if not places:
            return {}
        row = self._ask(sql.at_places(source, column, places)).iloc[0]
        return {no: float(row[f"v_{no}"]) for no in places}

    def shards(self, shard_rows: int) -> None:
        """Cut the order into pieces that memory holds, and keep the scored pairs by them."""
        steps = self._ask(sql.histogram(self.scored))
        self.engine.view_frame("bins", _cut(steps, shard_rows))
        ranked = steps[steps["k"] == 0]
        self.ranked = int(ranked["n"].sum())
        self._step()
        self.engine.keep_shards(Query(sql.sharded(self.scored)))
        sizes = self._ask(
            "select shard, k, cast(count(*) as bigint) as n from sharded group by shard, k order by shard"
        )
        before = np.where(sizes["k"] == 0, sizes["n"].cumsum() - sizes["n"], 0)
        self.engine.view_frame("shards", pd.DataFrame({"shard": sizes["shard"], "before": before.astype(np.int64)}))
        self._step()

    def tops(self) -> Tops:
        """What reasons compare a pair with."""
        known = "select div_no, p, ev, als_similarity from sharded where score is not null"
        counts = self._ask(
            "select div_no, avg(p) as mean_p, cast(count(*) as bigint) as ev, "
            f"cast(count(als_similarity) as bigint) as als_similarity from ({known}) t group by div_no order by div_no"
        ).set_index("div_no")
        names = {no: self.divisions[int(no)] for no in counts.index}
        found: dict[str, dict[str, float]] = {}
        for column in ("ev", "als_similarity"):
            sizes = zip(counts.index.tolist(), counts[column].tolist(), strict=True)
            places = {no: _below_top(n) / n for no, n in sizes if n > 1}
            ends = self._at_places(known, column, places) if places else {}
            found[column] = {names[no]: end for no, end in ends.items()}
        mean = {names[no]: float(p) for no, p in counts["mean_p"].items()}
        return Tops(mean, found["ev"], found["als_similarity"])

    def write(self, folder: Path, weights: pd.DataFrame) -> RankedFiles:
        """Choose the pairs to work, and write the files."""
        settings = self.settings
        wanted: int | None = pairs_of_share(self.ranked, settings.top_percent)
        if settings.capacity != "top_percent":
            there = int(self._ask("select count(distinct div_no) as n from sharded where k = 0")["n"].iloc[0])
            allowed = quota(wanted or 0, there, settings.max_division_share)
            self.engine.keep("chosen", Query(sql.chosen(settings, wanted or 0, allowed)))
            wanted = None
        held = settings.holdout_share > 0.0
        if held:
            self.engine.view_frame("held", self._held())
        tops = self.tops()
        self._step()
        self.progress.stage("writing the whitespace list", None)
        files = self.engine.write_shards(Query(sql.listed(RULES, wanted=wanted, held=held)), folder, self._step)
        for name in ("chosen", "held", "account_groups", "states", "far_regions", "bins", "shards"):
            self.engine.drop(name)
        return RankedFiles(files, self.divisions, self.ranked, self.removals, weights, tops)

    def _held(self) -> pd.DataFrame:
        accounts = self._ask("select distinct account_id from sharded where k = 0 order by account_id")["account_id"]
        kept = []
        for start in range(0, len(accounts), _DRAWN):
            block = accounts.iloc[start : start + _DRAWN]
            kept.append(block[draw_holdout(block.tolist(), self.settings.holdout_share, self.terms.seed)])
            self.progress.check()
        return pd.DataFrame({"account_id": pd.concat(kept, ignore_index=True) if kept else accounts})


def _places(q: float, counts: Mapping[int, int]) -> dict[int, float]:
    """Where quantile ``q`` lies among so many of each division: half-way into the entry, the higher of two."""
    return {no: (math.ceil(q * (n - 1)) + 0.5) / n for no, n in counts.items()}


def _below_top(n: int) -> float:
    """Place (in rows, the middle of one) of the largest value that is not in the top tenth of ``n``."""
    least = math.floor(TOP * n)
    while (least + 1) / n <= TOP:
        least += 1
    return least - 0.5


def _cut(steps: pd.DataFrame, shard_rows: int) -> pd.DataFrame:
    """The shard of each step of the order; steps that overlap stay together."""
    shards, shard, filled = [], -1, 0
    last: tuple[int, float] | None = None
    rows = zip(steps["k"], steps["n"], steps["low"], steps["high"], strict=True)
    for k, n, low, high in rows:
        overlaps = last is not None and last[0] == k and high >= last[1]
        if last is None or last[0] != k or (filled + n > shard_rows and not overlaps):
            shard, filled = shard + 1, 0
        filled += n
        last = (k, low if last is None or last[0] != k else min(low, last[1]))
        shards.append(shard)
    return pd.DataFrame({"k": steps["k"], "bin": steps["bin"], "shard": np.asarray(shards, dtype=np.int64)})


def _states_table(states: pd.DataFrame) -> pd.DataFrame:
    """States with days as whole numbers."""
    epoch = pd.Timestamp("1970-01-01")
    texts = {name: states[name].astype("str") for name in ("account_id", "division", "status", "not_eligible")}
    return pd.DataFrame(texts).assign(
        status_day=(states["status_on"] - epoch).dt.days.astype("Int64"),
        since=(states["surfaced_since"] - epoch).dt.days.astype("Int64"),
    )
