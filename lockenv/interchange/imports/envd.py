"""``build.envd``: the calls that its functions make, read without running any of them.

Starlark's syntax is a part of Python's, so Python's own parser reads it. Literal arguments alone
are understood; whatever is computed, included or unknown is listed as not mapped.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from lockenv.errors import InputError, LockenvError
from lockenv.interchange.imports.apt import add_package
from lockenv.interchange.imports.conda import parse_environment, read_spec
from lockenv.interchange.imports.documents import (
    add_index,
    check_size,
    requirement_name,
    take_from,
    without_credentials,
)
from lockenv.interchange.imports.requirements import parse_requirements_file, read_lines
from lockenv.interchange.imports.values import Imported
from lockenv.tables.addresses import PYTHON_INDEX
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Python of an image of envd's that does not name one.
_DEFAULT_PYTHON = "3.9"
#: pip's options that name an index.
_INDEX = re.compile(r"(?:-i|--index-url|--extra-index-url)[\s=]+")
_UBUNTU = {"20.04": "focal", "22.04": "jammy", "24.04": "noble"}
#: What an image stands on where none is named that still has updates.
_SUITE = "bookworm"
#: A function that calls another that calls another: deeper is a mistake.
_DEEPEST = 16
_NESTING = 100

#: Calls that arrange envd's own container, and say nothing about an environment.
_OF_ENVD = {
    "shell": "choose your shell in the image or in devcontainer.json",
    "git_config": "git's settings are the user's own",
    "config.repo": "",
    "config.owner": "",
    "config.gpu": "",
    "config.shm_size": "",
    "config.conda_channel": "packages come from Python indexes and Debian",
    "install.conda": "",
    "install.vscode_extensions": "lockenv export devcontainer --extension ID",
    "runtime.mount": "lockenv export devcontainer or compose --mount",
    "runtime.init": "write what starts in entrypoint or cmd of [image]",
    "runtime.daemon": "write what starts in entrypoint or cmd of [image]",
    "runtime.command": "lockenv run, or a Makefile",
    "io.copy": "an image holds the files that git tracks, in /app",
}


def parse_envd(file: str, text: str, *, load: Callable[[str], str | None]) -> Imported:
    """What ``build()`` and the functions that it calls arrange."""
    check_size(file, text, 256 * 1024)
    found = Imported(file)
    tree = _parsed(file, text)
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    if "build" not in functions:
        raise InputError(
            "invalid-document",
            f"{file} has no function build",
            fix="name a build.envd",
        )
    walk = _Walk(found, functions, _constants(tree), load)
    walk.run("build", ())
    for name, function in functions.items():
        if name not in walk.seen:
            found.lose(f"the function {name}", "build() does not call it", function.lineno)
    if found.suite is None:
        found.distribution, found.suite = "debian", _SUITE
        found.lose("ubuntu 20.04, envd's own base", f"it is at its end; {_SUITE} stands in")
    if found.python is None:
        found.lose(f"Python {_DEFAULT_PYTHON}, envd's own where none is named", "it is at its end")
    return found


def _parsed(file: str, text: str) -> ast.Module:
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > _NESTING:
        raise InputError("too-deep", f"{file} is nested too deeply", fix="flatten it")
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise InputError(
            "invalid-envd", f"{file}{line} is no Starlark", why=str(error)[:200], fix="correct it"
        ) from error


def _constants(tree: ast.Module) -> dict[str, object]:
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
                continue
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call with literal arguments."""

    positional: tuple[object, ...]
    named: Mapping[str, object]
    line: int
    load: Callable[[str], str | None]

    def value(self, key: str, place: int | None = None) -> object:
        """An argument by its name, or by its place."""
        if key in self.named or place is None or len(self.positional) <= place:
            return self.named.get(key)
        return self.positional[place]

    def text(self, key: str, place: int | None = None) -> str:
        """An argument that is a text, or nothing."""
        value = self.value(key, place)
        return value if isinstance(value, str) else ""

    def texts(self, key: str, place: int | None = 0) -> list[str]:
        """An argument that is a list of texts, or one of them."""
        value = self.value(key, place)
        if isinstance(value, str):
            return [value]
        members = value if isinstance(value, list | tuple) else ()
        return [one for one in members if isinstance(one, str)]


