"""E-mail addresses out of people's tables: one plain address, or a reason why it is none."""

from __future__ import annotations

import unicodedata
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr

from icp_xl.errors import ConfigError


def clean_words(text: str, most: int = 200) -> str:
    """``text`` as part of a header: one line, nothing invisible, not endless.

    >>> clean_words("Plan\\r\\nBcc: all@example.com")
    'Plan Bcc: all@example.com'
    """
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Cs", "Co"))
    plain = " ".join(plain.split())
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def parse_address(text: str) -> Address:
    """The one address in ``text``; a domain with letters of its own is written as servers know it.

    >>> str(parse_address("mailto:Ann.Lee@Müller.example"))
    'Ann.Lee@xn--mller-kva.example'

    Raises:
        ValueError: it is none, or more than one; the text says why.
    """
    plain = text.strip().removeprefix("mailto:")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in plain):
        raise ValueError("it holds a line break or an invisible character")
    if any(c in plain for c in ",;") or plain.count("@") > 1:
        raise ValueError("it is more than one address")
    local, at, domain = plain.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("it is no address")
    if not local.isascii():
        raise ValueError("before the @ it has letters that many servers do not take")
    try:
        domain = domain.encode("idna").decode() if not domain.isascii() else domain
        address = Address(addr_spec=f"{local}@{domain}")
    except (MessageError, UnicodeError, ValueError, IndexError, AttributeError):
        raise ValueError("it is no address") from None
    labels = address.domain.split(".")
    if len(labels) < 2 or not all(
        label and len(label) < 64 and label.replace("-", "").isalnum() and label.strip("-") == label for label in labels
    ):
        raise ValueError("what stands behind the @ is no domain")
    if labels[-1].isdigit():
        raise ValueError("what stands behind the @ is a number and no domain")
    if any(len(_alphabets(label)) > 1 for label in plain.rpartition("@")[2].split(".")):
        raise ValueError("its domain mixes letters of several alphabets, as one that imitates another does")
    if " " in address.username or len(address.username) > 64 or address.username != local:
        raise ValueError("what stands before the @ is unusual")
    return address


def _alphabets(label: str) -> set[str]:
    """The alphabets of the letters in a part of a domain, those of one language as one.

    >>> sorted(_alphabets("ex\u0430mple")), sorted(_alphabets("m\u00fcller2"))
    (['CYRILLIC', 'LATIN'], ['LATIN'])
    """
    found = {unicodedata.name(c, "").split(" ")[0] for c in label if c.isalpha()}
    return found & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "HEBREW", "ARABIC", "CHEROKEE"}


def parse_sender(text: str) -> Address:
    """The sender that the settings name, with the name that is shown.

    Raises:
        ConfigError: it is no address.
    """
    plain = text.strip()
    name, spec = parseaddr(plain)
    if plain.endswith(">"):
        # What stands between the last angles is the address, whatever the name before looks like.
        name, spec = (
            plain[: plain.rindex("<")].strip().strip('"') if "<" in plain else "",
            plain[:-1].rpartition("<")[2],
        )
    try:
        found = parse_address(spec or text)
        return Address(clean_words(name), found.username, found.domain)
    except ValueError as error:
        raise ConfigError(
            "the sender cannot be used", where="share.mail.sender", got=f"{clean_words(text, 80)}: {error}",
            allowed="Name <name@example.com>",
        ) from None  # fmt: skip
