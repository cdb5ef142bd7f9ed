"""Find the file of each source in the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl.config.settings import Settings
from icp_xl.config.sources import SourceSettings
from icp_xl.errors import SourceError
from icp_xl.sources.by_content import MAX_FILES, OURS, tell
from icp_xl.sources.fields import SPECS, TIERS_FILE, SourceSpec
from icp_xl.sources.file_types import TABLE_SUFFIXES
from icp_xl.sources.headers import words

#: Sources that a file may be found to hold although its name does not say so.
CONTENT = ("customers", "sales", "opportunities")


@dataclass(frozen=True)
class Located:
    """A source's file and remarks about how it was found."""

    path: Path
    remarks: tuple[str, ...] = ()


def locate(name: str, settings: Settings) -> Located | None:
    """The file of the source called ``name``, or ``None`` where there is none.

    A file named in the settings must exist. Otherwise the real name counts, then the same name in another spelling or
    file type, then a file whose name says what it is, then one whose columns do.

    Raises:
        SourceError: the settings name a file that does not exist, or the data folder does not.
    """
    chosen: SourceSettings = getattr(settings.sources, name)
    if chosen.ignore:
        return None
    folder = settings.paths.data
    if chosen.file is not None:
        path = folder / Path(chosen.file).expanduser()
        if not path.is_file():
            raise SourceError(
                "a file named in the settings does not exist",
                where=f"sources.{name}.file",
                got=chosen.file,
                next_step="Correct the name, or the folder in paths.data.",
            )
        return Located(path, _open_elsewhere(path))
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
        (folder / Path(chosen.file).expanduser()).resolve()
        for other in (*SPECS, "strategic_tiers")
        if (chosen := getattr(sources, other)).file is not None
    }
    for other, spec in SPECS.items():
        if other != name and (place := _by_name(folder, spec)):
            claimed.add(place.path.resolve())
    told = {
        path: found
        for path in _tables_in(folder)[:MAX_FILES]
        if path.resolve() not in claimed
        if (found := tell(path, sources)) and found.source == name
    }
    if not told:
        return None
    first = next(iter(told))
    shown = ", ".join(told[first].headers[:4])
    return _of(SPECS[name], list(told), f", by its columns ({shown})")


def _of(spec: SourceSpec, found: list[Path], why: str) -> Located:
    remarks = [f"{spec.title}: read from {found[0].name}{why}"]
    if len(found) > 1:
        others = ", ".join(path.name for path in found[1:4])
        remarks.append(f"{spec.title}: {others} would also do and was not read; name one in sources.{spec.name}.file")
    return Located(found[0], (*remarks, *_open_elsewhere(found[0])))


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
