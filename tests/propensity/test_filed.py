"""Rows of a division that lie in files are read only where something is made of them, and then as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.features.files import names_of
from icp_xl.propensity import train
from icp_xl.propensity.data import DivisionData, label_file
from icp_xl.propensity.filed import FiledDivision
from icp_xl.propensity.level import Mix
from icp_xl.propensity.recalled import recall_fit, recall_undated
from icp_xl.propensity.train import DivisionJob
from icp_xl.recall import Recall, content_hash, recalling
from tests.support.divisions import DAYS, make_division

FAST = load_settings(environ={}, overrides={
    "train.bootstrap": 50, "train.tree_seeds": 1, "train.logreg": [{"c": 0.02}], "train.candidates": ["logreg"],
})  # fmt: skip
TARGET = date(2024, 7, 1)


def write(folder: Path, data: DivisionData) -> dict[str, str]:
    """The files of a build that hold ``data``; the place of each by its name."""
    files = {}
    for each in data.cutoffs:
        features, catalog, _, _ = names_of(data.slug, each.cutoff)
        labels = pd.DataFrame(
            {"account_id": each.accounts, "division": data.division, "cutoff_date": pd.Timestamp(each.cutoff),
             "window_months": each.window_months, "window_end": pd.Timestamp(each.window_end),
             "label": each.label.astype(np.int8), "n_lines": each.label, "revenue": each.revenue,
             "gross_profit": each.gross_profit, "is_new_logo": False, "is_expansion": False, "is_renewal_like": False,
             "censored": False}
        )  # fmt: skip
        for name in (features, catalog, label_file(data.slug, each.cutoff)):
            files[name] = str(folder / Path(name).name)
        each.features.reset_index().to_parquet(files[features], index=False)
        shown = data.catalog.assign(coverage=1.0, cap_low=0.0, cap_high=1.0)
        Path(files[catalog]).write_text(shown.to_csv(index=False), encoding="utf-8")
        labels.to_parquet(files[label_file(data.slug, each.cutoff)], index=False)
    return files


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DivisionJob]:
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "home"))
    data, _ = make_division(300, 3, noise=1)
    (tmp_path / "out").mkdir()
    with recalling(Recall(tmp_path / "out", "code")):
        yield DivisionJob("Test", "test", DAYS, TARGET, FAST, write(tmp_path, data))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[date, ...]]:
    """The cutoffs of each time that files were read."""
    done: list[tuple[date, ...]] = []
    read = train.read_division

    def counted(find: Any, division: str, slug: str, cutoffs: Any) -> DivisionData:
        done.append(tuple(cutoffs))
        return read(find, division, slug, cutoffs)

    monkeypatch.setattr(train, "read_division", counted)
    return done


def test_what_is_asked_of_a_division_is_known_without_its_rows(job: DivisionJob, reads: list[Any]) -> None:
    first, again = train.read_job(job), train.read_job(job)
    assert isinstance(first, DivisionData) and isinstance(again, FiledDivision) and reads == [DAYS]
    assert content_hash(again.outline) == content_hash(first.outline)
    assert (again.digest, again.bare_digest) == (first.digest, first.bare_digest)
    assert first.digest != first.bare_digest
    pd.testing.assert_frame_equal(again.latest, first.latest)
    assert reads == [DAYS, DAYS[-1:]]
    assert content_hash(again.whole) == content_hash(first) and reads[2:] == [DAYS]


def test_a_fit_that_is_recalled_reads_nothing_and_one_that_is_made_the_same_rows(
    job: DivisionJob, reads: list[Any]
) -> None:
    first = recall_fit(train.read_job(job), FAST, seed=1, target=TARGET)
    again = recall_fit(train.read_job(job), FAST, seed=1, target=TARGET)
    assert reads == [DAYS] and first.model.files() == again.model.files()
    other = recall_fit(train.read_job(job), FAST, seed=2, target=TARGET)
    assert reads == [DAYS, DAYS]
    with recalling(None):
        anew = recall_fit(train.read_job(job), FAST, seed=2, target=TARGET)
    assert other.model.files() == anew.model.files()
    pd.testing.assert_frame_equal(other.judged, anew.judged)
    known, today = train.read_job(job), train.read_job(job).latest
    undated = [recall_undated(known, today, first.inputs.names, FAST, seed=1) for _ in range(2)]
    assert content_hash(undated[0]) == content_hash(undated[1])


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("day", DAYS)
def test_a_changed_file_is_read(job: DivisionJob, reads: list[Any], kind: int, day: date) -> None:
    first = train.read_job(job)
    path = job.find((*names_of("test", day)[:2], label_file("test", day))[kind])
    if path.suffix == ".csv":
        path.write_text(path.read_text(encoding="utf-8").replace("own_recency_days,own", "own_recency_days,of"))
    else:
        frame = pd.read_parquet(path)
        column = "revenue" if "revenue" in frame else "own_lines_24m"
        frame.loc[7, column] += 1.0
        frame.to_parquet(path, index=False)
    now = train.read_job(job)
    assert isinstance(now, DivisionData) and len(reads) == 2
    # Of the catalogs only the latest one describes.
    assert (now.digest != first.digest) == (kind != 1 or day == DAYS[-1])


def test_where_a_division_is_sold_and_its_mix_are_asked_anew(job: DivisionJob, reads: list[Any]) -> None:
    whole = train.read_job(job)
    later = train.read_job(replace(job, valid=(DAYS[1], None)))
    mixed = train.read_job(replace(job, mix=Mix((date(2024, 1, 1),), (3,), (10,))))
    fewer = train.read_job(replace(job, cutoffs=DAYS[:2]))
    assert len(reads) == 4 and len({each.digest for each in (whole, later, mixed, fewer)}) == 4
    assert [day for day, _ in later.outline.windows] == [*DAYS[1:]]
