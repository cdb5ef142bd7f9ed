"""What reading leaves out is warned of, stops the run where it is much, and is accepted by an option."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from icp_xl.cli import app

GOOD, BAD = "2024-03-{:02d},Acme {},100.50\n", "no day,Acme {},100.50\n"


def folder(tmp_path: Path, good: int, bad: int) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    lines = [GOOD.format(at % 28 + 1, at % 7) for at in range(good)] + [BAD.format(at % 7) for at in range(bad)]
    (data / "Sales Log.csv").write_text("Date,Customer,Amount\n" + "".join(lines))
    return data


def score(tmp_path: Path, *options: str) -> tuple[int, str]:
    places = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["score", *places, *options], env={"COLUMNS": "400"})
    return done.exit_code, " ".join(f"{done.output} {done.exception or ''}".split())


def reports(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "out").rglob("*.xlsx")) if (tmp_path / "out").exists() else []


def test_a_fifth_of_the_rows_stops_the_run_with_its_figures(tmp_path: Path) -> None:
    folder(tmp_path, good=20, bad=5)
    code, said = score(tmp_path)
    assert code != 0 and not reports(tmp_path)
    assert "5 of 25 rows are left out, revenue 502.50 of 2,512.50" in said and "--accept-losses" in said
    code, said = score(tmp_path, "--accept-losses")
    assert code == 0 and reports(tmp_path)
    assert "5 of 25 rows are left out, revenue 502.50 of 2,512.50" in said


@pytest.mark.parametrize(("good", "bad"), [(200, 3), (4, 1)])
def test_less_or_only_a_few_rows_are_warned_of_first(tmp_path: Path, good: int, bad: int) -> None:
    folder(tmp_path, good, bad)
    code, said = score(tmp_path)
    assert code == 0 and reports(tmp_path)
    loss = said.index(f"{bad} of {good + bad} rows are left out")
    assert loss < said.index("could not be read")


def test_the_limit_is_a_setting(tmp_path: Path) -> None:
    folder(tmp_path, good=20, bad=5)
    assert score(tmp_path, "--set", "sources.loss_stop=0.5")[0] == 0
    assert score(tmp_path, "--set", "sources.loss_stop=0.1", "--set", "sources.loss_stop_rows=6")[0] == 0


def test_no_line_left_stops_whatever_the_limit(tmp_path: Path) -> None:
    data = folder(tmp_path, good=0, bad=0)
    (data / "Sales Log.csv").write_text("Date,Customer,Amount\n2024-03-05,Acme,\n2024-03-06,Beta,\n")
    code, said = score(tmp_path, "--set", "sources.loss_stop=1")
    assert code != 0 and "no line of the sales log can be counted" in said
