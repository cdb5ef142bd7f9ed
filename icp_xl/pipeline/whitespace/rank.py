"""``whitespace``: from division scores to the list that reps work from, its files, its workbook and its memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from icp_xl import artifacts
from icp_xl.artifacts import Artifact
from icp_xl.delivery.sharing.identity import reader_key
from icp_xl.pipeline.csv_stream import stage_long_csv
from icp_xl.pipeline.whitespace.inputs import WhitespaceInputs, gather, read_scores
from icp_xl.pipeline.whitespace.lists_given import keep_list
from icp_xl.pipeline.whitespace.out_of_memory import drop_others, latest_cutoff, pairs_scored, rank_out_of_memory
from icp_xl.pipeline.whitespace.training_cutoff import past_candidates
from icp_xl.pipeline.whitespace.user_entries import only_his_own, owners_now, read_books, remember
from icp_xl.runs import RunContext
from icp_xl.whitespace.model import COLUMNS, EXPLANATION_COLUMNS, Memory, Ranking, Terms
from icp_xl.whitespace.rank import rank_whitespace
from icp_xl.whitespace.states import STATE_COLUMNS, clean_states, empty_states, merge_typed

if TYPE_CHECKING:
    from icp_xl.reports.whitespace import WhitespaceReport

REPORT: str = artifacts.WHITESPACE_REPORT.name
REP_FOLDER = artifacts.REP_WORKBOOK.name.partition("/")[0]
STATE, SCHEMA = artifacts.WHITESPACE.name, artifacts.WHITESPACE_SCHEMA.name


@dataclass(frozen=True)
class WhitespaceOutcome:
    """What ``whitespace`` gives a caller; files lie in the output folder."""

    ranking: Ranking
    value_name: str
    files: tuple[str, ...]
    typed: int

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        figures = self.ranking.metrics
        lines = [
            f"{figures['ranked']:,} of {figures['pairs']:,} account-division pairs ranked, {figures['selected']:,} to "
            f"work now: {figures['expected_purchases_selected']:,.0f} purchases expected of them within "
            f"{figures['window_months']} months",
        ]
        if self.typed:
            lines.append(f"Taken over from the workbook: status or mark of {self.typed:,} pairs")
        if figures["stability_jaccard"] is not None:
            lines.append(f"Overlap with the last list: {figures['stability_jaccard']:.0%}")
        return [*lines, f"Wrote {REPORT} and {self.ranking.whole.files if self.ranking.whole else self.files[0]}."]


def file_names(cutoff: date) -> dict[str, str]:
    """The dated files of one ranking, by what they hold."""
    made = {
        "list": artifacts.WHITESPACE_LIST,
        "explanations": artifacts.WHITESPACE_EXPLANATIONS,
        "thresholds": artifacts.WHITESPACE_THRESHOLDS,
        "metrics": artifacts.WHITESPACE_METRICS,
        "log": artifacts.WHITESPACE_LOG,
        "removals": artifacts.WHITESPACE_REMOVALS,
        "legacy": artifacts.WHITESPACE_LEGACY,
        "overlap": artifacts.WHITESPACE_OVERLAP,
    }
    return {key: item.path(cutoff=cutoff) for key, item in made.items()}


def whitespace(run: RunContext) -> WhitespaceOutcome | None:
    """Rank every account × division, honour what people typed, and write the list, its figures and its workbooks.

    Raises:
        InsufficientDataError: there are no division scores yet.
        DataError, SourceError: an input cannot be used.
    """
    chosen = run.settings.whitespace
    large = pairs_scored(run) > chosen.memory_pairs
    cutoff = latest_cutoff(run) if large else read_scores(run)["cutoff_date"].max().date()
    names = file_names(cutoff)
    optional = () if chosen.shadow != "off" and not large else ("legacy", "overlap")
    if large:
        optional = (*optional, "list", "explanations", "removals")
        run.plan(f"whitespace_{cutoff}/…")
    run.plan(*(name for key, name in names.items() if key not in optional), SCHEMA, STATE, REPORT)
    if chosen.rep_books and not large:
        run.plan(f"{REP_FOLDER}/…")
    if run.dry_run:
        return None
    run.cutoffs = sorted({*run.cutoffs, cutoff.isoformat()})
    if large:
        states, seen, changed = read_statuses(run)
        filed = rank_out_of_memory(run, cutoff, Memory(states, _previous(run)))
        ranking, inputs = filed.ranking, filed.inputs
        run.outputs.json(SCHEMA, filed.schema)
    else:
        inputs = gather(run)
        states, seen, changed = read_statuses(run)
        previous = _previous(run)
        terms = Terms(
            inputs.cutoff, run.now().date(), inputs.window_months, run.settings.run.seed, run.settings.reports.currency
        )
        memory = Memory(states, previous, past_candidates(run, inputs))
        ranking = rank_whitespace(inputs.candidates, chosen, terms, memory, run.progress)
        _stage_lists(run, ranking, names)
        keep_list(run, ranking, states)
    _record(run, ranking, inputs)
    _stage_files(run, ranking, inputs, names)
    run.outputs.parquet(artifacts.WHITESPACE_STATES.name, ranking.states)
    run.outputs.parquet(artifacts.WHITESPACE_SEEN.name, seen)
    drop_others(run, cutoff, [names[key] for key in optional] if large else [])
    _report(run, ranking, inputs)
    files = tuple(names[key] for key in names if key not in optional)
    return WhitespaceOutcome(ranking, inputs.value_name, files, changed)


def read_statuses(run: RunContext) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """States with what people typed since the last run, what copies hold now, and how many pairs changed."""
    states = _read(run, artifacts.WHITESPACE_STATES, STATE_COLUMNS)
    states = clean_states(states) if len(states) else empty_states()
    seen = _read(run, artifacts.WHITESPACE_SEEN, ("source", "account_id", "division", "status", "not_eligible"))
    out = run.settings.paths.out
    own = [path for path in (out / REPORT, *sorted(out.glob(artifacts.REP_WORKBOOK.pattern))) if path.is_file()]
    # Until the run publishes, they hold what they held: a later stage need not read them again.
    if "typed books" not in run.memo:
        run.memo["typed books"] = read_books(run, own)
    books = run.memo["typed books"]
    typed = only_his_own(run, books, owners_now(run, books), states)
    merged, changed = merge_typed(states, typed, seen, run.now().date())
    run.metric("whitespace_typed", changed)
    return merged, remember(typed), changed


def _previous(run: RunContext) -> pd.DataFrame | None:
    """The last list that was given out before today: today's is replaced, and no list to compare with."""
    out, today = run.settings.paths.out, run.now().date().isoformat()
    names = (path.relative_to(out).as_posix() for path in out.glob(artifacts.LISTS_GIVEN.pattern))
    days = [parts["day"] for name in names if (parts := artifacts.LISTS_GIVEN.match(name)) and parts["day"] < today]
    if not days:
        return None
    frame = artifacts.LISTS_GIVEN.load(out, day=max(days))
    chosen: pd.DataFrame = frame[frame["selected"]]
    return chosen


