"""A fit is recalled for the very same inputs only, as it was bit by bit, and never from a file of somebody else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from icp_xl import recall
from icp_xl.config import load_settings
from icp_xl.propensity import pooled
from icp_xl.propensity import recalled as fits
from icp_xl.propensity.data import DivisionData
from icp_xl.recall import Recall, content_hash, recalled, recalling
from tests.support.divisions import DAYS, make_division

FAST = load_settings(environ={}, overrides={
    "train.bootstrap": 50, "train.tree_seeds": 1, "train.logreg": [{"c": 0.02}], "train.candidates": ["logreg"],
})  # fmt: skip
TARGET = date(2024, 7, 1)


@dataclass(frozen=True)
class Kept:
    """What a piece of work may give."""

    name: str
    figures: Any


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "home"))
    folder = tmp_path / "out"
    folder.mkdir()
    with recalling(Recall(folder, "code")):
        yield folder


class Work:
    """Counts how often it is done."""

    def __init__(self, made: Any) -> None:
        self.made, self.times = made, 0

    def __call__(self) -> Any:
        self.times += 1
        return self.made


def ask(work: Work, inputs: Any = 1) -> Any:
    return recalled("work", lambda: inputs, work, (Kept,))


def files(out: Path) -> list[Path]:
    return sorted((out / ".icp_recall").glob("*"))


def test_what_was_made_comes_back_bit_by_bit(out: Path) -> None:
    figures = (
        -0.0, float("nan"), float("inf"), 0.1 + 0.2, 2**70, None, True, date(2024, 2, 29), [1, (2,)], {"a": 1, 3: "b"},
        np.float64(0.1), np.int64(3), np.array([np.nan, -0.0]), np.array([[True], [False]]),
    )  # fmt: skip
    made = Kept("Ä \ud800".encode(errors="replace").decode(), figures)
    work = Work(made)
    ask(work)
    again = ask(work)
    assert work.times == 1 and type(again) is Kept and again.name == made.name
    for one, two in zip(made.figures, again.figures, strict=True):
        assert type(one) is type(two) and repr(one) == repr(two)


def test_frames_come_back_with_their_types(out: Path) -> None:
    frame = pd.DataFrame(
        {"p": [0.1, np.nan], "n": [1, 2], "day": pd.to_datetime(["2024-01-01", None]).astype("datetime64[s]"),
         "text": ["a", None],
         "kind": pd.Categorical(["x", "y"])}, index=pd.Index(["A1", "A2"], name="account_id"),
    )  # fmt: skip
    work = Work(frame)
    ask(work)
    pd.testing.assert_frame_equal(ask(work), frame)
    assert work.times == 1


@pytest.mark.parametrize(("cells", "times"), [(["a", None], 1), (["a", np.nan], 1), (["a", "b"], 1),
                                              (["a", None, np.nan], 2), ([1, 2], 2)])  # fmt: skip
def test_texts_held_as_objects_come_back_with_what_is_missing(out: Path, cells: list[Any], times: int) -> None:
    frame = pd.DataFrame({"text": pd.Series(cells, dtype=object)})
    work = Work(frame)
    ask(work)
    again = ask(work)
    pd.testing.assert_frame_equal(again, frame)
    assert [repr(cell) for cell in again["text"]] == [repr(cell) for cell in cells]
    assert work.times == times


@pytest.mark.parametrize("made", [np.array([object()]), Kept, {1, 2}, pd.DataFrame({"a": [object()]})])
def test_what_has_no_form_is_done_anew(out: Path, made: Any) -> None:
    work = Work(made)
    assert ask(work) is made and ask(work) is made
    assert work.times == 2 and not files(out)


def damage(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    return lambda path: path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"[" * 100_000),
        damage(lambda body: {**body, "signature": "0" * 64}),
        damage(lambda body: {**body, "made": 13}),
        damage(lambda body: {"made": body["made"]}),
        damage(lambda body: []),
    ],
)  # fmt: skip
def test_a_damaged_or_planted_file_is_as_good_as_none(out: Path, spoil: Callable[[Path], object]) -> None:
    work = Work(Kept("a", 1.5))
    ask(work)
    spoil(files(out)[0])
    assert ask(work) == work.made and work.times == 2
    assert ask(work) == work.made and work.times == 2, "it was made whole again"


def test_a_file_of_one_key_or_user_is_none_of_another(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Work(1), Work(2)
    ask(one, "one")
    first = files(out)[0]
    ask(two, "two")
    second = next(path for path in files(out) if path != first)
    second.write_bytes(first.read_bytes())
    assert ask(two, "two") == 2 and two.times == 2
    monkeypatch.setenv("ICP_XL_HOME", str(out / "another"))
    assert ask(one, "one") == 1 and one.times == 2


def test_links_are_neither_read_nor_written_through(out: Path) -> None:
    work, outside = Work("secret"), out.parent / "outside.json"
    ask(work)
    kept = files(out)[0]
    kept.rename(outside)
    try:
        kept.symlink_to(outside)
    except OSError:
        pytest.skip("no links here")
    before = outside.read_bytes()
    assert ask(work) == "secret" and work.times == 2
    assert outside.read_bytes() == before and not kept.is_symlink()


def test_fresh_does_everything_and_other_code_recalls_nothing(out: Path) -> None:
    work = Work(1)
    ask(work)
    with recalling(Recall(out, "code", fresh=True)):
        ask(work)
    with recalling(Recall(out, "other code")):
        ask(work)
    with recalling(None):
        ask(work)
    assert work.times == 4


def test_what_was_not_used_for_longest_goes(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "MOST", 2)
    works = [Work(n) for n in range(3)]
    with recalling(Recall(out, "code")):
        for n, work in enumerate(works):
            ask(work, n)
            for path in files(out):
                os.utime(path, (path.stat().st_mtime - 100,) * 2)
        ask(works[0], 0)
        (out / ".icp_recall" / "mine.txt").write_text("a file of somebody")
    assert len(files(out)) == 3
    ask(works[0], 0)
    assert [work.times for work in works] == [1, 1, 1]
    ask(works[1], 1)
    assert works[1].times == 2


def test_hashes_tell_apart_what_differs() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "yz"]})
    told = [
        1, 1.0, "1", True, None, (1,), [1], ("ab", "c"), ("a", "bc"), {"a": 1}, np.array([1]), np.array([1.0]),
        np.array([[1.0]]), np.array(["ab", "c"], dtype=object), np.array(["a", "bc"], dtype=object), frame,
        frame[["b", "a"]], frame.set_axis(["x", "y"]), frame.astype({"a": "float32"}), frame.replace(2.0, 2.5),
        frame.rename(columns={"a": "c"}), Kept("a", 1), Kept("a", 2), FAST.train, FAST.leakage,
    ]  # fmt: skip
    assert len({content_hash(each) for each in told}) == len(told)
    assert content_hash(frame) == content_hash(frame.copy())
    texts = pd.DataFrame({"c": pd.Series(["x", None, "y"], dtype="str"), "d": ["x", "", "y"], "n": [1.0, np.nan, 2.0]})
    moved = [texts, texts.assign(c=["x", "", "y"]), texts.assign(c=["x", "y", None]), texts.assign(n=[1.0, 2.0, 2.0]),
             texts.rename(columns={"c": "d", "d": "c"}), texts.assign(d=texts["d"].astype(object))]  # fmt: skip
    assert len({content_hash(each) for each in moved}) == len(moved)
    cut = (["a\x1fb", "c"], ["a", "b\x1fc"])
    alike: list[Any] = [
        *cut,
        *([None, *each] for each in cut),
        *(pd.DataFrame({"c": pd.Series(each, dtype="str")}) for each in cut),
    ]
    long = pd.Series(range(200))
    alike += [long, long.where(long != 100, -1), pd.Index(long), pd.Index(long.where(long != 100, -1))]
    alike += [frame.rename_axis("at"), frame.rename(columns={"a": 1}), frame.rename(columns={"a": "1"})]
    assert len({content_hash(each) for each in alike}) == len(alike), "whatever stands in a text, and however long"
    assert content_hash(texts[["n", "c"]]) == content_hash(texts.drop(columns="d")[["n", "c"]].copy())


def test_a_cutoff_is_known_by_all_that_it_holds() -> None:
    one = make_division(50, 1)[0].cutoffs[0]
    content_hash(one)
    told = [one, one.without_money, replace(one, label=1 - one.label),
            replace(one, features=one.features.assign(own_lines_12m=-1.0)),
            replace(one, window_months=one.window_months + 1), replace(one, cutoff=date(2020, 1, 1))]  # fmt: skip
    assert len({content_hash(each) for each in told}) == len(told)
    assert content_hash(one) == content_hash(replace(one, features=one.features.copy()))
    assert not one.without_money.revenue.any() and (one.without_money.label == one.label).all()


def test_a_fit_is_made_once_and_again_where_anything_changed(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = make_division(300, 3, noise=1)
    made: list[str] = []
    fit = fits.fit_division
    monkeypatch.setattr(fits, "fit_division", lambda data, *a, **k: (made.append(data.division), fit(data, *a, **k))[1])

    def ask_fit(data: DivisionData, settings: Any = FAST, **more: Any) -> Any:
        given: dict[str, Any] = {"seed": 1, "target": TARGET} | more
        return fits.recall_fit(data, settings, **given)

    first, again = ask_fit(data), ask_fit(data)
    assert len(made) == 1
    assert first.model.files() == again.model.files() and first.steps == again.steps and first.recipe == again.recipe
    pd.testing.assert_frame_equal(first.judged, again.judged)
    pd.testing.assert_frame_equal(first.candidates, again.candidates)
    *before, last = data.cutoffs
    label, features = last.label.copy(), last.features.copy()
    label[0], features.iloc[0, 1] = 1 - label[0], 99.0
    for changed in (replace(last, label=label), replace(last, features=features)):
        ask_fit(replace(data, cutoffs=(*before, changed)))
    ask_fit(data, seed=2)
    ask_fit(data, target=date(2024, 8, 1))
    ask_fit(data, FAST.model_copy(update={"train": FAST.train.model_copy(update={"folds": FAST.train.folds + 1})}))
    assert len(made) == 6
    ask_fit(data, FAST.model_copy(update={"validation": FAST.validation.model_copy(update={"bootstrap": 77})}))
    assert len(made) == 6, "what a fit does not read does not matter"


@pytest.mark.parametrize("days", [DAYS, DAYS[:1]])
def test_what_was_bought_for_is_told_without_a_fit(
    out: Path, monkeypatch: pytest.MonkeyPatch, days: tuple[date, ...]
) -> None:
    data, _ = make_division(400, 5, noise=1, days=days)
    fits.recall_fit(data, FAST, seed=1, target=TARGET)
    cutoffs = []
    for k, each in enumerate(data.cutoffs):
        rng = np.random.default_rng(k)
        other = each.revenue * rng.uniform(0.1, 9.0, len(each.label)) - 5.0
        cutoffs.append(replace(each, revenue=other, gross_profit=other / 3.0))
    data = replace(data, cutoffs=tuple(cutoffs))
    whole = fits.fit_division(data, FAST, seed=1, target=TARGET)
    monkeypatch.setattr(fits, "fit_division", lambda *_, **__: pytest.fail("it was fitted"))
    again = fits.recall_fit(data, FAST, seed=1, target=TARGET)
    assert content_hash(again) == content_hash(whole)
    assert again.judged["revenue"].abs().sum() > 0 and again.forward == (len(days) > 1)


def test_the_model_for_all_does_not_ask_for_how_much(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datas = [replace(make_division(250, n, noise=1)[0], division=name) for n, name in enumerate(("One", "Two"))]
    made: list[int] = []
    fit = pooled._fit_shared
    monkeypatch.setattr(pooled, "_fit_shared", lambda *given: (made.append(1), fit(*given))[1])

    def ask_pooled() -> dict[str, pooled.Pooled]:
        return pooled.fit_pooled(datas, ["One"], FAST, seed=1, target=TARGET)

    first, times = ask_pooled(), len(made)
    *before, last = datas[1].cutoffs
    datas[1] = replace(datas[1], cutoffs=(*before, replace(last, revenue=last.revenue + 1.0)))
    again = ask_pooled()
    assert first and len(made) == times
    assert first["One"].fitted.model.files() == again["One"].fitted.model.files()
    pd.testing.assert_frame_equal(first["One"].fitted.judged, again["One"].fitted.judged)
    *before, last = datas[1].cutoffs
    datas[1] = replace(datas[1], cutoffs=(*before, replace(last, label=1 - last.label)))
    ask_pooled()
    assert len(made) > times


def test_a_judgement_comes_back_whole(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fits.recall_fit(make_division(300, 3, noise=1)[0], FAST, seed=1, target=TARGET)
    told: dict[str, Any] = {
        "seed": 1,
        "score_cutoff": TARGET,
        "base_rates": {"2024-01-01": 0.1},
        "windows": (),
        "looks": 1,
    }
    first = fits.recall_evaluation(fitted, FAST.train, **told)
    monkeypatch.setattr(fits, "evaluate", lambda *_, **__: None)
    again = fits.recall_evaluation(fitted, FAST.train, **told)
    assert content_hash(again) == content_hash(first)
    assert fits.recall_evaluation(fitted, FAST.train, **{**told, "looks": 2}) is None
