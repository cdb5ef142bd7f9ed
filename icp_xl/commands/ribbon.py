"""The ribbon of the add-in, as XML, from the declared buttons."""

from __future__ import annotations

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


def ribbon_xml() -> str:
    """The whole of ``customUI14.xml``.

    Raises:
        ValueError: two buttons have the same macro or key.
    """
    found = buttons()
    for what, values in (
        ("macro", [tag_of(*each) for each in found]),
        ("key", [button.keytip for button, _ in found]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"two buttons have the same {what}: {', '.join(twice)}")
    lines = [
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
        f'<customUI xmlns="{_NAMESPACE}" onLoad="IcpOnLoad">',
        "  <ribbon>",
        "    <tabs>",
        '      <tab id="tabIcp" label="ICP" keytip="Y1">',
    ]
    for group in dict.fromkeys(button.group for button, _ in found):
        lines.append(f"        <group id={quoteattr('grpIcp' + _id(group))} label={quoteattr(group)}>")
        lines += [line for each in found if each[0].group == group for line in _button(*each)]
        lines.append("        </group>")
    return "\n".join([*lines, "      </tab>", "    </tabs>", "  </ribbon>", "</customUI>", ""])


def _button(button: Button, command: Command | None) -> list[str]:
    tag = tag_of(button, command)
    # A procedure of VBA needs no name of a macro.
    first = [("id", "btnIcp" + _id(tag)), *([("tag", tag)] if button.calls == MACRO else []), ("label", button.label)]
    if button.large:
        first.append(("size", "large"))
    first += [("imageMso", button.icon), ("keytip", button.keytip)]
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
