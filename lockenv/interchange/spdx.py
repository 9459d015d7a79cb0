"""A selection of a lock as an SPDX 2.3 document (ISO/IEC 5962), over all layers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lockenv.interchange.inventory import inventory_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.interchange.inventory import Component, Inventory
    from lockenv.lockfile import Selection
    from lockenv.model import Lock

#: The media type of such a document, for registries and servers.
SPDX_TYPE = "application/spdx+json"
#: Clause 3.2 of the specification: letters, digits, dot and hyphen alone.
_FOREIGN = re.compile(r"[^A-Za-z0-9.-]+")
_DOCUMENT = "SPDXRef-DOCUMENT"
_SUBJECT = "SPDXRef-subject"
_PURPOSES = {"base": "CONTAINER", "interpreter": "FRAMEWORK"}


def render_spdx(lock: Lock, selection: Selection, *, name: str, kind: str = "application") -> str:
    """The document, the same bytes for the same lock; ``kind`` is application or container.

    Licences are not in a lock: they are *no assertion*.
    """
    inventory = inventory_of(lock, selection, name)
    names = _identifiers(inventory.components)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{inventory.name} ({inventory.target})",
        "documentNamespace": f"urn:lockenv:{_FOREIGN.sub('-', inventory.name) or 'project'}"
        f":{_FOREIGN.sub('-', inventory.target)}:{inventory.environment}",
        "creationInfo": {"created": inventory.moment, "creators": ["Tool: lockenv"]},
        "packages": [
            {
                "name": inventory.name,
                "SPDXID": _SUBJECT,
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "NOASSERTION",
                "copyrightText": "NOASSERTION",
                "primaryPackagePurpose": kind.upper(),
                "comment": f"environment digest {inventory.environment}",
            },
            *(_package(one, names[one.key]) for one in inventory.components),
        ],
        "relationships": list(_relationships(inventory, names)),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _identifiers(components: Iterable[Component]) -> dict[str, str]:
    """One identifier a component; where two would be spelled alike, the later ones are counted."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for component in components:
        stem = f"SPDXRef-{_FOREIGN.sub('-', component.key)}"
        name, count = stem, 2
        while name in taken:
            name, count = f"{stem}-{count}", count + 1
        taken.add(name)
        found[component.key] = name
    return found


def _package(component: Component, identifier: str) -> dict[str, object]:
    found: dict[str, object] = {
        "name": component.name,
        "SPDXID": identifier,
        "downloadLocation": component.url or "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": _PURPOSES.get(component.layer, "LIBRARY"),
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": component.purl,
            }
        ],
    }
    if component.version:
        found["versionInfo"] = component.version
    if component.file:
        found["packageFileName"] = component.file
    if component.digest is not None:
        found["checksums"] = [
            {
                "algorithm": component.digest.algorithm.upper(),
                "checksumValue": component.digest.hex,
            }
        ]
    if component.cpe:
        found["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": component.purl,
            },
            {
                "referenceCategory": "SECURITY",
                "referenceType": "cpe23Type",
                "referenceLocator": component.cpe,
            },
        ]
    return found


def _relationships(inventory: Inventory, names: dict[str, str]) -> Iterator[dict[str, str]]:
    yield _relation(_DOCUMENT, "DESCRIBES", _SUBJECT)
    roots = set(inventory.roots)
    for component in inventory.components:
        own = names[component.key]
        if component.layer == "base":
            yield _relation(_SUBJECT, "DESCENDANT_OF", own)
        elif component.layer != "build":
            yield _relation(_SUBJECT, "CONTAINS", own)
            if component.key in roots:
                yield _relation(_SUBJECT, "DEPENDS_ON", own)
        for need in component.needs:
            yield _relation(own, "DEPENDS_ON", names[need])
    for built, keys in inventory.built.items():
        for key in keys:
            yield _relation(names[key], "BUILD_DEPENDENCY_OF", names.get(built, _SUBJECT))


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