class _Walk:
    """A walk over the calls of functions, in the order in which they would run."""

    def __init__(
        self,
        found: Imported,
        functions: Mapping[str, ast.FunctionDef],
        constants: Mapping[str, object],
        load: Callable[[str], str | None],
    ) -> None:
        self.found = found
        self.seen: set[str] = set()
        self._functions = functions
        self._constants = constants
        self._load = load

    def run(self, name: str, chain: tuple[str, ...]) -> None:
        """Read a function's calls."""
        if name in chain or len(chain) > _DEEPEST:
            self.found.lose(f"{name}()", "it calls itself")
            return
        self.seen.add(name)
        for statement in self._functions[name].body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                self._call(statement.value, (*chain, name))
            elif not _says_nothing(statement):
                self.found.lose(
                    ast.unparse(statement).splitlines()[0][:80],
                    "only calls are read, nothing is run",
                    statement.lineno,
                )

    def _call(self, call: ast.Call, chain: tuple[str, ...]) -> None:
        name = ast.unparse(call.func)
        if name in self._functions:
            self.run(name, chain)
            return
        try:
            said = _Call(
                positional=tuple(self._value(one) for one in call.args),
                named={one.arg or "": self._value(one.value) for one in call.keywords},
                line=call.lineno,
                load=self._load,
            )
        except (ValueError, TypeError, RecursionError, SyntaxError, MemoryError):
            self.found.lose(f"{name}(…)", "an argument is computed", call.lineno)
            return
        handler = _HANDLERS.get(name)
        if handler is not None:
            handler(self.found, said)
        elif name in _OF_ENVD:
            if _OF_ENVD[name]:
                self.found.lose(f"{name}(…)", _OF_ENVD[name], call.lineno)
        else:
            self.found.lose(f"{name}(…)", "lockenv has nothing that means the same", call.lineno)

    def _value(self, node: ast.expr) -> object:
        if isinstance(node, ast.Name) and node.id in self._constants:
            return self._constants[node.id]
        return ast.literal_eval(node)


def _says_nothing(statement: ast.stmt) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, ast.Pass)


def _base(found: Imported, call: _Call) -> None:
    image = call.text("image", 0) or call.text("os")
    number = re.search(r"(\d\d\.\d\d)", image)
    if "ubuntu" in image and number and number[1] in _UBUNTU:
        found.distribution, found.suite = "ubuntu", _UBUNTU[number[1]]
    elif image:
        debian = re.search(r"(bookworm|trixie|bullseye)", image)
        if debian:
            found.distribution, found.suite = "debian", debian[1]
        else:
            found.lose(f"base({image})", "what the base holds is not known", call.line)
        python = re.search(r"python:(\d+\.\d+)", image)
        found.python = python[1] if python else found.python
    language = call.text("language")
    named = re.match(r"python(\d\.\d+)", language)
    if named:
        found.python = named[1]
    elif language and not language.startswith("python"):
        found.lose(f"language {language}", "lockenv pins Python's world alone", call.line)


def _python(found: Imported, call: _Call) -> None:
    said = call.text("version", 0)
    version = re.match(r"\d+\.\d+", said)
    if not said:
        return
    if version is None:
        found.lose("install.python(…)", "its version is none", call.line)
    else:
        found.python = version[0]


def _packages(found: Imported, call: _Call) -> None:
    for entry in call.texts("name"):
        # A member may carry pip's options: "torch --extra-index-url …".
        plain, *options = re.split(r"\s+(?=-)", entry.strip())
        places = [one for one in options if _INDEX.match(one)]
        rest = [one for one in options if one not in places]
        try:
            read_lines("\n".join([*rest, plain]) + "\n", found, load=call.load)
            for place in places:
                take_from(found, [requirement_name(plain)], _INDEX.sub("", place))
        except LockenvError as error:
            found.lose(entry[:100], error.what, call.line)
    path = call.text("requirements", 1).removeprefix("./")
    content = call.load(path) if path else None
    if content is not None:
        found.join(parse_requirements_file(path, content, load=call.load))
    elif path:
        found.lose(f"requirements {path}", "there is no such file beside it", call.line)
    for wheel in call.texts("local_wheels", 2):
        found.lose(wheel, "write it with path in [sources]", call.line)


