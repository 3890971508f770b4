"""What is installed, from the metadata of the installation alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from sightline import MAX_IMAGE_PIXELS
from sightline.doctor.check import Check

# Uploads of somebody who had no right to make them: GHSA-w37p-236h-pfx3.
MALICIOUS = {"lightning": frozenset({"2.6.2", "2.6.3"})}

# Distributions of one library that write the same folder, the one that Sightline asks for first. Another one may stand
# in for it; two together overwrite each other's files.
FAMILIES = {
    "opencv-python-headless": (
        "opencv-python-headless",
        "opencv-contrib-python-headless",
        "opencv-python",
        "opencv-contrib-python",
    ),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
}


def requirements(extra: str = "") -> list[Requirement]:
    """What Sightline asks for, read from its installed metadata.

    Args:
        extra: Only what this extra adds; what every installation needs if empty.

    Returns:
        The requirements that apply to this system; none if Sightline runs from a source tree that was not installed.
    """
    try:
        parsed = [Requirement(text) for text in metadata.requires("sightline") or ()]
    except metadata.PackageNotFoundError:
        return []
    needed = [item for item in parsed if item.marker is None or item.marker.evaluate({"extra": ""})]
    if not extra:
        return needed
    return [item for item in parsed if item not in needed and item.marker and item.marker.evaluate({"extra": extra})]


def installed(name: str) -> dict[str, str]:
    """The versions of a distribution and of those that can stand in for it, as far as they are installed."""
    versions = {}
    for member in FAMILIES.get(name, (name,)):
        try:
            versions[member] = metadata.version(member)
        except metadata.PackageNotFoundError:
            continue
    return versions


def check_requirement(section: str, item: Requirement, versions: Mapping[str, str], extra: str = "") -> Check:
    """Whether one requirement is met, once and safely.

    Args:
        section: Where it is reported.
        item: The requirement.
        versions: What is installed of it; see :func:`installed`.
        extra: The extra that brings it; empty for what every installation needs.
    """
    if not versions:
        advice = f'pip install "sightline[{extra}]"' if extra else f'pip install "{item.name}{item.specifier}"'
        return Check(section, item.name, "missing" if extra else "broken", "not installed", advice)
    reinstall = f"pip uninstall -y {' '.join(versions)}, then pip install {item.name}"
    found = ", ".join(version if name == item.name else f"{name} {version}" for name, version in versions.items())
    if len(versions) > 1:
        return Check(
            section, item.name, "warn", f"there twice ({', '.join(versions)}), overwriting each other", reinstall
        )
    ((name, version),) = versions.items()
    if version in MALICIOUS.get(name, ()):
        advice = f"pip uninstall {name}, then change every password and token that this machine holds"
        return Check(section, item.name, "broken", f"{version} is a malicious upload", advice)
    if not item.specifier.contains(version, prereleases=True):
        advice = f'pip install "{name}{item.specifier}"'
        return Check(section, item.name, "warn" if extra else "broken", f"{found}, needed is {item.specifier}", advice)
    if name.startswith("opencv") and not name.endswith("headless"):
        return Check(section, item.name, "warn", f"{found}, which needs a desktop (libGL)", reinstall)
    return Check(section, item.name, "ok", found)


def check_torch_pair(section: str, torch: str, torchvision: str, wanted: Sequence[str]) -> Check:
    """Whether torch and torchvision are builds for each other, as far as their metadata tell.

    Args:
        section: Where it is reported.
        torch: Installed version, such as 2.15.0 or 2.13.0+cpu.
        torchvision: Installed version.
        wanted: What torchvision's metadata require, as requirement strings.
    """
    found = f"torch {torch}, torchvision {torchvision}"
    advice = "install both from the same place: pip install --force-reinstall torch torchvision -c constraints.txt"
    for item in map(Requirement, wanted):
        if item.name == "torch" and not item.specifier.contains(torch, prereleases=True):
            return Check(section, "torch pair", "warn", f"{found}, which is built for torch{item.specifier}", advice)
    builds = Version(torch).local, Version(torchvision).local
    # Of a build for the processor alone (+cpu) both must be; without a name it is the registry's build with CUDA.
    if builds[0] != builds[1]:
        return Check(section, "torch pair", "warn", f"{found}: builds of different kinds", advice)
    return Check(section, "torch pair", "ok", found)


def check_pixel_limit(section: str) -> Check:
    """The largest image that OpenCV decodes in this process: beyond it a small file can claim gigabytes."""
    name = "image size limit"
    text = os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"]
    if not text.isdigit():
        advice = f"unset OPENCV_IO_MAX_IMAGE_PIXELS, or set it to a number such as {MAX_IMAGE_PIXELS}"
        return Check(section, name, "warn", f"OPENCV_IO_MAX_IMAGE_PIXELS is {text!r}, no number of pixels", advice)
    found = f"{int(text):,} pixels"
    if int(text) > MAX_IMAGE_PIXELS:
        advice = "unset OPENCV_IO_MAX_IMAGE_PIXELS unless images really are that large"
        return Check(section, name, "warn", f"{found}: room for a decompression bomb", advice)
    return Check(section, name, "ok", found)
