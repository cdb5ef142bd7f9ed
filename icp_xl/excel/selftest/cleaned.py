"""Take names of people, machines and folders out of what is sent back.

Known names go in every usual spelling; what looks like a path, an address or a short name of Windows goes whoever is
named in it. Where it is unclear how far a path reaches, more goes rather than less.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

#: Characters of a text that is reported, and of one that is looked at.
MOST, LOOKED_AT = 600, 4_000
#: Variables that name a person, a machine, or a folder of either.
_PEOPLE = ("USERNAME", "USER", "LOGNAME", "USERDOMAIN")
_MACHINES = ("COMPUTERNAME", "HOSTNAME", "USERDNSDOMAIN", "LOGONSERVER")
_FOLDERS = ("APPDATA", "LOCALAPPDATA", "TEMP", "TMP", "OneDrive", "OneDriveCommercial", "VIRTUAL_ENV", "ICP_XL_HOME")
#: Between the two words of ``JaneDoe``.
_CAPITALS = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
#: Letters that are not a letter with a mark on it, as they are written where they are not known.
_PLAIN = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "Æ": "Ae", "đ": "d", "ı": "i"})
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
#: Code pages of Windows, its consoles and the Mac, by which a text may be written or read by mistake.
_CODE_PAGES = ("utf-8", "cp1252", "cp850", "cp437", "mac_roman")
#: Files of ours and of Excel's whose names tell nothing of anybody, at the end of a path.
_OURS = r"(?:icp_|xlwings|python|excel|customers|sales|facts|renamed|things|pivot|names)[\w.-]*\.\w{2,5}"
_OURS_ONLY = re.compile(_OURS, re.IGNORECASE)
#: A word after which a path that holds blanks has surely ended.
_WORDS = (
    "is|are|was|were|and|or|nor|has|have|in|of|to|for|with|at|on|by|from|not|does|did|cannot|could|as|where|names|it|"
    "gave|ended|while|because|after|before"
)
_END = r"\"<>|;,()\[\]{}\n\r\t"
#: Folders may be called ``Program Files (x86)`` or ``Roe, Sons``: a part that a separator follows ends at neither mark.
_SEGMENT = r"[^\\/\"<>|\n\r\t]+"
#: The last part of a path: a workbook as formulas name it, the end of a file's name, else up to what ends a path.
_BOOK = r"\[[^\]\\/\n]{1,120}\]"
_LAST = (
    rf"(?:{_BOOK}|[^\\/{_END}]{{1,120}}?\.\w{{2,5}}(?![\w.])"
    rf"|[^\s\\/{_END}]+(?: (?!(?:{_WORDS})\b)[^\s\\/{_END}]+){{0,5}})?"
)
#: Below our own folders everything is ours; what lies below another, known or not, is not told.
_PATH = re.compile(
    r"(?:(?P<known><(?!folder>|python>|icp_xl>)\w+>)[\\/]+"
    r"|[A-Za-z]:[\\/]+"
    # What has no beginning: ``Customers\\x``, ``..\\x``, ``C:x\\y`` and ``CORP\\jane``.
    r"|(?<![\w.>])(?:[A-Za-z]:)?(?:\.{1,2}|[\w.%$~-]*[\w%$~-])\\+(?=[^\\/\s'])"
    r"|(?<![\\>])\\\\[?.]?\\*|(?<![\w/\\>])(?:/(?=[\w.~])|~[\\/]))" + rf"(?:{_SEGMENT}[\\/]+)*{_LAST}"
)
#: Also without a scheme: ``www.…``, a name with dots before a slash, and one that ends as those of companies do.
_URL = re.compile(
    r"\b[a-z][\w+.-]*://[^\s\"'<>]+"
    r"|(?<![\w.@\\/-])(?:www\.[\w-]+|(?:[\w-]+\.)+(?:[a-z]{2,}(?=/)|(?:com|org|net|local|lan)(?![\w.])))[^\s\"'<>]*",
    re.IGNORECASE,
)
#: A file as people call theirs, with the folders before it: ``Kunden/Roe.csv``, ``Plan of Roe.xlsx``. Words before it
#: belong to it from the first that begins with a capital.
_FILE = re.compile(
    rf"(?<![>/\w])(?:[^\W\d_a-z][^\s\\/{_END}'=!]* (?:(?:[a-z]{{1,3}}|[&+-]|\d+|[^\W\d_a-z][^\s\\/{_END}'=!]*) )*)?"
    rf"(?:[^\s\\/<>{_END}'=!]+/)*[^\s\\/<>{_END}'=!]+"
    r"\.(?i:xl\w{1,2}|csv|tsv|txt|json|ya?ml|pdf|docx?|pptx?|html?|zip|msg|eml|pst|mdb|accdb)(?![\w.])"
)
#: What may be the address of a machine.
_NUMBERS = re.compile(r"(?<![\w.:])[\da-fA-F]*[:.][\da-fA-F:.]*[\da-fA-F:](?![\w:])")
#: What Windows calls a user or a machine by.
_SID = re.compile(r"\bS-1-\d+(?:-\d+)+")
_MAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*")
#: Windows' short names: ``JANEDO~1``, ``MYREPO~2.XLS``.
_SHORT = re.compile(r"(?<![\w~])[^\s\\/~\"<>|;,]{1,6}~\d{1,2}(?:\.\w{1,3})?(?!\w)")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


class Cleaner:
    """Cleans texts of one machine; ``more`` are further names of its user, such as Excel's own."""

    def __init__(self, folder: Path, *, out: Path | None = None, more: Iterable[str] = ()) -> None:
        home = _asked(lambda: str(Path.home()))
        places = [(str(folder), "<folder>"), *((str(each), "<out>") for each in (out,) if each and each.is_absolute())]
        places += [
            (home, "<home>"),
            (_asked(tempfile.gettempdir), "<temp>"),
            (sys.prefix, "<python>"),
            (_asked(os.getcwd), "<here>"),
        ]
        places += [(str(Path(__file__).parents[2]), "<icp_xl>")]
        places += [(os.environ[name], f"<{name.lower()}>") for name in _FOLDERS if os.environ.get(name)]
        people = [Path(home).name, _asked(getpass.getuser), *(os.environ.get(name, "") for name in _PEOPLE), *more]
        short: set[str] = set()
        for name in list(people):
            # ``Jane Doe``, ``jane.doe``, ``JaneDoe`` and ``CORP\jane`` are also named in part.
            parts = [part for word in re.split(r"[\s._\\/@+-]+", name) for part in (word, *_CAPITALS.split(word))]
            people += [part for part in parts if len(part) > 2 and not part.isdigit()]
            short |= {part for part in parts if len(part) == 2 and part.isalpha() and not part.islower()}
            people.append("".join(re.split(r"[\s._-]+", name)))
        machines = [_asked(platform.node), *(os.environ.get(name, "") for name in _MACHINES)]
        machines += [name.strip("\\").split(".")[0] for name in machines]
        #: Longest first: a home folder before the name in it.
        spelt = _spelt((place, put) for place, put in places if len(place.strip("/\\")) > 2)
        # No place goes on in letters: what ends in "jo" is not the beginning of what ends in "john".
        self._places = [(re.compile(re.escape(place) + r"(?![^\W_])", re.IGNORECASE), put) for place, put in spelt]
        names = [(name, "<machine>") for name in machines if len(name) > 1] + [(name, "<user>") for name in people]
        names += [(each, put) for name, put in names if not name.isascii() for each in _mistaken(name)]
        named = _spelt((name, put) for name, put in names if any(sign.isalnum() for sign in name))
        self._names = [(re.compile(_word(name), re.IGNORECASE), put) for name, put in named]
        # Those of two letters are as many a word, but for their capitals.
        self._names += [(re.compile(_word(name)), "<user>") for name in sorted(short)]

    def __call__(self, value: object) -> str:
        """``value`` as a text that names nobody, of a length that is read."""
        try:
            return self._cleaned(_text(value))
        except Exception as error:  # What cannot be cleaned is not told.
            return f"a text that could not be cleaned ({type(error).__name__})"

    def _cleaned(self, text: str) -> str:
        if len(text) > LOOKED_AT:
            # Not in the middle of a word: half a name would be left.
            text = text[:LOOKED_AT].rpartition(" ")[0] or text[:LOOKED_AT]
        text = unicodedata.normalize("NFC", text)
        for place, put in self._places:
            text = place.sub(lambda _, put=put: put, text)  # type: ignore[misc]
        text = _URL.sub(lambda found: _short_path(found.group(), "<address>"), text)
        text = _SID.sub("<sid>", _MAIL.sub("<e-mail>", text))
        text = _PATH.sub(lambda found: _short_path(found.group(), found["known"] or "<path>"), text)
        text = _SHORT.sub("<short name>", text)
        text = _FILE.sub(lambda found: found.group() if _OURS_ONLY.fullmatch(found.group()) else "<file>", text)
        text = _NUMBERS.sub(lambda found: "<address>" if _is_address(found.group()) else found.group(), text)
        for name, put in self._names:
            text = name.sub(put, text)
        return " ".join(text.split())[:MOST]


