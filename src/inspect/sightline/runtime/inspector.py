"""From a frame to its verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.bundle import Bundle
from sightline.bundle.manifest import Precision
from sightline.errors import BundleError, ImageError, SightlineError
from sightline.image import Templates
from sightline.runtime import golden
from sightline.runtime.defects import defects_of
from sightline.runtime.looked import Link
from sightline.runtime.reader import Reader, Reading
from sightline.runtime.session import Session
from sightline.verdict import Frame, Outcome, Verdict


@dataclass(frozen=True)
class Shot:
    """An image file, and what belongs to it.

    Attributes:
        path: The file.
        template: What reads the template of a file, RGB, uint8 (H, W, 3), and raises an `ImageError` where there is
            none; None if the file has no template of its own.
        variant: The variant of the product that it shows; empty if that is not said.
    """

    path: Path | str
    template: Callable[[Path], NDArray[np.uint8]] | None = None
    variant: str = ""


Source = Frame | Shot | NDArray[np.generic] | Path | str
"""What can be inspected: a frame, an array (grey, RGB or RGBA; 8 or 16 bits), or the path of an image file, alone or
with what belongs to it."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """A verdict and what it was made from.

    Attributes:
        verdict: The answer.
        frame: The image as decoded, or None if it could not be.
        reading: What the model said, or None if it was not asked or failed.
    """

    verdict: Verdict
    frame: Frame | None
    reading: Reading | None


class Inspector:
    """A bundle at work. Safe to be used by several threads at once.

    Opening runs the model once, so that the first frame does not wait for what onnxruntime does only once. OpenCV is
    told to use one thread, in the whole process: its own pool would compete with onnxruntime's for the processors.

    Args:
        bundle: The opened bundle.
        threads: Threads that share the work on one frame; by default as many as this process may use.
        precision: Which of the bundle's models to run. It is the caller's choice and never made here, so that equal
            stations give equal verdicts; ``sightline bundle verify`` shows what each does on a machine.

    Attributes:
        manifest: What the bundle says about itself.
        bundle: Name, version and short digest of the bundle, and ``int8`` where that model answers.
        threads: Threads that share the work on one frame.

    Raises:
        BundleError: The bundle holds no such model, or it cannot be loaded or is not what the manifest describes.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None, precision: Precision = "fp32") -> None:
        cv2.setNumThreads(1)
        self.manifest = bundle.manifest
        model = bundle.model(precision)
        self.bundle = model.label
        self._session = Session(model.file, threads=threads)
        self.threads = self._session.threads
        self._check_manifest()
        self._reader = Reader(
            self._session.run,
            self.manifest.input,
            templates_of(bundle),
            pair=self._session.pair,
            link=Link.of(self.manifest.locate, self.manifest.classes),
        )
        blank = np.zeros((1, self._session.height, self._session.width, 3), np.uint8)
        answer = self._session.run(blank, blank if self._session.pair else None)
        if self.manifest.input.tiles is not None:
            _check_cells(answer.maps.shape[2:], (self._session.height, self._session.width))

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        threads: int | None = None,
        self_test: bool = False,
        precision: Precision = "fp32",
    ) -> Inspector:
        """Opens a bundle and makes it ready.

        Args:
            path: The bundle's folder, or a zip of it.
            threads: Threads that share the work on one frame; by default as many as this process may use.
            self_test: Whether to score the golden samples and refuse if a score differs from the exporter's.
            precision: Which of the bundle's models to run.

        Raises:
            BundleError: The bundle is damaged, made for another runtime, holds no such model, or failed the self test.
        """
        bundle = Bundle.open(path)
        inspector = cls(bundle, threads=threads, precision=precision)
        if self_test:
            golden.check(bundle, inspector.read_batch, precision=precision)
        return inspector

    def inspect(self, source: Source) -> Verdict:
        """The one answer to one frame; what goes wrong with it is the reason of a NOT_INSPECTED, never an exception.

        Args:
            source: A frame, an array in RGB order, or the path of an image file, alone or as a shot.
        """
        return self.examine(source).verdict

    def examine(self, source: Source) -> Inspection:
        """Like `inspect`, and keeps the decoded frame and the model's reading, for overlays and reports."""
        start = time.perf_counter()
        frame: Frame | None = None
        reading: Reading | None = None
        try:
            frame = self._frame(source)
            (reading,) = self._reader.read([frame])
            located = None if self.manifest.locate is None else defects_of(reading, self.manifest)
            verdict = self.manifest.policy.decide(reading.scores, self.manifest.classes, located)
        except SightlineError as error:
            verdict = Verdict(Outcome.NOT_INSPECTED, (error.message,))
        except (MemoryError, cv2.error) as error:
            verdict = Verdict(
                Outcome.NOT_INSPECTED, (f"the image cannot be processed: {str(error) or 'out of memory'}",)
            )
        verdict = replace(
            verdict,
            frame=_name(source),
            bundle=self.bundle,
            milliseconds=(time.perf_counter() - start) * 1000,
        )
        return Inspection(verdict, frame, reading)

    def read(self, source: Source) -> Reading:
        """What the model says about one frame, before any threshold.

        Raises:
            ImageError: The image cannot be decoded or is not fit to be inspected.
            BundleError: The model failed.
        """
        return self.read_batch([source])[0]

    def read_batch(self, sources: Sequence[Source]) -> list[Reading]:
        """What the model says about several frames, run as one batch.

        Raises:
            ImageError: An image cannot be decoded or is not fit to be inspected.
            BundleError: The model failed.
        """
        return self._reader.read([self._frame(source) for source in sources])

    def _frame(self, source: Source) -> Frame:
        bits = self.manifest.input.bits
        name = _name(source)
        if isinstance(source, str | Path):
            source = Shot(source)
        if isinstance(source, Shot):
            pixels, path = image.read(Path(source.path), bits=bits), Path(source.path)
            return Frame(pixels, name, source.template(path) if source.template else None, source.variant)
        given = source.image if isinstance(source, Frame) else source
        if not isinstance(given, np.ndarray):
            raise ImageError(f"expected a frame, an array or the path of an image, got {type(given).__name__}")
        frame = Frame(image.to_rgb(given, name=name or "frame", bits=bits), name)
        if not isinstance(source, Frame):
            return frame
        own = source.template
        return replace(
            frame,
            template=None if own is None else image.to_rgb(own, name=f"template of {name or 'frame'}", bits=bits),
            variant=source.variant,
        )

    def _check_manifest(self) -> None:
        spec, classes = self.manifest.input, len(self.manifest.classes)
        pair = self.manifest.templates is not None and self.manifest.templates.compared
        boxed = self.manifest.locate is not None and self.manifest.locate.by == "boxes"
        expected = (spec.height, spec.width, classes, pair, boxed)
        found = (
            self._session.height,
            self._session.width,
            self._session.classes,
            self._session.pair,
            self._session.boxed,
        )
        if expected != found:
            raise BundleError(
                "the model is not the one that the manifest describes: expected height, width, number of classes, and "
                f"whether it takes templates and gives boxes {expected}, the model has {found}",
                hint="Export the bundle again.",
            )


