"""What a command is: one declaration, from which its command line, library call, button and documentation are made.

A declaration is a function under :func:`command`. Its name is the command's, its docstring the help, its keyword
parameters (annotated with :class:`Option`, or fields of a record) what only this command takes; ``settings`` are
options that stand for a setting and take help, type and choices from it. What the function returns has
``summary() -> list[str]``.
"""

from __future__ import annotations

import inspect
import keyword
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from icp_xl.pipeline.stage import StageRules

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

#: Options of every command that reads settings, by their names; see :data:`SHARED`.
EVERY = ("config", "data", "out", "set_")
Function = TypeVar("Function", bound=Callable[..., Any])


class CommandResult(Protocol):
    """What every command gives: frozen, with its closing lines. ``exit_code``, where there is one, is the shell's."""

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        ...


@dataclass(frozen=True)
class Option:
    """How a parameter of one command is given.

    Args:
        help: one line of help.
        flag: its flag, where it is not the parameter's name.
        short: a second, short flag.
        metavar: what stands for the value in the help.
        argument: it is given by its place, not by a flag.
        commas: several values stand in one text with commas between, instead of one flag each.
        ask: on the command line a plain switch; the function makes the value from an answer.
    """

    help: str
    flag: str = ""
    short: str = ""
    metavar: str = ""
    argument: bool = False
    commas: bool = False
    ask: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Setting:
    """An option that stands for the setting ``key``; ``short`` is a second flag."""

    flag: str
    key: str
    short: str = ""


@dataclass(frozen=True)
class Button:
    """A button of the ribbon. Those of a command start it as a background job of the add-in.

    Args:
        label: the text on it.
        group: label of its group; see :data:`icp_xl.commands.ribbon.GROUPS`.
        icon: a built-in icon (imageMso) of ``vba/icons.txt``.
        keytip: the one to three keys that press it; where it is empty, the next ones that are free.
        supertip: a sentence on what it does.
        screentip: the heading over that sentence; the label by default.
        large: a large icon.
        order: its place in the group.
        tag: name of its macro; the command's by default.
        action: what the job is called; the label by default.
        before: commands whose work comes first.
        sales: whether the sales log is needed.
        columns: whether result columns go beside the customer table.
        calls: the VBA procedure behind it.
        options: with which its command is run.
    """

    label: str
    group: str
    icon: str
    keytip: str
    supertip: str
    screentip: str = ""
    large: bool = False
    order: int = 1000
    tag: str = ""
    action: str = ""
    before: tuple[str, ...] = ()
    sales: bool = True
    columns: bool = False
    calls: str = "IcpAction"
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class InRun(StageRules):
    """A place in ``icp-xl run``; see :class:`icp_xl.pipeline.stage.StageRules` for the rest.

    Args:
        order: stages go in this order.
        name: what the record calls it.
        call: what is done; the command itself by default.
    """

    order: int
    name: str
    call: Callable[[Any], CommandResult | None] | None = None


