"""Commands that start from earlier results, in a folder that is not there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import icp_xl
from icp_xl import artifacts
from icp_xl.cli import run
from icp_xl.commands.declare import COMMANDS, Command
from icp_xl.errors import SourceError

AFTER = [each for each in COMMANDS.values() if each.after]


@pytest.mark.parametrize("command", AFTER, ids=[each.name for each in AFTER])
def test_a_mistyped_folder_is_told_and_not_made(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ((), ("--dry-run",)):
        assert run([command.name, "--out", "icp_ouput", *more]) == SourceError.exit_code
        said = capsys.readouterr().err
        assert "icp_ouput" in said and f"`icp-xl {command.after}` first" in said
    with pytest.raises(SourceError, match="the output folder does not exist"):
        getattr(icp_xl, command.public)({"paths.out": str(tmp_path / "none")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["lite", "live"])
def test_a_dry_run_reads_what_it_says_it_has_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored, model = artifacts.SCORED_ACCOUNTS.find(tmp_path), artifacts.SCORE_MODEL.find(tmp_path)
    scored.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"account_id": ["A"]}).to_parquet(scored)
    assert run([command, "--out", str(tmp_path), "--dry-run"]) == SourceError.exit_code
    assert model.name in capsys.readouterr().err
    model.touch()
    assert run([command, "--out", str(tmp_path), "--dry-run"]) != 0
    assert "damaged" in capsys.readouterr().err
    assert not (tmp_path / command).exists()


def test_the_script_is_among_them() -> None:
    assert {"lite", "live", "optimize", "whitespace"} <= {each.name for each in AFTER}
