"""A report's page in headless Chromium without a network: it shows its figures, and nothing of it runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from icp_xl.delivery.render.html import html_text
from icp_xl.feedback.measure import measure_list
from icp_xl.reports.did_it_work import MeasureInputs, build_measure_book
from tests.delivery.test_html_page import FACTS, NASTY
from tests.support.lists import simulate_quarter

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
def test_a_page_shows_its_figures_without_a_network(tmp_path: Path) -> None:
    pairs, _ = simulate_quarter(np.random.default_rng(4), 900)
    found = measure_list(pairs.assign(rep=NASTY), seed=1)
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    book = build_measure_book(MeasureInputs(found, "2026-06-30", (NASTY,), "€", "a4", FACTS))
    page.write_text(html_text(book), encoding="utf-8")
    call = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1000,1400", f"--screenshot={picture}", page.as_uri(),
    ]  # fmt: skip
    subprocess.run(call, check=True, capture_output=True, timeout=1200)  # noqa: S603
    assert picture.stat().st_size > 20_000, "a page that shows something"
    dumped = subprocess.run([*call[:-2], "--dump-dom", page.as_uri()], check=True, capture_output=True, timeout=1200)  # noqa: S603
    text = dumped.stdout.decode("utf-8")
    assert f"{found.whole.listed:,}" in text and "<script" not in text and "alert(1)" in text
