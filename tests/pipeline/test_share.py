"""Copies to send: nobody else's account in any part, safe names, passwords, size, and whose files are replaced."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from icp_xl import share
from icp_xl.cli import run as cli
from icp_xl.config import Settings
from icp_xl.delivery.render.book import render_book
from icp_xl.delivery.sharing.password import decrypt
from icp_xl.delivery.sharing.shareable import check_shareable
from icp_xl.errors import Cancelled, ConfigError, DataError, DeliveryError, SourceError
from icp_xl.pipeline.api import call
from icp_xl.pipeline.share import copies as share_module
from icp_xl.pipeline.share.copies import ShareOutcome, environment_passwords
from icp_xl.pipeline.share.manifest import CSV, JSON
from icp_xl.progress import Progress
from icp_xl.reports.score_report import build_score_report
from icp_xl.runs import RunContext
from tests.support.score_report import CLOCK, make_inputs
from tests.support.shared_parts import strangers_in
from tests.support.validator import assert_valid

REPS = ("Ann Lee", "ann lee", "A/B: North", "A\\B? North", "=Eve", "..", "CON", "Zoë 北京")


@pytest.fixture(scope="session")
def scored_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a scoring of 240 accounts with 8 awkward reps, a few without one, and an earlier run leaves."""
    out = tmp_path_factory.mktemp("scored")
    inputs = make_inputs(240)
    scored = inputs.scored
    # Ids that are bare numbers could not be told from amounts.
    scored["account_id"] = "K-" + scored["account_id"]
    scored["rep"] = [REPS[i % 8] if i % 40 else None for i in range(len(scored))]
    scored.loc[scored.index[5], "rep"] = "  Ann   Lee "

    def body(run: RunContext) -> None:
        put = run.outputs
        render_book(build_score_report(inputs, run.settings.reports), put.path("icp_report.xlsx"), clock=CLOCK)
        put.parquet("state/scored_accounts.parquet", scored)
        put.text("score_model.json", inputs.model.to_json())
        put.json("industry_weights.json", {"industries": json.loads(inputs.industries.to_json(orient="records"))})
        before = scored.iloc[:200].assign(
            rep=scored["rep"].iloc[:200].map(lambda rep: REPS[3] if rep == REPS[2] else rep)
        )
        lost = scored.iloc[[7]].assign(account_id="K-999001", account_name="Gone Away Ltd", rep="=Eve")
        put.parquet("state/history/earlier/scored_accounts.parquet", pd.concat([before, lost]))
        put.text("state/history/earlier/score_model.json", inputs.model.to_json())
        put.json("state/history.json", [{"run_id": "now", "inputs": "", "compared_with": "earlier"}])

    call("score", body, settings(out))
    return out


@pytest.fixture(scope="session")
def per_rep(scored_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ShareOutcome]:
    """One file per rep, made of it; tests only look at them."""
    out = Path(shutil.copytree(scored_folder, tmp_path_factory.mktemp("per_rep") / "out"))
    return out, share(settings(out), by="rep")


@pytest.fixture
def out(scored_folder: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(scored_folder, tmp_path / "out"))


def settings(out: Path, **more: object) -> Settings:
    """Settings with a fixed clock."""
    return Settings.model_validate({"paths": {"out": out}, "run": {"clock": CLOCK}, "share": more})


def manifest(out: Path) -> pd.DataFrame:
    """The manifest as a table."""
    return pd.read_csv(out / CSV, dtype={"recipient_key": str}).fillna({"recipient": "", "file": "", "note": ""})


def test_each_file_holds_one_reps_accounts_and_nobody_elses(per_rep: tuple[Path, ShareOutcome]) -> None:
    out, outcome = per_rep
    scored = pd.read_parquet(out / "state/scored_accounts.parquet")
    who = scored["rep"].str.split().str.join(" ")
    assert len(outcome.files) == len(REPS)
    for file in outcome.files:
        path = out / file.file
        mine = scored[who == file.recipient]
        assert file.accounts == len(mine) > 0
        assert strangers_in(path, scored, set(mine["account_id"])) == []
        book = CalamineWorkbook.from_path(path)
        listed = [str(row[1]) for row in book.get_sheet_by_name("Scored Accounts").to_python()]
        assert sorted(i for i in listed if i in set(scored["account_id"])) == sorted(mine["account_id"])
        assert file.recipient not in REPS[:3] or check_shareable(path).findings == ()
        words = " ".join(str(value) for row in book.get_sheet_by_name("Summary").to_python() for value in row)
        assert f"the {len(mine)} accounts of rep {file.recipient} and no others" in words
        assert "among all 240 accounts" in words
        assert not {"Match Review", "Data Quality", "Rows Left Out"} & set(book.sheet_names)
        gone = b"Gone Away Ltd" in b"".join(_parts(path).values())
        assert gone == (file.recipient == "=Eve"), "an account that is gone is told to the rep who had it"
    assert_valid([out / file.file for file in outcome.files[:2]])


