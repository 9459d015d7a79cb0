"""Write the mappings of external dependencies (PEP 725) to Debian's packages (PEP 804).

    python scripts/refresh_external_mapping.py CACHE_FOLDER

Which file stands for a dependency is said below; which package has it is looked up in the signed
Contents indices of each suite, so that a row never names a package that is not there. The result,
``lockenv/tables/data/external/debian+VERSION.mapping.json``, is data that is reviewed as a diff.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.fetch import open_fetcher
from lockenv.formats.debian import decompressed
from lockenv.model import Origin, System
from lockenv.sources.debian import World
from lockenv.sources.debian.indexes import IndexFile, fetch_index, open_indexes
from lockenv.sources.debian.suites import open_suites, suites_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITES = {"bookworm": "12", "trixie": "13"}
#: Packages may be of these; files are looked up in main alone.
COMPONENTS = ("main", "contrib", "non-free")
TARGET = Path(__file__).parent.parent / "lockenv" / "tables" / "data" / "external"


@dataclass(frozen=True, slots=True)
class Row:
    """Files that stand for a dependency, by role; ``same`` names a row that it is the same as.

    ``bin:NAME`` is a program, ``lib:PATTERN`` a shared library by soname, ``pc:NAME`` a file of
    pkg-config, ``h:PATH`` a header, ``pkg:NAME`` a package by name.
    """

    run: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    same: str = ""


def tool(*programs: str) -> Row:
    """A program, in whatever role."""
    found = tuple(f"bin:{name}" for name in programs)
    return Row(found, found, found)


def library(soname: str, header: str, *, program: str = "") -> Row:
    """A library: itself at run time, its headers in a build; perhaps with a program."""
    programs = (f"bin:{program}",) if program else ()
    return Row((f"lib:{soname}",), (header,), programs or (header,))


def package(*names: str) -> Row:
    """Packages that are known by name (metapackages, data)."""
    found = tuple(f"pkg:{name}" for name in names)
    return Row(found, found, found)


ROWS: dict[str, Row] = {
    # -- the names of the central registry (PEP 804); an empty row: Debian has no such package
    "dep:generic/arrow": Row(),
    "dep:generic/clang": Row(("bin:clang",), ("bin:clang",), ("bin:clang",)),
    "dep:generic/cmake": tool("cmake"),
    "dep:generic/freetype": library(r"libfreetype\.so\.6", "pc:freetype2"),
    "dep:generic/gmp": library(r"libgmp\.so\.10", "pc:gmp"),
    "dep:generic/lcms2": library(r"liblcms2\.so\.2", "pc:lcms2"),
    "dep:generic/libffi": library(r"libffi\.so\.8", "pc:libffi"),
    "dep:generic/libimagequant": library(r"libimagequant\.so\.0(\.\d)?", "pc:imagequant"),
    "dep:generic/libjpeg": library(r"libjpeg\.so\.62", "pkg:libjpeg-dev"),
    "dep:generic/libpq": library(r"libpq\.so\.5", "pc:libpq"),
    "dep:generic/libraqm": library(r"libraqm\.so\.0", "pc:raqm"),
    "dep:generic/libtiff": library(r"libtiff\.so\.6", "pc:libtiff-4"),
    "dep:generic/libwebp": library(r"libwebp\.so\.7", "pc:libwebp"),
    "dep:generic/libxcb": library(r"libxcb\.so\.1", "pc:xcb"),
    "dep:generic/libxml2": library(r"libxml2\.so\.2", "pc:libxml-2.0"),
    "dep:generic/libxslt": library(r"libxslt\.so\.1", "pc:libxslt"),
    "dep:generic/libyaml": library(r"libyaml-0\.so\.2", "pc:yaml-0.1"),
    "dep:generic/llvm": package("llvm"),
    "dep:generic/make": tool("make"),
    "dep:generic/ninja": tool("ninja"),
    "dep:generic/openblas": Row(("pkg:libopenblas0",), ("pkg:libopenblas-dev",), ()),
    "dep:generic/openjpeg": library(r"libopenjp2\.so\.7", "pc:libopenjp2"),
    "dep:generic/openssl": library(r"libssl\.so\.3", "pc:openssl", program="openssl"),
    "dep:generic/pkg-config": tool("pkg-config"),
    "dep:generic/python": Row(("pkg:python3",), ("pkg:python3-dev",), ("pkg:python3",)),
    "dep:generic/tk": library(r"libtk8\.6\.so", "pc:tk"),
    "dep:generic/zlib": library(r"libz\.so\.1", "pc:zlib"),
    "dep:virtual/compiler/c": package("gcc", "libc6-dev"),
    "dep:virtual/compiler/c-sharp": package("mono-mcs"),
    "dep:virtual/compiler/cuda": package("nvidia-cuda-toolkit"),
    "dep:virtual/compiler/cxx": package("g++", "libc6-dev"),
    "dep:virtual/compiler/fortran": package("gfortran"),
    "dep:virtual/compiler/go": package("golang-go"),
    "dep:virtual/compiler/javascript": package("nodejs"),
    "dep:virtual/compiler/obj-c": package("gobjc"),
    "dep:virtual/compiler/obj-cxx": package("gobjc++"),
    "dep:virtual/compiler/ocaml": package("ocaml-nox"),
    "dep:virtual/compiler/rust": package("rustc", "cargo"),
    "dep:virtual/compiler/swift": package("swiftlang"),
    "dep:virtual/compiler/typescript": package("node-typescript"),
    "dep:virtual/compiler/zig": Row(),
    "dep:virtual/interface/blas": Row(("pkg:libblas3",), ("pkg:libblas-dev",), ()),
    "dep:virtual/interface/lapack": Row(("pkg:liblapack3",), ("pkg:liblapack-dev",), ()),
    "dep:virtual/interface/mpi": Row(
        (r"lib:libmpi\.so\.40", "bin:mpirun.openmpi"),
        ("pkg:libopenmpi-dev",),
        ("pkg:libopenmpi-dev",),
    ),
    "dep:virtual/interface/openmp": Row((r"lib:libgomp\.so\.1",), ("pkg:gcc",), ("pkg:gcc",)),
    "dep:github/Kitware/CMake": Row(same="dep:generic/cmake"),
    "dep:github/OpenMathLib/OpenBLAS": Row(same="dep:generic/openblas"),
    "dep:github/Reference-LAPACK/lapack": Row(same="dep:virtual/interface/lapack"),
    "dep:github/apache/arrow": Row(same="dep:generic/arrow"),
    "dep:github/llvm/llvm-project": Row(same="dep:generic/llvm"),
    # -- what machine learning asks for besides
    "dep:generic/alsa-lib": library(r"libasound\.so\.2", "pc:alsa"),
    "dep:generic/autoconf": tool("autoconf"),
    "dep:generic/automake": package("automake"),
    "dep:generic/bash": tool("bash"),
    "dep:generic/boost": package("libboost-all-dev"),
    "dep:generic/build-essential": package("build-essential"),
    "dep:generic/bzip2": library(r"libbz2\.so\.1\.0", "h:bzlib.h", program="bzip2"),
    "dep:generic/ca-certificates": package("ca-certificates"),
    "dep:generic/cairo": library(r"libcairo\.so\.2", "pc:cairo"),
    "dep:generic/chromium": tool("chromium"),
    "dep:generic/curl": tool("curl"),
    "dep:generic/eigen": Row((), ("pc:eigen3",), ("pc:eigen3",)),
    "dep:generic/espeak-ng": tool("espeak-ng"),
    "dep:generic/expat": library(r"libexpat\.so\.1", "pc:expat"),
    "dep:generic/ffmpeg": Row(
        ("bin:ffmpeg",), ("pc:libavcodec", "pc:libavformat"), ("bin:ffmpeg",)
    ),
    "dep:generic/fftw": library(r"libfftw3\.so\.3", "pc:fftw3"),
    "dep:generic/flac": library(r"libFLAC\.so\.\d+", "pc:flac", program="flac"),
    "dep:generic/flex": tool("flex"),
    "dep:generic/bison": tool("bison"),
    "dep:generic/fontconfig": library(r"libfontconfig\.so\.1", "pc:fontconfig"),
    "dep:generic/gcc": package("gcc"),
    "dep:generic/gdal": library(r"libgdal\.so\.\d+", "pc:gdal", program="gdalinfo"),
    "dep:generic/gdb": tool("gdb"),
    "dep:generic/geos": library(r"libgeos_c\.so\.1", "pc:geos"),
    "dep:generic/gettext": tool("gettext", "msgfmt"),
    "dep:generic/ghostscript": tool("gs"),
    "dep:generic/git": tool("git"),
    "dep:generic/git-lfs": tool("git-lfs"),
    "dep:generic/glfw": library(r"libglfw\.so\.3", "pc:glfw3"),
    "dep:generic/glib": library(r"libglib-2\.0\.so\.0", "pkg:libglib2.0-dev"),
    "dep:generic/glibc": package("libc6", "libc6-dev"),
    "dep:generic/gnupg": tool("gpg"),
    "dep:generic/graphviz": Row(("bin:dot",), ("pc:libcgraph",), ("bin:dot",)),
    "dep:generic/gstreamer": library(r"libgstreamer-1\.0\.so\.0", "pc:gstreamer-1.0"),
    "dep:generic/gtk3": library(r"libgtk-3\.so\.0", "pc:gtk+-3.0"),
    "dep:generic/harfbuzz": library(r"libharfbuzz\.so\.0", "pc:harfbuzz"),
    "dep:generic/hdf5": Row(
        (r"lib:libhdf5_serial\.so\.\d+",), ("pkg:libhdf5-dev",), ("pkg:libhdf5-dev",)
    ),
    "dep:generic/hwloc": library(r"libhwloc\.so\.15", "pc:hwloc"),
    "dep:generic/imagemagick": package("imagemagick"),
    "dep:generic/jemalloc": library(r"libjemalloc\.so\.2", "pc:jemalloc"),
    "dep:generic/jq": tool("jq"),
    "dep:generic/leveldb": library(r"libleveldb\.so\.1d", "h:leveldb/db.h"),
    "dep:generic/libaio": library(r"libaio\.so\.1(t64)?", "h:libaio.h"),
    "dep:generic/libarchive": library(r"libarchive\.so\.13", "pc:libarchive"),
    "dep:generic/libcurl": library(r"libcurl\.so\.4", "pkg:libcurl4-openssl-dev"),
    "dep:generic/libegl": library(r"libEGL\.so\.1", "pc:egl"),
    "dep:generic/libevent": library(r"libevent-2\.1\.so\.7", "pc:libevent"),
    "dep:generic/libgl": library(r"libGL\.so\.1", "pc:gl"),
    "dep:generic/libgomp": Row((r"lib:libgomp\.so\.1",), ("pkg:gcc",), ("pkg:gcc",)),
    "dep:generic/libibverbs": library(r"libibverbs\.so\.1", "pc:libibverbs"),
    "dep:generic/libmagic": library(r"libmagic\.so\.1", "h:magic.h", program="file"),
    "dep:generic/libnuma": library(r"libnuma\.so\.1", "pc:numa"),
    "dep:generic/libomp": library(r"libomp\.so\.5", "pkg:libomp-dev"),
    "dep:generic/libpng": library(r"libpng16\.so\.16", "pc:libpng"),
    "dep:generic/librdmacm": library(r"librdmacm\.so\.1", "pc:librdmacm"),
    "dep:generic/libsamplerate": library(r"libsamplerate\.so\.0", "pc:samplerate"),
    "dep:generic/libsm": library(r"libSM\.so\.6", "pc:sm"),
    "dep:generic/libsndfile": library(r"libsndfile\.so\.1", "pc:sndfile"),
    "dep:generic/libsodium": library(r"libsodium\.so\.23", "pc:libsodium"),
    "dep:generic/libspatialindex": library(r"libspatialindex\.so\.\d+", "pkg:libspatialindex-dev"),
    "dep:generic/libssh2": library(r"libssh2\.so\.1", "pc:libssh2"),
    "dep:generic/libstdcxx": library(r"libstdc\+\+\.so\.6", "pkg:g++"),
    "dep:generic/libtool": tool("libtoolize"),
    "dep:generic/libusb": library(r"libusb-1\.0\.so\.0", "pc:libusb-1.0"),
    "dep:generic/libuv": library(r"libuv\.so\.1", "pc:libuv"),
    "dep:generic/libvips": library(r"libvips\.so\.42", "pc:vips"),
    "dep:generic/libx11": library(r"libX11\.so\.6", "pc:x11"),
    "dep:generic/libxext": library(r"libXext\.so\.6", "pc:xext"),
    "dep:generic/libxrender": library(r"libXrender\.so\.1", "pc:xrender"),
    "dep:generic/libzmq": library(r"libzmq\.so\.5", "pc:libzmq"),
    "dep:generic/locales": package("locales"),
    "dep:generic/lz4": library(r"liblz4\.so\.1", "pc:liblz4"),
    "dep:generic/mecab": Row(
        ("bin:mecab", "pkg:mecab-ipadic-utf8"), ("h:mecab.h",), ("h:mecab.h",)
    ),
    "dep:generic/meson": tool("meson"),
    "dep:generic/mariadb-connector-c": library(r"libmariadb\.so\.3", "pc:libmariadb"),
    "dep:generic/mpfr": library(r"libmpfr\.so\.6", "pc:mpfr"),
    "dep:generic/nasm": tool("nasm"),
    "dep:generic/ncurses": library(r"libncursesw\.so\.6", "pc:ncursesw"),
    "dep:generic/netcdf": library(r"libnetcdf\.so\.\d+", "pc:netcdf"),
    "dep:generic/nginx": tool("nginx"),
    "dep:generic/nodejs": tool("node"),
    "dep:generic/npm": tool("npm"),
    "dep:generic/openbabel": tool("obabel"),
    "dep:generic/opencl": library(r"libOpenCL\.so\.1", "pc:OpenCL"),
    "dep:generic/openexr": package("libopenexr-dev"),
    "dep:generic/openjdk": package("default-jre-headless"),
    "dep:generic/openmpi": Row(
        (r"lib:libmpi\.so\.40", "bin:mpirun.openmpi"),
        ("pkg:libopenmpi-dev",),
        ("pkg:libopenmpi-dev",),
    ),
    "dep:generic/openssh-client": tool("ssh"),
    "dep:generic/pandoc": tool("pandoc"),
    "dep:generic/pango": library(r"libpango-1\.0\.so\.0", "pc:pango"),
    "dep:generic/patchelf": tool("patchelf"),
    "dep:generic/pigz": tool("pigz"),
    "dep:generic/poppler": Row(("bin:pdftotext",), ("pc:poppler-cpp",), ("bin:pdftotext",)),
    "dep:generic/portaudio": library(r"libportaudio\.so\.2", "pc:portaudio-2.0"),
    "dep:generic/proj": library(r"libproj\.so\.25", "pc:proj", program="proj"),
    "dep:generic/protobuf": library(r"libprotobuf\.so\.\d+", "pc:protobuf", program="protoc"),
    "dep:generic/readline": library(r"libreadline\.so\.8", "pc:readline"),
    "dep:generic/rsync": tool("rsync"),
    "dep:generic/rust": package("rustc", "cargo"),
    "dep:generic/sdl2": library(r"libSDL2-2\.0\.so\.0", "pc:sdl2"),
    "dep:generic/snappy": library(r"libsnappy\.so\.1", "h:snappy.h"),
    "dep:generic/sox": tool("sox"),
    "dep:generic/sqlite": library(r"libsqlite3\.so\.0", "pc:sqlite3", program="sqlite3"),
    "dep:generic/suitesparse": library(r"libcholmod\.so\.\d+", "h:suitesparse/cholmod.h"),
    "dep:generic/swig": tool("swig"),
    "dep:generic/tbb": library(r"libtbb\.so\.12", "pc:tbb"),
    "dep:generic/tcmalloc": library(r"libtcmalloc_minimal\.so\.4", "pc:libtcmalloc_minimal"),
    "dep:generic/tesseract": Row(("bin:tesseract",), ("pc:tesseract",), ("bin:tesseract",)),
    "dep:generic/texlive": package("texlive"),
    "dep:generic/tini": tool("tini"),
    "dep:generic/tmux": tool("tmux"),
    "dep:generic/tzdata": package("tzdata"),
    "dep:generic/ucx": library(r"libucp\.so\.0", "pc:ucx"),
    "dep:generic/unixodbc": library(r"libodbc\.so\.2", "pc:odbc"),
    "dep:generic/unzip": tool("unzip"),
    "dep:generic/util-linux": package("util-linux"),
    "dep:generic/valgrind": tool("valgrind"),
    "dep:generic/vulkan-loader": library(r"libvulkan\.so\.1", "pc:vulkan"),
    "dep:generic/wget": tool("wget"),
    "dep:generic/xvfb": tool("Xvfb"),
    "dep:generic/xz": library(r"liblzma\.so\.5", "pc:liblzma", program="xz"),
    "dep:generic/zip": tool("zip"),
    "dep:generic/zstd": library(r"libzstd\.so\.1", "pc:libzstd", program="zstd"),
}

_PLACES = {
    "bin": ("usr/bin/{}", "bin/{}", "usr/sbin/{}", "sbin/{}"),
    "pc": (
        "usr/lib/x86_64-linux-gnu/pkgconfig/{}.pc",
        "usr/lib/pkgconfig/{}.pc",
        "usr/share/pkgconfig/{}.pc",
    ),
    "pkg": ("pkg/{}",),
    "h": ("usr/include/{}", "usr/include/x86_64-linux-gnu/{}"),
}
_LIBRARY = re.compile(r"(?:usr/)?lib/(?:x86_64-linux-gnu/)?([^/]+\.so[^/]*)")


def _contents(world: World, suite: str) -> Iterator[str]:
    origin = Origin("scripts/refresh_external_mapping.py")
    system = System(suite=suite, components=COMPONENTS, origin=origin)
    opened = open_suites(suites_of(system, "amd64", {})[:1], world)[0]
    yield "".join(
        f"pkg/{name.decode()} {name.decode()}\n"
        for one in open_indexes([opened], world)
        for name in one.packages.names
    )
    for architecture in ("amd64", "all"):
        path = f"main/Contents-{architecture}"
        listed = opened.release.files[path + ".gz"]
        file = IndexFile(opened, path, ".gz", listed, None, architecture)
        with fetch_index(file, world).open("rb") as stream:
            rest = b""
            for piece in decompressed(stream, ".gz", file.label, limit=8 << 30):
                text = rest + piece
                cut = text.rfind(b"\n") + 1
                rest = text[cut:]
                yield text[:cut].decode("utf-8", "replace")


def _packages(world: World, suite: str) -> dict[str, set[str]]:
    """For each file that a row names, the packages that have it."""
    items = sorted({item for row in ROWS.values() for item in (*row.run, *row.host, *row.build)})
    places = {
        place.format(item.partition(":")[2]): item
        for item in items
        for place in _PLACES.get(item.partition(":")[0], ())
    }
    libraries = {item: re.compile(item[4:]) for item in items if item.startswith("lib:")}
    lines = re.compile(
        r"^((?:(?:usr/)?(?:s?bin|lib|include|share/pkgconfig)|pkg)/\S+)[ \t]+(\S+)$", re.MULTILINE
    )
    found: dict[str, set[str]] = defaultdict(set)
    for text in _contents(world, suite):
        for path, packages in lines.findall(text):
            names = {name.rpartition("/")[2] for name in packages.split(",")}
            item = places.get(path)
            if item is not None:
                found[item] |= names
            match = _LIBRARY.fullmatch(path)
            for wanted, pattern in libraries.items() if match else ():
                if match and pattern.fullmatch(match[1]):
                    found[wanted] |= names
    return found


def _best(item: str, packages: set[str]) -> str:
    """The package of several that is named most like the file: the plainest name."""
    name = item.partition(":")[2]
    return min(packages, key=lambda one: (one != name, one.count("-"), len(one), one))


def _specs(row: Row, packages: dict[str, set[str]], missing: list[str]) -> dict[str, list[str]]:
    specs: dict[str, list[str]] = {}
    for role in ("build", "host", "run"):
        names: dict[str, None] = {}
        for item in getattr(row, role):
            if packages.get(item):
                names[_best(item, packages[item])] = None
            else:
                missing.append(item)
        specs[role] = list(names)
    return specs


def _mapping(suite: str, packages: dict[str, set[str]]) -> dict[str, object]:
    missing: list[str] = []
    rows: list[dict[str, object]] = []
    for identifier, row in sorted(ROWS.items()):
        if row.same:
            rows.append({"id": identifier, "specs_from": row.same})
        else:
            rows.append({"id": identifier, "specs": _specs(row, packages, missing)})
    for item in missing:
        print(f"{suite}: no package has {item}", file=sys.stderr)
    return {
        "schema_version": 1,
        "name": f"Debian {SUITES[suite]}",
        "description": f"Packages of Debian {SUITES[suite]} ({suite}), main, from its Contents",
        "mappings": rows,
        "package_managers": [
            {
                "name": "apt",
                "commands": {
                    "install": {
                        "command": ["apt-get", "install", "--no-install-recommends", "{}"],
                        "multiple_specifiers": "always",
                        "requires_elevation": True,
                    },
                    "query": {
                        "command": ["dpkg-query", "--status", "{}"],
                        "multiple_specifiers": "never",
                        "requires_elevation": False,
                    },
                },
                "specifier_syntax": {
                    "name_only": ["{name}"],
                    "exact_version": ["{name}={version}"],
                    "version_ranges": None,
                },
            }
        ],
    }


def main(cache: Path) -> None:
    """Write one mapping for each suite."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with open_fetcher(cache) as fetcher:
        world = World(fetcher=fetcher, cache_dir=cache, now=now, keyrings={})
        for suite, version in SUITES.items():
            mapping = _mapping(suite, _packages(world, suite))
            path = TARGET / f"debian+{version}.mapping.json"
            path.write_text(json.dumps(mapping, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
