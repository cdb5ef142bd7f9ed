"""Words of the messages to readers, by language: the usual template, and what the figures in it are called.

A template is plain text: the subject in its first line, paragraphs with an empty line between. ``$name`` stands for a
figure; :data:`PLACEHOLDERS` says which there are.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What a template may name, and what stands there.
PLACEHOLDERS = {
    "reader": "the reader's name",
    "hello": "a greeting, with the name of a person",
    "title": "the title of the report",
    "accounts": "how many accounts he gets, in words",
    "day": "the day that the figures are of",
    "headline": "his headline figures, one a line",
    "best": "his five best accounts",
    "files": "the names of the attached files",
    "password": "that the workbook needs a password; nothing where it needs none",
    "sender": "the sender's name",
}


@dataclass(frozen=True)
class MailWords:
    """The words of one language; of a pair the first is for one, the second for several."""

    template: str
    hello: str
    hello_all: str
    accounts: tuple[str, str]
    graded: str
    average: str
    revenue: str
    work: tuple[str, str]
    expected: str
    best: str
    heads: tuple[str, str, str, str]
    pair_heads: tuple[str, str, str, str]
    password: str
    locked: str


WORDS = {
    "en": MailWords(
        template="Subject: $title for $reader: $accounts\n\n$hello\n\nattached is your workbook: $title, with "
        "$accounts, as of $day.\n\n$headline\n\n$best\n\n$password\n\nKind regards\n$sender\n",
        hello="Hello {name},",
        hello_all="Hello,",
        accounts=("{n} account", "{n} accounts"),
        graded="Graded A or B: {n} of {all}",
        average="Average ICP score: {score}",
        revenue="Revenue with us: {money}",
        work=("To work now: {n} pair of account and division", "To work now: {n} pairs of account and division"),
        expected="Expected from them: {money}",
        best="The best {n}:",
        heads=("Account", "ICP score", "Grade", "Revenue with us"),
        pair_heads=("Account", "Division", "Chance", "Expected"),
        password="The workbook opens with the password that you have been given in another way.",
        locked="The accounts stand in the workbook only, since it is protected.",
    ),
    "de": MailWords(
        template="Subject: $title für $reader: $accounts\n\n$hello\n\nim Anhang finden Sie Ihre Arbeitsmappe: $title, "
        "mit $accounts, Stand $day.\n\n$headline\n\n$best\n\n$password\n\nFreundliche Grüße\n$sender\n",
        hello="Guten Tag {name},",
        hello_all="Guten Tag,",
        accounts=("{n} Kunden", "{n} Kunden"),
        graded="Davon mit Note A oder B: {n} von {all}",
        average="Durchschnittlicher ICP-Score: {score}",
        revenue="Umsatz mit uns: {money}",
        work=("Jetzt anzugehen: {n} Paar aus Kunde und Sparte", "Jetzt anzugehen: {n} Paare aus Kunde und Sparte"),
        expected="Davon zu erwarten: {money}",
        best="Die besten {n}:",
        heads=("Kunde", "ICP-Score", "Note", "Umsatz mit uns"),
        pair_heads=("Kunde", "Sparte", "Chance", "Zu erwarten"),
        password="Die Arbeitsmappe öffnet sich mit dem Kennwort, das Sie auf anderem Weg erhalten haben.",
        locked="Die Kunden stehen nur in der Arbeitsmappe, da sie geschützt ist.",
    ),
}