def test_scores_and_ranks_stay_those_of_all_accounts(out: Path) -> None:
    outcome = share(settings(out, csv=True), by="region")
    scored = pd.read_parquet(out / "state/scored_accounts.parquet").set_index("account_id")
    for file in [f for f in outcome.files if f.file.endswith(".csv")]:
        got = pd.read_csv(out / file.file, dtype={"account_id": str}).set_index("account_id")
        assert set(got["region"]) == {file.recipient}
        wanted = scored.loc[got.index]
        assert (got["icp_score"] - wanted["icp_score"]).abs().max() < 1e-9
        assert (got["rank"] == wanted["rank"]).all()
        raw = (out / file.file).read_text(encoding="utf-8-sig")
        assert not re.search(r'(^|[,\n])"?[=@+\t]', raw), "a text of the data could be run as a formula"


def test_manifest_says_who_gets_what_and_who_gets_nothing(per_rep: tuple[Path, ShareOutcome]) -> None:
    out, outcome = per_rep
    table = manifest(out)
    made = table[table["file"] != ""]
    assert len(made) == len(REPS)
    assert not made["recipient_key"].duplicated().any()
    names = [Path(name).name for name in made["file"]]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"icp_report - [^<>:\"/\\|?*\x00-\x1f=]+\.xlsx", name), name
    body = json.loads((out / JSON).read_text(encoding="utf-8"))
    for entry in body["files"]:
        if entry["file"]:
            content = (out / entry["file"]).read_bytes()
            assert entry["bytes"] == len(content) and entry["sha256"] == hashlib.sha256(content).hexdigest()
    (left,) = body["left_out"].values()
    scored = pd.read_parquet(out / "state/scored_accounts.parquet")
    assert {row["account_id"] for row in left} == set(scored[scored["rep"].isna()]["account_id"])
    assert outcome.left_out == len(left) == int(table[table["file"] == ""]["accounts"].iloc[0])


def test_a_second_run_gives_the_same_bytes_and_replaces_its_own_files_only(
    per_rep: tuple[Path, ShareOutcome], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(per_rep[0], tmp_path / "out"))
    first = {p.name: p.read_bytes() for p in (out / "shared").rglob("*.xlsx")}
    share(settings(out))
    folder = out / "shared" / "by_rep"
    changed = folder / "icp_report - Ann Lee.xlsx"
    changed.write_bytes(changed.read_bytes() + b"edited")
    foreign = folder / "icp_report - Adam.xlsx"
    foreign.write_bytes(b"mine")
    scored = pd.read_parquet(out / "state/scored_accounts.parquet")
    scored.assign(rep=scored["rep"].replace({"=Eve": "Adam"})).to_parquet(out / "state/scored_accounts.parquet")
    outcome = share(settings(out), by="rep")
    assert changed.read_bytes().endswith(b"edited") and foreign.read_bytes() == b"mine"
    names = {path.name for path in folder.iterdir()}
    assert "icp_report - Adam - new.xlsx" in names and not any("Eve" in name for name in names)
    assert "icp_report - Ann Lee - new.xlsx" in names
    assert "shared/by_rep/icp_report - Ann Lee.xlsx" not in {file.file for file in outcome.files}
    assert (out / "shared" / "icp_report.xlsx").is_file(), "the copy for all is another run's"
    again = {p.name: p.read_bytes() for p in folder.iterdir()}
    same = [name for name in first if name != changed.name and "Eve" not in name]
    assert len(same) == 6 and all(again[name] == first[name] for name in same)
    assert "shared/icp_report.xlsx" in set(manifest(out)["file"])


def test_any_workbook_is_made_safe_or_refused(out: Path, tmp_path: Path) -> None:
    from tests.support.planted import PLANTED, clean_parts, save

    parts = clean_parts()
    PLANTED["comment"][2](parts)
    good = save(parts, tmp_path / "Plan.xlsx")
    outcome = share(settings(out), [good])
    assert outcome.removed == {"comment": 1, "comment-author": 1}
    assert check_shareable(out / "shared" / "Plan.xlsx").safe
    PLANTED["hidden sheet"][2](parts)
    bad = save(parts, tmp_path / "Bad.xlsx")
    before = sorted((out / "shared").iterdir())
    with pytest.raises(DeliveryError, match="no safe copy"):
        share(settings(out), [good, bad])
    assert sorted((out / "shared").iterdir()) == before
    assert share(settings(out, allow=("hidden-sheet",)), [bad]).files