@dataclass(frozen=True)
class Parameter:
    """One option of a command, wherever it comes from: of its own, a setting (``key``), or shared by all."""

    name: str
    type: Any
    option: Option
    default: Any = None
    key: str = ""
    positional: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Its flags; none for an argument."""
        if self.option.argument:
            return ()
        flag = self.option.flag or "--" + self.name.strip("_").replace("_", "-")
        return (flag, self.option.short) if self.option.short else (flag,)


@dataclass(frozen=True)
class Command:
    """A declared command; ``after`` is the one without whose results it cannot begin."""

    function: Callable[..., Any]
    name: str
    group: str = ""
    public: str = ""
    settings: tuple[Setting, ...] = ()
    shared: tuple[str, ...] = EVERY
    defaults: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[dict[str, Any], Callable[[str], None]], dict[str, Any]] | None = None
    buttons: tuple[Button, ...] = ()
    in_run: tuple[InRun, ...] = ()
    after: str = ""

    @property
    def title(self) -> str:
        """Its name with that of its group, as it is typed."""
        return f"{self.group} {self.name}".strip()

    @property
    def help(self) -> str:
        """Its help, examples included."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @cached_property
    def takes(self) -> Literal["run", "settings", "nothing"]:
        """What the function is given first: a run with its record, the settings alone, or nothing."""
        first = next(iter(inspect.signature(self.function).parameters), "")
        return "run" if first == "run" else "settings" if first == "settings" else "nothing"

    @cached_property
    def own(self) -> tuple[Parameter, ...]:
        """Parameters of this command alone; the fields of a record among them are options each."""
        found: list[Parameter] = []
        for name, given in self._arguments.items():
            kind = self._kind(given)
            found += _fields_of(kind) if is_dataclass(kind) else [self._own(name, given)]
        return tuple(found)

    @cached_property
    def records(self) -> dict[str, Any]:
        """Records that the function takes, each made from options of the names of its fields."""
        kinds = {name: self._kind(given) for name, given in self._arguments.items()}
        return {name: kind for name, kind in kinds.items() if is_dataclass(kind)}

    @property
    def _arguments(self) -> dict[str, inspect.Parameter]:
        names = dict(inspect.signature(self.function).parameters)
        names.pop(self.takes, None)
        return names

    def _kind(self, given: inspect.Parameter) -> Any:
        # One by one, since the type of the result may be known to type checkers only.
        scope = vars(sys.modules[self.function.__module__])
        return eval(given.annotation, scope) if isinstance(given.annotation, str) else given.annotation

    def _own(self, name: str, given: inspect.Parameter) -> Parameter:
        kind = self._kind(given)
        held, *notes = get_args(kind) if get_origin(kind) is Annotated else (kind,)
        option = next((note for note in notes if isinstance(note, Option)), None)
        if option is None:
            option = Option(next((note for note in notes if isinstance(note, str)), ""))
        place = given.kind is not inspect.Parameter.KEYWORD_ONLY
        return Parameter(name, held, option, given.default, positional=place)

    @cached_property
    def of_settings(self) -> tuple[Parameter, ...]:
        """Options that stand for a setting, with its help, type and choices."""
        return tuple(_of_setting(each) for each in self.settings)

    @cached_property
    def common(self) -> tuple[Parameter, ...]:
        """Options that it shares with other commands."""
        names = [*self.shared, *(("dry_run", "quiet") if self.takes == "run" else ())]
        return tuple(
            Parameter(each.name, each.type, each.option, self.defaults.get(each.name, each.default), each.key)
            for each in SHARED
            if each.name in names
        )

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All of its options."""
        return (*self.own, *self.of_settings, *self.common)

    def returns(self) -> str:
        """The annotation of what it gives, as it is written."""
        text = inspect.signature(self.function).return_annotation
        return str(text).removesuffix(" | None")


#: Options that commands share. The library gives settings in place of ``--config`` and ``--set``.
SHARED = (
    Parameter(
        "config", Path | None, Option("Settings file (default: icp_xl.yaml here, where there is one).", short="-c")
    ),
    Parameter(
        "set_", tuple[str, ...], Option("One setting, as section.key=value; may be repeated.", metavar="KEY=VALUE"), ()
    ),
    Parameter("data", Path | None, Option("Folder that holds the source files."), key="paths.data"),
    Parameter("out", Path | None, Option("Folder that results are written to.", short="-o"), key="paths.out"),
    Parameter(
        "dry_run", bool, Option("Check the inputs and list what would be written; write only the run record."), False
    ),
    Parameter("quiet", bool, Option("No progress bar, no closing lines.", short="-q"), False),
)

#: Every command, in the order in which help lists them.
COMMANDS: dict[str, Command] = {}
#: Every button, in the order of the ribbon, with the command behind it.
BUTTONS: list[tuple[Button, Command | None]] = []


def command(
    *settings: Setting,
    name: str = "",
    group: str = "",
    public: str = "",
    shared: tuple[str, ...] = EVERY,
    defaults: Mapping[str, Any] | None = None,
    prepare: Callable[[dict[str, Any], Callable[[str], None]], dict[str, Any]] | None = None,
    after: str = "",
    **made: Any,
) -> Callable[[Function], Function]:
    """Declare the function below as a command.

    Args:
        settings: options that stand for settings.
        name: its name; that of the function by default.
        group: a group of commands that it belongs to, as ``runs`` in ``icp-xl runs list``.
        public: name of its library call ``icp_xl.NAME``; that of the function by default.
        shared: shared options that it takes.
        defaults: defaults of shared options, where they are others than usual.
        prepare: called with the settings given, before they are read; returns further ones that rank below.
        after: the command that left what this one starts from; the output folder is there then.
        made: ``button``, one or several :class:`Button`; ``in_run``, one or several :class:`InRun`.
    """

    def declare(function: Function) -> Function:
        own = function.__name__.strip("_")
        stages, button = made.get("in_run", ()), made.get("button", ())
        found = Command(
            function,
            name or own.replace("_", "-"),
            group,
            public or own,
            settings,
            shared,
            defaults or {},
            prepare,
            (button,) if isinstance(button, Button) else button,
            (stages,) if isinstance(stages, InRun) else stages,
            after,
        )
        if found.title in COMMANDS or any(found.public == each.public for each in COMMANDS.values()):
            raise ValueError(f"the command {found.title} ({found.public}) is declared twice")
        COMMANDS[found.title] = found
        BUTTONS.extend((each, found) for each in found.buttons)
        return function

    return declare


def plain_button(*buttons: Button) -> None:
    """Declare buttons that start no job; each has a macro of its own, or a VBA procedure."""
    BUTTONS.extend((button, None) for button in buttons)


def python_name(flag: str) -> str:
    """The keyword that a flag is in Python.

    >>> python_name("--window-months"), python_name("--lambda")
    ('window_months', 'lambda_')
    """
    name = flag.strip("-").replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name


@dataclass(frozen=True)
class ValueShape:
    """What values a setting takes: ``kind`` of one value, whether several, and the words it is limited to."""

    kind: type
    several: bool = False
    choices: tuple[str, ...] = ()


def shape_of(annotation: Any) -> ValueShape:
    """The shape of a setting's type.

    >>> shape_of(tuple[float, ...])
    ValueShape(kind=<class 'float'>, several=True, choices=())
    """
    if get_origin(annotation) is Annotated:
        return shape_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return shape_of(next(each for each in get_args(annotation) if each is not type(None)))
    if get_origin(annotation) is Literal:
        return ValueShape(str, choices=tuple(map(str, get_args(annotation))))
    if get_origin(annotation) in (tuple, list):
        inner = shape_of(get_args(annotation)[0])
        return ValueShape(inner.kind, True, inner.choices)
    known = (bool, int, float, date, Path)
    return ValueShape(next((kind for kind in known if annotation is kind), str))


def takes_commas(shape: ValueShape) -> bool:
    """Whether several values may stand in one text with commas between: none of them holds one."""
    return shape.several and (shape.kind is date or bool(shape.choices))


def _fields_of(record: Any) -> list[Parameter]:
    kinds = get_type_hints(record)
    return [Parameter(each.name, kinds[each.name], Option(**each.metadata), each.default) for each in fields(record)]


def _of_setting(setting: Setting) -> Parameter:
    # What a setting is, only the models of the settings know, which are slow to load: list and help do without.
    from icp_xl.config.describe import find_field

    found: FieldInfo = find_field(setting.key)
    shape = shape_of(found.annotation)
    text = (found.description or setting.key).strip()
    text = text[:1].upper() + text[1:]
    numbers = shape.several and shape.kind in (int, float)
    if shape.choices and not all(word in text for word in shape.choices):
        text += f"; one of {', '.join(shape.choices)}"
    if takes_commas(shape):
        text += "; may be repeated, or given with commas between"
    elif shape.several:
        text += "; with commas between" if numbers else "; may be repeated"
    option = Option(f"{text}.", setting.flag, setting.short, commas=numbers)
    return Parameter(python_name(setting.flag), found.annotation, option, None, setting.key)
