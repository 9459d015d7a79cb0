"""A Dockerfile: its base, its ``apt-get install`` and ``pip install`` lines, its settings."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from lockenv.errors import LockenvError
from lockenv.fields import parse_json
from lockenv.interchange.imports.apt import add_package
from lockenv.interchange.imports.documents import check_size, requirement_name, take_from
from lockenv.interchange.imports.requirements import parse_requirements_file, read_lines
from lockenv.interchange.imports.values import Imported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_DISTRIBUTIONS = re.compile(
    r"(?:^|[-_/:])(bookworm|trixie|bullseye|buster|sid|forky|jammy|noble|focal|resolute)(?:$|[-_.:@])"
)
_UBUNTU = {"jammy", "noble", "focal", "resolute"}
_NUMBERED = {
    ("ubuntu", "20.04"): "focal",
    ("ubuntu", "22.04"): "jammy",
    ("ubuntu", "24.04"): "noble",
    ("ubuntu", "26.04"): "resolute",
    ("debian", "11"): "bullseye",
    ("debian", "12"): "bookworm",
    ("debian", "13"): "trixie",
}
#: Instructions that say nothing about an environment.
_SILENT = {"ARG", "SHELL", "STOPSIGNAL", "HEALTHCHECK", "ONBUILD", "MAINTAINER", "VOLUME"}
_CUDA_TAG = re.compile(r"(?:^|/)(?:nvidia/)?cuda:(\d+\.\d+(?:\.\d+)?)-")
_CONTROL = {"&&", "||", ";", "|", "(", ")", "&", "{", "}"}
#: Options of pip that take a value of their own and change nothing about what is installed.
_PIP_VALUED = {"--target", "-t", "--prefix", "--root", "--cache-dir", "--timeout", "--retries"}
_PIP_LINES = {
    *("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host"),
    *("--no-binary", "--only-binary", "-c", "--constraint", "-e", "--editable"),
}
#: What may stand before a command.
_BEFORE = {"sudo", "env", "exec", "time", "-E", "!"}
#: Commands that only tidy or look.
_HARMLESS = {
    *("rm", "mkdir", "ls", "cd", "set", "echo", "true", "test", "[", "export", "chmod", "chown"),
    *("useradd", "groupadd", "adduser", "addgroup", "ln", "update-ca-certificates", "ldconfig"),
}


def parse_dockerfile(file: str, text: str, *, load: Callable[[str], str | None]) -> Imported:
    """What the last stage of a Dockerfile installs, with the stages that it starts from."""
    check_size(file, text)
    found = Imported(file)
    arguments: dict[str, str] = {}
    stages: set[str] = set()
    for line, word, rest in _instructions(text):
        if word == "ARG":
            name, _, value = rest.partition("=")
            arguments[name.strip()] = value.strip().strip("\"'")
            continue
        if word == "FROM":
            named = re.search(r"\sAS\s+(\S+)", rest, re.IGNORECASE)
            is_stage = next(iter(rest.split()), "") in stages
            stages |= {named[1]} if named else set()
            if is_stage:
                continue
        _read(found, word, _filled(rest, arguments), line, load)
    return found


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Each instruction with its first line: continued lines joined, comments and heredocs read."""
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        start = place
        parts: list[str] = []
        while place < len(lines):
            line = lines[place]
            place += 1
            if line.lstrip().startswith("#") or (parts and not line.strip()):
                if not parts:
                    break
                continue
            is_open = line.rstrip().endswith("\\")
            parts.append(line.rstrip().removesuffix("\\"))
            if not is_open:
                break
        whole = " ".join(parts).strip()
        word, _, rest = whole.partition(" ")
        heredoc = re.search(r"<<-?[\"']?(\w+)[\"']?", rest)
        if word.upper() == "RUN" and heredoc:
            body = []
            while place < len(lines) and lines[place].strip() != heredoc[1]:
                body.append(lines[place].strip())
                place += 1
            place += 1
            rest = " ; ".join(one for one in body if one and not one.startswith("#"))
        if word:
            yield start + 1, word.upper(), rest.strip()


def _filled(text: str, arguments: Mapping[str, str]) -> str:
    """The text with the build's own arguments, where they have a value."""

    def value(match: re.Match[str]) -> str:
        return arguments.get(match[1] or match[2]) or match[0]

    return re.sub(r"\$\{(\w+)\}|\$(\w+)", value, text)


