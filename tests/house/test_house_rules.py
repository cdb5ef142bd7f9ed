"""What keeps the house easy to live in: short modules, few parameters, no circle, no path of anybody's machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import icp_xl
from icp_xl.artifacts import REPORT, RUN_MANIFEST, RUN_REGISTRY, STAGES

PACKAGE = Path(icp_xl.__file__).parent
ROOT = PACKAGE.parent
MOST_LINES = 500
MOST_PARAMETERS = 9
#: Public functions of four and more parameters whose docstring says what they are, as a share. It may only rise.
LEAST_ARGS = 0.95

MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function of a module with its dotted name; one inside of another has ``<locals>`` in it."""
    todo: list[tuple[str, ast.AST]] = [("", parsed(path))]
    while todo:
        prefix, node = todo.pop()
        for child in ast.iter_child_nodes(node):
            name = getattr(child, "name", "")
            if isinstance(child, ast.FunctionDef):
                yield f"{prefix}{name}", child
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = ".<locals>." if isinstance(child, ast.FunctionDef) else "."
                todo.append((f"{prefix}{name}{inner}", child))


def parameters(function: ast.FunctionDef) -> int:
    given = function.args
    names = [item.arg for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_no_module_is_long() -> None:
    long = {name_of(path) for path in MODULES if path.read_text("utf-8").count("\n") > MOST_LINES}
    assert not long, sorted(long)


def test_no_function_takes_ten_parameters() -> None:
    """Commands aside: their parameters are the options of the command line."""
    many = {
        f"{name_of(path)}:{name}"
        for path in MODULES
        if "commands" not in path.parts and "cli" not in path.parts
        for name, function in functions(path)
        if parameters(function) > MOST_PARAMETERS
    }
    assert not many, sorted(many)


def imports(path: Path) -> set[Path]:
    """Modules of the package that a module imports as it is loaded, by their files."""
    found = set()
    for node in parsed(path).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("icp_xl"):
            base = ROOT / (node.module or "").replace(".", "/")
            names = [base / item.name for item in node.names]
            for place in (base, *names):
                if place.with_suffix(".py").is_file():
                    found.add(place.with_suffix(".py"))
    return found - {path}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {path: imports(path) for path in MODULES}
    done: set[Path] = set()

    def walk(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, " -> ".join(map(name_of, (*way[way.index(path) :], path)))
        if path not in done:
            for other in sorted(graph.get(path, ())):
                walk(other, (*way, path))
            done.add(path)

    for path in MODULES:
        walk(path, ())


def test_nothing_names_a_folder_of_a_machine() -> None:
    paths = re.compile(r"(?<![\w.])/(?:home|root|Users|work|tmp|mnt|var/tmp)/\w|[A-Z]:\\\\?Users\\\\?\w")
    known = ("/home/a", "C:\\\\Users\\\\a")  # examples of what formulas may name
    files = [*MODULES, *sorted((ROOT / "docs").rglob("*.md")), *ROOT.glob("*.md"), ROOT / "pyproject.toml"]
    named = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        for match in paths.finditer(path.read_text(encoding="utf-8"))
        if match[0] not in known
    ]
    assert not named, named


def test_a_class_name_has_one_meaning() -> None:
    """Whoever reads ``Job`` or ``Scores`` need not look where it was imported from."""
    found: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name.lstrip("_"), []).append(name_of(path))
    assert not {name: places for name, places in found.items() if len(places) > 1}


def test_nothing_that_a_run_wrote_is_kept() -> None:
    """Whoever runs a command in the clone does not commit what it wrote."""
    if not (ROOT / ".git").exists():
        pytest.skip("no clone")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.splitlines() for item in (RUN_MANIFEST, RUN_REGISTRY, STAGES, REPORT)
                if not (item.match(name) is item.match(name.partition("/")[2]) is None)]  # fmt: skip


def test_containers_are_written_by_one_writer() -> None:
    """zipfile writes the system and, at will, the moment of writing into a container."""
    writes = re.compile(r"ZipFile\([^)]*[\"'][wax][\"']|ZipInfo\(|\.writestr\(")
    assert not [name_of(path) for path in MODULES if writes.search(path.read_text(encoding="utf-8"))]


def arguments(function: ast.FunctionDef) -> set[str] | None:
    """Names under ``Args:`` of a docstring; ``None`` where there is no such part."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n(?=    ))+)", ast.get_docstring(function) or "", re.MULTILINE)
    if section is None:
        return None
    listed = re.findall(r"^    (?! )([^:]+):", section[1], re.MULTILINE)
    return {name.strip().lstrip("*") for names in listed for name in names.split(",")}


def test_docstrings_say_what_arguments_are() -> None:
    lacking, total, unknown = [], 0, []
    for path in MODULES:
        for name, function in functions(path):
            said = arguments(function)
            given = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
            unknown += [f"{name_of(path)}:{name}: {found}" for found in sorted((said or set()) - given)]
            overrides = ast.get_docstring(function) is None
            private = name.startswith("_") or "._" in name or "<locals>" in name
            if private or parameters(function) < 4 or path.parent.name == "commands":
                continue
            total += 1
            if said is None and not overrides:
                lacking.append(f"{name_of(path)}:{name}")
    assert not unknown, unknown
    assert 1 - len(lacking) / total >= LEAST_ARGS, lacking


def test_public_functions_have_docstrings() -> None:
    """Those aside that are declared with a title by a decorator, which says it."""
    lacking = [
        f"{name_of(path)}:{name}"
        for path in MODULES
        for name, function in functions(path)
        if not name.startswith("_") and "." not in name and ast.get_docstring(function) is None
        if "title" not in {word.arg for call in function.decorator_list for word in getattr(call, "keywords", ())}
    ]
    assert not lacking, lacking