def _read(run: RunContext, table: Artifact, columns: tuple[str, ...]) -> pd.DataFrame:
    out = run.settings.paths.out
    return table.load(out) if table.exists(out) else pd.DataFrame(columns=list(columns))


def _record(run: RunContext, ranking: Ranking, inputs: WhitespaceInputs) -> None:
    removed = {str(r["gate"]): int(r["removed"]) for r in ranking.removals.to_dict("records")}
    run.count("whitespace pairs", ranking.metrics["pairs"], ranking.metrics["ranked"], removed)
    for text in ranking.warnings:
        run.warn(text[:1].upper() + text[1:] + ".")
    for name in ("selected", "expected_purchases_selected", "stability_jaccard"):
        run.metric(f"whitespace_{name}", ranking.metrics[name])
    # What train said of a division stays; the list adds its share.
    for division, share in ranking.metrics["division_shares"].items():
        known = run.statuses.get(division) or inputs.verdicts.get(division, "")
        run.status(division, "; ".join(text for text in (known, f"{share:.0%} of the whitespace list") if text))


def _stage_lists(run: RunContext, ranking: Ranking, names: dict[str, str]) -> None:
    """The long files: every pair, what speaks for each, and what was removed."""
    run.progress.stage("writing the whitespace list", 3)
    listed = ranking.pairs[list(COLUMNS)]
    stage_long_csv(run, names["list"], listed)
    run.progress.advance()
    stage_long_csv(run, names["explanations"], ranking.ranked[list(EXPLANATION_COLUMNS)])
    run.progress.advance()
    gone = ranking.pairs["removed_by"] != ""
    columns = ["account_id", "account_name", "division", "p_icp", "removed_by", "removal_reason"]
    stage_long_csv(run, names["removals"], ranking.pairs.loc[gone, columns])
    if ranking.shadow is not None:
        stage_long_csv(run, names["legacy"], ranking.shadow)
        run.outputs.json(names["overlap"], ranking.overlap)
    run.outputs.json(SCHEMA, check_schema(listed))
    run.progress.advance()


def _stage_files(run: RunContext, ranking: Ranking, inputs: WhitespaceInputs, names: dict[str, str]) -> None:
    run.outputs.csv(names["thresholds"], ranking.thresholds)
    run.outputs.json(names["metrics"], ranking.metrics | {"value": inputs.value_name})
    events = [{"run_id": run.run_id, "cutoff_date": ranking.cutoff.isoformat(), **event} for event in _events(ranking)]
    run.outputs.text(names["log"], "".join(json.dumps(event, sort_keys=True) + "\n" for event in events))
    run.outputs.parquet(STATE, ranking.pairs[list(COLUMNS)])


