from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.oci import (
    CONFIG_TYPE,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    describe,
    layer_type,
    open_compressor,
    parse_config,
    parse_index,
    parse_manifest,
    parse_reference,
    render_config,
    render_index,
    render_json,
    render_manifest,
)

DIGEST = "sha256:" + "ab" * 32
REGISTRY = "registry.example.com"


def test_json_is_canonical() -> None:
    assert render_json({"b": [1], "a": "ä"}) == '{"a":"ä","b":[1]}'.encode()


def test_a_config_is_read_back() -> None:
    config = ImageConfig(
        architecture="amd64",
        created="2025-01-01T00:00:00Z",
        diff_ids=(DIGEST,),
        history=("lockenv: base",),
        env=("A=1",),
        cmd=("/bin/sh",),
        user="app",
        workdir="/app",
        ports=("80/tcp",),
        labels={"x": "y"},
    )
    text = render_config(replace(config, history=("base",)))

    assert parse_config(text, "test") == config


def test_manifests_and_indexes_are_read_back() -> None:
    config = describe(CONFIG_TYPE, b"{}")
    layer = Descriptor(media_type=layer_type("gzip"), digest=DIGEST, size=7)
    manifest = Manifest(config=config, layers=(layer,), annotations={"k": "v"}, subject=config)
    index = Index(
        manifests=(
            Descriptor(media_type="m", digest=DIGEST, size=1, architecture="arm64", variant="v8"),
        )
    )

    assert parse_manifest(render_manifest(manifest), "test") == manifest
    assert parse_index(render_index(index), "test") == index


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{", b'{"config": {"digest": "sha256:zz", "size": 1}}', b'{"layers": "x"}'],
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse_manifest(text, "test")


def test_docker_writes_null_for_empty() -> None:
    text = json.dumps(
        {"config": {"Env": None, "Cmd": None, "Labels": None}, "rootfs": {"diff_ids": []}}
    )

    assert parse_config(text.encode(), "test").env == ()


@pytest.mark.parametrize(
    ("text", "registry", "repository", "version"),
    [
        ("debian", REGISTRY, "library/debian", "latest"),
        ("a/b:1.0", REGISTRY, "a/b", "1.0"),
        ("127.0.0.1:5000/x", "127.0.0.1:5000", "x", "latest"),
        (f"host.example.com/x/y@{DIGEST}", "host.example.com", "x/y", DIGEST),
        (f"localhost/x:t@{DIGEST}", "localhost", "x", DIGEST),
    ],
)
def test_references(text: str, registry: str, repository: str, version: str) -> None:
    reference = parse_reference(text, REGISTRY)

    assert (reference.registry, reference.repository, reference.version) == (
        registry,
        repository,
        version,
    )


@pytest.mark.parametrize(
    "text", ["", "UPPER", "a//b", "x:", "x@sha256:12", "host.example.com/", "a:b:c"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        parse_reference(text, REGISTRY)


@pytest.mark.parametrize("name", ["gzip", "zstd", "none"])
def test_a_compressor_gives_its_input_back_and_has_a_label(name: str) -> None:
    compressor = open_compressor(name)
    data = b"text " * 10_000 + bytes(range(256)) * 50

    assert compressor.decompress(bytes(compressor.compress(data))) == data
    assert compressor.compress(data) == open_compressor(name).compress(data)
    assert compressor.label.startswith(name)


#: The bytes that the locked libraries write; a new library that writes others shows here first.
KNOWN = {"gzip": "ca46e088", "zstd": ""}


def test_the_known_answer_of_gzip() -> None:
    assert open_compressor("gzip").label.endswith(KNOWN["gzip"])


def test_a_digest_is_that_of_the_bytes() -> None:
    assert describe("t", b"x").digest == f"sha256:{hashlib.sha256(b'x').hexdigest()}"
