"""What a person should know about the images before anything is trained on them."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from sightline import image
from sightline.config.recipe import Data
from sightline.dataset.scan import Scan
from sightline.index import Index, Split

FEWEST_IN_TEST = 5
"""Groups of a class in the test part below which its figures say nothing."""

_GOOD = "good"
_SHOWN = 12


@dataclass(frozen=True)
class CheckReport:
    """The outcome of a check.

    Attributes:
        facts: Name -> what was found, in words.
        counts: Class -> part -> images.
        errors: What makes training pointless; each says what to do.
        warnings: What makes figures weaker than they look.
        notes: What is good to know.
        twins: Pairs of thumbnails (PNG, base64) of images that are kept together.
    """

    facts: dict[str, str]
    counts: dict[str, dict[str, int]]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    twins: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def text(self) -> str:
        """For the terminal."""
        width = max(map(len, (*self.facts, *self.counts, "class")), default=5)
        lines = [f"{name:<{width}}  {value}" for name, value in self.facts.items()]
        lines += ["", f"{'class':<{width}}  {'images':>8}" + "".join(f"{part.value:>11}" for part in Split)]
        for name, parts in self.counts.items():
            lines.append(f"{name:<{width}}  {sum(parts.values()):>8}" + "".join(f"{parts.get(p.value, 0):>11}" for p in Split))
        for level, messages in (("error", self.errors), ("warning", self.warnings), ("note", self.notes)):
            lines += [f"{level}: {message}" for message in messages]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without pictures."""
        return {
            "facts": self.facts,
            "counts": self.counts,
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def save(self, folder: Path) -> None:
        """Writes ``check.json`` and ``check.html``, which needs no other file."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "check.json").write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False), encoding="utf-8")
        source = resources.files("sightline.dataset").joinpath("check.html.jinja").read_text(encoding="utf-8")
        page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
        text = page.render(report=self, parts=[part.value for part in Split])
        (folder / "check.html").write_text(text, encoding="utf-8")


def check(index: Index, scan: Scan, data: Data) -> CheckReport:
    """Judges a scanned, grouped and split index."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(index.samples):
        groups[sample.group].append(row)
    together = [rows for rows in groups.values() if len(rows) > 1]
    counts = _counts(index)
    return CheckReport(
        facts=_facts(index, scan, together),
        counts=counts,
        errors=tuple(_errors(index, groups, counts)),
        warnings=tuple(_warnings(index, scan, together, data)),
        notes=tuple(_notes(index, data)),
        twins=_twins(scan, together),
    )


def _counts(index: Index) -> dict[str, dict[str, int]]:
    names = ([_GOOD] if index.has_good else []) + list(index.classes)
    by_part = {part: index.counts(part) for part in Split}
    return {name: {part.value: by_part[part][name] for part in Split} for name in names}


def _facts(index: Index, scan: Scan, together: list[list[int]]) -> dict[str, str]:
    sizes = scan.sizes.most_common()
    shown = ", ".join(f"{w} x {h} ({n})" for (w, h), n in sizes[:3]) + (f" and {len(sizes) - 3} more" if len(sizes) > 3 else "")
    digests = Counter(s.digest for s in index.samples)
    copies = sum(n - 1 for n in digests.values())
    alike = sum(map(len, together))
    share = alike / max(1, len(index.samples))
    largest = max(map(len, together), default=1)
    return {
        "images": f"{len(index.samples)} readable, {len(scan.unreadable)} unreadable",
        "sizes": shown,
        "depths": ", ".join(f"{kind} ({n})" for kind, n in scan.kinds.most_common()),
        "exact copies": str(copies),
        "near-duplicates": f"{alike} images ({share:.0%}) have a twin, in {len(together)} groups, the largest of {largest}",
        "digest": index.digest[:16],
    }


def _errors(index: Index, groups: dict[str, list[int]], counts: dict[str, dict[str, int]]) -> list[str]:
    errors = []
    if len(counts) < 2:
        only = next(iter(counts), "none")
        errors.append(f"expected at least two classes (good is one), found only {only}: add images of another")
    for name, parts in counts.items():
        if sum(parts.values()) == 1:
            errors.append(f"class {name} has one image: add more, or leave it out with data.ignore")
        elif parts[Split.TRAIN.value] == 0:
            errors.append(f"class {name} has no image in the train part")
    rows = index.samples
    crossing = [key for key, members in groups.items() if len({rows[m].split for m in members}) > 1]
    if crossing:
        example = ", ".join(rows[m].path for m in groups[crossing[0]][:3])
        errors.append(
            f"{len(crossing)} groups of alike images lie in several parts, so that figures would flatter (such as {example}): "
            "correct the split that came with the images"
        )
    labels: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for sample in rows:
        labels[sample.digest].add(sample.labels)
    for digest in [d for d, found in labels.items() if len(found) > 1][:_SHOWN]:
        paths = ", ".join(s.path for s in rows if s.digest == digest)
        errors.append(f"the same image has different labels: {paths}")
    return errors


def _warnings(index: Index, scan: Scan, together: list[list[int]], data: Data) -> list[str]:
    found = [f"{path}: {reason}; left out" for path, reason in list(scan.unreadable.items())[:_SHOWN]]
    if len(scan.unreadable) > _SHOWN:
        found.append(f"{len(scan.unreadable) - _SHOWN} more files cannot be read; left out")
    masks = [f"{look.sample.path}: its mask {look.mask_fault}" for look in scan.looks if look.mask_fault]
    found += masks[:_SHOWN] + ([f"{len(masks) - _SHOWN} more masks at fault"] if len(masks) > _SHOWN else [])
    mixed = sum(len({index.samples[m].labels for m in members}) > 1 for members in together)
    if mixed:
        found.append(f"in {mixed} groups of alike images the labels differ: look whether they are right")
    tested: dict[str, set[str]] = defaultdict(set)
    for sample in index.part(Split.TEST):
        for label in sample.labels or (_GOOD,):
            tested[label].add(sample.group)
    names = ([_GOOD] if index.has_good else []) + list(index.classes)
    for name in names:
        if len(tested[name]) < FEWEST_IN_TEST and data.split.test > 0:
            found.append(f"class {name} has {len(tested[name])} groups in the test part: its figures will say little")
    return found


def _notes(index: Index, data: Data) -> list[str]:
    notes = []
    if not index.has_good:
        notes.append("no image is labelled good: the model will name types and never answer OK")
    if not index.part(Split.VALIDATE):
        notes.append("the validate part is empty: the last epoch is taken")
    return notes


def _twins(scan: Scan, together: list[list[int]]) -> tuple[tuple[str, str], ...]:
    pairs = [rows[:2] for rows in sorted(together, key=len, reverse=True)[:_SHOWN]]
    return tuple((_embedded(scan, a), _embedded(scan, b)) for a, b in pairs)


def _embedded(scan: Scan, row: int) -> str:
    return base64.b64encode(image.png(scan.looks[row].thumbnail)).decode()
