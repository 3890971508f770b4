"""A bundle that was opened: its manifest and its files, every one checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

import sightline
from sightline.bundle.files import read_files
from sightline.bundle.manifest import (
    INT8_MODEL,
    MANIFEST,
    MODEL,
    SIGNATURE,
    Golden,
    Manifest,
    Precision,
    canonical,
    digest,
)
from sightline.errors import BundleError


@dataclass(frozen=True)
class Model:
    """One of a bundle's models.

    Attributes:
        label: The bundle's, and ``int8`` where it is that model: verdicts say who gave them.
        file: The bytes of the ONNX file.
        golden: The golden samples with the scores that it gave where it was exported.
        tolerance: Largest difference of such a score that another CPU or runtime may show.
    """

    label: str
    file: bytes = field(repr=False)
    golden: tuple[Golden, ...]
    tolerance: float


@dataclass(frozen=True)
class Bundle:
    """What lies between training and the line.

    Attributes:
        path: The folder or zip it was read from.
        manifest: What it says about itself.
        digest: SHA-256 of its canonical manifest, in hex.
    """

    path: Path
    manifest: Manifest
    digest: str
    _files: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Reads a bundle, from its folder or a zip of it, and checks all that can be checked without running it.

        Raises:
            BundleError: It is no bundle, made for another runtime, or a file is missing, altered or not listed.
        """
        path = Path(path)
        files = read_files(path)
        if MANIFEST not in files:
            raise BundleError(f"{path}: expected a bundle, found no {MANIFEST} in it", hint=_hint(path))
        document = _load(files[MANIFEST], path / MANIFEST)
        manifest = parse(document, path / MANIFEST)
        check_files(manifest, files, path)
        return cls(path, manifest, digest(document), files)

    @property
    def label(self) -> str:
        """Name, version and short digest."""
        return f"{self.manifest.name} {self.manifest.version} {self.digest[:12]}"

    @property
    def sizes(self) -> dict[str, int]:
        """File name -> bytes, sorted by name."""
        return {name: len(data) for name, data in sorted(self._files.items())}

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Which models it holds."""
        return ("fp32", "int8") if self.manifest.int8 else ("fp32",)

    def model(self, precision: Precision = "fp32") -> Model:
        """The model of a precision.

        Raises:
            BundleError: The bundle holds none.
        """
        if precision not in self.precisions:
            held = " and ".join(self.precisions)
            raise BundleError(f"{self.path}: holds no {precision} model", hint=f"It holds {held}.")
        manifest, int8 = self.manifest, self.manifest.int8
        if int8 is None or precision == "fp32":
            return Model(self.label, self.read(MODEL), manifest.golden, manifest.tolerance)
        return Model(f"{self.label} int8", self.read(INT8_MODEL), int8.golden, int8.tolerance)

    def read(self, name: str) -> bytes:
        """The content of a file, as it was when it was checked.

        Raises:
            BundleError: The bundle holds no such file.
        """
        if name not in self._files:
            raise BundleError(f"{self.path}: holds no {name}")
        return self._files[name]


def parse(document: Mapping[str, Any], where: Path) -> Manifest:
    """Turns a parsed ``bundle.json`` into a manifest.

    Raises:
        BundleError: It is none, of a version this runtime does not know, or wrong; every mistake is named.
    """
    if document.get("format") != "sightline-bundle":
        raise BundleError(f"{where}: expected format 'sightline-bundle', found {document.get('format')!r}")
    for key in ("schema_version", "contract"):
        if document.get(key) != 1 or isinstance(document[key], bool):
            raise BundleError(f"{where}: this runtime knows {key} 1, found {document.get(key)!r}", hint=_UPDATE)
    _check_runtime(str(document.get("runtime_needed")), where)
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        mistakes = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}".replace("  : ", "  ") for e in error.errors()]
        raise BundleError("\n".join([f"{where}: the manifest is not valid:", *mistakes])) from error


def check_files(manifest: Manifest, files: Mapping[str, bytes], where: Path) -> None:
    """Checks that exactly the listed files are there, with the listed content.

    Raises:
        BundleError: A file is missing, altered or not listed.
    """
    if MODEL not in manifest.files:
        raise BundleError(f"{where}: {MANIFEST} lists no {MODEL}")
    if (INT8_MODEL in manifest.files) != (manifest.int8 is not None):
        said = f"is about {INT8_MODEL}, but does not list it" if manifest.int8 else f"says nothing about {INT8_MODEL}"
        raise BundleError(f"{where}: {MANIFEST} {said}")
    golden = (*manifest.golden, *(manifest.int8.golden if manifest.int8 else ()))
    named = {sample.file for sample in golden} | {sample.template for sample in golden if sample.template}
    if lost := sorted(named - manifest.files.keys()):
        raise BundleError(f"{where}: {MANIFEST} names golden samples that it does not list as files: {', '.join(lost)}")
    variants = manifest.templates.variants.values() if manifest.templates else ()
    if lost := sorted(set(variants) - manifest.files.keys()):
        raise BundleError(f"{where}: {MANIFEST} names templates that it does not list as files: {', '.join(lost)}")
    listed = manifest.files.keys() | {MANIFEST}
    if missing := sorted(listed - files.keys()):
        raise BundleError(f"{where}: files are missing: {', '.join(missing)}", hint="Copy the whole bundle again.")
    if extra := sorted(files.keys() - listed - {SIGNATURE}):
        raise BundleError(f"{where}: files that the manifest does not list: {', '.join(extra)}", hint="Remove them.")
    for name, expected in manifest.files.items():
        found = hashlib.sha256(files[name]).hexdigest()
        if found != expected:
            raise BundleError(
                f"{where}: {name} was altered or damaged: expected SHA-256 {expected[:12]}…, found {found[:12]}…",
                hint="Copy the bundle again from where it was exported.",
            )


_LEADING_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?!\d)", re.ASCII)
_UPDATE = "Update Sightline here: pip install --upgrade sightline"


def _load(data: bytes, where: Path) -> dict[str, Any]:
    def refuse(token: str) -> NoReturn:
        raise ValueError(f"{token} is no number of JSON")

    try:
        document = json.loads(data, parse_constant=refuse)
        canonical(document)  # half a surrogate pair is JSON, but cannot be hashed or printed
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: expected JSON ({error})") from error
    if not isinstance(document, dict):
        raise BundleError(f"{where}: expected a JSON object, found {type(document).__name__}")
    return document


def _check_runtime(needed: str, where: Path) -> None:
    here = sightline.__version__
    if here != "0.0.0" and _release(needed) > _release(here):  # 0.0.0 is a source tree that was never installed
        raise BundleError(f"{where}: the bundle needs Sightline {needed} or newer, here is {here}", hint=_UPDATE)


def _release(version: str) -> tuple[int, ...]:
    """The leading numbers of a version; what is none is left to the manifest's own check."""
    found = _LEADING_NUMBERS.match(version)
    return tuple(map(int, found.groups())) if found else ()


def _hint(path: Path) -> str:
    inside = sorted(path.glob(f"*/{MANIFEST}")) if path.is_dir() else []
    return f"There is one inside it: {inside[0].parent}" if inside else ""
