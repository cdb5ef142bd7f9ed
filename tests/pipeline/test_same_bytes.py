"""Same inputs, settings, seed and clock: the same bytes, whatever the machine lends a run.

``tests/benchmarks/same_bytes.py`` holds two whole demos against each other.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from icp_xl.config import load_settings
from icp_xl.one_thread import one_thread
from icp_xl.runs import start_run
from tests.support.broken_inputs import sound
from tests.support.same_bytes import outputs_of

ROOT = Path(__file__).resolve().parents[2]


def scored(data: Path, world: Path, seed: int, threads: int) -> dict[str, str]:
    """Every output of a scoring of a copy of ``data`` in a process with such a hash seed and so many threads."""
    shutil.copytree(data, world / "data")
    settings = ["run.clock=2024-12-28T10:00:00", f"share.mail.contacts={world / 'data' / 'reps.csv'}"]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT),
                   "OPENBLAS_NUM_THREADS": str(threads)}  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "icp_xl", "score", "--data", str(world / "data"), "--out", str(world / "out"), "--quiet",
         *(word for text in settings for word in ("--set", text))],
        cwd=world, env=environment, check=True,
    )  # fmt: skip
    return outputs_of(world / "out")


def test_neither_folder_nor_threads_nor_hashes_show_in_any_output(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    sound(tmp_path / "data")
    (tmp_path / "data" / "reps.csv").write_text("rep,address\n", encoding="utf-8")
    one = scored(tmp_path / "data", tmp_path / "here", 1, 1)
    other = scored(tmp_path / "data", tmp_path / "and" / "there", 2, 4)
    assert one == other and len(one) > 10


def product() -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(6000, 60))
    return x.T @ (x * x[:, :1] ** 2)


def test_sums_hang_on_no_number_of_threads(tmp_path: Path) -> None:
    found = []
    for threads in (1, 4):
        with threadpool_limits(threads, user_api="blas"):
            with one_thread():
                assert {item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"} == {1}
                found.append(product())
            assert {item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"} == {threads}
    assert (found[0] == found[1]).all()


def test_a_run_and_the_processes_that_it_begins_compute_by_one_thread(tmp_path: Path) -> None:
    before = dict(os.environ)
    program = "import numpy, threadpoolctl; print({item['num_threads'] for item in threadpoolctl.threadpool_info()})"
    settings = load_settings(environ={}, overrides={"paths.data": str(tmp_path), "paths.out": str(tmp_path / "out")})
    with threadpool_limits(4, user_api="blas"), start_run("score", settings):
        assert {item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"} == {1}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1}" and os.environ == before
