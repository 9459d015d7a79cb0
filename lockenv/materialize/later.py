"""What of this room is loaded when first asked for: images and roots, which few commands touch."""

from __future__ import annotations

from importlib import import_module

#: Each module with the names that the door has from it.
_PLACES = {
    "image_base": {"base_packages": "base_packages"},
    "image_build": {"BuildPlaces": "BuildPlaces", "build_image": "build_image"},
    "image_check": {
        "check_digests": "check_digests",
        "check_image": "check_image",
        "check_recorded": "check_recorded",
    },
    "image_plan": {
        "Base": "Base",
        "BaseLayer": "BaseLayer",
        "BuiltImage": "BuiltImage",
        "BuiltLayer": "BuiltLayer",
        "CONSTANT_TIME": "CONSTANT_TIME",
        "Deb": "Deb",
        "ENVIRONMENT_LABEL": "ENVIRONMENT_LABEL",
        "ImagePlan": "ImagePlan",
        "ImagePython": "ImagePython",
        "ImageSettings": "Settings",
        "ImageWheel": "ImageWheel",
        "ProjectFile": "ProjectFile",
    },
    "image_read": {"FoundImage": "FoundImage", "image_of": "image_of", "open_image": "open_image"},
    "image_rules": {"NORMALISATION": "NORMALISATION"},
    "image_write": {
        "image_index": "image_index",
        "manifest_descriptor": "manifest_descriptor",
        "top_digest": "top_digest",
        "write_archive": "write_archive",
        "write_layout": "write_layout",
    },
    "layers_store": {"ImageStore": "ImageStore"},
    "root_apply": {"materialize_root": "materialize_root"},
}


def __getattr__(name: str) -> object:
    """A name of the door that is not loaded yet (PEP 562)."""
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"lockenv.materialize.{module}"), names[name])
    message = f"lockenv.materialize has no {name}"
    raise AttributeError(message)
