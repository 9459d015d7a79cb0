"""What is fuzzed: each parser, sound inputs to start from, and the refusals that it documents."""

from __future__ import annotations

import gzip
import io
import json
import lzma
from typing import TYPE_CHECKING

import zstandard

from lockenv.formats.contents import parse_listing as parse_contents
from lockenv.formats.deb import open_data, parse_conffiles, read_package
from lockenv.formats.debian import (
    decompressed,
    parse_relations,
    parse_release,
    parse_request,
    parse_stanzas,
    parse_status,
    version_fits,
    version_key,
)
from lockenv.formats.elf import ElfError, parse_dynamic, section_range, sonames_in_prefix
from lockenv.formats.fatbin import FatbinScanner, fatbin_entries, summarize
from lockenv.formats.index import ListingError, parse_files, parse_page
from lockenv.formats.metadata import MetadataError, parse_core_metadata, parse_wheel_name
from lockenv.formats.nvidia import RedistributableError, parse_apt_package, parse_redistributables
from lockenv.formats.oci import parse_config, parse_index, parse_manifest, parse_reference
from lockenv.formats.sdist import read_source_members
from lockenv.formats.tar import Reader
from lockenv.formats.toml import locate, parse_toml
from lockenv.formats.wheel import (
    Limits,
    parse_entry_points,
    parse_headers,
    parse_record,
    read_members,
    read_wheel,
    stream_member,
)
from lockenv.host import parse_nodes
from lockenv.lockfile import inspect_lock, render_lock, self_check
from lockenv.lockfile import parse_lock as parse_lock_text
from lockenv.manifest import parse_manifest as parse_project
from lockenv.manifest import parse_requirements
from tests.fuzz.foreign import TARGETS as FOREIGN
from tests.fuzz.machine import TARGETS as MACHINE
from tests.fuzz.target import Target, text_of
from tests.support.archives import Entry, TarEntry, lying_wheel, tar_of, zip_of
from tests.support.debs import deb, file, folder, hard_link, link
from tests.support.elves import elf, fatbin
from tests.support.locks import small_lock
from tests.support.wheels import core_metadata, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable

#: Small archives need no more; a bomb that gets past this is found by the time it takes.
_LIMITS = Limits(total=64 << 20, always=8 << 20)


def _wheel(data: bytes) -> None:
    found = read_wheel(io.BytesIO(data), "demo-1.0-py3-none-any.whl", _LIMITS)
    _drain(data, found.filename)


def _drain(data: bytes, name: str) -> None:
    stream = io.BytesIO(data)
    for member in read_members(stream, name, _LIMITS):
        for _ in stream_member(stream, member, name):
            pass


def _source_members(data: bytes) -> None:
    for member in read_source_members(io.BytesIO(data), "demo-1.0.tar.gz"):
        for _ in member.content():
            pass


def _tar(data: bytes) -> None:
    reader = Reader(io.BytesIO(data), "demo.tar", limit=8 << 20)
    for _ in reader:
        for _ in reader.content():
            pass


def _deb(data: bytes) -> None:
    package = read_package(io.BytesIO(data), "demo.deb")
    parse_conffiles(package.files.get("conffiles", b""), "demo.deb")
    reader = Reader(open_data(io.BytesIO(data), "demo.deb"), "demo.deb", limit=8 << 20)
    for _ in reader:
        for _ in reader.content():
            pass


def _decompress(ending: str) -> Callable[[bytes], object]:
    def run(data: bytes) -> None:
        for _ in decompressed(io.BytesIO(data), ending, "Packages", limit=8 << 20):
            pass

    return run


def _versions(data: bytes) -> None:
    one, _, other = text_of(data).partition("\n")
    version_key(one)
    for operator in ("=", ">=", "<<"):
        version_fits(one, operator, other)


def _scanned(data: bytes) -> None:
    whole = list(fatbin_entries(data))
    summarize(whole)
    scanner = FatbinScanner()
    for place in range(0, len(data), 97):
        scanner.feed(data[place : place + 97])
    summarize(scanner.entries)