def test_passwords_open_the_files_and_stand_nowhere(out: Path) -> None:
    secret, own = "correct horse battery", "for ann alone"
    passwords = environment_passwords("ICP_PW", {"ICP_PW": secret, "ICP_PW_ANN_LEE": own})
    scored = pd.read_parquet(out / "state/scored_accounts.parquet")
    keep = scored["rep"].isin(["Ann Lee", "..", "CON"])
    scored.assign(rep=scored["rep"].where(keep, None)).to_parquet(out / "state/scored_accounts.parquet")
    outcome = share(settings(out), by="rep", passwords=passwords)
    assert len(outcome.files) == 3
    for file in outcome.files:
        content = (out / file.file).read_bytes()
        assert file.protected and content[:4] == b"\xd0\xcf\x11\xe0"
        inside = decrypt(content, own if file.recipient_key == "ann_lee" else secret)
        assert zipfile.ZipFile(io.BytesIO(inside)).testzip() is None
        with pytest.raises(DeliveryError, match="password is wrong"):
            decrypt(content, "wrong")
        (found,) = check_shareable(out / file.file).findings
        assert found.kind == "unreadable"
    for path in out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret.encode() not in content and own.encode() not in content


def test_password_mistakes_are_told_before_anything_is_written(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="holds no such password"):
        environment_passwords("NONE_HERE", {})
    with pytest.raises(ConfigError, match="password cannot be used"):
        environment_passwords("PW", {"PW": ""})
    with pytest.raises(ConfigError, match="would not be protected"):
        share(settings(out, csv=True), by="rep", passwords=lambda key: "x")
    with pytest.raises(ConfigError, match="no password for a file"):
        share(settings(out), by="rep", passwords=environment_passwords("PW", {"PW_ANN_LEE": "x"}))
    import builtins

    real: Callable[..., object] = builtins.__import__

    def absent(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("msoffcrypto"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DeliveryError, match="msoffcrypto-tool"):
        share(settings(out), by="rep", passwords=lambda key: "x")
    assert not (out / "shared").exists()


def test_a_file_over_the_limit_is_an_error_or_split(out: Path) -> None:
    limit = (out / "icp_report.xlsx").stat().st_size / 1e6 * 0.55
    with pytest.raises(DeliveryError, match="larger than an e-mail may be"):
        share(settings(out, size_limit_mb=limit))
    assert not (out / "shared").exists()
    outcome = share(settings(out, size_limit_mb=limit, over_limit="split"))
    assert len(outcome.files) > 1 and sum(file.accounts or 0 for file in outcome.files) == 240
    assert all(file.bytes <= limit * 1e6 for file in outcome.files)
    assert "(part 1 of" in outcome.files[0].file


def test_cancelling_leaves_nothing_half_written(out: Path) -> None:
    share(settings(out))
    before = {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file() and "runs" not in p.parts}

    class Stop(Progress):
        calls = 0

        def cancelled(self) -> bool:
            self.calls += 1
            return self.calls > 6

    with pytest.raises(Cancelled):
        share(settings(out), by="rep", progress=Stop())
    assert {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file() and "runs" not in p.parts} == before


def test_what_cannot_be_shared_says_why(out: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="report does not exist"):
        share(settings(out), ["none.xlsx"])
    with pytest.raises(ConfigError, match="unknown kind"):
        share(settings(out, allow=("nonsense",)))
    with pytest.raises(ConfigError, match="per rep or region"):
        share(settings(out), by="industry")
    other = tmp_path / "x.xlsx"
    other.write_bytes(b"")
    with pytest.raises(ConfigError, match="only reports that list accounts"):
        share(settings(out), [other], by="rep")
    scored = pd.read_parquet(out / "state/scored_accounts.parquet")
    scored.assign(rep=None).to_parquet(out / "state/scored_accounts.parquet")
    with pytest.raises(DataError, match="no account has a rep"):
        share(settings(out), by="rep")
    (out / "state/scored_accounts.parquet").unlink()
    with pytest.raises(DataError, match="nothing to share"):
        share(settings(out), by="rep")


def test_without_libreoffice_a_note_stands_for_the_pdf(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "find_office", lambda: None)
    outcome = share(settings(out, pdf=True))
    assert any("LibreOffice was not found" in note for note in outcome.notes)
    assert [file.file for file in outcome.files] == ["shared/icp_report.xlsx"]


@pytest.mark.office
def test_the_summary_as_pdf(out: Path, soffice: str) -> None:
    outcome = share(settings(out, pdf=True))
    (pdf,) = [file for file in outcome.files if file.file.endswith(".pdf")]
    content = (out / pdf.file).read_bytes()
    assert content.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", content)) == 1


def test_the_command_line(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["share", "--by", "rep", "--out", str(out), "--dry-run"]) == 0
    assert "by_rep/icp_report - Ann Lee.xlsx" in capsys.readouterr().out
    assert not (out / "shared").exists()
    assert cli(["share", "--out", str(out)]) == 0
    assert "1 workbook to send" in capsys.readouterr().out
    assert cli(["share", "--out", str(out), "--password-env", "NO_SUCH_VARIABLE"]) == 2
    copy = str(out / "shared" / "icp_report.xlsx")
    assert cli(["check", "--shareable", copy, "--out", str(out)]) == 0
    assert "safe to send, nothing found" in capsys.readouterr().out
    from tests.support.planted import PLANTED, clean_parts, save

    parts = clean_parts()
    PLANTED["hidden sheet"][2](parts)
    bad = str(save(parts, tmp_path / "bad.xlsx"))
    assert cli(["check", "--shareable", copy, bad, "--out", str(out)]) == 4
    assert "hidden sheet in sheet Other" in capsys.readouterr().out
    assert cli(["check", bad, "--out", str(out)]) == 2


def _parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_the_whitespace_list_is_cut_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    rng = np.random.default_rng(5)
    n = 60
    pairs = pd.DataFrame(
        {
            "account_id": [f"W-{i // 2:04d}" for i in range(n)],
            "account_name": [f"Wide {chr(65 + i // 2 % 26)}{i // 2} Works" for i in range(n)],
            "rep": [("Ann Lee", "Bob Ray", "")[i // 2 % 3] for i in range(n)],
            "region": "West", "segment": "Small Business", "division": ["Inks", "Cases"] * (n // 2),
            "rank": [float(i + 1) if i < 50 else np.nan for i in range(n)], "score": rng.random(n),
            "score_challenger": np.nan, "p_icp": rng.random(n), "p_icp_pct": rng.random(n), "lift_norm": 0.5,
            "als_norm": np.nan, "EV_norm": 0.5, "expected_value": 100.0, "nba_reason": "buys", "talking_point": "-",
            "selected": False, "holdout": False, "state": "gap", "cooldown": False,
            "removed_by": ["" if i < 50 else "owned" for i in range(n)], "status": "", "not_eligible": "",
        }
    )  # fmt: skip

    def body(run: RunContext) -> None:
        run.outputs.parquet("state/whitespace.parquet", pairs)
        run.outputs.json("whitespace_metrics_2024-06-01.json", {"window_months": 6, "value": "revenue"})
        run.outputs.path("icp_whitespace.xlsx").write_bytes(b"")

    call("whitespace", body, settings(out))
    outcome = share(settings(out), ["icp_whitespace.xlsx"], by="rep")
    assert {file.recipient for file in outcome.files} == {"Ann Lee", "Bob Ray"}
    assert outcome.left_out == 10
    for file in outcome.files:
        mine = set(pairs.loc[pairs["rep"] == file.recipient, "account_id"])
        assert file.accounts == len(mine) == 10
        assert strangers_in(out / file.file, pairs, mine) == []
        assert check_shareable(out / file.file).safe


@pytest.mark.parametrize("name", ["file:///c:/x", "\\\\server\\share\\deals", "C:\\Users\\ann\\x"])
def test_an_account_that_is_named_like_a_path_is_data_and_stops_nobodys_file(out: Path, name: str) -> None:
    state = out / "state" / "scored_accounts.parquet"
    scored = pd.read_parquet(state)
    scored.loc[scored.index[1], "account_name"] = name
    scored.to_parquet(state)
    done = share(settings(out), by="rep")
    assert len({file.recipient for file in done.files}) == len(set(REPS))
    assert any("look like a path" in path.read_text() for path in out.glob("runs/*/manifest.json"))


def test_a_path_that_is_no_accounts_name_is_refused_with_the_rep_and_the_kind(out: Path) -> None:
    state = out / "state" / "scored_accounts.parquet"
    scored = pd.read_parquet(state)
    scored["industry"] = "C:\\Users\\ann\\plan.xlsx"
    scored.to_parquet(state)
    with pytest.raises(DeliveryError, match=r"icp_report\.xlsx for .*allow= path"):
        share(settings(out), by="rep")
