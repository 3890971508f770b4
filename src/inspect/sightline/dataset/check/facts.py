"""What was found, in words and pictures."""

from __future__ import annotations

import base64
from collections import Counter

from sightline import image
from sightline.dataset.check.found import Found
from sightline.dataset.report import Pair
from sightline.dataset.scan import Scanned
from sightline.index import Split

_SHOWN = 12  # pairs of pictures


def facts(found: Found) -> dict[str, str]:
    """Name -> what was found."""
    index, scan, together = found.index, found.scan, found.together
    total = len(index.samples)
    sizes = scan.sizes.most_common()
    more = f" and {len(sizes) - 3:,} more" if len(sizes) > 3 else ""
    copies = sum(count - 1 for count in Counter(s.digest for s in index.samples).values())
    alike = sum(map(len, together))
    largest = max(map(len, together), default=1)
    parts = Counter(s.split for s in index.samples)
    unfit = f", {len(scan.unfit):,} not fitting their template" if scan.unfit else ""
    return {
        "images": f"{total:,} readable, {len(scan.unreadable):,} unreadable{unfit}",
        "sizes": ", ".join(f"{width} x {height} ({count:,})" for (width, height), count in sizes[:3]) + more,
        "depths": ", ".join(
            f"{depth} bit {'grey' if channels == 1 else 'colour'} ({count:,})"
            for (depth, channels), count in scan.kinds.most_common()
        ),
        "exact copies": f"{copies:,}",
        "kept together": f"{alike:,} images ({alike / max(1, total):.0%}) have a twin, in {len(together):,} groups"
        + (f", the largest of {largest:,}" if together else ""),
        "split": ", ".join(f"{part.value} {parts[part]:,} ({parts[part] / max(1, total):.0%})" for part in Split),
        "digest": index.digest[:16],
    }


def pairs(found: Found) -> tuple[Pair, ...]:
    """Some of the groups as pictures, those whose labels differ first, then the largest."""
    files = {file.sample.path: file for file in found.scan.files}
    order = sorted(found.together, key=lambda rows: (len({s.labels for s in rows}) == 1, -len(rows), rows[0].path))
    pairs = []
    for rows in order[:_SHOWN]:
        left = rows[0]
        right = next((s for s in rows[1:] if s.labels != left.labels), rows[1])
        kind = "exact copies" if left.digest == right.digest else f"group of {len(rows)}"
        differ = f", labels differ: {' + '.join(left.names)} / {' + '.join(right.names)}"
        note = kind + (differ if left.labels != right.labels else "")
        pairs.append(Pair(left.path, right.path, note, (_embedded(files[left.path]), _embedded(files[right.path]))))
    return tuple(pairs)


def _embedded(file: Scanned) -> str:
    return base64.b64encode(image.png(file.thumbnail)).decode()
