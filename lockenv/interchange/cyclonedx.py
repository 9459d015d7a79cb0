"""A selection of a lock as a CycloneDX 1.6 bill of materials (ECMA-424), over all layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.interchange.inventory import inventory_of

if TYPE_CHECKING:
    from lockenv.interchange.inventory import Component, Inventory
    from lockenv.lockfile import Selection
    from lockenv.model import Digest, Lock

#: The media type of such a document, for registries and servers.
CYCLONEDX_TYPE = "application/vnd.cyclonedx+json"
#: The specification's names of hash algorithms.
_ALGORITHMS = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
}
_SUBJECT = "subject"
_KINDS = {"base": "container", "interpreter": "platform"}


def render_cyclonedx(
    lock: Lock, selection: Selection, *, name: str, kind: str = "application"
) -> str:
    """The document, the same bytes for the same lock; ``kind`` is what its subject is.

    What is only used to build a part has the scope *excluded*: it is not in the environment.
    """
    inventory = inventory_of(lock, selection, name)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{_serial(inventory)}",
        "version": 1,
        "metadata": {
            "timestamp": inventory.moment,
            "tools": {"components": [{"type": "application", "name": "lockenv"}]},
            "component": {
                "type": kind,
                "bom-ref": _SUBJECT,
                "name": inventory.name,
                "properties": [
                    _property("environment-digest", str(inventory.environment)),
                    _property("target", inventory.target),
                ],
            },
        },
        "components": [
            *_distribution(inventory),
            *(_component(one) for one in inventory.components),
        ],
        "dependencies": _dependencies(inventory),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _serial(inventory: Inventory) -> str:
    """A UUID (RFC 9562, version 8) that follows from what the document describes."""
    digits = inventory.environment.hex
    variant = "89ab"[int(digits[16], 16) % 4]
    return "-".join(
        [digits[:8], digits[8:12], f"8{digits[13:16]}", f"{variant}{digits[17:20]}", digits[20:32]]
    )


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"lockenv:{name}", "value": value}


def _distribution(inventory: Inventory) -> list[dict[str, object]]:
    if inventory.distribution is None:
        return []
    name, suite = inventory.distribution
    return [{"type": "operating-system", "bom-ref": "distribution", "name": name, "version": suite}]


def _component(component: Component) -> dict[str, object]:
    found: dict[str, object] = {
        "type": _KINDS.get(component.layer, "library"),
        "bom-ref": component.key,
        "name": component.name,
        "version": component.version,
        "scope": "excluded" if component.layer == "build" else "required",
    }
    if component.digest is not None:
        found["hashes"] = [_hash(component.digest)]
    if component.cpe:
        found["cpe"] = component.cpe
    found["purl"] = component.purl
    if component.url:
        vcs = component.url.startswith(("git+", "hg+", "svn+", "bzr+"))
        reference: dict[str, object] = {
            "type": "vcs" if vcs else "distribution",
            "url": component.url,
        }
        if component.digest is not None:
            reference["hashes"] = [_hash(component.digest)]
        found["externalReferences"] = [reference]
    found["properties"] = [_property("layer", component.layer)]
    if component.size is not None:
        found["properties"] = [
            _property("layer", component.layer),
            _property("size", str(component.size)),
        ]
    return found


def _hash(digest: Digest) -> dict[str, str]:
    return {"alg": _ALGORITHMS[digest.algorithm], "content": digest.hex}


def _dependencies(inventory: Inventory) -> list[dict[str, object]]:
    """One entry a component; what something is built with is what it depends on, too."""
    own = [*inventory.roots, *inventory.built.get("", ())]
    edges: dict[str, list[str]] = {_SUBJECT: sorted(own)}
    for component in inventory.components:
        edges[component.key] = sorted({*component.needs, *inventory.built.get(component.key, ())})
    return [
        {"ref": key, "dependsOn": needs} if needs else {"ref": key} for key, needs in edges.items()
    ]
