"""Commands that start from earlier results, in a folder that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

import icp_xl
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


def test_the_script_is_among_them() -> None:
    assert {"lite", "live", "optimize", "whitespace"} <= {each.name for each in AFTER}
