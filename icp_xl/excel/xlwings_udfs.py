"""xlwings' own function machinery (``xlwings/udfs.py``), also where there is no Windows.

The add-in's VBA stubs are made by xlwings' own generator. Its module imports pywin32, of which the generator needs
nothing; elsewhere than on Windows empty modules take that place while it is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]


def _functions_module() -> str:
    """The module that the generated stubs call: in the package as installed, beside it in a bare copy of the source."""
    spec = importlib.util.find_spec("icp_xl._udfs")
    found = {Path(place).resolve() for place in (spec.submodule_search_locations or ())} if spec else set()
    # An installation of another copy may offer its own.
    ours = {_PACKAGE / "_udfs", _PACKAGE.parent / "udfs"}
    return "icp_xl._udfs.icp" if found & ours else "udfs.icp"


FUNCTIONS = _functions_module()
DECORATORS = {"func": "xlfunc", "arg": "xlarg", "ret": "xlret"}
_STAND_INS = ("pythoncom", "pywintypes", "win32com", "win32com.client", "xlwings._xlwindows", "xlwings.com_server")


@contextmanager
def udf_machinery() -> Iterator[Any]:
    """``xlwings.udfs``, with stand-ins for what only Windows has; everything is as before afterwards."""
    if sys.platform == "win32":
        yield importlib.import_module("xlwings.udfs")
        return
    import xlwings

    names = (*_STAND_INS, "xlwings.udfs")
    kept = {name: sys.modules.get(name) for name in names}
    attributes = {name: getattr(xlwings, name, None) for name in ("_xlwindows", "com_server", "udfs")}
    for name, module in _stand_ins().items():
        if kept[name] is None:
            sys.modules[name] = module
    setattr(xlwings, "_xlwindows", sys.modules["xlwings._xlwindows"])  # noqa: B010
    try:
        yield importlib.import_module("xlwings.udfs")
    finally:
        for name in names:
            if kept[name] is None:
                sys.modules.pop(name, None)
        for name, value in attributes.items():
            if value is None and hasattr(xlwings, name):
                delattr(xlwings, name)


def _stand_ins() -> dict[str, ModuleType]:
    modules: dict[str, Any] = {name: ModuleType(name) for name in _STAND_INS}
    modules["pythoncom"].CoInitialize = lambda *_: None
    modules["pywintypes"].com_error = type("com_error", (Exception,), {})
    modules["win32com.client"].Dispatch = lambda item, **_: item
    modules["win32com"].client = modules["win32com.client"]
    modules["xlwings._xlwindows"].BOOK_CALLER = None
    modules["xlwings.com_server"].loop = None
    return modules


def decorated(machinery: Any, name: str = FUNCTIONS) -> ModuleType:
    """A fresh copy of the module ``name`` under xlwings' real decorators, apart from the one in use."""
    import xlwings

    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    before = {public: getattr(xlwings, public) for public in DECORATORS}
    try:
        for public, real in DECORATORS.items():
            setattr(xlwings, public, getattr(machinery, real))
        spec.loader.exec_module(module)
    finally:
        for public, value in before.items():
            setattr(xlwings, public, value)
    return module


def generate_stubs(name: str = FUNCTIONS, book: str = "icp_xl.xlam") -> str:
    """The VBA of every decorated function, exactly as xlwings' generator writes it for the workbook ``book``."""
    with udf_machinery() as machinery:
        out = io.StringIO()
        machinery.generate_vba_wrapper(name, decorated(machinery, name), out, SimpleNamespace(Name=book))
        return out.getvalue()


def described(name: str = FUNCTIONS) -> list[dict[str, Any]]:
    """What the decorators say of every function: name, description, category, and the help of each argument."""
    with udf_machinery() as machinery:
        module = decorated(machinery, name)
    found = []
    for attribute in sorted(vars(module)):
        info = getattr(getattr(module, attribute), "__xlfunc__", None)
        if info is not None:
            found.append(
                {
                    "name": info["name"],
                    "description": " ".join(str(info["ret"]["doc"]).split()),
                    "category": info["category"],
                    "volatile": info["volatile"],
                    "call_in_wizard": info["call_in_wizard"],
                    "arguments": [
                        {"name": item["name"], "help": item["doc"], "optional": "optional" in item}
                        for item in info["args"]
                        if not item["vba"]
                    ],
                }
            )
    return found