def _read(  # noqa: C901, PLR0912 - one branch an instruction
    found: Imported, word: str, rest: str, line: int, load: Callable[[str], str | None]
) -> None:
    if word == "FROM":
        _base(found, rest, line)
    elif word == "RUN":
        _run(found, rest, line, load)
    elif word == "ENV":
        _environment(found, rest)
    elif word == "EXPOSE":
        ports = found.image.get("ports", ())
        if isinstance(ports, tuple):
            found.image["ports"] = (*ports, *rest.split())
    elif word == "USER":
        found.image["user"] = rest
    elif word == "WORKDIR":
        if rest.startswith("/") and "$" not in rest:
            found.image["workdir"] = rest
    elif word in {"CMD", "ENTRYPOINT"}:
        found.image[word.lower()] = _words(rest)
    elif word == "LABEL":
        labels = found.image.get("labels", {})
        pairs = dict(_pairs(rest))
        found.image["labels"] = {**(labels if isinstance(labels, dict) else {}), **pairs}
    elif word in {"COPY", "ADD"}:
        if not _is_own_files(rest):
            found.lose(
                f"{word} {rest[:80]}", "an image holds the files that git tracks, in /app", line
            )
    elif word not in _SILENT:
        found.lose(f"{word} {rest[:80]}", "it is no instruction that lockenv knows", line)


def _is_own_files(rest: str) -> bool:
    words = [word for word in rest.split() if not word.startswith("--")]
    return len(words) >= 2 and "--from" not in rest and "://" not in rest


def _base(found: Imported, rest: str, line: int) -> None:
    words = [word for word in rest.split() if not word.startswith("--")]
    image = words[0] if words else ""
    bare = image.partition("@")[0]
    name, _, tag = bare.rpartition("/")[2].partition(":")
    suite = _DISTRIBUTIONS.search(bare)
    if suite:
        found.suite = suite[1]
    else:
        number = re.match(r"\d+(?:\.\d+)?", tag)
        known = _NUMBERED.get((name, number[0])) if number else None
        known = known or ("bookworm" if name in {"python", "debian"} and not suite else None)
        found.suite = known or found.suite
        ubuntu = re.search(r"ubuntu(\d\d)\.?(\d\d)", tag)
        if ubuntu:
            found.suite = _NUMBERED.get(("ubuntu", f"{ubuntu[1]}.{ubuntu[2]}"), found.suite)
    found.distribution = "ubuntu" if found.suite in _UBUNTU else "debian" if found.suite else None
    python = re.match(r"(\d+\.\d+)", tag) if name == "python" else None
    if python:
        found.python = python[1]
    cuda = _CUDA_TAG.search(bare)
    if cuda:
        found.lose_cuda(f"FROM {image}", line)
    if name not in {"python", "debian", "ubuntu", "scratch"} and not cuda and image:
        found.lose(
            f"FROM {image}", "what the base holds beside Debian's packages is not known", line
        )


def _environment(found: Imported, rest: str) -> None:
    env = found.image.get("env", {})
    pairs = dict(_pairs(rest))
    # What only tells apt and pip how to behave is of no use in a locked image.
    kept = {
        key: value
        for key, value in pairs.items()
        if not key.startswith(("PIP_", "DEBIAN_FRONTEND", "POETRY_", "UV_")) and "$" not in value
    }
    if kept:
        found.image["env"] = {**(env if isinstance(env, dict) else {}), **kept}
    for key, value in pairs.items():
        if "$" in value and key != "PATH":
            found.lose(f"ENV {key}", "its value is made of another variable")


