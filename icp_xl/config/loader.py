"""Read the settings: defaults, then the workbook's settings sheet, YAML, the environment, the command line.

A later source wins key by key, so a workbook that lies in the data folder never outranks the site's own file, and it
may set only what is its own: see :func:`icp_xl.config.base.rights_of`. All faults are reported together, each with the
place it stands at.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from icp_xl.config.base import leaves, rights_of
from icp_xl.config.settings import Settings
from icp_xl.config.yaml_text import load_yaml
from icp_xl.errors import ConfigError, Fault

ENV_PREFIX = "ICP_XL__"
DEFAULT_FILE = "icp_xl.yaml"
Key = tuple[str, ...]


def load_settings(
    config: Path | str | None = None,
    *,
    sheet: Iterable[tuple[str, object, str]] = (),
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    base: Settings | None = None,
    origin: str = "command line",
) -> Settings:
    """Merge every source of settings into one frozen object.

    Args:
        config: the YAML file; by default ``icp_xl.yaml`` in the working folder, where there is one.
        sheet: rows of a workbook's ``ICP Settings`` sheet as (dotted key, value, where it stands).
        environ: the environment; ``os.environ`` by default. ``ICP_XL__SCORING__STRATEGIC_SHARE=0.2`` sets
            ``scoring.strategic_share``; ``SOURCE_DATE_EPOCH`` sets ``run.clock`` when nothing else does.
        overrides: dotted key to value, from the command line or a caller; ``None`` values are left out.
        base: settings that take the place of every source but ``overrides``.
        origin: what errors call the place that ``config`` and ``overrides`` come from.

    Raises:
        ConfigError: unknown keys and impossible values, all in one message.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {} if base is None else base.model_dump()
    origins: dict[Key, str] = {}
    faults: list[Fault] = []
    if base is not None:
        sheet, environ = (), {}
    for dotted, value, where in sheet:
        key = _known_spelling(tuple(dotted.strip().split(".")))
        faults.extend(_refused(key, value, where))
        if origins.get(key) and _at(merged, key) != value:
            faults.append(
                Fault(
                    "a setting stands twice, with different values",
                    where,
                    ".".join(key),
                    f"one of {origins[key]} and this",
                )
            )
        _put(merged, origins, key, value, where, faults)
    if base is None:
        _merge_yaml(config, merged, origins, faults)
    for name in sorted(environ):
        if name.upper().startswith(ENV_PREFIX):
            key = _known_spelling(tuple(name[len(ENV_PREFIX) :].split("__")))
            _put(merged, origins, key, _scalar(environ[name]), f"environment variable {name}", faults)
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit() and "clock" not in merged.get("run", {}):
        clock = datetime.fromtimestamp(int(epoch), UTC).replace(tzinfo=None)
        _put(merged, origins, ("run", "clock"), clock, "environment variable SOURCE_DATE_EPOCH", faults)
    for dotted, value in (overrides or {}).items():
        if value is not None:
            _put(merged, origins, tuple(dotted.split(".")), value, f"{origin}, {dotted}", faults)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        faults.extend(_faults_of(error, origins))
    if faults:
        raise ConfigError(
            f"{len(faults)} setting{'s' if len(faults) > 1 else ''} cannot be used",
            next_step="Correct them and run again; nothing was written.",
            faults=faults,
        )
    return settings


def parse_override(text: str) -> tuple[str, object]:
    """Split ``section.key=value`` as given on the command line.

    >>> parse_override("scoring.strategic_share=0.2")
    ('scoring.strategic_share', 0.2)
    """
    key, mark, value = text.partition("=")
    if not mark or not key.strip():
        raise ConfigError(
            "a --set option is not of the form section.key=value",
            got=text,
            allowed="for example --set scoring.strategic_share=0.2",
        )
    return key.strip(), _scalar(value)


