"""The library's functions, made from the declarations: ``icp_xl.NAME(settings, …)`` for every command."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from icp_xl.commands.declare import COMMANDS, Command, Parameter, shape_of
from icp_xl.errors import Fault, IcpError
from icp_xl.progress import Progress

#: Shared options that the library has in another form: ``settings`` for the first two, ``progress`` for the last.
_SHELL_ONLY = ("config", "set_", "quiet")
SETTINGS_HELP = "Settings, a mapping of dotted keys to values, or the path of a YAML file."
PROGRESS_HELP = "Told of every stage, and asked whether to stop."


@dataclass(frozen=True)
class Planned:
    """What a dry run would have written, below the output folder or into the workbook named."""

    files: tuple[str, ...]

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        head = "Dry run: the inputs were read and checked. It would write:"
        return [head, *(f"  {name}" for name in self.files)]


def parameters_of(command: Command) -> list[Parameter]:
    """The options of the library's function: those by place first, then ``settings`` is given, then the others."""
    return [each for each in command.parameters if each.name not in _SHELL_ONLY]


def signature_of(command: Command) -> inspect.Signature:
    """The signature of the library's function."""
    kinds = inspect.Parameter
    given = parameters_of(command)
    ahead = [each for each in given if each.positional]
    first = [kinds(each.name, kinds.POSITIONAL_OR_KEYWORD, default=each.default) for each in ahead]
    if command.takes != "nothing":
        settings = kinds("settings", kinds.POSITIONAL_OR_KEYWORD, default=None)
        # After what must be given, before what may be left out.
        first.insert(sum(each.default is kinds.empty for each in first), settings)
    rest = [kinds(each.name, kinds.KEYWORD_ONLY, default=each.default) for each in given if not each.positional]
    if command.takes == "run":
        rest.append(kinds("progress", kinds.KEYWORD_ONLY, default=None))
    return inspect.Signature([*first, *rest])


def overrides_of(
    command: Command, given: Mapping[str, Any], other: Mapping[str, Any], say: Callable[[str], None]
) -> dict[str, Any]:
    """Settings that the options in ``given`` stand for, and those that the command sets itself.

    An option that was not given changes none; what the command sets itself ranks below ``other`` settings.

    Args:
        given: values by the names of the options.
        other: settings given in another way, by dotted key.
        say: shows what is being prepared.
    """
    found = {each.key: given.get(each.name) for each in command.parameters if each.key}
    found = {key: value for key, value in found.items() if value is not None and value != ()}
    for each in command.common:
        if each.key in other and each.default is not None and found.get(each.key) == each.default:
            found[each.key] = other[each.key]
    if command.prepare is None:
        return found
    own = command.prepare(found, say)
    return {**{key: value for key, value in own.items() if key not in other}, **found}


def own_of(command: Command, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the declared function itself; paths as paths, several values as a tuple."""
    found = {each.name: _converted(each, given[each.name]) for each in command.own if each.name in given}
    for name, record in command.records.items():
        found[name] = record(**{each.name: found.pop(each.name) for each in fields(record)})
    return found


def _converted(parameter: Parameter, value: Any) -> Any:
    if value is None or parameter.option.ask is not None:
        return value
    shape = shape_of(parameter.type)
    if shape.several:
        several = [value] if isinstance(value, str | Path) else value
        return tuple(Path(each) if shape.kind is Path else each for each in several)
    return Path(value) if shape.kind is Path else value


def library_function(command: Command) -> Callable[..., Any]:
    """The function ``icp_xl.NAME`` of ``command``."""
    signature = signature_of(command)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            return _call(command, bound.arguments)
        except IcpError as error:
            _say_in_python(error, command)
            raise

    function.__name__ = function.__qualname__ = command.public
    function.__module__ = "icp_xl"
    function.__doc__ = document(command)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _call(command: Command, given: Mapping[str, Any]) -> Any:
    own = own_of(command, given)
    if command.takes == "nothing":
        return command.function(**own)
    from icp_xl.pipeline.api import settings_from
    from icp_xl.runs import start_run

    base = given["settings"]
    other = base if isinstance(base, Mapping) else {}
    settings = settings_from(base, overrides_of(command, given, other, lambda text: None))
    if command.takes == "settings":
        return command.function(settings, **own)
    with start_run(
        command.name, settings, progress=given["progress"], dry_run=given["dry_run"], after=command.after
    ) as run:
        result = command.function(run, **own)
    return Planned(tuple(run.planned)) if run.dry_run else result


def document(command: Command) -> str:
    """The docstring of the library's function."""
    lines = [command.help, "", f"The same as ``icp-xl {command.title}``.", "", "Args:"]
    for name in signature_of(command).parameters:
        if name == "settings":
            lines.append(f"    settings: {SETTINGS_HELP}")
        elif name == "progress":
            lines.append(f"    progress: {PROGRESS_HELP}")
        else:
            parameter = next(each for each in command.parameters if each.name == name)
            key = f" Setting ``{parameter.key}``." if parameter.key else ""
            lines.append(f"    {name}: {parameter.option.help}{key}")
    lines += ["", "Returns:", f"    {command.returns()}, with ``summary() -> list[str]``."]
    if command.takes == "run":
        lines[-1] = lines[-1].removesuffix(".") + "; :class:`Planned` in a dry run."
    lines += ["", "Raises:", "    IcpError: the inputs, the settings or the output folder cannot be used; it says why."]
    return "\n".join(lines)


def _say_in_python(error: IcpError, command: Command) -> None:
    """Turn flags and command lines in ``error`` into arguments and calls: a caller typed none of them."""
    names = {"--config": "settings", "--set": "settings", "--quiet": "progress"}
    for each in parameters_of(command):
        for flag in each.flags:
            names[flag] = f"{each.name}=True" if each.type is bool else f"{each.name}="
    calls = {each.title: f"icp_xl.{each.public}()" for each in COMMANDS.values()}
    flags = re.compile("|".join(rf"{re.escape(flag)}(?![\w-])" for flag in sorted(names, key=len, reverse=True)))
    titles = "|".join(map(re.escape, sorted(calls, key=len, reverse=True)))
    typed = re.compile(rf"icp-xl ({titles})(?![\w-])")

    def said(text: str | None) -> str | None:
        if text is None:
            return None
        return flags.sub(lambda found: names[found[0]], typed.sub(lambda found: calls[found[1]], text))

    def fault(old: Fault) -> Fault:
        return Fault(said(old.what) or "", said(old.where), old.got, said(old.allowed), said(old.next_step))

    error.fault, error.faults = fault(error.fault), tuple(map(fault, error.faults))


def check_leakage(settings: Any = None, *, progress: Progress | None = None, dry_run: bool = False) -> Any:
    """Say whether any feature knows the future; the same as ``icp_xl.check(settings, leakage=True)``."""
    return library_function(COMMANDS["check"])(settings, leakage=True, progress=progress, dry_run=dry_run)


def library() -> dict[str, Callable[..., Any]]:
    """Every function of the library by its public name."""
    return {command.public: library_function(command) for command in COMMANDS.values()}
