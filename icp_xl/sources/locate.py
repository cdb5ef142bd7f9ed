"""Find the file of each source in the data folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from icp_xl.config.settings import Settings
from icp_xl.config.sources import SourceSettings
from icp_xl.errors import SourceError
from icp_xl.sources.by_content import MAX_FILES, OURS, identify_source
from icp_xl.sources.fields import SPECS, TIERS_FILE, SourceSpec
from icp_xl.sources.file_types import TABLE_SUFFIXES
from icp_xl.sources.headers import words

#: Sources that a file may be found to hold although its name does not say so.
CONTENT = ("customers", "sales", "opportunities")


@dataclass(frozen=True)
class Located:
    """A source's file, remarks about how it was found, and further files that continue it."""

    path: Path
    remarks: tuple[str, ...] = ()
    more: tuple[Path, ...] = ()


def locate(name: str, settings: Settings) -> Located | None:
    """The file of the source called ``name``, or ``None`` where there is none or a
    query takes its place.

    A file named in the settings must exist. Otherwise the real name counts, then the same name in another spelling or
    file type, then a file whose name says what it is, then one whose columns do.

    Raises:
        SourceError: the settings name a file that does not exist, or the data folder does not.
    """
    chosen: SourceSettings = getattr(settings.sources, name)
    if chosen.ignore or chosen.database:
        return None
    folder = settings.paths.data
    if chosen.file:
        paths = [path for file in chosen.file for path in _named(folder, file, name)]
        return Located(paths[0], tuple(text for path in paths for text in _open_elsewhere(path)), tuple(paths[1:]))
    if not folder.is_dir():
        raise SourceError(
            "the data folder does not exist",
            where="paths.data",
            got=folder.name or str(folder),
            next_step="Name the folder that holds the source files with --data or paths.data.",
        )
    if name == "strategic_tiers":
        path = folder / TIERS_FILE
        return Located(path) if path.is_file() else None
    return _by_name(folder, SPECS[name]) or (_by_content(name, settings) if name in CONTENT else None)


def _named(folder: Path, file: str, name: str) -> list[Path]:
    """The file that the settings name, or the files that their pattern fits, in order of name."""
    path = folder / Path(file).expanduser()
    if path.is_file():
        return [path]
    found = (
        sorted(item for item in path.parent.glob(path.name) if item.is_file() and not item.name.startswith((".", "~$")))
        if any(mark in path.name for mark in "*?[")
        else []
    )
    if found:
        return found
    raise SourceError(
        "a file named in the settings does not exist",
        where=f"sources.{name}.file",
        got=file,
        next_step="Correct the name, or the folder in paths.data.",
    )


def continued(paths: list[Path]) -> list[Path]:
    """Of files that would all do for a source, those that continue the first: their names differ in figures only.

    >>> [path.name for path in continued([Path("Sales 2023.csv"), Path("Sales 2024.csv"), Path("Sales old.csv")])]
    ['Sales 2023.csv', 'Sales 2024.csv']
    """
    stem = re.sub(r"\d+", "#", words(paths[0].stem))
    if "#" not in stem:
        return paths[:1]
    return [path for path in paths if re.sub(r"\d+", "#", words(path.stem)) == stem and path.suffix == paths[0].suffix]


def _tables_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in TABLE_SUFFIXES and not path.name.startswith((".", "~$", OURS)) and path.is_file()
    )


def _by_name(folder: Path, spec: SourceSpec) -> Located | None:
    """The file whose name says that it holds the source."""
    for file in spec.files:
        if (folder / file).is_file():
            return Located(folder / file, _open_elsewhere(folder / file))
    files = _tables_in(folder)
    stems = {path: words(path.stem) for path in files}
    wanted = {words(Path(file).stem) for file in spec.files}
    found = [path for path in files if stems[path] in wanted]
    if not found:
        for pattern in spec.patterns:
            found = [
                path for path in files if f" {pattern} " in f" {stems[path]} " and not _is_other(stems[path], spec)
            ]
            if found:
                break
    return _of(spec, found, "") if found else None


def _by_content(name: str, settings: Settings) -> Located | None:
    """The file that no name claims and whose columns are the source's."""
    sources, folder = settings.sources, settings.paths.data
    if name == "opportunities" and all(
        getattr(sources, other).file or _by_name(folder, SPECS[other]) for other in ("customers", "sales")
    ):
        return None  # a folder with both under their names is not searched for more
    claimed = {
        path.resolve()
        for other in (*SPECS, "strategic_tiers")
        for file in getattr(sources, other).file
        for path in _named(folder, file, other)
    }
    for other, spec in SPECS.items():
        if other != name and (place := _by_name(folder, spec)):
            claimed |= {path.resolve() for path in (place.path, *place.more)}
    told = {
        path: found
        for path in _tables_in(folder)[:MAX_FILES]
        if path.resolve() not in claimed
        if (found := identify_source(path, sources)) and found.source == name
    }
    if not told:
        return None
    first = next(iter(told))
    shown = ", ".join(told[first].headers[:4])
    return _of(SPECS[name], list(told), f", by its columns ({shown})")


def _of(spec: SourceSpec, found: list[Path], why: str) -> Located:
    read = continued(found)
    remarks = [f"{spec.title}: read from {', '.join(path.name for path in read)}{why}"]
    spare = [path.name for path in found if path not in read]
    if spare:
        remarks.append(
            f"{spec.title}: {', '.join(spare[:3])} would also do and was not read; name one in sources.{spec.name}.file"
        )
    return Located(read[0], (*remarks, *(text for path in read for text in _open_elsewhere(path))), tuple(read[1:]))


def _is_other(stem: str, spec: SourceSpec) -> bool:
    """Whether a file's name is another source's own, such as the sales log's, which also holds 'customer'."""
    return any(
        other.name != spec.name and stem in {words(Path(file).stem) for file in other.files} for other in SPECS.values()
    )


def _open_elsewhere(path: Path) -> tuple[str, ...]:
    """Excel keeps a lock file beside a workbook while it is open."""
    if path.with_name(f"~${path.name}").exists() or path.with_name(f"~${path.name[2:]}").exists():
        return (f"{path.name} is open in Excel: what was saved last is what is read",)
    return ()