def _pairs(rest: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(rest)
    except ValueError:
        words = rest.split()
    if words and "=" not in words[0]:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        key, mark, value = word.partition("=")
        if mark:
            yield key, value


def _words(rest: str) -> tuple[str, ...]:
    if rest.startswith("["):
        try:
            found = parse_json(rest)
        except ValueError:
            return ("/bin/sh", "-c", rest)
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return tuple(found)
    return ("/bin/sh", "-c", rest)


def _run(found: Imported, rest: str, line: int, load: Callable[[str], str | None]) -> None:
    rest = re.sub(r"^(?:--\w+(?:=\S+)?\s+)+", "", rest)
    if rest.startswith("["):
        rest = shlex.join(_words(rest))
    for command in _commands(rest):
        words = command
        while words and (words[0] in _BEFORE or re.match(r"[A-Za-z_]\w*=", words[0])):
            words = words[1:]
        if words:
            _command(found, words, line, load)


def _commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell line."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    command: list[str] = []
    try:
        for word in lexer:
            if word in _CONTROL or set(word) <= set("&|;()"):
                yield command
                command = []
            else:
                command.append(word)
    except ValueError:
        command = []
    yield command


def _command(
    found: Imported, words: list[str], line: int, load: Callable[[str], str | None]
) -> None:
    program = words[0].rpartition("/")[2]
    if program in {"apt-get", "apt", "aptitude"}:
        _apt(found, words[1:], line)
        return
    pip = _pip_words(program, words)
    if pip is not None:
        _pip(found, pip, line, load)
    elif program not in _HARMLESS:
        text = " ".join(words)
        found.lose(text[:100], "a command of the build: lockenv runs none", line)


def _apt(found: Imported, words: list[str], line: int) -> None:
    plain = [word for word in words if not word.startswith("-")]
    if "-t" in words or any(word.startswith("--target-release") for word in words):
        found.lose("-t of apt-get", "write name/suite in system.packages", line)
        plain = [
            word
            for n, word in enumerate(words)
            if not word.startswith("-") and words[n - 1] != "-t"
        ]
    if not plain or plain[0] != "install":
        return
    for word in plain[1:]:
        if "$" in word or word.startswith((">", "<", "2>")):
            found.lose(word, "its value is not known here", line)
        elif "/" in word and word.endswith(".deb"):
            found.lose(word, "a package from a file: serve it as a flat [[system.archive]]", line)
        else:
            add_package(found, word, line)


def _pip_words(program: str, words: list[str]) -> list[str] | None:
    """What follows ``install`` of pip, ``python -m pip`` or ``uv pip``; None for anything else."""
    rest = words[1:]
    if re.fullmatch(r"python(?:\d(?:\.\d+)?)?", program) and rest[:2] == ["-m", "pip"]:
        rest = rest[2:]
    elif program == "uv" and rest[:1] == ["pip"]:
        rest = rest[1:]
    elif not re.fullmatch(r"pip(?:\d(?:\.\d+)?)?", program):
        return None
    while rest and rest[0].startswith("-"):
        rest = rest[1:]
    return rest[1:] if rest[:1] == ["install"] else []


def _pip(found: Imported, words: list[str], line: int, load: Callable[[str], str | None]) -> None:
    lines: list[str] = []
    places: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        name, mark, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name in {*_PIP_VALUED, *_PIP_LINES, "-r", "--requirement"} and not mark:
            value = words[place] if place < len(words) else ""
            place += 1
        if name in {"-i", "--index-url", "--extra-index-url"}:
            places.append(value)
        elif name in {"-r", "--requirement"}:
            _requirements(found, value, line, load)
        elif name in _PIP_LINES:
            lines.append(f"{name} {value}")
        elif name == "--pre":
            lines.append(name)
        elif word.startswith("-") or word in {"pip", "setuptools", "wheel", "uv"}:
            continue
        elif "$" in word or word.startswith((">", "<")):
            found.lose(word, "its value is not known here", line)
        else:
            lines.append(word)
    before = len(found.dependencies)
    _pip_lines(found, lines, line, load)
    names = [requirement_name(one) for one in found.dependencies[before:]]
    for url in places:
        take_from(found, names, url)


def _pip_lines(
    found: Imported, lines: list[str], line: int, load: Callable[[str], str | None]
) -> None:
    for text in lines:
        if text in {".", "-e .", "--editable .", "./"} or text.startswith((".[", "-e .[")):
            continue  # the project itself
        try:
            read_lines(text + "\n", found, load=load)
        except LockenvError as error:
            found.lose(text[:100], error.what, line)


def _requirements(found: Imported, path: str, line: int, load: Callable[[str], str | None]) -> None:
    name = path.rpartition("/")[2] if path.startswith("/") else path.removeprefix("./")
    text = load(name)
    if text is None:
        found.lose(f"-r {path}", "there is no such file beside it", line)
        return
    found.join(parse_requirements_file(name, text, load=load))
