"""``share``: copies of reports that are safe to send, one for all or one per rep or region."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl.delivery.render.book import render_bytes
from icp_xl.delivery.sharing.file_names import key_of, safe_file_name
from icp_xl.delivery.sharing.finding_types import FINDINGS
from icp_xl.delivery.sharing.formula_safety import find_path
from icp_xl.delivery.sharing.identity import FOR_ALL, file_stems, reader_key
from icp_xl.delivery.sharing.office_pdf import find_office, first_page
from icp_xl.delivery.sharing.password import check_password, crypto, encrypt
from icp_xl.delivery.sharing.safe_copy import check_size, make_safe
from icp_xl.delivery.sharing.shareable import Shareable, check_shareable, find_unshareable
from icp_xl.delivery.sharing.sheet_scan import count_rows
from icp_xl.errors import ConfigError, DataError, DeliveryError, SourceError
from icp_xl.opc.package import open_package
from icp_xl.opc.unsupported import RefusedError
from icp_xl.pipeline.share.changes import who_gets_what_now
from icp_xl.pipeline.share.inputs import CUTTABLE, Cuttable, load_cuttable, reader_of
from icp_xl.pipeline.share.mail import MAIL, Mail, check_wish, draft_of, make_mails
from icp_xl.pipeline.share.manifest import (
    CSV,
    JSON,
    KnownReader,
    SharedFile,
    Shelf,
    read_remembered,
    size_and_digest,
    stage_manifest,
)
from icp_xl.pipeline.share.outcome import ShareOutcome
from icp_xl.pipeline.share.send import Ask, send_all, smtp_password
from icp_xl.pipeline.share.wish import MailWish
from icp_xl.reports.accounts import account_columns
from icp_xl.reports.share import Reader
from icp_xl.reports.words import say_count
from icp_xl.runs import RunContext
from icp_xl.scratch import scratch_folder

#: Gives the password of a file by the key of its reader; ``None`` for a file without.
Passwords = Callable[[str], str | None]


@dataclass(frozen=True)
class ShareableResult:
    """What should not leave the house in each workbook that was looked into."""

    workbooks: tuple[Shareable, ...]

    @property
    def exit_code(self) -> int:
        """4 where one must not be sent as it is."""
        return 0 if all(each.safe for each in self.workbooks) else 4

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        return [line for each in self.workbooks for line in each.lines()]


def share(
    run: RunContext,
    reports: tuple[Path, ...] = (),
    *,
    by: str | None = None,
    passwords: Passwords | None = None,
    wish: MailWish | None = None,
    ask: Ask = None,
) -> ShareOutcome:
    """Make copies of ``reports`` that are safe to send, in one step: all of them, or none when anything fails.

    Args:
        reports: workbooks; a bare name is one of the last run. Without any, those of the settings.
        by: ``rep``, ``region`` or ``none``; without, what the settings say.
        passwords: gives the password of each file.
        wish: whether drafts are written and sent.
        ask: asks before anything is sent; ``None`` where nobody can be asked.

    Raises:
        ConfigError: options that do not go together, or an unknown kind to allow.
        DataError: nothing was scored yet, or no account has a rep or region.
        RefusedError: a workbook holds what only its owner can decide on.
        DeliveryError: a file is too large, or a password cannot be set.
    """
    chosen = run.settings.share
    wish = wish or MailWish()
    mailing = check_wish(run, wish, by)
    by = by or (chosen.by if chosen.by != "none" or not mailing else "rep")
    found = [_find(run, path) for path in reports or tuple(Path(name) for name in chosen.reports)]
    _check_options(run, by, found, passwords)
    by = "" if by == "none" else by
    if wish.send:
        smtp_password(run)
    job = _ShareRun(run, by, passwords, {*((path.name, by) for path in found), *([(MAIL, by)] if by else [])})
    for path in found:
        if by:
            job.per_reader(load_cuttable(run, path.name))
        else:
            job.whole(path)
    mails = job.mails() if mailing and not run.dry_run else []
    outcome = job.finish()
    if not wish.send or run.dry_run:
        return outcome
    # What is sent is what lies in the folder, and a kill from here on loses none of it.
    run.publish()
    return replace(outcome, sent=send_all(run, mails, wish, ask))


def _find(run: RunContext, path: Path) -> Path:
    inside = run.outputs.find(path.as_posix()) if not path.is_absolute() else path
    for candidate in (inside, path):
        if candidate.is_file():
            return candidate
    raise SourceError(
        "the report does not exist",
        where=str(path),
        next_step="Run `icp-xl score` first, or give the path of a workbook with --report.",
    )


def _check_options(run: RunContext, by: str, found: list[Path], passwords: Passwords | None) -> None:
    chosen = run.settings.share
    _check_kinds(run)
    if by not in ("none", "rep", "region"):
        raise ConfigError("files can be made per rep or region", where="--by", got=by, allowed="rep, region, none")
    others = [path.name for path in found if path.name not in CUTTABLE]
    if by != "none" and others:
        raise ConfigError(
            "only reports that list accounts can be cut into one file per rep or region",
            where="--by",
            got=", ".join(others),
            allowed=", ".join(CUTTABLE),
            next_step="Share the others whole, in a run of their own.",
        )
    if passwords is not None:
        crypto()
        if chosen.pdf or chosen.csv:
            raise ConfigError(
                "a PDF or CSV beside a protected workbook would not be protected",
                where="share.pdf, share.csv",
                next_step="Leave them out, or share without a password.",
            )


def _check_kinds(run: RunContext) -> None:
    unknown = [kind for kind in run.settings.share.allow if kind not in FINDINGS]
    if unknown:
        raise ConfigError(
            "unknown kind of finding", where="share.allow", got=", ".join(unknown), allowed=", ".join(FINDINGS)
        )


class _ShareRun:
    """One run of ``share``: the files made so far, and what is noted on the way."""

    def __init__(self, run: RunContext, by: str, passwords: Passwords | None, mine: set[tuple[str, str]]) -> None:
        self.run, self.by, self.passwords = run, by, passwords
        self.settings = run.settings.share
        earlier = read_remembered(run)
        self.readers, self.claimed = dict(earlier.readers), earlier.claimed(by)
        self.shelf = Shelf(run, mine, earlier.files)
        self.stems: dict[str, str] = {}
        self.given: dict[str, dict[str, pd.DataFrame]] = {}
        self.days: list[date] = []
        self.files: list[SharedFile] = []
        self.removed: dict[str, int] = {}
        self.left_out: dict[str, list[dict[str, Any]]] = {}
        self.notes: list[str] = []
        self.office = find_office() if self.settings.pdf else None
        if self.settings.pdf and self.office is None:
            self.notes.append("No PDF was made: LibreOffice was not found on this computer.")

    def whole(self, path: Path) -> None:
        """One safe copy of a workbook as it stands."""
        if path != self.run.outputs.find(path.name) or path.name not in self.run.made:
            self.run.read(path)
        self.run.progress.stage(f"Making a copy of {path.name} to send")
        self.run.progress.check()
        stem = safe_file_name(path.stem)
        if self.run.dry_run:
            self.run.plan(f"{self.settings.folder}/{stem}.xlsx")
            return
        accounts = None
        cut = None
        if path.name in CUTTABLE and path.parent == self.run.outputs.find(path.name).parent:
            try:
                cut = load_cuttable(self.run, path.name)
                accounts = cut.rows["account_id"].nunique()
            except DataError:
                pass  # A report whose rows are gone can still be shared as it stands.
        with scratch_folder("share") as folder:
            made = folder / "copy.xlsx"
            self._count(make_safe(path, made, frozenset(self.settings.allow)).removed)
            try:
                check_size(made, self.settings.size_limit_mb)
            except DeliveryError:
                if self.settings.over_limit == "error" or cut is None:
                    raise
                self._reader(cut, Reader(), cut.rows)
                return
            self._put(made, path.name, Reader(), stem, accounts)
            if self.settings.csv and cut is not None:
                self._csv(cut, cut.rows, Reader(), stem)

    def per_reader(self, cut: Cuttable) -> None:
        """One file per rep or region."""
        rows = cut.rows
        who = reader_of(rows[self.by]) if self.by in rows.columns else pd.Series(None, index=rows.index, dtype=object)
        names = sorted(who.dropna().unique())
        self.days.append(cut.clock.date())
        if not names:
            raise DataError(
                f"no account has a {self.by}",
                where=cut.report,
                next_step="Share one file for all, or give it in the customers.",
            )
        self._note_twins(names)
        self.stems = file_stems(names, self.claimed)
        self.run.progress.stage(f"Writing one file per {self.by}", len(names))
        for name in names:
            self.run.progress.check()
            if self.run.dry_run:
                self.run.plan(f"{self.settings.folder}/by_{self.by}/{Path(cut.report).stem} - {self.stems[name]}.xlsx")
            else:
                self.given.setdefault(name, {})[cut.report] = cut.public(rows[who == name])
                self._reader(cut, Reader(self.by, name), rows[who == name])
            self.run.progress.advance()
        self._remember(cut.report, {name: sorted(set(rows.loc[who == name, "account_id"])) for name in names})
        nobody = rows[who.isna()].drop_duplicates("account_id")
        if len(nobody):
            listed = nobody[["account_id", "account_name"]].astype(str).to_dict("records")
            self.left_out[f"{cut.report} by {self.by}"] = [{str(k): v for k, v in row.items()} for row in listed]

    def _note_twins(self, names: list[str]) -> None:
        seen: dict[str, str] = {}
        for name in names:
            twin = seen.setdefault(key_of(name), name)
            if twin != name:
                self.run.warn(f"Two {self.by}s read alike and get a file each, with a key each: {twin} and {name}.")

    def _remember(self, report: str, given: Mapping[str, Sequence[str]]) -> None:
        """Note who gets which accounts of ``report`` now, and warn of what has changed since the last time."""
        mine = {name: known for (by, name), known in self.readers.items() if by == self.by}
        before = {name: set(known.accounts.get(report, ())) for name, known in mine.items()}
        if any(before.values()):
            now = {name: set(ids) for name, ids in given.items()}
            for line in who_gets_what_now(self.by, before, now):
                self.run.warn(f"{report}: {line}")
        for name in mine.keys() | given.keys():
            known = mine.get(name) or KnownReader(self.by, name, reader_key(name), "")
            kept = {key: ids for key, ids in known.accounts.items() if key != report}
            if name in given:
                kept[report] = tuple(map(str, given[name]))
            stem = self.stems.get(name, known.file_name)
            self.readers[self.by, name] = replace(known, file_name=stem, accounts=kept)

    def _reader(self, cut: Cuttable, reader: Reader, rows: pd.DataFrame, parts: int = 1) -> None:
        """Render the reader's report; in twice as many parts as long as one is too large and splitting is wanted."""
        stem = Path(cut.report).stem + (f" - {self.stems[reader.name]}" if reader.name else "")
        with scratch_folder("share") as folder:
            made: list[tuple[Path, Reader, int]] = []
            for part in range(1, parts + 1):
                self.run.progress.check()
                lot = rows.iloc[len(rows) * (part - 1) // parts : len(rows) * part // parts]
                piece = Reader(reader.by, reader.name, part, parts)
                path = folder / f"{part}.xlsx"
                self._render(cut, piece, lot, path)
                made.append((path, piece, lot["account_id"].nunique()))
                try:
                    check_size(path, self.settings.size_limit_mb)
                except DeliveryError:
                    if self.settings.over_limit == "error" or 2 * parts > len(rows):
                        raise
                    self._reader(cut, reader, rows, 2 * parts)
                    return
            for path, piece, accounts in made:
                tail = f" (part {piece.part} of {parts})" if parts > 1 else ""
                self._put(path, cut.report, piece, stem + tail, accounts)
                if self.settings.csv:
                    self._csv(cut, rows, piece, stem + tail)

    def _render(self, cut: Cuttable, reader: Reader, rows: pd.DataFrame, path: Path) -> None:
        content, _ = render_bytes(cut.build(reader, rows), clock=cut.clock)
        raw = path.with_suffix(".raw")
        raw.write_bytes(content)
        allow = frozenset(self.settings.allow)
        named = _named_like_paths(rows)
        if named and _stand_in(_paths_in(raw), named):
            # The name of an account is data and no link, and its reader knows it; any other path is refused as ever.
            allow |= {"path"}
            self.run.warn(f"{say_count(len(named), 'name')} of accounts of {reader.name or 'all'} look like a path.")
        try:
            make_safe(raw, path, allow)
        except RefusedError as error:
            error.fault = replace(error.fault, where=f"{cut.report} for {reader.name or 'all'}")
            raise

    def _put(self, made: Path, report: str, reader: Reader, stem: str, accounts: int | None) -> None:
        folder = f"{self.settings.folder}/by_{reader.by}" if reader.by else self.settings.folder
        key = _key(reader)
        with open_package(made) as package:
            rows = count_rows(package)
        content = made.read_bytes()
        inside = sha256(content).hexdigest()
        password = self.passwords(key) if self.passwords is not None else None
        if self.passwords is not None and password is None:
            raise ConfigError(
                "there is no password for a file", got=key, next_step="Set one for every file, or for all."
            )
        if password is not None:
            content = encrypt(content, password)
        name = self.shelf.free_name(folder, stem, ".xlsx", reader.name or FOR_ALL)
        self.run.outputs.path(name).write_bytes(content)
        self._record(name, key, reader, report, accounts, rows, password is not None)
        if password is not None:
            self.files[-1] = replace(self.files[-1], content=inside)
        if self.office is not None:
            self.run.progress.check()
            pdf = self.shelf.free_name(folder, stem, ".pdf", reader.name or FOR_ALL)
            first_page(made, self.run.outputs.path(pdf), self.office)
            self._record(pdf, key, reader, report, accounts, None, False, "summary")

    def _csv(self, cut: Cuttable, rows: pd.DataFrame, reader: Reader, stem: str) -> None:
        public = cut.public(rows) if reader.by else rows
        lot = public.iloc[len(rows) * (reader.part - 1) // reader.parts : len(rows) * reader.part // reader.parts]
        folder = f"{self.settings.folder}/by_{reader.by}" if reader.by else self.settings.folder
        name = self.shelf.free_name(folder, stem, ".csv", reader.name or FOR_ALL)
        shown = [column.key for column in account_columns(lot, cut.model)] if cut.model else list(lot.columns)
        self.run.outputs.csv(name, lot[shown])
        self._record(
            name, _key(reader), reader, cut.report, lot["account_id"].nunique(), len(lot) + 1, False, "accounts"
        )

    def _record(
        self, name: str, key: str, reader: Reader, report: str, accounts: int | None, rows: int | None,
        protected: bool, note: str = "",
    ) -> None:  # fmt: skip
        size, digest = size_and_digest(self.run.outputs.find(name))
        self.files.append(
            SharedFile(name, key, reader.name or FOR_ALL, reader.by, report, reader.part, reader.parts, accounts, rows,
                       size, digest, protected, note)
        )  # fmt: skip

    def _count(self, removed: Mapping[str, int]) -> None:
        for kind, n in removed.items():
            self.removed[kind] = self.removed.get(kind, 0) + n

    def mails(self) -> list[Mail]:
        """Stage one draft per reader, and say where an address is another than the last time."""
        if not self.files:
            return []
        made = make_mails(self.run, self.given, self.files, max(self.days), self.passwords)
        self.run.progress.stage(f"Writing {say_count(len(made), 'draft')}", len(made))
        for mail in made:
            self.run.progress.check()
            known = self.readers[self.by, mail.reader]
            if known.address not in ("", str(mail.to)):
                self.run.warn(f"The address of {mail.reader} was {known.address} and is {mail.to} now.")
            self.readers[self.by, mail.reader] = replace(known, address=str(mail.to))
            tail = f" (part {mail.part} of {mail.parts})" if mail.parts > 1 else ""
            folder = f"{self.settings.folder}/mail_by_{self.by}"
            name = self.shelf.free_name(folder, self.stems[mail.reader] + tail, ".eml", mail.reader)
            self.run.outputs.path(name).write_bytes(draft_of(self.run, mail))
            reader = Reader(self.by, mail.reader, mail.part, mail.parts)
            accounts = len({i for rows in self.given[mail.reader].values() for i in rows["account_id"]})
            self._record(
                name, mail.key, reader, MAIL, accounts, None, any(f.protected for f in mail.files), f"to {mail.to}"
            )
            self.run.progress.advance()
        return made

    def finish(self) -> ShareOutcome:
        """Stage the manifest, and have files that are no longer made removed."""
        run = self.run
        folder = run.settings.paths.out / self.settings.folder
        left = sum(len(rows) for rows in self.left_out.values())
        if run.dry_run:
            run.plan(CSV)
            return ShareOutcome(folder, [], left)
        self.shelf.clear()
        missing = [
            SharedFile("", "", "nobody", self.by, report.split(" by ")[0], 1, 1, len(rows), None, 0, "", False,
                       f"left out: no {self.by}; they are listed in {JSON}")
            for report, rows in self.left_out.items()
        ]  # fmt: skip
        stage_manifest(run, [*self.shelf.kept, *self.files, *missing], self.readers.values(), self.left_out)
        run.metric("shared_files", len(self.files))
        if left:
            run.warn(f"{say_count(left, 'account')} without a {self.by} went into no file; {JSON} lists them.")
        manifest = run.settings.paths.out / CSV
        return ShareOutcome(folder, self.files, left, self.removed, tuple(self.notes), manifest)


def _key(reader: Reader) -> str:
    return reader_key(reader.name) if reader.name else FOR_ALL


def _named_like_paths(rows: pd.DataFrame) -> list[str]:
    columns = [rows[name].dropna().astype(str).unique() for name in ("account_id", "account_name") if name in rows]
    return sorted({text for column in columns for text in column if find_path(f">{text}".encode()) is not None})


def _paths_in(book: Path) -> list[str]:
    with open_package(book) as package:
        return [found.got for found in find_unshareable(package) if found.kind == "path"]


def _stand_in(paths: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether each path is a part of one of the texts, as far as a finding quotes it."""
    return all(any(path in text for text in texts) for path in paths)


def check_files(run: RunContext, paths: Sequence[Path]) -> ShareableResult:
    """Say of each workbook what should not leave the house in it; writes nothing but the run record.

    Raises:
        ConfigError: an unknown kind is allowed in the settings.
        SourceError: a file is not there.
    """
    _check_kinds(run)
    found = []
    run.progress.stage("Looking into workbooks", len(paths))
    for path in paths:
        run.progress.check()
        if not path.is_file():
            raise SourceError("the file does not exist", where=str(path), next_step="Check the path.")
        run.read(path)
        found.append(check_shareable(path, frozenset(run.settings.share.allow)))
        run.progress.advance()
    run.metric("shareable", {"safe": sum(each.safe for each in found), "unsafe": sum(not each.safe for each in found)})
    return ShareableResult(tuple(found))


def environment_passwords(name: str, environ: Mapping[str, str]) -> Passwords:
    """Passwords from the environment: ``NAME_KEY`` for the file of that reader, else ``NAME`` for all.

    Raises:
        ConfigError: neither is set. No password is ever shown.
    """
    mine = {key: value for key, value in environ.items() if key == name or key.startswith(f"{name}_")}
    if not mine:
        raise ConfigError("the environment holds no such password", where="--password-env", got=name,
                          next_step=f"Set the variable {name} and run again.")  # fmt: skip
    for value in mine.values():
        check_password(value)
    return lambda key: mine.get(f"{name}_{key.upper()}", mine.get(name))