def _elf(data: bytes) -> None:
    sonames_in_prefix(data)
    section_range(data, ".nv_fatbin")
    parse_dynamic(data)


def _lock(data: bytes) -> None:
    text = text_of(data)
    inspect_lock(text)
    lock = parse_lock_text(text)
    self_check(lock, text)
    render_lock(lock)


def _manifest(file_name: str) -> Callable[[bytes], object]:
    return lambda data: parse_project(file_name, text_of(data), load=lambda _: None)


def _requirements(data: bytes) -> None:
    parse_requirements("requirements.txt", text_of(data), load=lambda _: None)


def _toml(data: bytes) -> None:
    text = text_of(data)
    parse_toml("x.toml", text)
    locate(text, ("tool", "lockenv", "target", "gpu", "cuda"))


def _page(content_type: str, *, flat: bool = False) -> Callable[[bytes], object]:
    url = "https://index.example/simple/demo/"

    def run(data: bytes) -> None:
        if flat:
            parse_files(data, content_type=content_type, url=url)
        else:
            listing = parse_page("demo", data, content_type=content_type, url=url)
            for version in listing.versions:
                listing.files(version)

    return run


_FILE = {
    "filename": "demo-1.0-py3-none-any.whl",
    "url": "../../demo-1.0-py3-none-any.whl",
    "hashes": {"sha256": "0" * 64},
    "requires-python": ">=3.8,<4",
    "yanked": "broken",
    "size": 1234,
    "upload-time": "2024-01-02T03:04:05.678Z",
    "core-metadata": {"sha256": "1" * 64},
}
_JSON_PAGE = json.dumps(
    {"meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0"], "files": [_FILE]}
).encode()
_HTML_PAGE = (
    b"<!DOCTYPE html><html><head><base href='https://files.example/'></head><body>"
    b'<a href="demo-1.0-py3-none-any.whl#sha256=' + b"0" * 64 + b'" data-requires-python="&gt;=3.8"'
    b' data-yanked="" data-dist-info-metadata="sha256=' + b"1" * 64 + b'">demo-1.0&#x2d;py3.whl</a>'
    b"<!-- a comment --><a href='demo-0.9.tar.gz' data-upload-time='2024-01-02T03:04:05Z'>demo</a>"
    b"</body></html>"
)
_METADATA = core_metadata("demo", "1.0", requires=["a>=1; extra == 'x'"], extras={"x": ["b<2"]})
_WHEEL = wheel(
    "demo",
    "1.0",
    requires=["a"],
    scripts={"demo": "demo:main"},
    files={"demo/a.py": "A = 1\n" * 50},
).data
_STORED_WHEEL = lying_wheel("demo", "1.0", extra=[Entry("demo/b.py", b"B = 2\n")]).data
_ZIP64 = zip_of([Entry("a.txt", b"a" * 300, zip64=True), Entry("b/", b"")], zip64=True)
_TAR = tar_of(
    [
        TarEntry("demo/" + "long" * 40 + "/file", b"x" * 700),
        TarEntry("demo/link", kind=b"2", link="file"),
        TarEntry("demo/hard", kind=b"1", link="demo/" + "long" * 40 + "/file"),
    ]
)
_DEBS = [
    deb(
        "demo",
        compression=compression,
        members=[
            folder("etc"),
            file("etc/demo.conf", b"a=1\n"),
            link("etc/demo.link", "demo.conf"),
            hard_link("etc/demo.hard", "etc/demo.conf"),
        ],
        control={"conffiles": "/etc/demo.conf\nremove-on-upgrade /etc/old\n"},
        scripts={"postinst": "#!/bin/sh\n"},
    ).data
    for compression in ("xz", "gz", "zst")
]
_STANZAS = b"""Package: demo
Version: 1:2.0-1+b1
Architecture: amd64
Depends: libc6 (>= 2.36), a:any | b [!i386] <!nocheck>, c (<< 3~)
Provides: demo-abi (= 4), x
Description: short
 long
 .
SHA256: 0000

Package: other
Status: install ok installed
Version: 3
"""
_RELEASE = (
    b"Origin: Demo\nSuite: stable\nCodename: demo\nDate: Sat, 09 Nov 2024 10:12:13 UTC\n"
    b"Valid-Until: Sat, 16 Nov 2024 10:12:13 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64\n"
    b"Components: main contrib\nSHA256:\n " + b"0" * 64 + b" 1234 main/binary-amd64/Packages.xz\n"
)
_DIGEST = "sha256:" + "0" * 64
_OCI_MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": _DIGEST,
            "size": 2,
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": _DIGEST,
                "size": 3,
                "annotations": {"a": "b"},
            }
        ],
        "annotations": {"x": "y"},
    }
).encode()
_OCI_INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": _DIGEST,
                "size": 7,
                "platform": {"architecture": "amd64", "os": "linux"},
            }
        ],
    }
).encode()
_OCI_CONFIG = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"], "User": "1000", "Labels": {"a": "b"}},
        "rootfs": {"type": "layers", "diff_ids": [_DIGEST]},
        "history": [{"created_by": "x"}],
    }
).encode()
_REDISTRIBUTABLE = json.dumps(
    {
        "release_date": "2025-01-01",
        "release_label": "12.8.1",
        "cuda_nvcc": {
            "name": "nvcc",
            "license": "x",
            "version": "12.8.93",
            "linux-x86_64": {
                "relative_path": "cuda_nvcc/linux-x86_64/cuda_nvcc-linux-x86_64-12.8.93.tar.xz",
                "sha256": "0" * 64,
                "md5": "0" * 32,
                "size": "123",
            },
            "cuda_variant": ["12"],
            "linux-sbsa": {"cuda12": {"relative_path": "a", "sha256": "1" * 64, "size": "1"}},
        },
    }
).encode()
_NODES = json.dumps(
    {
        "items": [
            {
                "metadata": {
                    "name": "n1",
                    "labels": {
                        "nvidia.com/cuda.driver-version.full": "535.1",
                        "nvidia.com/gpu.compute.major": "8",
                        "nvidia.com/gpu.compute.minor": "0",
                        "kubernetes.io/arch": "amd64",
                    },
                }
            }
        ]
    }
).encode()
_PYPROJECT = b"""[project]
name = "demo"
version = "1"
requires-python = ">=3.11"
dependencies = ["torch>=2; sys_platform == 'linux'", "a @ https://x.example/a-1.tar.gz"]
[project.optional-dependencies]
x = ["b[c]<3"]
[dependency-groups]
dev = ["pytest", { include-group = "docs" }]
docs = ["sphinx"]
[tool.lockenv]
python = ["3.11", "3.13t"]
targets = ["gpu"]
sources.a = { index = "i", target = ["gpu"] }
policy = { sdist = "allow", findings = { LE403 = "error" } }
[[tool.lockenv.index]]
name = "i"
url = "https://i.example/simple/"
[tool.lockenv.target.gpu]
platform = "linux-x86_64"
cuda = { driver = "535", gpus = ["A100"] }
[tool.lockenv.system]
distribution = "debian"
suite = "bookworm"
packages = ["git (>= 1:2)", "a | b", "ffmpeg/bookworm-backports"]
[[tool.lockenv.system.archive]]
name = "x"
url = "https://x.example/debian/"
suites = ["./"]
[tool.lockenv.image]
cmd = ["python"]
ports = ["80/tcp"]
"""
_REQUIREMENTS = (
    b"-i https://i.example/simple\n-r other.txt\n--hash=sha256:00\na==1 \\\n  --hash=sha256:"
    + b"0" * 64
    + b" # via b\n-e ./x[y]\nb @ git+https://x.example/b@v1#egg=b\n./c.whl ; python_version<'3'\n"
)

