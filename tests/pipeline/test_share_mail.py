"""Drafts and messages: right reader, right words, right files, each once, whatever breaks in between."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from icp_xl import share
from icp_xl.cli import run as cli
from icp_xl.config import Settings
from icp_xl.delivery.sharing.address import clean_words, parse_address, parse_sender
from icp_xl.errors import ConfigError, DataError, DeliveryError, SourceError
from icp_xl.pipeline.share.mail_log import MailLog
from icp_xl.reports.mail import MailWriter
from tests.pipeline.test_share_readers import store, warnings_of
from tests.support.mail_server import PASSWORD, mail_server
from tests.support.score_report import CLOCK

REPS = ("Ann Lee", "ANN LEE", "Bob Stone", "Zoë 北京")
ADDRESS = {"Ann Lee": "ann@example.com", "ANN LEE": "al@example.com", "Bob Stone": "bob@example.com",
           "Zoë 北京": "zoe@example.com"}  # fmt: skip


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """40 accounts of four readers, and their addresses beside."""
    folder = tmp_path / "out"
    store(folder, [REPS[i % 4] for i in range(40)])
    contacts(tmp_path, ADDRESS)
    return folder


def contacts(folder: Path, listed: dict[str, str] | list[tuple[str, str]], head: str = "Rep,E-mail") -> Path:
    pairs = listed.items() if isinstance(listed, dict) else listed
    path = folder / "reps.csv"
    path.write_text("\n".join([head, *(f'"{name}","{address}"' for name, address in pairs)]), encoding="utf-8")
    return path


def chosen(out: Path, share: dict[str, Any] | None = None, **mail: object) -> Settings:
    mail = {"contacts": out.parent / "reps.csv", **mail}
    body = {"paths": {"out": out}, "run": {"clock": CLOCK}, "share": {**(share or {}), "mail": mail}}
    return Settings.model_validate(body)


def read(path: Path) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert isinstance(message, EmailMessage)
    return message


def drafts(out: Path) -> dict[str, EmailMessage]:
    return {path.stem: read(path) for path in sorted((out / "shared" / "mail_by_rep").glob("*.eml"))}


def attached(message: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_payload(decode=True) for part in message.iter_attachments()}  # type: ignore[misc]


def words(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


# --- drafts ---------------------------------------------------------------------------------------------------------


def test_one_draft_per_reader_with_his_file_and_figures(out: Path) -> None:
    outcome = share(chosen(out), mail=True)
    made = drafts(out)
    assert len(made) == len(outcome.drafts) == 4
    manifest = json.loads((out / "share_manifest.json").read_text("utf-8"))
    of_reader = {file["recipient"]: file for file in manifest["files"] if file["report"] == "icp_report.xlsx"}
    for entry in [file for file in manifest["files"] if file["report"] == "mail"]:
        message = read(out / entry["file"])
        reader = entry["recipient"]
        assert message["X-Unsent"] == "1" and "From" not in message and "Message-ID" not in message
        assert str(message["To"]) == ADDRESS[reader] and entry["note"] == f"to {ADDRESS[reader]}"
        ((name, content),) = attached(message).items()
        assert name == Path(of_reader[reader]["file"]).name
        assert hashlib.sha256(content).hexdigest() == of_reader[reader]["sha256"]
        assert str(message["Subject"]) == f"ICP score report for {reader}: 10 accounts"
        import pandas as pd

        scored = pd.read_parquet(out / "state/scored_accounts.parquet")
        mine, others = scored[scored["rep"] == reader], scored[scored["rep"] != reader]
        for kind in ("plain", "html"):
            text = words(message, kind)
            assert "July 1, 2024" in text and f"Hello {reader}," in text
            assert f"{mine['icp_score'].mean():.1f}" in text and f"${mine['total_revenue'].sum():,.0f}" in text
            assert "The best 5:" in text
            plain = " ".join(text.split())
            told = [name for name in mine["account_name"].head(5) if clean_words(name) in plain]
            assert len(told) >= 4 or kind == "html"
            assert not [name for name in others["account_name"] if len(name) > 6 and name in plain]
    assert "Ann Lee" in made and len([name for name in made if name.startswith("ANN LEE (")]) == 1


def test_the_same_run_gives_the_same_drafts(out: Path) -> None:
    share(chosen(out), mail=True)
    first = {path: path.read_bytes() for path in (out / "shared").rglob("*.eml")}
    share(chosen(out), mail=True)
    assert {path: path.read_bytes() for path in (out / "shared").rglob("*.eml")} == first
    assert all(b"\r\n" in content and b"\n" not in content.replace(b"\r\n", b"") for content in first.values())
    share(chosen(out), by="rep")
    assert not list((out / "shared").rglob("*.eml")), "a draft with files of an earlier run must not be sent by mistake"
    assert any("Ann Lee.eml" in text for text in warnings_of(out))


def test_german_with_its_numbers_and_dates(out: Path) -> None:
    settings = chosen(out, language="de").model_copy(
        update={"reports": chosen(out).reports.model_copy(update={"currency": "€"})}
    )
    share(settings, mail=True)
    message = drafts(out)["Bob Stone"]
    text = words(message)
    assert "Guten Tag Bob Stone," in text and "Stand 1. Juli 2024" in text and "Die besten 5:" in text
    assert str(message["Subject"]) == "ICP score report für Bob Stone: 10 Kunden"
    assert "\u00a0€" in text and "," in text.split("Score: ")[1][:6]
    assert "Freundliche Grüße" in words(message, "html") and 'lang="de"' in words(message, "html")


def test_a_template_of_ones_own(out: Path, tmp_path: Path) -> None:
    template = tmp_path / "mail.txt"
    template.write_text(
        "Subject: $reader, week of $day\n\nDear $reader,\nplease look at this: <b>& $$5</b>\n\n$best\n\n$files\n",
        "utf-8",
    )
    share(chosen(out, template=template), mail=True)
    message = drafts(out)["Bob Stone"]
    assert str(message["Subject"]) == "Bob Stone, week of July 1, 2024"
    assert "please look at this: <b>& $5</b>" in words(message)
    assert "&lt;b&gt;&amp; $5&lt;/b&gt;" in words(message, "html") and "<table>" in words(message, "html")
    assert "- icp_report - Bob Stone.xlsx" in words(message)


def test_all_faults_of_a_template_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        MailWriter("en", "$", "Dear $reader\n\n$acounts and $ 5\n$nobody\n")
    faults = [str(fault) for fault in caught.value.faults]
    assert any("no subject" in fault for fault in faults) and any("line 3" in fault for fault in faults)
    assert any("$nobody" in fault for fault in faults)
    assert "accounts" in str(caught.value), "what may stand there is listed"


def test_every_fault_of_the_addresses_is_listed_at_once(out: Path, tmp_path: Path) -> None:
    contacts(tmp_path, [
        ("Ann Lee", "ann@example.com"), ("ANN LEE", "ANN@example.com"), ("bob stone", "bob@example.com"),
        ("Zoë 北京", "zoe@example.com; other@example.com"),
    ])  # fmt: skip
    with pytest.raises(DataError) as caught:
        share(chosen(out), mail=True)
    text = str(caught.value)
    assert "rep Bob Stone has no address (got: an address for bob stone)" in text
    assert "rep Zoë 北京 cannot be used" in text and "more than one address" in text
    assert "ANN LEE and rep Ann Lee have the same address" in text
    assert not (out / "shared").exists()
    contacts(tmp_path, [*ADDRESS.items(), ("Ann Lee", "second@example.com"), ("Bob Stone", "bob@example.com")])
    with pytest.raises(DataError, match="Ann Lee has several addresses"):
        share(chosen(out), mail=True)
    contacts(tmp_path, {**ADDRESS, "Bob Stone": "bob@elsewhere.example"})
    with pytest.raises(DataError, match=r"another domain \(got: bob@elsewhere.example; allowed: example.com"):
        share(chosen(out, domains=("@Example.com",)), mail=True)
    contacts(tmp_path, {name: address for name, address in ADDRESS.items() if name != "Bob Stone"})
    outcome = share(chosen(out, missing="skip"), mail=True)
    assert len(outcome.drafts) == 3 and any("without an address: Bob Stone" in text for text in warnings_of(out))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no address"), ("ann", "no address"), ("@example.com", "no address"), ("ann@", "no address"),
        ("a@b@example.com", "more than one"), ("a@example.com, b@example.com", "more than one"),
        ("ann@example", "no domain"), ("ann@exa mple.com", "it|what"), ("ann lee@example.com", "it|what"),
        ("ann@example.com\r\nBcc: all@example.com", "line break"), ("ann@-x-.com", "no domain"),
        ("änn@example.com", "letters"), ("ann@[127.0.0.1]", "it|what"), ("Ann <ann@example.com>", "it|what"),
        ("ann@.com", "it|what"), ("ann@10.0.0.1", "number"), ("ann@ex\u0430mple.com", "several alphabets"),
        ("ann\u202e@example.com", "invisible"), ('"a b"@example.com', "it|what"), ("ann..lee@example.com", "it|what"),
    ],
)  # fmt: skip
def test_what_is_no_address(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_address(text)


@pytest.mark.parametrize("name", ["ops@example.com", "a@b.example", "Ops, Sales", "Müller; Co", '"Ops"', ""])
def test_the_sender_is_what_stands_between_the_angles(name: str) -> None:
    found = parse_sender(f"{name} <sales@example.com>")
    assert (found.addr_spec, found.display_name) == ("sales@example.com", name.strip('"'))


def test_usual_addresses_are_taken() -> None:
    for text in ("ann@example.com", "a.lee+icp@sales.example.co.uk", "o'neil@example.com", "x_1@exa-mple.museum"):
        assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    "word", ["Eve\r\nBcc: all@example.com", "Eve\nX-Evil: 1", "Eve\u2028Bcc: x@example.com", "=?utf-8?q?a?="]
)
def test_no_text_of_the_data_becomes_a_header(tmp_path: Path, word: str) -> None:
    folder = tmp_path / "out"
    store(folder, [word] * 12)
    (tmp_path / "reps.csv").write_text(f'Rep,E-mail\n"{" ".join(word.split())}",eve@example.com\n', "utf-8")
    body = {
        "paths": {"out": folder}, "run": {"clock": CLOCK}, "reports": {"title": "Plan\r\nBcc: all@example.com"},
        "share": {"mail": {"contacts": tmp_path / "reps.csv", "sender": "Ops <ops@example.com>"}},
    }  # fmt: skip
    share(Settings.model_validate(body), mail=True)
    (message,) = drafts(folder).values()
    assert sorted(message.keys()) == ["Content-Type", "From", "MIME-Version", "Subject", "To", "X-Unsent"]
    assert "\n" not in str(message["Subject"]) and str(message["To"]) == "eve@example.com"


def test_addresses_on_a_sheet_or_in_a_column_of_the_customers(out: Path, tmp_path: Path) -> None:
    import openpyxl

    data = tmp_path / "data"
    data.mkdir()
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Customers"
    sheet.append(["Account ID", "Account name", "Sales rep", "E-mail"])
    for i in range(8):
        sheet.append([f"K-{i:03d}", f"Firm {i}", REPS[i % 4], f"buyer{i}@customer.example"])
    path = data / "JY - Customer Analysis - Customer Segmentation.xlsx"
    book.save(path)

    def settings(**mail: object) -> Settings:
        mail = {"contacts": None, **mail}
        return chosen(out, **mail).model_copy(update={"paths": chosen(out).paths.model_copy(update={"data": data})})

    with pytest.raises(ConfigError, match="no table with the readers' addresses"):
        share(settings(), mail=True)  # the e-mail there is the customer's, and his rep's file must never go to him
    people = book.create_sheet("Team")
    people.append(["Who does what"])
    people.append(["Territory", "Sales rep", "E-Mail address"])
    for name, address in ADDRESS.items():
        people.append(["x", name, f" mailto:{address} "])
    book.save(path)
    share(settings(), mail=True)
    assert {str(message["To"]) for message in drafts(out).values()} == set(ADDRESS.values())
    del book["Team"]
    sheet["E1"] = "Rep e-mail"
    for row in range(2, 10):
        sheet.cell(row, 5, ADDRESS[str(sheet.cell(row, 3).value)])
    book.save(path)
    share(settings(), mail=True)
    assert {str(message["To"]) for message in drafts(out).values()} == set(ADDRESS.values())
    with pytest.raises(SourceError, match="does not exist"):
        share(chosen(out, contacts=tmp_path / "none.csv"), mail=True)
    (tmp_path / "two.csv").write_text("Rep,E-mail,Private e-mail\nAnn Lee,a@example.com,b@example.com\n", "utf-8")
    with pytest.raises(ConfigError, match="several columns have addresses"):
        share(chosen(out, contacts=tmp_path / "two.csv"), mail=True)


def test_a_changed_address_is_told(out: Path, tmp_path: Path) -> None:
    share(chosen(out), mail=True)
    contacts(tmp_path, {**ADDRESS, "Bob Stone": "robert@example.com"})
    share(chosen(out), mail=True)
    assert "The address of Bob Stone was bob@example.com and is robert@example.com now." in warnings_of(out)


def test_the_password_never_travels_with_its_workbook(out: Path, tmp_path: Path) -> None:
    share(chosen(out), mail=True, passwords=lambda key: f"secret of {key}")
    for message in drafts(out).values():
        for kind in ("plain", "html"):
            text = words(message, kind)
            assert "secret of" not in text and "password that you have been given in another way" in text
            assert "The best" not in text, "a protected account is not named in the open"
    template = tmp_path / "mail.txt"
    template.write_text("Subject: $title\n\nThe password is open sesame.\n", "utf-8")
    before = sorted((out / "shared").rglob("*"))
    with pytest.raises(DeliveryError) as caught:
        share(chosen(out, template=template), mail=True, passwords=lambda key: "open sesame")
    assert len(caught.value.faults) == 4 and "holds the password" in str(caught.value)
    assert "sesame" not in str(caught.value) and sorted((out / "shared").rglob("*")) == before


def test_files_that_are_too_large_together(out: Path) -> None:
    share(chosen(out), by="rep")
    size = max(path.stat().st_size for path in (out / "shared").rglob("*.xlsx")) / 1e6
    limits = {"csv": True, "size_limit_mb": size * 1.0001}
    with pytest.raises(DeliveryError, match="together larger than an e-mail may be"):
        share(chosen(out, limits), mail=True)
    share(chosen(out, {**limits, "over_limit": "split"}), mail=True)
    made = [message for name, message in drafts(out).items() if name.startswith("Bob Stone")]
    assert [str(message["Subject"])[-5:] for message in made] == ["(1/2)", "(2/2)"]
    assert sorted(name for message in made for name in attached(message)) == [
        "icp_report - Bob Stone.csv", "icp_report - Bob Stone.xlsx",
    ]  # fmt: skip


def test_a_hundred_drafts_in_one_run(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    reps = [f"Rep {i:03d}" for i in range(100)]
    store(folder, [*reps, *reps])
    contacts(tmp_path, {name: f"r{i}@example.com" for i, name in enumerate(reps)})
    outcome = share(chosen(folder), mail=True)
    made = drafts(folder)
    assert len(made) == len(outcome.drafts) == 100
    for name, message in made.items():
        assert str(message["To"]) == f"r{int(name[4:])}@example.com"
        assert list(attached(message)) == [f"icp_report - {name}.xlsx"]


# --- sending --------------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICP_XL_SMTP_PASSWORD", PASSWORD)


def sending(out: Path, smtp: dict[str, Any], **mail: object) -> Settings:
    return chosen(out, sender="Sales Ops <ops@example.com>", smtp=smtp, **mail)


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("direct", [False, True])
def test_each_message_is_sent_once(out: Path, tmp_path: Path, direct: bool) -> None:
    with mail_server(tmp_path, direct=direct) as inbox:
        settings = sending(out, inbox.settings(security="tls" if direct else "starttls"))
        outcome = share(settings, send=True, yes=True)
        assert outcome.sent is not None and outcome.exit_code == 0 and len(outcome.sent.sent) == 4
        assert sorted(to for to, _ in inbox.taken) == sorted(ADDRESS.values())
        for to, message in inbox.taken:
            assert str(message["To"]) == to and str(message["From"]) == "Sales Ops <ops@example.com>"
            assert message["Message-ID"] and message["Date"] and "X-Unsent" not in message
        again = share(settings, send=True, yes=True)
        assert again.sent is not None and again.sent.sent == [] and len(again.sent.before) == 4
        assert len(inbox.taken) == 4
        # Other figures for one of them: only his file is another, and only he gets mail.
        store(out, [*(REPS[i % 4] for i in range(40)), "Bob Stone"])
        share(settings, send=True, yes=True)
        assert len(inbox.taken) >= 5 and all(to in ADDRESS.values() for to, _ in inbox.taken)
    lines = [json.loads(line) for line in (out / "mail_log.jsonl").read_text("utf-8").splitlines()]
    assert [line["state"] for line in lines[:8]] == ["sending", "sent"] * 4
    for line in lines:
        for file in line["files"]:
            assert len(file["sha256"]) == 64 and Path(file["name"]).suffix == ".xlsx"
    assert PASSWORD not in (out / "mail_log.jsonl").read_text("utf-8")
    if os.name == "posix":
        assert (out / "mail_log.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("secret")
def test_a_protected_file_is_not_sent_twice_though_its_bytes_differ(out: Path, tmp_path: Path) -> None:
    with mail_server(tmp_path) as inbox:
        settings = sending(out, inbox.settings())
        for _ in range(2):
            share(settings, send=True, yes=True, passwords=lambda key: f"secret of {key}")
        assert len(inbox.taken) == 4
        assert all(b"secret of" not in message.as_bytes() for _, message in inbox.taken)


@pytest.mark.usefixtures("secret")
def test_a_refused_reader_stops_nobody_and_is_tried_again(out: Path, tmp_path: Path) -> None:
    with mail_server(tmp_path) as inbox:
        inbox.refuse = {"bob@example.com"}
        settings = sending(out, inbox.settings())
        outcome = share(settings, send=True, yes=True)
        assert outcome.exit_code == 5 and len(inbox.taken) == 3
        assert any("Bob Stone (bob@example.com): 550 no such mailbox" in line for line in outcome.summary())
        inbox.refuse = set()
        assert share(settings, send=True, yes=True).exit_code == 0
        assert sorted(to for to, _ in inbox.taken) == sorted(ADDRESS.values())


@pytest.mark.usefixtures("secret")
def test_what_may_have_arrived_is_said_and_asked_about_and_never_sent_again_silently(out: Path, tmp_path: Path) -> None:
    with mail_server(tmp_path) as inbox:
        inbox.silent_after = 2
        settings = sending(out, inbox.settings())
        first = share(settings, send=True, yes=True)
        assert first.sent is not None and len(first.sent.unknown) == 1 and first.exit_code == 5
        doubtful = inbox.taken[1][0]
        again = share(settings, send=True, yes=True)
        assert again.exit_code == 5 and [to for to, _ in inbox.taken].count(doubtful) == 1
        assert any("May or may not have arrived" in line and doubtful in line for line in again.summary())
        assert len(inbox.taken) == 4, "the others have theirs"
        done = share(settings, send=True, yes=True, resend=True)
        assert done.exit_code == 0 and [to for to, _ in inbox.taken].count(doubtful) == 2
        ids = [message["Message-ID"] for to, message in inbox.taken if to == doubtful]
        assert ids[0] == ids[1], "a mail system knows the double"


KILLED = """
import os, sys
from icp_xl import share
from icp_xl.pipeline.share import mail_log
from tests.pipeline.test_share_mail import sending
from pathlib import Path
out, port, ca, when, state = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
plain, count = mail_log.MailLog.write, 0
def write(self, line):
    global count
    if line.state == state:
        count += 1
        if count == when and state == "sent":
            os._exit(9)
    plain(self, line)
    if count == when and line.state == state:
        os._exit(9)