def _events(ranking: Ranking) -> list[dict[str, Any]]:
    """Log lines: weights, gates, divisions, the selection. Counts and shares only, no name of a person or account."""
    rows = [("signal", ranking.weights.drop(columns="challenger")), ("gate", ranking.removals)]
    listed = [{"event": name, **{str(k): v for k, v in row.items()}} for name, table in rows
              for row in table.to_dict("records")]  # fmt: skip
    return [*listed, *ranking.events, *({"event": "warning", "text": text} for text in ranking.warnings)]


def check_schema(listed: pd.DataFrame) -> dict[str, Any]:
    """The schema report of the list: its columns with type and missing values, and the rules that it must keep."""
    ranked = listed["rank"].notna()
    ranks = listed.loc[ranked, "rank"].to_numpy(dtype=np.int64)
    p = listed["p_icp"].to_numpy(dtype=np.float64)
    scores = listed.loc[ranked, "score"].to_numpy(dtype=np.float64)
    rules = {
        "one row per account and division": not listed.duplicated(["account_id", "division"]).any(),
        "ranks are 1 to n": bool((ranks == np.arange(1, len(ranks) + 1)).all()),
        "probabilities are between 0 and 1": bool(((p >= 0.0) & (p <= 1.0)).all()),
        "scores are between 0 and 1": bool(((scores >= 0.0) & (scores <= 1.0)).all()),
        "every ranked pair has a reason": bool((listed.loc[ranked, "nba_reason"] != "").all()),
        "only ranked pairs are selected": not (listed["selected"] & ~ranked).any(),
        "only selected pairs are held out": not (listed["holdout"] & ~listed["selected"]).any(),
    }
    columns = [
        {"name": name, "type": str(listed[name].dtype), "missing": int(listed[name].isna().sum())}
        for name in listed.columns
    ]
    return {
        "rows": len(listed),
        "columns": columns,
        "rules": {name: bool(held) for name, held in rules.items()},
        "valid": all(rules.values()),
    }


def _report(run: RunContext, ranking: Ranking, inputs: WhitespaceInputs) -> None:
    from icp_xl.delivery.render.book import render_book
    from icp_xl.pipeline.write_back.sheets import stage_kept_cells
    from icp_xl.reports.inputs import RunFacts
    from icp_xl.reports.whitespace import WhitespaceReport, build_whitespace_book
    from icp_xl.runs import versions

    settings = run.settings
    facts = RunFacts(
        run_id=run.run_id, finished=run.now(), command=f"icp-xl {run.command}", inputs=dict(run.inputs),
        versions=versions(), settings_hash=settings.digest(), seed=settings.run.seed, cutoffs=[str(ranking.cutoff)],
    )  # fmt: skip
    report = WhitespaceReport(
        ranking=ranking, settings=settings.whitespace, run=facts, value_name=inputs.value_name,
        verdicts=inputs.verdicts, currency=settings.reports.currency, paper=settings.reports.paper,
        warnings=tuple(text[:1].upper() + text[1:] + "." for text in ranking.warnings),
        csv=file_names(ranking.cutoff)["list"] if ranking.whole is None else ranking.whole.files,
    )  # fmt: skip
    run.progress.stage("whitespace workbook", None)
    book = build_whitespace_book(report)
    placed = render_book(book, Path(run.outputs.path(REPORT)), clock=settings.run.clock)
    stage_kept_cells(run, REPORT, book, placed)
    if settings.whitespace.rep_books and ranking.whole is None:
        _rep_books(run, report)
    # What is not written anew is of an earlier list: what was typed into it has been read, and it must not mislead.
    for path in sorted(settings.paths.out.glob(artifacts.REP_WORKBOOK.pattern)):
        if f"{REP_FOLDER}/{path.name}" not in run.outputs.names:
            run.outputs.remove(f"{REP_FOLDER}/{path.name}")


def _rep_books(run: RunContext, report: WhitespaceReport) -> None:
    from icp_xl.delivery.render.book import render_book
    from icp_xl.reports.guarded import guard_pairs
    from icp_xl.reports.whitespace import build_rep_book

    ranking = report.ranking
    reps = sorted(name for name in set(ranking.pairs["rep"]) if name)
    by_rep = ranking.pairs.groupby("rep", sort=True).indices
    for rep in run.progress.track(reps, "workbooks per rep", len(reps)):
        mine = guard_pairs(ranking.pairs.iloc[np.sort(by_rep[rep])], ranking.pairs)
        rep_book = build_rep_book(report, rep, mine)
        render_book(
            rep_book,
            Path(run.outputs.path(artifacts.REP_WORKBOOK.path(rep=reader_key(rep)))),
            clock=run.settings.run.clock,
        )


__all__ = ["WhitespaceOutcome", "whitespace"]
