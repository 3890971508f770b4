"""What a comparison comes to, in words."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.assurance.comparison.compare import Comparison
from sightline.risk import Balance, Figure, Kind, Paired

LEVEL = 0.05
"""Below this p a difference is called significant."""

NAMES = {
    "escape": ("escapes", "defective photographs answered OK"),
    "overkill": ("overkill", "good photographs answered NG"),
    "error": ("errors", "either of the two"),
    "review": ("review", "photographs answered REVIEW"),
    "auroc": ("AUROC", "a defective part scores above a good one"),
}
"""Figures: what each is called, and what it counts."""

_DEEDS = {"escape": "passes defective parts", "overkill": "rejects good parts"}


def headline(found: Comparison) -> str:
    """The outcome in one line."""
    verdicts = {name: significant(of.balance) for name in _DEEDS if (of := found.of(name))}
    worse = [_DEEDS[name] for name, sign in verdicts.items() if sign > 0]
    better = [_DEEDS[name] for name, sign in verdicts.items() if sign < 0]
    if worse or better:
        said = [
            f"{' and '.join(deeds)} {how}" for deeds, how in ((worse, "more often"), (better, "less often")) if deeds
        ]
        return f"B {', but '.join(said)} than A"
    if not verdicts:
        return "What A and B do wrong cannot be compared"
    return "No significant difference between A and B" if found.changes else "A and B give the same verdicts"


def grade(found: Comparison) -> str:
    """``worse`` if B errs significantly more often in some way, else ``better`` if less, else ``alike``."""
    signs = [significant(of.balance) for name in _DEEDS if (of := found.of(name))]
    return "worse" if 1 in signs else "better" if -1 in signs else "alike"


def significant(balance: Balance | None) -> int:
    """1 if B errs significantly more often, -1 if A does, else 0."""
    if balance is None or balance.p >= LEVEL:
        return 0
    return 1 if balance.b > balance.a else -1


def sentences(found: Comparison) -> Iterator[str]:
    """The figures that errors hang on, and what cannot be compared."""
    for name in _DEEDS:
        of = found.of(name)
        if of is not None and of.balance is not None:
            a, b, p = of.balance
            yield (
                f"{NAMES[name][0]}: A errs more on {_parts(a)}, B on {_parts(b)}, of {of.parts:,}: McNemar's exact "
                f"p = {probability(p)}"
            )
    yield from found.remarks
    if left := len(found.left_out):
        yield f"left out: {_images(left)} that cannot be read, or that one of the two cannot inspect"


def changed(found: Comparison) -> Iterator[str]:
    """How many verdicts changed, and of what kind."""
    yield f"{len(found.changes):,} of {_images(len(found.samples))} got another verdict"
    for kind in Kind:
        pairs = [(one, other, count) for (one, other), count in found.crossed(kind).items() if one != other]
        if pairs:
            pairs.sort(key=lambda pair: -pair[2])
            yield f"{kind}: " + ", ".join(f"{one} -> {other} {count:,}" for one, other, count in pairs)


def difference(of: Paired) -> str:
    """B less A, with its interval."""
    return f"{of.difference.value:+.4f} ({of.difference.low:+.4f} to {of.difference.high:+.4f})"


def probability(p: float) -> str:
    """A p to as many digits as are of use."""
    return f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def interval(figure: Figure) -> str:
    """A share with its interval."""
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"


def _parts(count: int) -> str:
    return f"{count:,} part{'' if count == 1 else 's'}"


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
