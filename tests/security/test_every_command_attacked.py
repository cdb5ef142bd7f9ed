"""An adversary plants what he can think of in a shared output folder and in a data folder; every command is then run.

Nothing outside the output folder changes, nothing is printed that is a traceback, nothing is waited for. Each attack
meets a few commands here, in turn; ``tests/benchmarks/attacks_everywhere.py`` has each meet all of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from icp_xl.cli import run
from icp_xl.excel import functions, lookups
from icp_xl.feedback.store import Store
from tests.support.adversary import ATTACKS, CALLS, arguments, everything, prepare

pytestmark = pytest.mark.skipif(os.name == "nt", reason="making links and pipes needs a right on Windows")
#: Commands that an attack meets here.
EACH = 2


def met_by(number: int) -> list[tuple[str, tuple[str, ...]]]:
    return [CALLS[(EACH * number + k) % len(CALLS)] for k in range(EACH)]


@pytest.mark.parametrize("number", range(len(ATTACKS)), ids=list(ATTACKS))
def test_an_attack_has_no_effect_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "key"))
    out, data, home = prepare(tmp_path)
    list(ATTACKS.values())[number](out, data, home)
    before = everything(tmp_path)
    for call in met_by(number):
        if call[0] == "functions":
            monkeypatch.setenv("ICP_XL__PATHS__OUT", str(out))
            lookups.lookup("C-1", "icp_score")
            lookups.propensity("C-1", "Printers")
            functions.weights_table("size")
            assert not (tmp_path / "key/last_function_error.json").exists()
            monkeypatch.delenv("ICP_XL__PATHS__OUT")
            continue
        code = run(arguments(call, out, data))
        said = capfd.readouterr()
        assert code in (0, 2, 3, 4, 5) or (code == 1 and call[0] == "addin doctor"), (call, code, said.err)
        assert "Traceback" not in said.err + said.out and (code == 0 or said.err + said.out), call
        assert everything(tmp_path) == before, call


def test_every_command_meets_several_attacks() -> None:
    met = [call for number in range(len(ATTACKS)) for call in met_by(number)]
    assert len(ATTACKS) >= 60 and set(met) == set(CALLS) and min(map(met.count, CALLS)) >= 5


def test_a_store_that_is_ours_is_opened(tmp_path: Path) -> None:
    Store(tmp_path / "history.sqlite").close()
    with Store(tmp_path / "history.sqlite") as store:
        assert not store.problems()
