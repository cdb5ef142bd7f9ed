"""The base of every settings section, and who may set what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: ``workbook``: also the sheet *ICP Settings* of a workbook, which may come from anybody. ``name``: a workbook too, but
#: only to the bare name of a file that is open or beside it. ``site``: only the settings file, the environment, the
#: command line and a caller, which belong to who runs the program.
Rights = Literal["workbook", "name", "site"]
#: ``Field(json_schema_extra=SITE)``: no workbook may set it, although its section is open to workbooks.
SITE: dict[str, Any] = {"rights": "site"}
#: ``Field(json_schema_extra=WORKBOOK)``: a workbook may set it, although its section is not open to workbooks.
WORKBOOK: dict[str, Any] = {"rights": "workbook"}
#: ``Field(json_schema_extra=NAME)``: a workbook may set it to a bare file name.
NAME: dict[str, Any] = {"rights": "name"}


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"no pattern: {error}") from None
    if re.search(r"\(\?(?![:i])|\\[1-9]", text):
        raise ValueError("a pattern may not look around or back (RE2, which reads it, cannot)")
    if re.search(r"[+*}]\)*\)[+*{]", text):
        raise ValueError("a pattern may not repeat what is itself a repetition, which can take for ever")
    return text


#: A regular expression that Python's engine and RE2 both take, and that no text keeps busy for long.
Pattern = Annotated[str, Field(max_length=200), AfterValidator(_pattern)]


class Section(BaseModel):
    """A group of settings: frozen, and refusing keys that it does not know.

    ``rights`` says who may set its settings; unless a section says otherwise, no workbook may. What names a file, an
    engine, a target, a reader or a command stays with the site.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    rights: ClassVar[Rights] = "site"

    @model_validator(mode="before")
    @classmethod
    def _off_is_a_word(cls, body: Any) -> Any:
        """YAML reads ``off`` as false; where a setting may be ``off`` and no truth value, the word was meant."""
        if not isinstance(body, Mapping):
            return body
        words = {name for name, field in cls.model_fields.items() if "off" in get_args(field.annotation)}
        return {name: "off" if value is False and name in words else value for name, value in body.items()}


def rights_of(root: type[Section], key: tuple[str, ...]) -> Rights:
    """Who may set the setting at ``key`` below ``root``; names of a mapping and positions of a list may stand in it."""
    rights: Rights = root.rights
    section: type[Section] | None = root
    for name in key:
        if section is None:
            break
        rights = section.rights
        field = section.model_fields.get(name)
        if field is not None:
            extra = field.json_schema_extra
            stated = extra.get("rights") if isinstance(extra, dict) else None
            rights = next((known for known in get_args(Rights) if known == stated), rights)
            section = next(_sections(field.annotation), None)
    return rights


def leaves(key: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every single value in ``value``, which stands at ``key``, with the key of its own."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves((*key, str(name)), inner)
    elif isinstance(value, list | tuple) and value:
        for number, inner in enumerate(value):
            yield from leaves((*key, str(number)), inner)
    else:
        yield key, value


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """Sections in a type such as ``Section``, ``tuple[Section, ...]`` or ``dict[str, Section]``."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
