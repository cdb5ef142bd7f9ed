"""Versions of division models in a folder: ``models/<slug>/v0001`` and so on, and which of them is current."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from icp_xl import artifacts
from icp_xl.errors import DataError
from icp_xl.outputs import Publication
from icp_xl.propensity.model import MANIFEST, DivisionModel

FOLDER = PurePosixPath(artifacts.CURRENT_MODEL.name).parts[0]
_VERSION = re.compile(r"v\d{4,}")


def versions(out: Path, slug: str) -> list[str]:
    """Versions that are whole, oldest first."""
    folder = out / FOLDER / slug
    if not folder.is_dir():
        return []
    found = [path.name for path in folder.iterdir() if _VERSION.fullmatch(path.name) and (path / MANIFEST).is_file()]
    return sorted(found, key=lambda name: int(name[1:]))


def stage_model(outputs: Publication, out: Path, model: DivisionModel, keep: int, key: bytes = b"") -> DivisionModel:
    """Stage ``model`` as the next version and make it current; the oldest beyond ``keep`` are dropped.

    What equals the last version in every figure is that version again.

    Args:
        outputs: where files are staged.
        out: the output folder, for the versions that are there.
        model: the model; the staged one carries its new version.
        keep: versions to keep.
        key: secret that signs the files; empty for none.
    """
    known = versions(out, model.slug)
    number = int(known[-1][1:]) + 1 if known else 1
    stamped = replace(model, version=f"v{number:04d}")
    files = stamped.files(key)
    if known:
        again = replace(model, version=known[-1])
        if _holds(out / FOLDER / model.slug / known[-1], same := again.files(key)):
            stamped, files, known = again, same, known[:-1]
    stem = f"{FOLDER}/{model.slug}/{stamped.version}"
    for name, text in files.items():
        outputs.text(f"{stem}/{name}", text)
    outputs.json(
        artifacts.CURRENT_MODEL.path(division=model.slug), {"version": stamped.version, "division": model.division}
    )
    for old in known[: max(0, len(known) + 1 - keep)]:
        outputs.remove(f"{FOLDER}/{model.slug}/{old}")
    return stamped


def _holds(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether ``folder`` has just these contents."""
    return all((folder / name).is_file() and (folder / name).read_bytes() == text.encode()
               for name, text in files.items())  # fmt: skip


def stage_withdrawal(outputs: Publication, out: Path, slug: str, division: str) -> None:
    """Leave the division without a current model: what serves it no longer may, and its versions stay for a revert.

    Args:
        outputs: of the run.
        out: the output folder, with the versions that there are.
        slug: the division as it stands in file names.
        division: its name.
    """
    if versions(out, slug):
        outputs.json(artifacts.CURRENT_MODEL.path(division=slug), {"version": None, "division": division})


def current_version(find: Callable[[str], Path], slug: str) -> str | None:
    """The current version of a division's model, or ``None`` where it has none."""
    path = find(artifacts.CURRENT_MODEL.path(division=slug))
    if not path.is_file():
        return None
    body = artifacts.CURRENT_MODEL.read(path)
    if not isinstance(body, dict) or "version" not in body:
        raise artifacts.CURRENT_MODEL.damaged(path, "names no version")
    version = body["version"]
    if version is not None and not _VERSION.fullmatch(str(version)):
        raise artifacts.CURRENT_MODEL.damaged(path, "names what is no version")
    return None if version is None else str(version)


def load_current(find: Callable[[str], Path], slug: str, key: bytes = b"") -> DivisionModel | None:
    """The current model of a division, its files checked; ``None`` where it has none.

    Raises:
        DataError: see :meth:`DivisionModel.load`.
    """
    version = current_version(find, slug)
    return None if version is None else DivisionModel.load(find(f"{FOLDER}/{slug}/{version}/{MANIFEST}").parent, key)


def stage_revert(outputs: Publication, out: Path, slug: str, version: str | None = None, key: bytes = b"") -> str:
    """Make an earlier version current: the one given, else the one before the current; return it.

    Args:
        outputs: where files are staged.
        out: the output folder.
        slug: file name of the division.
        version: version to go back to; the one before the current by default.
        key: secret that signs the files; empty for none.

    Raises:
        DataError: there is no such version.
    """
    known, now = versions(out, slug), current_version(outputs.find, slug)
    if version is None:
        earlier = [name for name in known if now is None or int(name[1:]) < int(now[1:])]
        version = earlier[-1] if earlier else None
    if version not in known:
        raise DataError(
            "there is no earlier version of the model to go back to", where=f"{FOLDER}/{slug}", got=version or now,
            allowed=", ".join(known) or "no version yet",
        )  # fmt: skip
    model = DivisionModel.load(out / FOLDER / slug / version, key)
    outputs.json(artifacts.CURRENT_MODEL.path(division=slug), {"version": version, "division": model.division})
    return version
