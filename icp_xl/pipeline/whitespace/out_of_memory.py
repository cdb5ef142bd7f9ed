"""The whitespace list of more pairs than memory should hold: joined, ranked and filed by SQL, in the output's stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from icp_xl import artifacts
from icp_xl.pipeline.models.build import load_star
from icp_xl.pipeline.whitespace.inputs import WhitespaceInputs, value_name
from icp_xl.pipeline.whitespace.lists_given import KEPT
from icp_xl.pipeline.whitespace.pairs_by_sql import keep_pairs, open_scores, with_words
from icp_xl.reports.whitespace import MOST_REMOVED
from icp_xl.runs import RunContext
from icp_xl.sql import ranked_list as sql
from icp_xl.sql.engine import Engine
from icp_xl.sql.query import Query
from icp_xl.tables.star import open_engine
from icp_xl.tables.star_calendar import EPOCH, to_day
from icp_xl.whitespace.by_sql import rank_by_sql
from icp_xl.whitespace.large import describe_list
from icp_xl.whitespace.model import Memory, Ranking, Terms


@dataclass(frozen=True)
class FiledList:
    """The ranking with the pairs that are shown, what the report says of it, and its schema report."""

    ranking: Ranking
    inputs: WhitespaceInputs
    schema: dict[str, Any]


def pairs_scored(run: RunContext) -> int:
    """Scores that ``train`` left; 0 where there are none, or none that can be read."""
    try:
        return int(parquet.read_metadata(artifacts.SCORES.find(run.outputs)).num_rows)
    except (OSError, pa.ArrowException):
        return 0


def latest_cutoff(run: RunContext) -> date:
    """The latest day as of which accounts are scored, without loading the scores."""
    with parquet.ParquetFile(artifacts.SCORES.find(run.outputs)) as file:
        days = (batch.to_pandas()["cutoff_date"].max() for batch in file.iter_batches(columns=["cutoff_date"]))
        latest: date = pd.to_datetime(pd.Series(list(days))).max().date()
    return latest


def rank_out_of_memory(run: RunContext, cutoff: date, memory: Memory) -> FiledList:
    """Rank by SQL and stage the files of the list; what is on its way lies in the stage and goes with it.

    Args:
        run: its settings, earlier outputs and stage.
        cutoff: of the scores.
        memory: what people said, and the last list.
    """
    settings, star = run.settings, load_star(run)
    name = artifacts.WHITESPACE_SHARD
    folder = Path(run.outputs.path(name.path(cutoff=cutoff, number="00000"))).parent
    run.progress.stage("joining scores, purchases and signals", None)
    with open_engine(star, settings, run.outputs.staging) as engine:
        facts, value = open_scores(run, engine), value_name(run)
        months = int(facts["window_months"].max())
        terms = Terms(cutoff, run.now().date(), months, settings.run.seed, settings.reports.currency)
        keep_pairs(run, star, engine, facts, value)
        run.progress.check()
        found = rank_by_sql(engine, settings.whitespace, terms, folder, memory, run.progress)
        for path in found.files:
            run.outputs.path(f"{folder.name}/{path.name}")
        engine.view_parquet("ranked", found.files)
        engine.keep("shown", Query(sql.shown(settings.whitespace, MOST_REMOVED)))
        run.progress.check()
        ranking = describe_list(engine, found, settings.whitespace, terms, memory, f"{folder.name}/")
        details = engine.frame(Query(sql.DETAILS))
        pairs = with_words(run, star, engine, ranking, details, memory, found.tops, terms)
        _keep_given(run, engine, ranking, memory)
        schema = _schema(engine, found.files)
    verdicts = dict(zip(facts["division"].astype(str), facts["verdict"].fillna("").astype(str), strict=True))
    told = replace(ranking, pairs=pairs.assign(score_challenger=np.nan))
    told.warnings.append(_said(run, told, len(found.files)))
    return FiledList(told, WhitespaceInputs(pairs.head(0), cutoff, months, value, verdicts), schema)


def drop_others(run: RunContext, cutoff: date, names: Sequence[str]) -> None:
    """Remove what an earlier list of the same cutoff left in another form.

    Args:
        run: whose outputs are published.
        cutoff: of the list.
        names: files of the other form; none where the list is in memory, and shards are the other form.
    """
    out, shard = run.settings.paths.out, artifacts.WHITESPACE_SHARD
    for name in names:
        if (out / name).is_file():
            run.outputs.remove(name)
    for path in sorted(out.glob(shard.path(cutoff=cutoff, number="*"))):
        if f"{path.parent.name}/{path.name}" not in run.outputs.names:
            run.outputs.remove(f"{path.parent.name}/{path.name}")


def _said(run: RunContext, ranking: Ranking, files: int) -> str:
    settings, whole = run.settings, ranking.whole
    left = ["the challenger"] if settings.whitespace.challenger else []
    left += ["the older rule beside it"] if settings.whitespace.shadow != "off" else []
    left += ["sheets and workbooks per rep"] if settings.whitespace.rep_books or settings.whitespace.rep_sheets else []
    return (
        f"the {ranking.metrics['pairs']:,} pairs are more than whitespace.memory_pairs "
        f"({settings.whitespace.memory_pairs:,}): they were ranked by SQL ({settings.build.engine}) and are filed, "
        f"best first, as {files:,} Parquet files in {whole.files if whole else ''} and not as CSV; the workbook, "
        f"copies and worksheet functions have the {len(ranking.pairs):,} pairs that its sheets show"
        + (f"; not made at this size: {', '.join(left)}" if left else "")
    )


def _keep_given(run: RunContext, engine: Engine, ranking: Ranking, memory: Memory) -> None:
    states = memory.states
    said = pd.DataFrame({"account_id": [], "division": [], "status": [], "status_day": []})
    if states is not None and len(states):
        there = states[states["status"] != ""]
        days = (there["status_on"] - pd.Timestamp(EPOCH)).dt.days
        said = there[["account_id", "division", "status"]].assign(status_day=days)
    texts = dict.fromkeys(("account_id", "division", "status"), "str")
    engine.view_frame("said", said.astype({**texts, "status_day": "Int64"}).reset_index(drop=True))
    frame = engine.frame(Query(sql.given(to_day(ranking.cutoff))))
    since = pd.to_timedelta(frame["status_day"].astype("float64"), unit="D")
    frame["status_on"] = (pd.Timestamp(EPOCH) + since).astype("datetime64[s]")
    frame["cutoff"], frame["window_months"] = pd.Timestamp(ranking.cutoff), ranking.window_months
    run.outputs.parquet(artifacts.LISTS_GIVEN.path(day=run.now().date()), frame[list(KEPT)])


def _schema(engine: Engine, files: Sequence[Path]) -> dict[str, Any]:
    """The schema report of the filed list: columns, and the rules that it must keep."""
    found = engine.frame(Query(sql.RULES)).iloc[0]
    n = int(found["ranked"])
    rules = {
        "ranks are 1 to n": n == 0 or (int(found["low"]), int(found["high"]), float(found["total"])) == (
            1, n, n * (n + 1) / 2.0),
        "probabilities are between 0 and 1": int(found["wrong_p"]) == 0,
        "scores are between 0 and 1": int(found["wrong_score"]) == 0,
        "only ranked pairs are selected": int(found["wrong_selected"]) == 0,
        "only selected pairs are held out": int(found["wrong_held"]) == 0,
    }  # fmt: skip
    schema = parquet.read_schema(files[0])
    columns = [{"name": field.name, "type": str(field.type)} for field in schema]
    return {"rows": int(found["n"]), "columns": columns, "rules": rules, "valid": all(rules.values())}
