"""XML files of annotation tools, read without what XML could do to a machine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree as ET

from sightline import MAX_IMAGE_PIXELS
from sightline.config.explain import shown
from sightline.dataset.readers.layout import read_text
from sightline.errors import DataError


class _NoDoctype(ET.TreeBuilder):
    """Refuses document type definitions: annotations need none, and their entities can fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:  # noqa: ARG002 - called by XMLParser
        raise DataError(f"it declares a document type ({name})")


def read_xml(file: Path, top: str, *, hint: str) -> ET.Element:
    """Reads an XML file.

    Args:
        file: The file.
        top: Name of the element that it must begin with.
        hint: What to do if it begins with another one.

    Raises:
        DataError: It cannot be read, is no XML (the line is named), declares a document type or begins otherwise.
    """
    text = read_text(file)
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - document types are refused
    try:
        parser.feed(text)
        root: ET.Element = parser.close()
    except ET.ParseError as error:
        raise DataError(f"{file}, line {error.position[0]}: {error}", hint="Mend the XML file.") from error
    except DataError as error:
        raise DataError(f"{file}: {error.message}", hint="Remove the line with <!DOCTYPE.") from error
    if root.tag != top:
        raise DataError(f"{file}: expected the element <{top}> at the top, got {shown(root.tag)}", hint=hint)
    return root


def finite(text: str | None, name: str, where: object, default: float | None = None) -> float:
    """A number that an annotation states.

    Args:
        text: As written; None if nothing is.
        name: What it is called there, for the error message.
        where: The file and entry, for the error message.
        default: What it is if nothing is written; None if it must be.

    Raises:
        DataError: It is none, or not finite.
    """
    if text is None and default is not None:
        return default
    try:
        value = float((text or "").replace("_", "?"))  # Python reads 1_0 as 10
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: {name}: expected a number, got {shown(text)}", hint="Mend the annotation.")
    return value


def side(text: str | None, name: str, where: object) -> int:
    """The width or height of an image that an annotation states, in pixels; 0 if nothing is written.

    Args:
        text: As written; None if nothing is.
        name: What it is called there, for the error message.
        where: The file and entry, for the error message.

    Raises:
        DataError: It is no number, or none that an image can have.
    """
    value = finite(text, name, where, 0)
    if not 0 <= value <= MAX_IMAGE_PIXELS:
        raise DataError(
            f"{where}: {name}: expected pixels, 0 to {MAX_IMAGE_PIXELS:,}, got {shown(text)}",
            hint="State the size of the image.",
        )
    return round(value)