def _asked(ask: Callable[[], str]) -> str:
    """What a machine says of itself; empty where it does not."""
    try:
        return ask()
    except Exception:  # There is no home, no name, or the working folder is gone.
        return ""


def _word(name: str) -> str:
    """A pattern of ``name`` where it is a word: no letters beside a letter, nothing of a number beside a digit."""
    before = r"(?:(?<=%[0-9A-F]{2})|(?<![^\W\d_<]))" if not name[0].isdigit() else r"(?<![\w.,])"
    return before + re.escape(name) + (r"(?![^\W\d_>])" if not name[-1].isdigit() else r"(?!\w|[.,]\d)")


def _text(value: object) -> str:
    """Any value as a text that every file can hold."""
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception as error:
        text = f"a {type(value).__name__} that gives no text ({type(error).__name__})"
    return _UNSEEN.sub("?", text.encode("utf-8", "replace").decode("utf-8"))


def _short_path(path: str, put: str) -> str:
    ours = re.search(rf"[\\/]({_OURS})[.:!']*$", path, re.IGNORECASE)
    return f"{put}/{ours.group(1)}" if ours else put


def _is_address(numbers: str) -> bool:
    try:
        # Of 192.0.2.1:80 the part before its port.
        return bool(ip_address(numbers.partition(":")[0] if numbers.count(":") == 1 else numbers))
    except ValueError:
        return False