TARGETS = (
    Target("wheel", _wheel, [_WHEEL, _STORED_WHEEL]),
    Target("zip", lambda data: _drain(data, "demo.whl"), [_WHEEL, _ZIP64]),
    Target(
        "wheel-name",
        lambda data: parse_wheel_name(text_of(data)),
        [b"a-1-2b-cp311-abi3-linux.whl"],
        (ValueError,),
    ),
    Target(
        "record", lambda data: parse_record(text_of(data)), [b'"a,b",sha256=AA,1\n'], (ValueError,)
    ),
    Target(
        "entry-points",
        lambda data: parse_entry_points(text_of(data)),
        [b"[console_scripts]\na = b:c [d]\n"],
        (ValueError,),
    ),
    Target(
        "headers", lambda data: parse_headers(text_of(data)), [b"Wheel-Version: 1.0\nTag: a\n b\n"]
    ),
    Target("sdist", _source_members, [sdist("demo", "1.0", files={"a.py": "a"}).data, _ZIP64]),
    Target("tar", _tar, [_TAR]),
    Target("deb", _deb, _DEBS),
    Target("compression-xz", _decompress(".xz"), [lzma.compress(b"a" * 5000)]),
    Target("compression-gz", _decompress(".gz"), [gzip.compress(b"a" * 5000)]),
    Target("compression-zst", _decompress(".zst"), [zstandard.compress(b"a" * 5000)]),
    Target("core-metadata", parse_core_metadata, [_METADATA], (MetadataError,)),
    Target("page-json", _page("application/json"), [_JSON_PAGE], (ListingError,)),
    Target("page-html", _page("text/html"), [_HTML_PAGE], (ListingError,)),
    Target("page-flat", _page("text/html", flat=True), [_HTML_PAGE], (ListingError,)),
    Target("contents", parse_contents, [b"1\n0" + b"x\x9c\x03\0\0\0\0\x01"]),
    Target("stanzas", lambda data: list(parse_stanzas(data)), [_STANZAS]),
    Target("status", parse_status, [_STANZAS]),
    Target("release", parse_release, [_RELEASE], (ValueError,)),
    Target(
        "relations", lambda data: parse_relations(text_of(data)), [_STANZAS[60:140]], (ValueError,)
    ),
    Target(
        "system-request",
        lambda data: parse_request(text_of(data)),
        [b"a=1:2-3", b"a:i386/x", b"a (>= 1) | b"],
        (ValueError,),
    ),
    Target("debian-versions", _versions, [b"1:2.0~rc1-1+b2\n2.0-1", b"0" * 50 + b"\n1"]),
    Target("elf", _elf, [elf(needed=["libc.so.6"], soname="liba.so.1")], (ElfError,)),
    Target(
        "fatbin",
        _scanned,
        [fatbin(("cubin", 80), ("ptx", 90, "8.5")), elf(fatbin=fatbin(("cubin", 90, "a")))],
    ),
    Target("redistributable", parse_redistributables, [_REDISTRIBUTABLE], (RedistributableError,)),
    Target(
        "nvidia-apt",
        lambda data: parse_apt_package(*(text_of(data) + "\n").split("\n")[:2]),
        [b"libnccl2\n2.1-1+cuda12.9"],
    ),
    Target("oci-index", lambda data: parse_index(data, "index.json"), [_OCI_INDEX]),
    Target("oci-manifest", lambda data: parse_manifest(data, "manifest"), [_OCI_MANIFEST]),
    Target("oci-config", lambda data: parse_config(data, "config"), [_OCI_CONFIG]),
    Target(
        "oci-reference",
        lambda data: parse_reference(text_of(data), "r.example"),
        [b"r.example:5000/a/b:c@" + _DIGEST.encode()],
        (ValueError,),
    ),
    Target("nodes", lambda data: parse_nodes(text_of(data)), [_NODES]),
    Target("toml", _toml, [_PYPROJECT]),
    Target("pyproject", _manifest("pyproject.toml"), [_PYPROJECT]),
    Target(
        "lockenv-toml",
        _manifest("lockenv.toml"),
        [_PYPROJECT.replace(b"tool.lockenv.", b"").replace(b"[tool.lockenv]", b"")],
    ),
    Target("lock", _lock, [render_lock(small_lock()).encode()]),
    Target("requirements", _requirements, [_REQUIREMENTS]),
    *FOREIGN,
    *MACHINE,
)
