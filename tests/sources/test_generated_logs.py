"""200 logs of random countries: the figures are right, or the run stops with the doubt named."""

from __future__ import annotations

from pathlib import Path

import pytest

from icp_xl.config import load_settings
from icp_xl.errors import IcpError
from icp_xl.sources import read_sources
from tests.sources.generated_logs import make_log

LOGS = 200


def outcome(folder: Path, seed: int) -> str:
    """``right``, ``asked`` with the setting that it asks for, or what is wrong."""
    log = make_log(folder, seed)
    overrides: dict[str, object] = {"paths.data": folder}
    overrides |= {f"columns.sales.{name}": header for name, header in log.settings.items()}
    try:
        sales = read_sources(load_settings(overrides=overrides, environ={})).sales
    except IcpError as error:
        return "asked" if "sources.sales." in str(error) else f"refused without a setting: {error}"[:300]
    assert sales is not None
    frame = sales.frame
    faults = []
    if len(frame) != log.rows:
        faults.append(f"{len(frame)} rows, not {log.rows}")
    if abs(frame["revenue"].sum() - log.revenue) > 0.01:
        faults.append(f"revenue {frame['revenue'].sum():.2f}, not {log.revenue:.2f}")
    if sorted(frame["date"].dropna().dt.date) != log.days:
        faults.append("dates differ")
    return "right" if not faults else f"{log.kind}: {'; '.join(faults)}"


@pytest.mark.slow
def test_no_generated_log_is_read_wrong_in_silence(tmp_path: Path) -> None:
    found = {}
    for seed in range(LOGS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found[seed] = outcome(folder, seed)
    wrong = {seed: told for seed, told in found.items() if told not in ("right", "asked")}
    assert not wrong, "\n".join(f"{seed}: {told}" for seed, told in wrong.items())
    # A reader that asks of everything would pass the above.
    assert sum(told == "right" for told in found.values()) >= 0.8 * LOGS
