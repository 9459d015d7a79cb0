"""Doors that open as far as somebody goes: a room's modules are loaded when one is asked for.

A door (`__init__` of a room) names all that its room offers, so whoever enters for one thing would
load the whole room, and a start would load the whole house. The doors are plain imports for
readers, type checkers and tests; in the program itself, each door is run with an import that only
notes where a name comes from, and the module is loaded when the name is first taken (PEP 562, done
from outside). Nothing else changes: names, modules and their order of effects, of which a room has
none.

Some modules of the standard library are shut likewise: they are large, they are imported by name at
the top of ours and of click's and packaging's modules, and few commands come to use them.
"""

import builtins
import sys
from importlib import import_module
from importlib.machinery import PathFinder, SourceFileLoader
from threading import RLock
from types import ModuleType

#: A checker reads the types below as if they were imported; nothing is.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec

#: Modules of the standard library that are run when something of them is first asked for.
LATE = frozenset(
    {
        "ast",
        "base64",
        "csv",
        "difflib",
        "dis",
        "gzip",
        "inspect",
        "linecache",
        "netrc",
        "platform",
        "random",
        "shlex",
        "shutil",
        "subprocess",
        "tarfile",
        "tempfile",
        "textwrap",
        "tokenize",
        "traceback",
        "uuid",
    }
)


def open_doors_late() -> None:
    """From now on load the modules of a room one by one; what is loaded already stays."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the rooms of the house as ever, and has their doors opened late."""

    def find_spec(
        self, name: str, path: "Sequence[str] | None", target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if name in LATE:
            return _late_spec(name)
        if not name.startswith("lockenv."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        is_door = spec is not None and spec.submodule_search_locations is not None
        if spec is not None and is_door and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Runs a door so that it notes where its names come from."""

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__

        def noting(
            wanted: str,
            space: "Mapping[str, object] | None" = None,
            local: "Mapping[str, object] | None" = None,
            names: "Sequence[str]" = (),
            level: int = 0,
        ) -> object:
            is_own = wanted.startswith(f"{name}.")
            if is_own and names and not any(one.startswith("_") for one in names):
                return _Source(wanted)
            return builtins.__import__(wanted, space, local, names, level)

        space = module.__dict__
        space["__builtins__"] = {**builtins.__dict__, "__import__": noting}
        code = self.get_code(name)
        if code is not None:
            exec(code, space)  # noqa: S102 - our own file, as the loader above would run it
        space["__builtins__"] = builtins.__dict__
        later = {key: value for key, value in space.items() if isinstance(value, _Name)}
        for key in later:
            del space[key]
        space["_later"] = later
        module.__class__ = _Door


class _Source:
    """A module that is not loaded, as far as ``from MODULE import NAME`` looks at it."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> "_Name":
        return _Name(self._module, name)


class _Name:
    """Where a name of a door comes from."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class _Door(ModuleType):
    """A door whose names are fetched when they are first taken."""

    _later: "dict[str, _Name]"

    def __getattr__(self, name: str) -> object:
        source = self._later.get(name)
        if source is None:
            message = f"module {self.__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        found = getattr(import_module(source.module), source.name)
        self.__dict__[name] = found
        return found

    def __setattr__(self, name: str, value: object) -> None:
        # A module of the room that has been loaded is set here by its own name; where a function
        # of the door has that name too, the door means the function.
        if name not in self._later or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> "list[str]":
        return sorted({*self.__dict__, *self._later})


def _late_spec(name: str) -> "ModuleSpec | None":
    spec = PathFinder.find_spec(name)
    if spec is not None and type(spec.loader) is SourceFileLoader:
        spec.loader = _LateLoader(name, spec.loader.path)
    return spec


class _LateLoader(SourceFileLoader):
    """Runs a module when something of it is first asked for."""

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = _LateModule

    def run(self, module: ModuleType) -> None:
        """Run it now."""
        super().exec_module(module)


class _LateModule(ModuleType):
    """A module that was found and not run yet; it becomes an ordinary one.

    Whoever asks while another thread runs it waits, so that nobody sees half of it. One lock does
    for all: what these modules import themselves is late too, or asks for nothing late in its turn.
    """

    def __getattribute__(self, name: str) -> object:
        if name not in _OF_EVERY_MODULE:
            with _RUNNING:
                _run_late(self)
        return ModuleType.__getattribute__(self, name)  # it is an ordinary one now

    def __dir__(self) -> "list[str]":
        with _RUNNING:
            _run_late(self)
        return list(ModuleType.__dir__(self))


def _run_late(module: ModuleType) -> None:
    """Run a module that has not been run, unless this thread is about it already."""
    spec = module.__spec__
    loader = spec.loader if spec is not None else None
    if not isinstance(loader, _LateLoader) or module.__name__ in _BEGUN:
        return
    _BEGUN.add(module.__name__)
    try:
        loader.run(module)
    except BaseException:
        _BEGUN.discard(module.__name__)
        raise
    module.__class__ = ModuleType


#: What the import system knows of a module before it runs, and asks of it.
_OF_EVERY_MODULE = frozenset(
    {
        *("__cached__", "__class__", "__dict__", "__doc__", "__file__", "__loader__", "__name__"),
        *("__package__", "__path__", "__spec__"),
    }
)
_BEGUN: "set[str]" = set()
_RUNNING = RLock()
