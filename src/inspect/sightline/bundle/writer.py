"""Writes bundles: aside first, then renamed, so that there is never half of one."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from sightline.bundle.bundle import Bundle, check_files, parse
from sightline.bundle.manifest import MANIFEST, SIGNATURE, Manifest
from sightline.errors import BundleError
from sightline.files import write_whole

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def write(
    folder: Path,
    manifest: Manifest,
    files: Mapping[str, bytes],
    *,
    replace: bool = False,
    prove: Callable[[Path], object] | None = None,
) -> Path:
    """Writes a bundle as ``folder/NAME-VERSION``.

    Args:
        folder: Where bundles are kept; made if it is not there.
        manifest: All but the hashes, which are filled in here.
        files: Name in the bundle -> content; ``model.onnx`` and every golden sample among them.
        replace: Whether a bundle of the same name and version may be replaced.
        prove: Called with the folder before it takes its name; if it raises, nothing is written or replaced.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: It is there already, or beside files that are none of its own, is not consistent, or cannot be
            written.
    """
    target = folder / f"{manifest.name}-{manifest.version}"
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    document = {**manifest.model_dump(mode="json"), "files": hashes}
    text = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    content = {**files, MANIFEST: text}
    check_files(parse(document, target / MANIFEST), content, target)
    _check_free(target, replace=replace)
    check_own(target)
    aside = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        for name, data in content.items():
            write_whole(aside / name, data)  # on the disk: the rename that follows must not come first
        if prove is not None:
            prove(aside)
        _put_in_place(aside, target)
    except OSError as error:
        raise BundleError(f"{target}: the bundle cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def pack(path: Path, target: Path | None = None, *, replace: bool = False) -> Path:
    """Packs a bundle into one zip, checking it first; the same bundle always gives the same bytes.

    Args:
        path: The bundle's folder.
        target: The zip; by default ``NAME-VERSION.zip`` beside the folder.
        replace: Whether a zip of that name may be replaced.

    Raises:
        BundleError: The bundle is damaged, the zip is there already, or it cannot be written.
    """
    bundle = Bundle.open(path)
    name = f"{bundle.manifest.name}-{bundle.manifest.version}"
    target = target or path.absolute().parent / f"{name}.zip"
    if path.is_dir() and path.resolve() in target.resolve().parents:
        raise BundleError(f"{target}: expected a place outside the bundle, whose files must not change")
    _check_free(target, replace=replace)
    aside = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in bundle.sizes:
                entry = zipfile.ZipInfo(f"{name}/{file}", _ZIP_TIME)
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, bundle.read(file), zipfile.ZIP_DEFLATED)
        aside.replace(target)
    except OSError as error:
        raise BundleError(f"{target}: the zip cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            aside.unlink()
    return target


def check_own(target: Path) -> None:
    """Refuses a bundle's folder that holds what its manifest does not list, for it would go when it is replaced.

    Raises:
        BundleError: It does, or cannot be read.
    """
    try:
        files = [path for path in target.rglob("*") if path.is_symlink() or not path.is_dir()]
        held = {path.relative_to(target).as_posix() for path in files}
        text = (target / MANIFEST).read_bytes() if MANIFEST in held else b"{}"
    except OSError as error:
        raise BundleError(f"{target}: the folder cannot be read ({error.strerror or error})") from error
    if foreign := sorted(held - _listed(text)):
        named = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5:,} more" if len(foreign) > 5 else "")
        raise BundleError(
            f"{target}: expected the files of a bundle alone, which are replaced together, found {named} beside them",
            hint="Move them elsewhere.",
        )


def _listed(manifest: bytes) -> set[str]:
    """The files that belong to the bundle of a manifest, itself among them; nothing does if it is none."""
    try:
        return {MANIFEST, SIGNATURE, *json.loads(manifest)["files"]}
    except (ValueError, TypeError, LookupError):
        return set()


def _check_free(target: Path, *, replace: bool) -> None:
    if target.exists() and not replace:
        raise BundleError(f"{target} is there already", hint="Raise the version, or ask for it to be replaced.")


def _put_in_place(aside: Path, target: Path) -> None:
    """Renames a whole folder to its name; one that had the name goes only once the new one is there."""
    if not target.exists():
        aside.rename(target)
        return
    old = target.with_name(f"{aside.stem}.old.part")
    target.rename(old)
    try:
        aside.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