def _conda(found: Imported, call: _Call) -> None:
    for entry in call.texts("name"):
        read_spec(found, entry)
    path = call.text("env_file", 2).removeprefix("./")
    content = call.load(path) if path else None
    if content is not None:
        found.join(parse_environment(path, content, load=call.load))
    elif path:
        found.lose(f"env_file {path}", "there is no such file beside it", call.line)


def _apt(found: Imported, call: _Call) -> None:
    for entry in call.texts("name"):
        add_package(found, entry, call.line)


def _cuda(found: Imported, call: _Call) -> None:
    words = [f"CUDA {call.text('version', 0)}"]
    words += [f"cuDNN {call.text('cudnn', 1)}"] if call.text("cudnn", 1) else []
    found.lose_cuda(" and ".join(words), call.line)


def _pip_index(found: Imported, call: _Call) -> None:
    url = call.text("url", 0)
    if url and url.rstrip("/") != PYTHON_INDEX.rstrip("/"):
        # An index here is mostly a mirror of the public one: a matter of where, not of what.
        found.lose(
            f"the index {without_credentials(url)[0]}",
            "a mirror belongs into your configuration ([mirrors]), another index into [[index]]",
            call.line,
        )
    if call.text("extra_url", 1):
        add_index(found, call.text("extra_url", 1))


def _jupyter(found: Imported, call: _Call) -> None:
    if "jupyterlab" not in found.dependencies:
        found.dependencies.append("jupyterlab")
    _add_port(found, call.value("port", 1))
    found.lose(
        "the token of config.jupyter",
        "lockenv export kubernetes --kind jupyter reads a Secret",
        call.line,
    )


def _expose(found: Imported, call: _Call) -> None:
    if not _add_port(found, call.value("envd_port", 0)):
        found.lose("runtime.expose(…)", "its port is no number", call.line)


def _add_port(found: Imported, port: object) -> bool:
    if not isinstance(port, int) or not 0 < port < 65536:
        return False
    ports = found.image.get("ports", ())
    found.image["ports"] = (*(ports if isinstance(ports, tuple) else ()), str(port))
    return True


def _environ(found: Imported, call: _Call) -> None:
    env = call.value("env", 0)
    if isinstance(env, dict):
        before = found.image.get("env", {})
        said = {str(key): str(value) for key, value in env.items()}
        found.image["env"] = {**(before if isinstance(before, dict) else {}), **said}
    if call.value("extra_path", 1):
        found.lose("extra_path", "write PATH in env of [image]", call.line)


def _entrypoint(found: Imported, call: _Call) -> None:
    found.image["entrypoint"] = tuple(call.texts("args"))


def _run(found: Imported, call: _Call) -> None:
    for command in call.texts("commands"):
        found.lose(f"run: {command[:80]}", "a command of the build: lockenv runs none", call.line)


def _apt_source(found: Imported, call: _Call) -> None:
    found.lose(
        "config.apt_source(…)",
        "a mirror belongs into your configuration, another archive into [[system.archive]]",
        call.line,
    )


_HANDLERS: dict[str, Callable[[Imported, _Call], None]] = {
    "base": _base,
    "install.python": _python,
    "install.python_packages": _packages,
    "install.conda_packages": _conda,
    "install.apt_packages": _apt,
    "install.system_packages": _apt,
    "install.cuda": _cuda,
    "config.pip_index": _pip_index,
    "config.jupyter": _jupyter,
    "config.entrypoint": _entrypoint,
    "config.apt_source": _apt_source,
    "runtime.expose": _expose,
    "runtime.environ": _environ,
    "run": _run,
}
