"""The ribbon of the add-in, as XML, from the declared buttons."""

from __future__ import annotations

import re
import string
from itertools import product
from xml.sax.saxutils import quoteattr

from icp_xl.commands import BUTTONS
from icp_xl.commands.declare import Button, Command

#: Groups of the ribbon from left to right; one that no line here names comes last.
GROUPS = ("Prepare", "Score", "Model", "Act", "Learn", "Share", "Help")
#: The VBA procedure that runs the macro named by a button's tag.
MACRO = "IcpAction"
_NAMESPACE = "http://schemas.microsoft.com/office/2009/07/customui"


def tag_of(button: Button, command: Command | None) -> str:
    """Name of the macro behind a button."""
    return button.tag or ("" if command is None else command.title.replace("-", "_").replace(" ", "_"))


def buttons() -> list[tuple[Button, Command | None]]:
    """Every button with its command, in the order of the ribbon."""
    others = sorted({button.group for button, _ in BUTTONS} - set(GROUPS))
    groups = [*GROUPS, *others]
    return sorted(BUTTONS, key=lambda found: (groups.index(found[0].group), found[0].order))


def keytips(found: list[Button]) -> list[str]:
    """The keys of each button: as declared, else two that are free, of its label where they can be.

    A key tip has one to three signs ("ST_Keytip", [MS-CUSTOMUI2] 2.4.19), capitals without blanks ("RibbonButton.KeyTip
    Property", learn.microsoft.com). None is the beginning of another, which nobody could press.

    Raises:
        ValueError: one that was declared is none, or two cannot be told apart.
    """
    taken = [button.keytip for button in found if button.keytip]
    odd = [tip for tip in taken if not re.fullmatch("[A-Z0-9]{1,3}", tip)]
    if odd:
        raise ValueError(f"keys of a button are one to three capitals or digits: {', '.join(odd)}")
    twice = sorted(
        {one for i, one in enumerate(taken) for j, other in enumerate(taken) if i != j and _clash(one, other)}
    )
    if twice:
        raise ValueError(f"two buttons have the same key: {', '.join(twice)}. Leave it empty for the next free one.")
    answer = []
    for button in found:
        signs = dict.fromkeys([c for c in button.label.upper() if c in _SIGNS] + list(_SIGNS))
        free = ("".join(pair) for pair in product(signs, signs))
        tip = button.keytip or next(tip for tip in free if not any(_clash(tip, other) for other in taken))
        taken.append(tip)
        answer.append(tip)
    return answer


_SIGNS = string.ascii_uppercase + string.digits


def _clash(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def ribbon_xml() -> str:
    """The whole of ``customUI14.xml``.

    Raises:
        ValueError: two buttons have the same macro or key.
    """
    found = buttons()
    tags = [tag_of(*each) for each in found]
    twice = sorted({tag for tag in tags if tags.count(tag) > 1})
    if twice:
        raise ValueError(f"two buttons have the same macro: {', '.join(twice)}")
    keys = dict(zip(tags, keytips([button for button, _ in found]), strict=True))
    lines = [
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
        f'<customUI xmlns="{_NAMESPACE}" onLoad="IcpOnLoad">',
        "  <ribbon>",
        "    <tabs>",
        '      <tab id="tabIcp" label="ICP" keytip="Y1">',
    ]
    for group in dict.fromkeys(button.group for button, _ in found):
        lines.append(f"        <group id={quoteattr('grpIcp' + _id(group))} label={quoteattr(group)}>")
        lines += [line for each in found if each[0].group == group for line in _button(*each, keys[tag_of(*each)])]
        lines.append("        </group>")
    return "\n".join([*lines, "      </tab>", "    </tabs>", "  </ribbon>", "</customUI>", ""])


def _button(button: Button, command: Command | None, keytip: str) -> list[str]:
    tag = tag_of(button, command)
    # A procedure of VBA needs no name of a macro.
    first = [("id", "btnIcp" + _id(tag)), *([("tag", tag)] if button.calls == MACRO else []), ("label", button.label)]
    if button.large:
        first.append(("size", "large"))
    first += [("imageMso", button.icon), ("keytip", keytip)]
    second = [("onAction", button.calls), ("screentip", button.screentip or button.label)]
    indent = " " * 18
    return [
        f"          <button {_attributes(first)}",
        f"{indent}{_attributes(second)}",
        f"{indent}{_attributes([('supertip', button.supertip)])}/>",
    ]


def _attributes(pairs: list[tuple[str, str]]) -> str:
    return " ".join(f"{name}={quoteattr(value)}" for name, value in pairs)


def _id(text: str) -> str:
    """A text as a part of an XML id.

    >>> _id("won_lost"), _id("Help")
    ('WonLost', 'Help')
    """
    return "".join(word[:1].upper() + word[1:] for word in text.replace("_", " ").replace("-", " ").split())
