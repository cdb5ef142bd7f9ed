"""``run`` and ``demo``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from icp_xl.commands.declare import COMMANDS, Button, Option, Setting, command

if TYPE_CHECKING:
    from icp_xl.pipeline.run_all import RunResult
    from icp_xl.pipeline.stage import Stage
    from icp_xl.runs import RunContext

Fresh = Annotated[bool, Option("Do every stage again, whether or not what it reads has changed.")]
#: A tour need not average tree ensembles nor draw a thousand resamples; ``run`` does.
QUICK: dict[str, Any] = {
    "reports.lite": True,
    "train.tree_seeds": 1,
    # The last three half-years of the samples; by default there are as many quarters as the log holds.
    "train.cutoffs": ["2023-07-01", "2024-01-01", "2024-07-01"],
    "train.logreg": [{"c": 0.02}],
    "train.lgbm": [{"learning_rate": 0.1, "rounds": 45}],
    "train.bootstrap": 100,
    # Of the explanations, every reason is told; their terms are written of so many accounts.
    "train.sample_rows": 200,
    "validation.bootstrap": 100,
    # The samples' best weights are among them; by default five times as many are tried.
    "optimize.n_trials": 1000,
    "optimize.bootstrap": 100,
    "feedback.permutations": 499,
}


def stages() -> list[Stage]:
    """The stages of ``run``, as the commands declare them."""
    from icp_xl.pipeline.stage import Stage, StageRules

    rules = [item.name for item in fields(StageRules)]
    places = [(place, found) for found in COMMANDS.values() for place in found.in_run]
    return [
        Stage(place.name, place.call or found.function, **{name: getattr(place, name) for name in rules})
        for place, found in sorted(places, key=lambda item: item[0].order)
    ]


def _samples(given: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Sample workbooks below the output folder, and the settings of a quick tour.

    They are published like results: all of them or none, and through no link that somebody put there.
    """
    from icp_xl.artifacts import REP_CONTACTS
    from icp_xl.outputs import open_output
    from icp_xl.safe_paths import refuse_link
    from icp_xl.samples import copy_samples, write_contacts
    from icp_xl.scratch import scratch_folder

    out = Path(given["paths.out"])
    folder, contacts = out / "workbooks", out / REP_CONTACTS.name
    with open_output(out) as outputs, scratch_folder("samples") as scratch:
        refuse_link(folder)
        if not (folder.is_dir() and any(folder.iterdir())):
            say(f"Sample workbooks in {folder} …")
            copy_samples(scratch / folder.name)
            for made in sorted(path for path in (scratch / folder.name).rglob("*") if path.is_file()):
                outputs.path(made.relative_to(scratch).as_posix()).write_bytes(made.read_bytes())
        if not contacts.exists():
            write_contacts(outputs.path(contacts.name))
        outputs.publish()
    return {"paths.data": folder, "share.mail.contacts": contacts, **QUICK}


@command(shared=("out", "set_"), defaults={"out": Path("icp_demo")}, prepare=_samples)
def demo(run: RunContext, *, fresh: Fresh = False) -> RunResult:
    """Make sample workbooks where there are none, run everything on them, and say what to open.

    Example: icp-xl demo --out icp_demo
    """
    import pandas as pd

    from icp_xl.pipeline.run_all import run_all

    # Texts of tables as small as the samples are cheaper as Python's own than in Arrow; every result is the same.
    with pd.option_context("mode.string_storage", "python"):
        return run_all(run, stages(), fresh=fresh)


@command(
    Setting("--accept-losses", "sources.accept_losses"),
    button=Button(
        "Refresh all", "Prepare", "RefreshAll", "R",
        "Runs every step, from reading the workbooks to the reports, in the background.",
        tag="refresh_all", order=30, columns=True,
    ),
)  # fmt: skip
def run(run: RunContext, *, fresh: Fresh = False) -> RunResult:
    """Run every stage on your own files, from scores to who to call next, and say what came of each.

    A stage that has too little data says so and is left out; the rest goes on. One whose inputs, settings and results
    are as an earlier run left them stands, and is not done again.

    Example: icp-xl run --data my_files --out icp_output
    """
    from icp_xl.pipeline.run_all import run_all

    return run_all(run, stages(), fresh=fresh)