mail_log.MailLog.write = write
share(sending(out, {"host": "localhost", "port": port, "user": "ops", "ca_file": ca}), send=True, yes=True)
"""


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("state", ["sending", "sent"])
def test_a_kill_in_the_middle_loses_nothing_and_sends_nothing_twice(out: Path, tmp_path: Path, state: str) -> None:
    with mail_server(tmp_path) as inbox:
        arguments = [str(out), str(inbox.port), str(inbox.ca), "2", state]
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, cwd=Path(__file__).parents[2]
        )
        assert killed.returncode == 9, killed.stderr
        there = [to for to, _ in inbox.taken]
        assert len(there) == (1 if state == "sending" else 2)
        settings = sending(out, inbox.settings())
        second = share(settings, send=True, yes=True)
        assert second.sent is not None and len(second.sent.unknown) == 1
        after = [to for to, _ in inbox.taken]
        assert len(set(after)) == len(after), "nobody has a message twice"
        assert len(after) == (3 if state == "sending" else 4)
        share(settings, send=True, yes=True, resend=True)
        assert {to for to, _ in inbox.taken} == set(ADDRESS.values())


@pytest.mark.usefixtures("secret")
def test_nothing_leaves_without_tls_a_certificate_and_a_password(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server(tmp_path, tls=False) as inbox:
        with pytest.raises(DeliveryError, match="offers no encrypted connection"):
            share(sending(out, {"host": "localhost", "port": inbox.port}), send=True, yes=True)
        assert inbox.taken == []
    assert len(drafts(out)) == 4, "the drafts are there all the same"
    with mail_server(tmp_path) as inbox:
        with pytest.raises(DeliveryError, match="certificate does not hold"):
            share(sending(out, inbox.settings(ca_file=None)), send=True, yes=True)
        assert inbox.taken == []
    with mail_server(tmp_path) as inbox:
        monkeypatch.setenv("ICP_XL_SMTP_PASSWORD", "wrong")
        with pytest.raises(DeliveryError, match="does not accept the name and password") as caught:
            share(sending(out, inbox.settings()), send=True, yes=True)
        assert "wrong" not in str(caught.value).replace("wrong with", "")
        monkeypatch.delenv("ICP_XL_SMTP_PASSWORD")
        with pytest.raises(ConfigError, match="holds no password for the mail server"):
            share(sending(out, inbox.settings()), send=True, yes=True)
        with pytest.raises(ConfigError, match=r"share\.mail\.smtp\.host, share\.mail\.sender"):
            share(chosen(out), send=True, yes=True)
        with pytest.raises(ConfigError, match="nothing to send"):
            share(chosen(out), by="rep", yes=True)
        with pytest.raises(ConfigError, match="one reader each"):
            share(chosen(out), by="none", mail=True)
        assert inbox.taken == []
    with pytest.raises(DeliveryError, match="mail server cannot be used"):
        share(sending(out, {"host": "localhost", "port": inbox.port, "timeout": 5.0}), send=True, yes=True)


@pytest.mark.usefixtures("secret")
def test_it_asks_first(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from icp_xl.commands import workbooks

    asked: list[str] = []
    with mail_server(tmp_path) as inbox:
        settings = sending(out, inbox.settings())
        monkeypatch.setattr(workbooks, "_asker", lambda run: None)
        with pytest.raises(DeliveryError, match="nobody agreed"):
            share(settings, send=True)
        monkeypatch.setattr(workbooks, "_asker", lambda run: lambda text: bool(asked.append(text)))
        declined = share(settings, send=True)
        assert declined.exit_code == 5 and "Nothing was sent; the drafts are there." in declined.summary()
        assert inbox.taken == [] and len(drafts(out)) == 4
        assert "Send 4 messages as Sales Ops <ops@example.com> through localhost" in asked[0]
        assert "Bob Stone <bob@example.com>" in asked[0]
        monkeypatch.setattr(workbooks, "_asker", lambda run: lambda text: True)
        assert share(settings, send=True).exit_code == 0 and len(inbox.taken) == 4


def test_a_torn_last_line_of_the_log_is_passed_over_and_any_other_stops(tmp_path: Path) -> None:
    log = tmp_path / "mail_log.jsonl"
    file = {"name": "a.xlsx", "sha256": "1", "content": "1"}
    line = {"time": "", "run_id": "", "state": "sent", "by": "rep", "reader": "Ann", "to": "a@example.com",
            "subject": "", "message_id": "", "files": [file], "server": ""}  # fmt: skip
    log.write_text(json.dumps(line) + "\n" + '{"time": "2024', "utf-8")
    assert list(MailLog(tmp_path).sent) == [("rep", "Ann", "1")]
    log.write_text('{"time": "2024\n' + json.dumps(line) + "\n", "utf-8")
    with pytest.raises(DeliveryError, match="log of messages cannot be read"):
        MailLog(tmp_path)
    log.unlink()
    (tmp_path / "real").write_text("")
    log.symlink_to(tmp_path / "real")
    with pytest.raises(DeliveryError, match="link to somewhere else"):
        MailLog(tmp_path)


def test_no_workbook_may_say_where_mail_goes(tmp_path: Path) -> None:
    from icp_xl.config.base import rights_of

    for key in ("contacts", "sender", "domains", "template", "with_run", "smtp.host", "smtp.user", "smtp.ca_file"):
        assert rights_of(Settings, ("share", "mail", *key.split("."))) == "site"


def test_the_command_line(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", str(out), "--set", f"share.mail.contacts={out.parent / 'reps.csv'}"]
    assert cli(["share", "--mail", *options]) == 0
    assert "4 drafts to open, look at and send in" in capsys.readouterr().out
    assert cli(["share", "--send", "--yes", *options]) == 2
    assert cli(["share", "--mail", "--dry-run", *options]) == 0
