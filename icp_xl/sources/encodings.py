"""Which encoding a text file has that is not Unicode."""

from __future__ import annotations

import re
from collections.abc import Collection

#: Encodings as programs still write them, the most usual first.
ENCODINGS = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp932", "gb18030",
    "big5", "euc_kr", "euc_jp", "cp874", "koi8_r", "cp852", "cp866", "cp850", "mac_roman",
)  # fmt: skip
#: Letters beyond ASCII of one language each: text of a language holds no others.
_ALPHABETS = tuple(
    map(
        frozenset,
        (
            "äöüßéèàç",
            "àâçéèêëîïôùûœæ",
            "áéíñóúü¿¡ªº",
            "ãõçáâàêéíóôúª",
            "àèéìíòóùú",
            "åäöæøéü",
            "ëïéèöüç",
            "ąćęłńóśźż",
            "áčďéěíňóřšťúůýž",
            "áäčďéíĺľňóôŕšťúýž",
            "áéíóöőúüű",
            "ăâîșşţț",
            "čćđšž",
            "çğıiöşüâî̇",
            "ąčęėįšųūž",
            "āčēģīķļņšūž",
            "äöüõšž",
            "áðéíóúýþæö",
            "àçèéíïòóúü·",
        ),
    )
)
#: Signs that stand in any list of sales.
_SIGNS = frozenset("€£¥°–—’“”„«»·²³½º№")
_WORD = re.compile(r"[^\W\d_]+")
_SHOWN = {f"cp{number}": f"Windows-{number}" for number in range(1250, 1259)}
_SHOWN |= {"shift_jis": "Shift-JIS", "cp932": "Shift-JIS", "gb18030": "GB18030", "big5": "Big5", "euc_kr": "EUC-KR"}


def guess_encoding(name: str, data: bytes, words: Collection[str] = ()) -> tuple[str, list[str]]:
    """The text of a file that is not Unicode, and a remark on how it was read.

    Args:
        name: the file's name.
        data: its bytes.
        words: headers that it may hold; the encoding that brings out most of them is the right one.
    """
    from charset_normalizer import from_bytes

    # A file is mostly figures, which look the same in every encoding: letters beyond ASCII decide alone.
    fields = re.split(rb"[\r\n,;\t|\"]+", data[:2_000_000])
    odd = list(dict.fromkeys(field for field in fields if any(byte > 127 for byte in field)))
    sample = b"\n".join(odd)[:100_000]
    likely = [match.encoding for match in from_bytes(sample, cp_isolation=list(ENCODINGS), threshold=0.4)]
    scored = {}
    for rank, encoding in enumerate(dict.fromkeys([*likely, *ENCODINGS])):
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        known = sum(word in text for word in words if not word.isascii())
        scored[encoding] = (
            known,
            _like_language(text),
            -ENCODINGS.index(encoding) if rank >= len(likely) else 1 - rank,
        )
    best = max(scored, key=scored.__getitem__, default="cp1252")
    # Where several bring out the same text, the most usual one is named.
    encoding = next((name for name in ENCODINGS if name in scored and sample.decode(name) == sample.decode(best)), best)
    text = data.decode(encoding, errors="replace")
    remark = f"{name} is not UTF-8; it is read as {_SHOWN.get(encoding, encoding)}"
    if lost := text.count("\ufffd"):
        remark += f", in which {lost:,} characters mean nothing"
    return text, [f"{remark} (to set it: encoding, in the settings of the source)"]


def _like_language(text: str) -> float:
    """From 0 to 1, how far the letters beyond ASCII are those of one language, written as people write."""
    odd = [c for c in text if not c.isascii() and not c.isspace() and c not in _SIGNS]
    if not odd:
        return 1.0
    letters = [c for c in odd if c.isalpha()]
    share = len(letters) / len(odd)
    latin = [c.lower() for c in letters if c < "\u0250"]
    if len(latin) * 2 > len(letters):
        return share * max(sum(c in alphabet for c in latin) for alphabet in _ALPHABETS) / len(latin)
    hangul = sum("\uac00" <= c <= "\ud7a3" for c in letters)
    hanzi = sum("\u4e00" <= c <= "\u9fff" for c in letters)
    kana = sum("\u3040" <= c <= "\u30ff" for c in letters)
    if hangul + hanzi + kana > len(letters) / 2:
        # Korean is written without Chinese characters, and no other language with its letters.
        mixed = min(hangul, hanzi + kana) / len(letters)
        rare = sum(not _usual(c) for c in letters if "\u4e00" <= c <= "\u9fff") / len(letters)
        return share * (1 - mixed) * (1 - rare)
    # Within a word a capital does not follow a small letter, and scripts do not mix.
    words = _WORD.findall(text)
    faults = sum(any(a.islower() and b.isupper() for a, b in zip(word, word[1:], strict=False)) for word in words)
    faults += sum(len({_script(c) for c in word}) > 1 for word in words)
    return share * (1 - min(1.0, faults / max(1, len(words))))


def _usual(c: str) -> bool:
    """Whether a Chinese character is one of the few thousand in daily use."""
    for encoding in ("gb2312", "big5", "shift_jis"):
        try:
            code = c.encode(encoding)
        except UnicodeEncodeError:
            continue
        first = code[0]
        if (encoding == "gb2312" and first < 0xD8) or (encoding == "big5" and first < 0xC9):
            return True
        if encoding == "shift_jis" and first < 0x98:
            return True
    return False


def _script(c: str) -> int:
    return ord(c) // 0x80 if ord(c) >= 0x370 else 0
