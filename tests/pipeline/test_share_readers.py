"""The right file to the right reader: names, keys and passwords stay with one person, whoever else comes or goes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from icp_xl import share
from icp_xl.config import Settings
from icp_xl.delivery.sharing.identity import bare_stem, file_stems, plain_name, reader_key
from icp_xl.pipeline.api import call
from icp_xl.pipeline.share import copies
from icp_xl.pipeline.share.changes import who_gets_what_now
from icp_xl.pipeline.share.manifest import JSON
from icp_xl.runs import RunContext
from tests.support.score_report import CLOCK, make_inputs

#: Names that fold to one key, one file name, or one spelling; and some that look like what the program adds itself.
ALIKE = (
    "Ann Lee", "ANN LEE", "Ann Lée", "Ann Lee.", "ann lee", "Ann  Lee (2)", "Ann_Lee", "Ann Lee - new", "Bob Stone",
    "BOB STONE", "=Bob Stone", "Bob/Stone", "Bob:Stone", "All", "Straße", "Strasse", "CON", "..", "北京",
    "Ann Lee 145a4957", "Ann Lee (b0b7c7a1)",
)  # fmt: skip


def store(out: Path, reps: list[str | None]) -> None:
    """What a scoring of as many accounts leaves, each with its rep."""
    inputs = make_inputs(len(reps))
    scored = inputs.scored.assign(account_id=[f"K-{i:03d}" for i in range(len(reps))], rep=reps)

    def body(run: RunContext) -> None:
        run.outputs.path("icp_report.xlsx").write_bytes(b"")
        run.outputs.parquet("state/scored_accounts.parquet", scored)
        run.outputs.text("score_model.json", inputs.model.to_json())
        run.outputs.json(
            "industry_weights.json", {"industries": json.loads(inputs.industries.to_json(orient="records"))}
        )

    call("score", body, chosen(out))


def chosen(out: Path, **more: object) -> Settings:
    return Settings.model_validate({"paths": {"out": out}, "run": {"clock": CLOCK}, "share": more})


def warnings_of(out: Path) -> list[str]:
    last = max((out / "runs").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
    return list(json.loads(last.read_text(encoding="utf-8"))["warnings"])


@given(st.lists(st.sampled_from([plain_name(name) for name in ALIKE]) | st.text(max_size=12).map(plain_name)))
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_two_names_have_one_key_whoever_else_is_there(names: list[str]) -> None:
    there = {name for name in names if name}
    assert len({reader_key(name) for name in there}) == len(there)
    assert all(key.replace("_", "").isalnum() and key.isascii() for key in map(reader_key, there))


@given(st.lists(st.sets(st.sampled_from([plain_name(name) for name in ALIKE])), min_size=1, max_size=10))
@hypothesis_settings(max_examples=300, deadline=None)
def test_a_file_name_that_was_given_out_stays_with_its_reader(history: list[set[str]]) -> None:
    owner: dict[str, str] = {}
    claimed: dict[str, str] = {}
    for there in history:
        for name, stem in file_stems(sorted(there), claimed).items():
            assert owner.setdefault(stem.casefold(), name) == name
            if bare_stem(name) == stem:
                claimed[stem.casefold()] = name


@pytest.mark.parametrize("seed", [1, 2])
def test_ten_runs_of_readers_who_come_go_return_and_are_renamed(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Encryption itself is tested elsewhere; here only which password each file is given.
    monkeypatch.setattr(copies, "encrypt", lambda content, password: password.encode() + b"\0" + content)
    rng, out = random.Random(seed), tmp_path / "out"
    passwords: dict[str, str] = {}
    of_name: dict[str, str] = {}
    of_file: dict[str, str] = {}
    pool = [plain_name(name) for name in ALIKE]

    def password(key: str) -> str:
        return passwords.setdefault(key, f"secret of {key}")

    there = rng.sample(pool, 3)
    for turn in range(10):
        there = [name for name in there if rng.random() < 0.6] + rng.sample(pool, rng.randint(1, 2))
        there = list(dict.fromkeys(there))[:4]
        reps: list[str | None] = [rng.choice(there) for _ in range(10)]
        store(out, reps)
        if turn == 6:
            (out / JSON).unlink()  # Whatever is lost, no key moves.
        outcome = share(chosen(out), by="rep", passwords=password)
        assert {file.recipient for file in outcome.files} == set(reps)
        for file in outcome.files:
            content = (out / file.file).read_bytes()
            secret, _, book = content.partition(b"\0")
            assert of_name.setdefault(file.recipient, secret.decode()) == secret.decode(), "a reader's password moved"
            assert sum(known == secret.decode() for known in of_name.values()) == 1, "two readers have one password"
            name = Path(file.file).name
            if turn < 6:
                assert of_file.setdefault(name.casefold(), file.recipient) == file.recipient, "a file name moved"
            path = tmp_path / "book.xlsx"
            path.write_bytes(book)
            rows = CalamineWorkbook.from_path(path).get_sheet_by_name("Summary").to_python()
            shown = " ".join(str(value) for row in rows for value in row)
            assert f"of rep {file.recipient} and no others" in shown
        listed = {entry["file"] for entry in json.loads((out / JSON).read_text("utf-8"))["files"] if entry["file"]}
        on_disk = {path.relative_to(out).as_posix() for path in (out / "shared").rglob("*.xlsx")}
        assert listed <= on_disk
        if turn < 6:
            assert on_disk == listed, "a file of a reader who is gone is still there"


def test_who_gets_what_now_is_warned_of_with_figures(tmp_path: Path) -> None:
    out = tmp_path / "out"
    store(out, ["Ann Lee"] * 5 + ["Bob Stone"] * 4 + ["Cy Roe"] * 3)
    share(chosen(out), by="rep")
    assert not any("moved" in text or "new" in text for text in warnings_of(out))
    store(out, ["Ann Smith"] * 5 + ["Bob Stone"] * 3 + ["Cy Roe"] * 4)
    share(chosen(out), by="rep")
    said = "\n".join(warnings_of(out))
    assert "Ann Lee gets nothing any more; of 5 accounts now 5 with Ann Smith" in said
    assert "Ann Smith may be Ann Lee under another name (5 of 5 accounts)" in said
    assert "1 account moved from Bob Stone to Cy Roe" in said
    assert "Removed, since it is no longer made for Ann Lee: icp_report - Ann Lee.xlsx" in said
    assert not (out / "shared/by_rep/icp_report - Ann Lee.xlsx").exists()
    store(out, ["Ann Lee"] * 5 + ["Bob Stone"] * 7)
    share(chosen(out), by="rep")
    said = "\n".join(warnings_of(out))
    assert "Ann Lee is back, with 5 accounts, under the key and file name of before" in said
    assert "Cy Roe gets nothing any more; of 4 accounts now 4 with Bob Stone" in said
    assert "Bob Stone has taken over from Cy Roe" in said


def test_accounts_that_nobody_has_any_more_are_counted() -> None:
    lines = who_gets_what_now("rep", {"Ann": {"1", "2", "3"}}, {"Bob": {"1"}})
    assert lines == [
        "rep Ann gets nothing any more; of 3 accounts now 1 with Bob and 2 with nobody.", "Bob is new, with 1 account.",
    ]  # fmt: skip


def test_a_manifest_that_somebody_has_written_moves_no_key_and_no_file_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    store(out, ["Ann Lee"] * 3 + ["Bob Stone"] * 3)
    share(chosen(out), by="rep")
    body = json.loads((out / JSON).read_text("utf-8"))
    for known in body["readers"]:
        known["key"], known["file_name"] = "ann_lee", "Ann Lee"
    (out / JSON).write_text(json.dumps(body), "utf-8")
    outcome = share(chosen(out), by="rep")
    assert {file.recipient: file.recipient_key for file in outcome.files} == {
        "Ann Lee": "ann_lee", "Bob Stone": "bob_stone",
    }  # fmt: skip
    assert {Path(file.file).name for file in outcome.files} == {
        "icp_report - Ann Lee.xlsx", "icp_report - Bob Stone.xlsx",
    }  # fmt: skip


def test_numbered_files_of_an_earlier_version_never_become_another_readers(tmp_path: Path) -> None:
    out = tmp_path / "out"
    store(out, ["ANN LEE"] * 3 + ["Ann Lee"] * 3)
    share(chosen(out), by="rep")
    body = json.loads((out / JSON).read_text("utf-8"))
    del body["readers"]
    folder = out / "shared" / "by_rep"
    for entry in body["files"]:
        old = "icp_report - ANN LEE.xlsx" if entry["recipient"] == "ANN LEE" else "icp_report - Ann Lee (2).xlsx"
        (out / entry["file"]).rename(folder / old)
        entry["file"] = f"shared/by_rep/{old}"
    (out / JSON).write_text(json.dumps(body), "utf-8")
    store(out, ["Ann Lee"] * 6)
    share(chosen(out), by="rep")
    (left,) = folder.iterdir()
    assert left.name not in ("icp_report - ANN LEE.xlsx", "icp_report - Ann Lee.xlsx", "icp_report - Ann Lee (2).xlsx")
