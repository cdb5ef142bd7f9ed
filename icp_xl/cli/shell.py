"""Commands of the shell, made from their declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from icp_xl.cli._run import progress_bar, say
from icp_xl.commands.api import Planned, overrides_of, own_of
from icp_xl.commands.declare import Command, Parameter, shape_of, takes_commas

DAY = ["%Y-%m-%d"]


def shell_function(command: Command) -> Callable[..., None]:
    """What typer calls for ``command``, with its options as typer reads them."""

    def function(**values: Any) -> None:
        given = {each.name: _value(each, values[each.name]) for each in command.parameters}
        result = _run(command, given)
        code = getattr(result, "exit_code", 0)
        if code:
            raise typer.Exit(code)

    ordered = sorted(command.parameters, key=lambda each: not each.option.argument)
    kind = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [inspect.Parameter(each.name, kind, default=_default(each), annotation=_annotation(each)) for each in ordered]
    )
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    function.__doc__ = command.help
    return function


def _run(command: Command, given: dict[str, Any]) -> Any:
    own = own_of(command, given)
    if command.takes == "nothing":
        return _said(command.function(**own))
    from icp_xl.config.loader import parse_override
    from icp_xl.pipeline.settings import resolve_settings

    quiet = given.get("quiet", False)
    other = dict(parse_override(text) for text in given["set_"])
    overrides = {**other, **overrides_of(command, given, other, (lambda text: None) if quiet else say)}
    settings = resolve_settings(given.get("config"), overrides)
    if command.takes == "settings":
        return _said(command.function(settings, **own))
    from icp_xl.runs import start_run

    with (
        progress_bar(quiet) as progress,
        start_run(command.name, settings, progress=progress, dry_run=given["dry_run"], after=command.after) as run,
    ):
        result = command.function(run, **own)
    for text in run.warnings:
        say(f"Warning: {text}")
    if run.dry_run:
        head, *files = Planned(tuple(run.planned)).summary()
        say(head)
        for line in () if quiet else files:
            say(line)
    elif not quiet or getattr(result, "exit_code", 0) != 0:
        # Even a quiet command says why it ends with a fault.
        _said(result)
    return result


def _said(result: Any) -> Any:
    for line in () if result is None else result.summary():
        say(line)
    return result


def _default(parameter: Parameter) -> Any:
    if parameter.option.ask is not None:
        return False
    if parameter.default is inspect.Parameter.empty:
        return parameter.default
    # A flag that was not given is no value; several of them are none.
    return None if parameter.default == () else parameter.default


def _annotation(parameter: Parameter) -> Any:
    """The parameter's type and typer's description of it."""
    option, shape = parameter.option, shape_of(parameter.type)
    kind: Any = shape.kind
    more: dict[str, Any] = {"help": option.help}
    if option.metavar:
        more["metavar"] = option.metavar
    if option.ask is not None:
        kind = bool
    elif parameter.key and kind not in (bool, int, float, Path):
        kind = str  # the settings know what it must be
    elif kind is date:
        kind, more["formats"] = datetime, DAY
    if option.commas:
        kind = str
    elif shape.several:
        kind = list[kind]
    if option.argument:
        needed = parameter.default is inspect.Parameter.empty
        more["show_default"] = parameter.default != ()
        return Annotated[kind if needed else kind | None, typer.Argument(**more)]
    flags = list(parameter.flags)
    if kind is bool and option.ask is None and parameter.default in (None, True):
        flags[0] += "/--no-" + flags[0].removeprefix("--")
    return Annotated[kind | None if kind is not bool or parameter.default is None else bool,
                     typer.Option(*flags, **more)]  # fmt: skip


def _value(parameter: Parameter, value: Any) -> Any:
    """What typer gives as the declared function takes it."""
    option = parameter.option
    if option.ask is not None:
        return option.ask() if value else None
    if option.commas:
        return tuple(part.strip() for part in (value or "").split(",") if part.strip())
    if isinstance(value, datetime):
        return value.date()
    shape = shape_of(parameter.type)
    if value is not None and parameter.key and takes_commas(shape):
        return tuple(part.strip() for each in value for part in each.split(",") if part.strip())
    return () if value is None and shape.several else value