def _spelt(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each name as it may be written: its separators, letters as addresses and programs escape them, decomposed."""
    found: dict[str, str] = {}
    for name, put in pairs:
        for form in ("NFC", "NFD"):
            known = unicodedata.normalize(form, name).encode("utf-8", "replace").decode("utf-8")
            for spelt in (known, known.replace("\\", "/"), known.replace("/", "\\"), known.replace("\\", "\\\\")):
                escaped = (spelt.encode("ascii", "backslashreplace").decode(), json.dumps(spelt)[1:-1])
                for each in (spelt, quote(spelt), quote(spelt, safe=":/\\"), *escaped, repr(spelt.encode())[2:-1]):
                    found.setdefault(each, put)
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _mistaken(name: str) -> set[str]:
    """How a name with other letters than plain ones looks where they went wrong, or were written in plain ones."""
    plain = unicodedata.normalize("NFKD", name.translate(_PLAIN))
    found = {"".join(sign for sign in plain if not unicodedata.combining(sign)), name.translate(_GERMAN)}
    found |= {"".join(sign if sign.isascii() else lost for sign in name) for lost in "?\ufffd_"}
    found |= {name.encode("ascii", "xmlcharrefreplace").decode()}
    found |= {
        name.encode(written, "replace").decode(read, "replace")
        for written in _CODE_PAGES for read in _CODE_PAGES if written != read
    }  # fmt: skip
    # Of a name without a plain letter only marks may be left, which tell nothing.
    return {each for each in found if sum(map(str.isalnum, each)) > 1}
