"""What the self-test sends back names nobody: names, machines and folders in every spelling that is known to occur."""

from __future__ import annotations

import getpass
import itertools
import json
import platform
import re
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest

from icp_xl.excel.selftest.cleaned import MOST, Cleaner


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cleaner:
    """A machine of one user with three names, a short one too, in a domain."""
    home = tmp_path / "Users" / "Jörg O'Neil"
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(getpass, "getuser", lambda: "jo")
    monkeypatch.setattr(platform, "node", lambda: "PC-OSLO7.corp.example.org")
    monkeypatch.setenv("USERDOMAIN", "CORPHQ")
    monkeypatch.setenv("OneDrive", "D:\\OneDrive - Müller & Söhne")
    return Cleaner(tmp_path / "own", more=["Joan van Dyke"])


#: Texts with a secret in them, and what must be gone.
SECRETS = [
    (r"D:\Kunden\Müller GmbH\x.xlsx is missing", "Müller|Kunden"),
    (r"\\server7\share$\Jane Roe\b.xlsx", "server7|Jane|Roe"),
    ("/srv/teams/jane/x.xlsx", "srv|jane"), ("/daten/secret place/x", "secret|place"), ("file:///home/jane/x", "jane"),
    ("https://acme.sharepoint.com/sites/M%C3%BCller/x.xlsx", "acme|ller"), (r"\\?\C:\Very Long\Jane", "Jane|Long"),
    ("mail jane.roe@acme.example.org now", "jane|roe|acme"), (r"JANERO~1 and C:\USERS\JANERO~1\A.XLS", "JANERO"),
    (r"OSError: 'C:\\Users\\jane\\x.xlsx'", "jane"), ("C:/Users/jane roe", "jane|roe"), ("E:\\", "E:"),
    (r"found in D:\OneDrive - Müller & Söhne\Plan of Roe.xlsx", "Müller|Söhne|Roe"), ("~/Roe/x", "Roe"),
    ("jo, Jo and JO-jo", "jo"), ("CORPHQ\\jo", "CORPHQ|jo"), ("on PC-OSLO7 as pc-oslo7.corp.example.org", "OSLO|corp"),
    ("by Joan van Dyke, or Dyke", "Joan|Dyke"), ("opened by O'Neil", "Neil"), ("Jörg", "Jörg|rg"),
    (unicodedata.normalize("NFD", "Jörg und D:\\Mü"), "rg|Mü"), (quote("Jörg O'Neil"), "%B6|Neil"),
    (repr("\ud800C:\\Users\\jane"), "jane"), ("at:/srv/jane", "srv|jane"), (repr(r"in \\fs\jane"), "jane"),
    (json.dumps("Jörg"), "u00f6"), (str("Jörg".encode()), "xb6"), ("x" * 590 + " Jörg O'Neil", "J"),
]  # fmt: skip


#: Marks in the names of folders, what has no beginning, addresses without a scheme, letters that went wrong.
SECRETS += [
    (r"C:\Program Files (x86)\Roe Soft\a.dll is gone", "Roe"), (r"D:\Roe, Sons; old\Zyx [2]\b.xlsx", "Sons|old|Zyx"),
    (r"='D:\Zyx\[Roe Plan.xlsx]S'!A1", "Zyx|Roe"), ("/srv/data (alt)/Roe/x", "alt|Roe"), (r"Kunden\Roe\x.xlsx", "Roe"),
    (r"..\..\Roe\x.xlsx", "Roe"), (r"%USERPROFILE%\Roe\x", "Roe"), (r"C:Roe\x.xlsx", "Roe"), ("ACME\\roe", "ACME|roe"),
    ("acme.sharepoint.com/sites/Roe/x.xlsx", "acme|Roe"), ("on www.roe.io", "roe"), ("roe-my.sharepoint.com", "roe"),
    ("user S-1-5-21-3623811015-1013", "3623811015"), ("JoanVanDyke", "Joan|Dyke"), ("joanvandyke", "joan"),
    ("j?rg, J\ufffdrg, J&#246;rg", "rg"), ("Joerg, JORG", "rg"), ("Jörg".encode().decode("cp1252"), "rg"),
    ("Jörg".encode("cp850").decode("cp1252"), "rg"), ("x" + " " * 3_991 + "by Jörg", "J"),
]  # fmt: skip