def _check_cells(cells: tuple[int, ...], tile: tuple[int, int]) -> None:
    """Refuses maps (h, w) of a tile (height, width) that cannot be brought together with those of its neighbours."""
    stride = tile[0] // cells[0]
    if image.TILE_STEP % stride or tuple(cells) != (tile[0] / stride, tile[1] / stride):
        raise BundleError(
            f"expected maps whose cells are squares with a side that divides {image.TILE_STEP} pixels, for frames are "
            f"cut into tiles; got {cells[0]} x {cells[1]} cells of {tile[0]} x {tile[1]} pixels",
            hint="Export the bundle again, with an input whose sides are multiples of 32.",
        )


def templates_of(bundle: Bundle) -> Templates | None:
    """The templates that a bundle holds; None if its frames need none.

    Raises:
        BundleError: One of them cannot be decoded.
    """
    settings = bundle.manifest.templates
    if settings is None:
        return None
    try:
        variants = {name: image.decode(bundle.read(file), name=file) for name, file in settings.variants.items()}
    except ImageError as error:
        raise BundleError(f"{bundle.path}: {error.message}") from error
    return Templates(variants, settings.choose, bundle.manifest.input)


def _name(source: Source) -> str:
    if isinstance(source, str | Path | Shot):
        return str(source.path if isinstance(source, Shot) else source)
    return source.id if isinstance(source, Frame) else ""
