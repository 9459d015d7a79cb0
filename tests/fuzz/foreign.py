"""Fuzz targets: the files of other tools that `import`, `init` and `follow` read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.interchange.imports import parse_import, parse_other_tools
from lockenv.manifest import Where, add_requirement, remove_requirement
from tests.fuzz.target import Target, text_of

if TYPE_CHECKING:
    from collections.abc import Callable


def _import(file: str) -> Callable[[bytes], object]:
    beside = {"requirements.txt": "a==1\nb", "environment.yml": _CONDA.decode()}
    return lambda data: parse_import(file, text_of(data), load=beside.get)


def _edited(data: bytes) -> None:
    text = text_of(data)
    longer = add_requirement(text, "pyproject.toml", "numpy>=2", Where())
    remove_requirement(longer, "pyproject.toml", "numpy", Where())


_UV = b"""version = 1
requires-python = ">=3.11"
[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
[package.metadata]
requires-dist = [
    { name = "numpy", specifier = "<3" },
    { name = "redis", marker = "extra == 'cache' and python_version < '3.12'", specifier = ">=4" },
    { name = "torch", specifier = ">=2", index = "https://i.example/whl/cpu" },
]
[package.metadata.requires-dev]
dev = [{ name = "pytest", extras = ["x"], specifier = ">=7" }]
[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "https://i.example/simple" }
resolution-markers = ["python_full_version < '3.12'"]
wheels = [{ url = "https://f.example/n-1.26.4-py3-none-any.whl", hash = "sha256:aa", size = 9 }]
[[package]]
name = "tool"
version = "1.0"
source = { git = "https://g.example/tool?rev=v1#0123456789abcdef0123456789abcdef01234567" }
"""
_POETRY = b"""[[package]]
name = "Flask"
version = "2.3.3"
markers = "python_version >= '3.8'"
files = [{ file = "flask.whl", hash = "sha256:aa" }]
[package.dependencies]
Werkzeug = { version = ">=2.3", markers = "extra == 'x'" }
[[package]]
name = "own"
version = "0.3"
files = []
[package.source]
type = "git"
url = "https://g.example/own.git"
reference = "main"
resolved_reference = "abc"
[metadata]
lock-version = "2.1"
python-versions = "^3.11 || ~3.9"
"""
_PDM = b"""[metadata]
groups = ["default", "dev"]
requires_python = ">=3.9"
lock_version = "4.5.0"
[[package]]
name = "a"
version = "1.0"
extras = ["x"]
requires_python = ">=3.8"
groups = ["default"]
marker = "python_version < '3.12'"
dependencies = ["b<2; sys_platform == 'linux'"]
files = [{ file = "a.whl", hash = "sha256:aa" }]
[[package]]
name = "g"
version = "2"
git = "https://g.example/g"
ref = "main"
revision = "0123456789abcdef0123456789abcdef01234567"
"""
_PYLOCK = b"""lock-version = "1.0"
requires-python = ">=3.11"
extras = ["x"]
created-by = "t"
[[packages]]
name = "a"
version = "1.0"
marker = "'x' in extras"
index = "https://i.example/simple"
[[packages.wheels]]
name = "a-1.0-py3-none-any.whl"
url = "https://f.example/a-1.0-py3-none-any.whl"
hashes = { sha256 = "00" }
[[packages]]
name = "g"
vcs = { type = "git", url = "https://g.example/g", commit-id = "0123456789abcdef" }
[[packages]]
name = "d"
directory = { path = "./d", editable = true }
[[packages]]
name = "z"
archive = { url = "https://f.example/z.zip", subdirectory = "s", hashes = { sha256 = "00" } }
"""
_PIPFILE_LOCK = json.dumps(
    {
        "_meta": {
            "requires": {"python_version": "3.11"},
            "sources": [{"name": "i", "url": "https://$USER@i.example/simple", "verify_ssl": True}],
        },
        "default": {
            "a": {"version": "==1.0", "index": "i", "hashes": ["sha256:00"], "extras": ["x"]},
            "g": {"git": "https://g.example/g.git", "ref": "abc", "markers": "os_name == 'nt'"},
            "f": {"file": "https://f.example/f.whl"},
        },
        "develop": {"b": {"version": "==2", "editable": True, "path": "."}},
    }
).encode()
_PIPFILE = b"""[[source]]
name = "i"
url = "https://i.example/simple"
verify_ssl = true
[packages]
a = "*"
b = { version = ">=1", extras = ["x"], markers = "os_name == 'posix'", index = "i" }
g = { git = "https://g.example/g.git", ref = "v1", editable = true }
[dev-packages]
pytest = ">=7"
[requires]
python_version = "3.11"
"""
_CONDA = b"""name: demo
channels: [conda-forge, nvidia]
dependencies:
  - python=3.11.*
  - conda-forge::numpy>=1.26,<2=py311_0
  - cudatoolkit = 11.8
  - "gcc_linux-64 ==12"
  - pip:
      - torch==2.3  # note
      - -r requirements.txt
variables:
  A: 'b'
prefix: /x
"""
_ENVD = b"""# syntax=v1
def build():
    base(image="ubuntu:22.04", dev=True)
    install.python(version="3.11")
    install.apt_packages(name=["git", "curl"])
    install.python_packages(name=["numpy>=1"] + EXTRA, requirements="requirements.txt")
    install.conda_packages(name=["a=1"])
    install.cuda(version="11.8.0", cudnn="8")
    config.pip_index(url="https://i.example/simple", extra_url="https://j.example")
    config.jupyter(token="x", port=8888)
    runtime.expose(envd_port=80, host_port=8080)
    runtime.environ(env={"A": "b"})
    config.entrypoint(["a", "b"])
    run(commands=["echo a", "apt-get install -y x"])
EXTRA = ["b"]
"""
_DOCKERFILE = b"""# escape=\\
ARG V=12.4.1
FROM nvidia/cuda:${V:-12}-cudnn-devel-ubuntu22.04@sha256:0 AS base
ENV A=b C="d e" \\
    F=${A}
SHELL ["/bin/bash", "-c"]
RUN apt-get update && apt-get install -y --no-install-recommends git=1:2.* 'curl' && rm -rf /x
RUN <<END
pip install --index-url https://i.example/simple -r requirements.txt "torch>=2" -c c.txt
END
RUN ["pip3", "install", "a"]
COPY --from=base . /app
USER 1000:1000
WORKDIR /app
EXPOSE 80/tcp 443
LABEL a="b"
ENTRYPOINT ["python"]
CMD python -m app
"""
_COMPILED = b"""# This file is autogenerated by pip-compile with Python 3.11
#    pip-compile --generate-hashes requirements.in
--index-url https://u:p@i.example/simple
--extra-index-url=https://j.example/${TOKEN}
a==1.0 ; python_version < "3.12" \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # via
    #   -r requirements.in
    #   b
b @ git+https://g.example/b@main#egg=b&subdirectory=x
    # via -r requirements.in
-e git+https://g.example/c#egg=c[x]
--no-binary :all:
"""
_TOOLS = b"""[tool.poetry]
name = "demo"
packages = [{ include = "demo", from = "src" }]
[tool.poetry.dependencies]
python = ">=3.9,<4"
caret = "^0.2.3"
odd = "^1 || ~3.*"
both = { version = "~1", extras = ["a"], markers = "sys_platform == 'linux'", python = "^3.9" }
late = [{ version = "^4", optional = true, source = "i" }, { git = "https://g.example/l" }]
[tool.poetry.extras]
more = ["late"]
[tool.poetry.group.dev]
optional = true
dependencies = { pytest = "^7.4" }
[[tool.poetry.source]]
name = "i"
url = "https://i.example/simple"
priority = "explicit"
[tool.uv]
dev-dependencies = ["pytest"]
constraint-dependencies = ["numpy<3"]
override-dependencies = ["b==1"]
index-url = "https://i.example/simple"
[tool.uv.sources]
a = [{ index = "i", marker = "os_name == 'nt'" }, { git = "https://g.example/a", tag = "1" }]
w = { workspace = true }
[[tool.uv.index]]
name = "i"
url = "https://i.example/simple"
explicit = true
[tool.pdm.dev-dependencies]
test = ["pytest", "-e file:///${PROJECT_ROOT}/x"]
[[tool.pdm.source]]
name = "pypi"
url = "https://i.example/simple"
"""
_MANIFEST = b"""[project]
name = "demo" # a name
dependencies = [
    # first
    "a>=1", 'b', # second
]
[tool.lockenv]
targets = ["linux-x86_64"]
"""

TARGETS = (
    Target("uv.lock", _import("uv.lock"), [_UV]),
    Target("poetry.lock", _import("poetry.lock"), [_POETRY]),
    Target("pdm.lock", _import("pdm.lock"), [_PDM]),
    Target("pylock.toml", _import("pylock.toml"), [_PYLOCK]),
    Target("Pipfile.lock", _import("Pipfile.lock"), [_PIPFILE_LOCK]),
    Target("Pipfile", _import("Pipfile"), [_PIPFILE]),
    Target("environment.yml", _import("environment.yml"), [_CONDA]),
    Target("build.envd", _import("build.envd"), [_ENVD]),
    Target("Dockerfile", _import("Dockerfile"), [_DOCKERFILE]),
    Target("apt.txt", _import("apt.txt"), [b"# x\ngit (>= 1:2) # y\ncurl=7.*  \nlib:i386 a|b\n"]),
    Target("compiled", _import("requirements.txt"), [_COMPILED]),
    Target("other-tools", lambda data: parse_other_tools("p", text_of(data)), [_TOOLS]),
    Target("edited", _edited, [_MANIFEST]),
)
