"""Find the file of each source in the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl.config.settings import Settings
from icp_xl.config.sources import SourceSettings
from icp_xl.errors import SourceError
from icp_xl.sources.fields import SPECS, TIERS_FILE, SourceSpec
from icp_xl.sources.file_types import TABLE_SUFFIXES
from icp_xl.sources.headers import words


@dataclass(frozen=True)
class Located:
    """A source's file and remarks about how it was found."""

    path: Path
    remarks: tuple[str, ...] = ()


def locate(name: str, settings: Settings) -> Located | None:
    """The file of the source called ``name``, or ``None`` where there is none.

    A file named in the settings must exist. Otherwise the real name counts, then the same name in another spelling or
    file type, then a file whose name says what it is.

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
    return _search(folder, SPECS[name])


def _search(folder: Path, spec: SourceSpec) -> Located | None:
    for file in spec.files:
        if (folder / file).is_file():
            return Located(folder / file, _open_elsewhere(folder / file))
    files = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in TABLE_SUFFIXES and not path.name.startswith((".", "~$")) and path.is_file()
    )
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
    if not found:
        return None
    remarks = [f"{spec.title}: read from {found[0].name}"]
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