#: Files as people call theirs, with no folder or with slashes that lean forward; addresses of machines.
SECRETS += [
    ("Kunden/Roe/x.xlsx is gone", "Kunden|Roe"), ("cannot open Plan of Roe.xlsx", "Plan|Roe"), ("roe.CSV", "roe"),
    ("='[Roe Budget 2026.xlsm]S'!A1", "Roe|Budget|2026"), ("Roe customers.xlsx", "Roe"), ("Roe & Sons.pdf!", "Sons"),
    ("at 192.168.4.7:8080", "168"), ("from fe80::1ff:fe23:4567:890a", "fe80|890a"), ("(10.20.30.40)", "20"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), SECRETS)
def test_no_name_and_no_folder_is_left(clean: Cleaner, text: str, gone: str) -> None:
    found = clean(text)
    for word in gone.split("|"):
        assert unicodedata.normalize("NFC", word).lower() not in found.replace("<", "").lower(), found
    assert len(found) <= MOST


def test_names_stand_beside_anything(clean: Cleaner) -> None:
    """Invented places, between any two marks, in upper and lower case: no name is left."""
    roots = ["C:\\", "d:/", "\\\\fs\\s\\", "/srv/", "/mnt/", "~/", "%2F"]
    marks = ["", " ", "'", '"', "(", "=", ", ", "\n", ": "]
    for root, (before, after), spell in itertools.product(
        roots, itertools.product(marks, marks), (str.upper, str.lower)
    ):
        text = spell(f"error at{before or ' '}{root}Jörg\\Zyx{after or ' '}x")
        assert "rg" not in clean(text).lower() and ("%2" in root or "zyx" not in clean(text).lower()), (
            text,
            clean(text),
        )


@pytest.mark.parametrize(
    ("name", "texts"),
    [("JaneMiller", "Jane, miller"), ("Xi Wu", "Wu, Xi"), ("Weiß", "WEISS Weiss"), ("Łukasz", "Lukasz")],
)
def test_a_name_in_plain_letters_and_in_part(tmp_path: Path, name: str, texts: str) -> None:
    assert re.fullmatch(r"(<user>[, ]*)+", Cleaner(tmp_path, more=[name])(texts))


def test_a_user_who_is_called_by_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "41")
    monkeypatch.setenv("USERNAME", " . ")
    found = Cleaner(tmp_path)("41 of 410; 4.41, 41.5; by 41, at -2147352541")
    assert found == "<user> of 410; 4.41, 41.5; by <user>, at -2147352541"


def test_what_cannot_be_cleaned_is_not_told(clean: Cleaner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "_names", [(None, "")])
    assert clean("by Jörg") == "a text that could not be cleaned (AttributeError)"


def test_what_tells_nothing_of_anybody_stays(clean: Cleaner, tmp_path: Path) -> None:
    for text in (
        "30 of 40 differ, first in row [2]: 7.0", "a job of John, join and major; 3/4 and 1:2 and A/B",
        "com_error: (-2147352567, 'Exception occurred.', (0, None, None, 0, -2146827284), None)", "#N/A then #NAME?",
        "no answer within 120 seconds; Excel shows: Microsoft Excel OK", "16.0 x64 10:30:00", "=ICP_SCORE(A1:B2)",
        "decimal ',', thousands '.'", "pywintypes.com_error of Excel.Application", "Is it moved?\\nI doubt it",
        "16.0.17328.20162", "customers.xlsx and icp_report.xlsx opened", "xlwings 0.33.4",
    ):  # fmt: skip
        assert clean(text) == text
    assert clean(f"{tmp_path}/own/A1/renamed.xlsx is gone") == "<folder>/A1/renamed.xlsx is gone"
    assert clean(r"C:\Office\XLSTART\icp_xl.xlam is missing") == "<path>/icp_xl.xlam is missing"
    assert clean(r"D:\Kunden\Jane is missing") == "<path> is missing"


class Odd:
    """A value that gives no text."""

    def __str__(self) -> str:
        raise ValueError("C:\\Users\\jane")


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        2.5,
        float("nan"),
        b"\xff",
        ["\ud800"],
        "\ud800 lone",
        "\x00\x01\uffff",
        Odd(),
        "a" * 10**6,
        "/" * 20_000,
        "C:\\a " * 9_999,
    ],
)
def test_any_value_becomes_a_text_that_every_file_holds(clean: Cleaner, value: object) -> None:
    found = clean(value)
    assert isinstance(found, str) and len(found) <= MOST and "jane" not in found
    assert found.encode("utf-8").decode() == found and not any(ord(sign) < 32 for sign in found)
