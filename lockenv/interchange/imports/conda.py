"""``environment.yml``: conda's packages by the names that the Python index and Debian have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.formats.yaml import parse_yaml
from lockenv.interchange.imports.poetry import poetry_specifier
from lockenv.interchange.imports.requirements import read_lines
from lockenv.interchange.imports.values import Imported

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.formats.yaml import Read

#: Packages that the Python index has under another name.
_ELSEWHERE = {
    "blas": None,
    "dask-core": "dask",
    "faiss-cpu": "faiss-cpu",
    "faiss-gpu": "faiss-gpu-cu12",
    "jupyter_client": "jupyter-client",
    "matplotlib-base": "matplotlib",
    "mysql-connector-python": "mysql-connector-python",
    "opencv": "opencv-python",
    "opencv-python-headless": "opencv-python-headless",
    "py-opencv": "opencv-python",
    "pytables": "tables",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "torchtriton": "triton",
    "xgboost-cpu": "xgboost",
    "py-xgboost": "xgboost",
    "py-xgboost-gpu": "xgboost",
}
#: Packages that are no Python packages, and Debian's name for them.
_DEBIAN = {
    "boost-cpp": "libboost-all-dev",
    "c-compiler": "gcc",
    "clang": "clang",
    "cmake": "cmake",
    "compilers": "build-essential",
    "curl": "curl",
    "cxx-compiler": "g++",
    "eigen": "libeigen3-dev",
    "ffmpeg": "ffmpeg",
    "fftw": "libfftw3-dev",
    "gcc": "gcc",
    "gcc_linux-64": "gcc",
    "gdal": "gdal-bin",
    "geos": "libgeos-dev",
    "git": "git",
    "git-lfs": "git-lfs",
    "gmp": "libgmp-dev",
    "graphviz": "graphviz",
    "gsl": "libgsl-dev",
    "gxx": "g++",
    "gxx_linux-64": "g++",
    "hdf5": "libhdf5-dev",
    "htop": "htop",
    "imagemagick": "imagemagick",
    "libgl": "libgl1",
    "libsndfile": "libsndfile1",
    "make": "make",
    "nano": "nano",
    "netcdf4": "libnetcdf-dev",
    "ninja": "ninja-build",
    "openjdk": "default-jre-headless",
    "openmpi": "openmpi-bin",
    "openssh": "openssh-client",
    "pandoc": "pandoc",
    "parallel": "parallel",
    "pkg-config": "pkg-config",
    "proj": "proj-bin",
    "rsync": "rsync",
    "sox": "sox",
    "tesseract": "tesseract-ocr",
    "tmux": "tmux",
    "unzip": "unzip",
    "vim": "vim",
    "wget": "wget",
    "zip": "zip",
}
#: What comes with a wheel or an interpreter anyway, or is only of conda's own world.
_OF_CONDA = re.compile(
    r"(?:_.*|lib(?!rosa|cst|sass|tmux).*|ld_impl_.*|ca-certificates|certifi|openssl|ncurses|readline|"
    r"sqlite|tk|xz|zlib|bzip2|zstd|lz4-c|mkl.*|openblas|blas.*|intel-openmp|tbb|llvm-openmp|"
    r"icu|pcre2?|glib|dbus|expat|fontconfig|freetype|jpeg|libjpeg-turbo|krb5|pip|wheel|conda.*|"
    r"python_abi|pytorch-mutex|nomkl|tzdata)\Z"
)
_CUDA = {"cudatoolkit", "pytorch-cuda", "cuda", "cuda-toolkit", "cuda-version", "cudnn", "nccl"}
_SPEC = re.compile(
    r"(?:(?P<channel>[^\s:]+)::)?(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(?P<rest>.*)\Z"
)
_DEFAULT_CHANNELS = {"defaults", "conda-forge", "pytorch", "nvidia", "nodefaults", "main"}


def parse_environment(file: str, text: str, *, load: Callable[[str], str | None]) -> Imported:
    """What an environment.yml asks; ``load`` gives the files that its ``pip:`` lines include."""
    document = parse_yaml(file, text)
    found = Imported(file)
    if not isinstance(document, dict) or not isinstance(document.get("dependencies"), list):
        raise InputError(
            "invalid-document",
            f"{file} is no conda environment: it has no list of dependencies",
            fix="name another file",
        )
    dependencies = document["dependencies"]
    entries = dependencies if isinstance(dependencies, list) else []
    specs = [entry for entry in entries if isinstance(entry, str)]
    for spec in specs:
        read_spec(found, spec)
    pip = [
        line
        for entry in entries
        if isinstance(entry, dict)
        for lines in [entry.get("pip")]
        for line in (lines if isinstance(lines, list) else ())
        if isinstance(line, str)
    ]
    if pip:
        read_lines("\n".join(pip) + "\n", found, load=load)
    _read_rest(found, document)
    if any(spec.count("=") == 2 and "==" not in spec for spec in specs):
        found.notes.append(
            f"{file} is an export: its versions are preferences, and every package in it became a"
            " dependency; remove those that nothing of yours imports"
        )
    return found


def _read_rest(found: Imported, document: dict[str, Read]) -> None:
    channels = document.get("channels")
    for channel in channels if isinstance(channels, list) else ():
        if isinstance(channel, str) and channel not in _DEFAULT_CHANNELS:
            found.lose(f"the channel {channel}", "packages come from Python indexes and Debian")
    variables = document.get("variables")
    if isinstance(variables, dict):
        found.image["env"] = {
            key: value for key, value in variables.items() if isinstance(value, str)
        }
    for key in document:
        if key not in {"name", "prefix", "dependencies", "channels", "variables"}:
            found.lose(key, "lockenv has no key that means the same")


def read_spec(found: Imported, text: str) -> None:
    """Add a package by conda's name and condition: ``pytorch=2.2``, ``conda-forge::ffmpeg``."""
    match = _SPEC.match(text.strip())
    if match is None:
        found.lose(text[:100], "it is no package")
        return
    name, rest = match["name"].lower(), match["rest"].strip()
    version, _, build = rest.strip("= ").partition("=") if _is_exact(rest) else (rest, "", "")
    if name == "python":
        found.python = _python(version)
        try:
            found.requires_python = None if found.python else _specifier(rest)
        except ValueError as error:
            found.lose(text.strip()[:100], str(error)[:200])
    elif name in _CUDA:
        found.lose_cuda(text.strip())
    elif name in _DEBIAN:
        found.system_packages.append(_DEBIAN[name])
        if version:
            found.lose(f"{name} {version}", f"Debian's {_DEBIAN[name]} has the suite's version")
    elif _OF_CONDA.match(name) and _ELSEWHERE.get(name) is None:
        if not build and name not in {"pip", "wheel", "setuptools"}:
            found.lose(text, "it comes with wheels, the interpreter or Debian's packages")
    else:
        _package(found, _ELSEWHERE.get(name) or canonicalize_name(name), rest, version, build)


def _is_exact(rest: str) -> bool:
    return rest.startswith("=") and not re.search(r"[<>,|!*~]", rest)


def _python(version: str) -> str | None:
    match = re.match(r"(\d+\.\d+)", version.strip("=* ."))
    return match[1] if match and not re.search(r"[<>,|!]", version) else None


def _package(found: Imported, name: str, rest: str, version: str, build: str) -> None:
    if build:
        found.dependencies.append(name)
        found.pin(name, version)
        return
    try:
        found.dependencies.append(name + (_specifier(rest) or ""))
    except ValueError as error:
        found.dependencies.append(name)
        found.lose(f"{name} {rest}", str(error))


def _specifier(rest: str) -> str | None:
    """A condition of conda's: ``=1.2`` is any 1.2, ``==1.2`` that one, a bare version likewise."""
    text = re.sub(r"\s+", "", rest)
    if not text or text == "*":
        return None
    if text.startswith("==") and "," not in text:
        return text
    if re.match(r"=?\d[\w.]*\*?\Z", text):
        number = text.lstrip("=").rstrip("*").rstrip(".")
        return f"=={number}.*"
    return poetry_specifier(text) or None
