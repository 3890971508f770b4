"""Pictures of the figures: those that an export draws of its test part, with words, ready for a page."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from sightline import image
from sightline.bundle.manifest import Metric
from sightline.export import record
from sightline.labelled import Answered
from sightline.runtime.report import data_uri

About = Literal["figures", "scores", "misses"]
"""Beside what a picture stands: how well it inspects, whether scores are probabilities, or the worst misses."""

_ABOUT: dict[str, About] = {"reliability": "scores", "misses": "misses", "worst-misses": "misses"}
_WIDE = 1.4  # times as wide as high
_FRAMES = "worst-misses"  # of a model of good parts the escapes and the overkill, which the page shows, are all of them

WORDS = {
    "score-histograms": (
        "Scores",
        "How many frames got which score. On the wrong side of the dashed threshold lie escapes and overkill.",
    ),
    "confusion": (
        "Confusion matrix",
        "Rows are what frames show, columns what was said; what is off the diagonal is wrong.",
    ),
    "roc": (
        "Escapes against overkill",
        "Each threshold is a point: to the right more good parts are rejected, upwards more defective ones are caught.",
    ),
    "precision-recall": ("Alarms that are true", "To the right more is found, upwards more of the alarms are true."),
    "reliability": (
        "Reliability",
        "On the dashed line, what is said with a probability of 0.8 is true in 8 of 10. Bars are intervals at 95 %.",
    ),
    "boxes-precision-recall": (
        "Boxes that are true",
        "To the right more drawn defects are found, upwards more boxes are true.",
    ),
    "regions-precision-recall": (
        "Regions that are true",
        "To the right more drawn defects are found, upwards more of the regions said are true.",
    ),
    "defect-types": ("Types of single defects", "Rows are what was drawn, columns what was said there."),
    "recall-by-size": ("Defects found, by size", "Small defects are harder: how many of each size were found."),
    "misses": ("Single defects missed, misnamed or invented", "Green is what people drew, red what was said."),
    "worst-misses": ("Frames most in doubt", "Each beside the map of what was said. Red titles are wrong."),
}
"""Name of a picture -> its title and what it shows, in the order of the page."""


@dataclass(frozen=True)
class Chart:
    """A picture with its words.

    Attributes:
        title: What it is.
        words: How to read it.
        picture: In a data URI.
        about: Beside what it stands.
        wide: Whether it takes the whole width of the page.
    """

    title: str
    words: str
    picture: str = field(repr=False)
    about: About
    wide: bool


def draw(found: Answered, figures: tuple[Metric, ...]) -> tuple[Chart, ...]:
    """The pictures that an export draws of its test part, of these images, in the order of the page.

    Args:
        found: The images with what the bundle says of them.
        figures: What was measured on them.
    """
    manifest = found.manifest.model_copy(update={"metrics": figures})
    with TemporaryDirectory() as place:
        record.draw(found.scored, found.outputs, manifest, found.sweeper, Path(place))
        made = {file.stem: file for file in sorted(Path(place).glob("*.png"))}
        if found.scored.one_class:
            made.pop(_FRAMES, None)
        order = sorted(made, key=lambda name: list(WORDS).index(name) if name in WORDS else len(WORDS))
        return tuple(_chart(name, made[name]) for name in order)


def _chart(name: str, file: Path) -> Chart:
    title, words = WORDS.get(name, (name.replace("-", " ").capitalize(), ""))
    about, drawn = _ABOUT.get(name, "figures"), image.read(file)
    if about == "misses":
        return Chart(title, words, data_uri(drawn), about, wide=True)  # of frames, which take a tenth as JPEG
    encoded = base64.b64encode(file.read_bytes()).decode()
    return Chart(title, words, f"data:image/png;base64,{encoded}", about, wide=drawn.shape[1] > _WIDE * drawn.shape[0])