def _merge_yaml(
    config: Path | str | None, merged: dict[str, Any], origins: dict[Key, str], faults: list[Fault]
) -> None:
    path = Path(config) if config is not None else Path(DEFAULT_FILE)
    if config is None and not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
        body = load_yaml(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ConfigError(
            "the settings file does not exist", where=path.name, next_step="Check the path after --config."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the settings file cannot be read", where=path.name, got=type(error).__name__) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(
            "the settings file is not valid YAML",
            where=path.name + (f" line {mark.line + 1}" if mark else ""),
            got=getattr(error, "problem", None) or str(error),
        ) from None
    if body is None:
        return
    if not isinstance(body, dict):
        raise ConfigError(
            "the settings file must hold sections",
            where=path.name,
            got=type(body).__name__,
            allowed="section: {key: value}",
        )
    lines: dict[Key, int] = {}
    _collect_lines(node, (), lines)
    _anchor_paths(body, path.resolve().parent)
    _flatten(body, (), lambda key: f"{path.name} line {lines.get(key, 0)}", merged, origins, faults)


def _collect_lines(node: Any, key: Key, lines: dict[Key, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = (*key, str(name.value))
            lines[inner] = name.start_mark.line + 1
            _collect_lines(value, inner, lines)


def _anchor_paths(body: dict[str, Any], folder: Path) -> None:
    paths = body.get("paths")
    if isinstance(paths, dict):
        for name, value in paths.items():
            if isinstance(value, str):
                paths[name] = str(folder / Path(value).expanduser())
    sources = body.get("sources")
    if isinstance(sources, dict) and isinstance(sources.get("synonyms"), str):
        sources["synonyms"] = str(folder / Path(sources["synonyms"]).expanduser())


def _flatten(
    body: Mapping[Any, Any],
    key: Key,
    where: Any,
    merged: dict[str, Any],
    origins: dict[Key, str],
    faults: list[Fault],
) -> None:
    for name, value in body.items():
        inner = (*key, str(name))
        if isinstance(value, dict) and value:
            _flatten(value, inner, where, merged, origins, faults)
        elif value is not None:
            _put(merged, origins, inner, value, where(inner), faults)


def _at(merged: Mapping[str, Any], key: Key) -> object:
    node: Any = merged
    for name in key:
        node = node[name]
    return node


def _put(
    merged: dict[str, Any], origins: dict[Key, str], key: Key, value: object, where: str, faults: list[Fault]
) -> None:
    node = merged
    for name in key[:-1]:
        node = node.setdefault(name, {})
        if not isinstance(node, dict):
            faults.append(Fault("a setting is given both as a value and as a section", where, ".".join(key)))
            return
    node[key[-1]] = value
    origins[key] = where


def _refused(key: Key, value: object, where: str) -> list[Fault]:
    """What of a workbook's settings a workbook may not set."""
    if key[0] not in Settings.model_fields:
        return []  # Unknown, which is said where all settings are checked.
    faults = []
    for leaf, single in leaves(key, value):
        rights, name = rights_of(Settings, leaf), ".".join(leaf)
        elsewhere = f"{DEFAULT_FILE}, the environment, or --set on the command line"
        if rights == "site":
            what = f"{name} may not be set by a workbook, since a workbook may come from anybody"
            faults.append(Fault(what, where, allowed=elsewhere))
        elif rights == "name" and any(mark in str(single) for mark in "/\\:"):
            what = f"a workbook may set {name} to the name of a file, not to a path"
            faults.append(Fault(what, where, allowed=f"a name without folders; a path in {elsewhere}"))
    return faults


def _scalar(text: str) -> object:
    """A value from text, by YAML's rules; text that is not YAML stays text."""
    try:
        return load_yaml(text)
    except yaml.YAMLError:
        return text


def _known_spelling(key: Key) -> Key:
    """Settings names are compared without case where the source (environment, sheet) does not keep it."""
    found: list[str] = []
    model: Any = Settings
    for name in key:
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        match = next((field for field in fields if field.lower() == name.strip().lower().replace(" ", "_")), None)
        found.append(match if match is not None else (name.strip().lower() if fields else name.strip()))
        model = fields[match].annotation if match else None
    return tuple(found)


def _faults_of(error: ValidationError, origins: Mapping[Key, str]) -> list[Fault]:
    faults = []
    for item in error.errors(include_url=False):
        key = tuple(str(part) for part in item["loc"] if not str(part).startswith("function-"))
        where = _origin(key, origins)
        if item["type"] == "extra_forbidden":
            names = _siblings(key)
            close = difflib.get_close_matches(key[-1], names, n=1)
            homes = [f"{section}.{key[0]}" for section in names if key[0] in _siblings((section, ""))]
            guess = homes if len(key) == 1 and homes else close
            allowed = f"did you mean {' or '.join(guess)}?" if guess else ", ".join(names)
            faults.append(Fault(f"unknown setting {'.'.join(key)}", where, None, allowed))
        else:
            message = item["msg"].removeprefix("Value error, ")
            if str(item["type"]).startswith("date"):
                message = "must be a date such as 2024-06-30"
            got = item.get("input")
            shown = None if isinstance(got, dict | BaseModel) else repr(got)[:80]
            faults.append(Fault(f"{'.'.join(key) or 'settings'}: {message[:1].lower()}{message[1:]}", where, shown))
    return faults


def _origin(key: Key, origins: Mapping[Key, str]) -> str | None:
    for cut in range(len(key), 0, -1):
        if key[:cut] in origins:
            return origins[key[:cut]]
    below = [where for other, where in origins.items() if other[: len(key)] == key]
    return below[0] if below else None


def _siblings(key: Sequence[str]) -> list[str]:
    model: Any = Settings
    for name in key[:-1]:
        field = getattr(model, "model_fields", {}).get(name)
        if field is None:
            return []
        options = [field.annotation, *get_args(field.annotation)]
        model = next((item for item in options if isinstance(item, type) and issubclass(item, BaseModel)), None)
    return sorted(getattr(model, "model_fields", {}))
