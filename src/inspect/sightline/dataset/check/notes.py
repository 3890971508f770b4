"""What is good to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sightline.dataset import one_class as good_parts
from sightline.dataset.check.found import Found
from sightline.dataset.check.rows import listed
from sightline.dataset.split import missing_parts
from sightline.index import Split

_BITS = (10, 12, 14)  # what industrial cameras store in 16


def own_folders(left_out: Sequence[str]) -> Iterator[str]:
    """Folders below the root in which no image was looked for."""
    if left_out:
        yield f"left out, for what Sightline and MLflow write is no data: {listed(left_out)}"


def notes(found: Found) -> Iterator[str]:
    """What is good to know."""
    index, plan = found.index, found.data.split
    given = {s.split for s in found.scan.samples if s.split is not None}
    if given:
        taken = [part.value for part in missing_parts(given, plan)]
        came = ", ".join(sorted(part.value for part in given))
        told = f"; {', '.join(taken)} {'is' if len(taken) == 1 else 'are'} taken from the rest" if taken else ""
        yield f"the images came with a split ({came}), which is kept{told}"
    if found.one_class:
        yield from good_parts.notes(index, defects_teach=found.defects_teach)
    elif not index.has_good and not found.localise:
        yield "no image is labelled good: the model will name types and never answer OK"
    if not index.part(Split.VALIDATE) and not found.one_class:
        yield "the validate part is empty: the last epoch is taken"
    largest = max(found.groups.values(), key=len, default=())
    if len(largest) > max(10, len(index.samples) // 10):
        yield f"{len(largest):,} images are kept together as one group, with {largest[0].path}"
    deep = [file.top for file in found.scan.files if file.depth == 16]
    bits = next((bits for bits in _BITS if deep and not max(deep) >> bits), None)
    if bits and (found.preprocess is None or found.preprocess.bits > bits):
        yield f"no 16-bit image holds a value over {max(deep):,}, which fits {bits} bits: set input.bits={bits}"
    yield from _enlarged(found)


def _enlarged(found: Found) -> Iterator[str]:
    spec = found.preprocess
    if spec is None or spec.tiles is not None or spec.roi is not None:
        return
    small = [s.path for s in found.index.samples if s.width < spec.width and s.height < spec.height]
    if small:
        yield (
            f"{len(small):,} images are smaller than the model's input ({spec.width} x {spec.height}) and are enlarged"
        )
