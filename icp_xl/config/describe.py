"""Every setting as text: key, default, allowed values, description, and who may set it; a template and a schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from icp_xl.config.base import Rights, Section, rights_of
from icp_xl.config.settings import Settings

HEAD = "# Settings of icp_xl. Every key is optional; a line without the leading '#' sets it.\n"
_WORDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}",
          "min_length": "{} or more", "max_length": "at most {} of them"}  # fmt: skip
_KINDS = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path",
          "date": "date", "datetime": "date and time"}  # fmt: skip


@dataclass(frozen=True)
class SettingEntry:
    """One setting. ``allowed`` says its type and limits; ``rights`` who may set it, see :data:`Rights`."""

    key: str
    default: Any
    allowed: str
    description: str
    rights: Rights

    @property
    def default_text(self) -> str:
        """The default on one line, as YAML has it."""
        text: str = yaml.safe_dump(self.default, default_flow_style=True, allow_unicode=True, width=10**6)
        return text.removesuffix("\n...\n").strip()


def find_field(key: str) -> FieldInfo:
    """The field behind the dotted ``key``.

    Raises:
        KeyError: there is no such setting.
    """
    *above, last = key.split(".")
    section: Any = Settings
    for name in above:
        section = section.model_fields[name].annotation
    found: FieldInfo = section.model_fields[last]
    return found


def every_setting() -> Iterator[SettingEntry]:
    """Every setting, in the order of the sections; the parts of a list of records follow it as ``key[].part``."""
    yield from _entries(Settings, Settings().model_dump(mode="json"), ())


def _entries(section: type[Section], values: Any, above: tuple[str, ...]) -> Iterator[SettingEntry]:
    for name, field in section.model_fields.items():
        key, value = (*above, name), None if values is None else values[name]
        kind: Any = field.annotation
        if _is_section(kind):
            yield from _entries(kind, value, key)
            continue
        text = (field.description or "").strip()
        clean = tuple(part.removesuffix("[]") for part in key)
        yield SettingEntry(".".join(key), value, _allowed(field), text, rights_of(Settings, clean))
        for record in _records(kind):
            first = (*above, f"{name}[]")
            plain = {part: each.get_default(call_default_factory=True) for part, each in record.model_fields.items()}
            yield from _entries(record, json.loads(json.dumps(plain, default=_plain)), first)


def _plain(value: Any) -> Any:
    # A part without a default must be given; it has none to show.
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else None


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _records(kind: Any) -> Iterator[type[Section]]:
    for part in get_args(kind):
        if _is_section(part):
            yield part
        else:
            yield from _records(part)


def _allowed(field: FieldInfo) -> str:
    limits = [text for note in field.metadata if (text := _limit(note))]
    return ", ".join([_kind(field.annotation), *limits])


def _limit(note: Any) -> str:
    found = [text.format(getattr(note, name)) for name, text in _WORDS.items() if getattr(note, name, None) is not None]
    return ", ".join(found)


def _kind(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = [text for note in parts[1:] for text in [_limits_of(note)] if text]
        return ", ".join([_kind(parts[0]), *limits])
    if origin is Literal:
        return ", ".join(map(str, parts))
    if origin in (tuple, list):
        return f"list of: {_kind(parts[0])}"
    if origin is dict:
        return f"mapping of {_kind(parts[0])} to {_kind(parts[1])}"
    if parts:
        return " or ".join(dict.fromkeys("nothing" if part is type(None) else _kind(part) for part in parts))
    name = getattr(kind, "__name__", str(kind))
    return "record" if _is_section(kind) else _KINDS.get(name, name)


def _limits_of(note: Any) -> str:
    inner = getattr(note, "metadata", None)
    return ", ".join(filter(None, map(_limit, inner))) if inner else _limit(note)


def settings_template() -> str:
    """A YAML text that names every setting with its default and what it means, each line commented out."""
    lines: list[str] = []
    opened: tuple[str, ...] = ()
    for entry in every_setting():
        *above, name = entry.key.split(".")
        if "[]" in entry.key:
            continue
        path = tuple(above)
        common = next((i for i, (a, b) in enumerate(zip(path, opened, strict=False)) if a != b), None)
        common = min(len(path), len(opened)) if common is None else common
        lines += [f"{'  ' * depth}{path[depth]}:" for depth in range(common, len(path))]
        opened = path
        indent = "  " * len(path)
        note = f"{entry.description} ({entry.allowed})" if entry.description else entry.allowed
        lines += [f"{indent}# {note}", f"{indent}{name}: {entry.default_text}"]
    return HEAD + "".join(f"# {line}\n" for line in lines)


def settings_schema() -> str:
    """A JSON schema of the settings file, for editors that check and complete YAML by one."""
    body = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}
    return json.dumps(body, indent=2, ensure_ascii=False, default=str) + "\n"
