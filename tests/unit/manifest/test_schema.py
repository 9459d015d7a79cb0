"""The schema names the keys and words that the reader knows, and describes each."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from lockenv.manifest import keys
from lockenv.model import EXPORT_FORMATS, PLATFORMS
from tests.support.manifests import EVERY_KEY, SCHEMA, schema_refuses

if TYPE_CHECKING:
    from lockenv.fields import Fields

DEFINITIONS = SCHEMA.named_tables("$defs")
TABLES = {
    "keys": keys.TOOL,
    "target": keys.TARGET,
    "index": keys.INDEX,
    "source": keys.SOURCE,
    "policy": keys.POLICY,
    "ignore": keys.IGNORE,
    "system": keys.SYSTEM,
    "archive": keys.ARCHIVE,
    "cuda": keys.CUDA,
    "image": keys.IMAGE,
    "export": keys.EXPORT,
    "environment": keys.ENVIRONMENT,
}
BY_NAME: dict[str, Fields] = dict(DEFINITIONS)


def properties(fields: Fields) -> dict[str, Fields]:
    return dict(fields.named_tables("properties"))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(dict(SCHEMA.table))


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_the_keys_of_the_reader_and_each_is_described(name: str) -> None:
    found = properties(BY_NAME[name])

    assert sorted(found) == sorted(TABLES[name])
    for key, fields in found.items():
        target = (fields.text("$ref") or "").rpartition("/")[2]
        assert fields.text("description") or BY_NAME[target].text("description"), key


def test_a_lockenv_toml_has_the_standard_keys_beside_ours() -> None:
    assert sorted(properties(SCHEMA)) == sorted(keys.LOCKENV_TOML)


def test_words_are_those_of_the_reader() -> None:
    top = properties(BY_NAME["keys"])
    words = {
        "platform": BY_NAME["platform"].texts("enum"),
        "align": top["align"].texts("enum"),
        "resolution": top["resolution"].texts("enum"),
        "python-source": BY_NAME["python-source"].texts("enum"),
        "sdist": BY_NAME["sdist-policy"].texts("enum"),
        "cuda-source": BY_NAME["cuda-source"].texts("enum"),
        "format": properties(BY_NAME["export"])["format"].texts("enum"),
        "native": properties(BY_NAME["policy"])["native-libraries"].texts("enum"),
        "compression": properties(BY_NAME["image"])["compression"].texts("enum"),
        "distribution": properties(BY_NAME["system"])["distribution"].texts("enum"),
    }

    assert words == {
        "platform": tuple(sorted(PLATFORMS)),
        "align": keys.ALIGNMENTS,
        "resolution": keys.RESOLUTIONS,
        "python-source": keys.PYTHON_SOURCES,
        "sdist": keys.SDIST_POLICIES,
        "cuda-source": keys.CUDA_SOURCES,
        "format": EXPORT_FORMATS,
        "native": keys.NATIVE_LIBRARIES,
        "compression": keys.COMPRESSIONS,
        "distribution": keys.DISTRIBUTIONS,
    }


def test_the_manifest_of_the_tests_uses_every_key() -> None:
    document = tomllib.loads(EVERY_KEY)

    # What names other files has tests of its own.
    assert sorted({*document, "extends", "requirements"}) == sorted(
        (*keys.TOOL, *keys.LOCKENV_TOML)
    )
    assert schema_refuses(EVERY_KEY, "lockenv.toml") == []
