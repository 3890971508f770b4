"""The gallery must show each defect that was missed or invented, where it is, the worst first."""

from pathlib import Path

import numpy as np
import pytest

from sightline.boxes import Boxes
from sightline.export import misses, plots
from sightline.export.misses import Marks, Miss

CLASSES = ("dent", "scratch")
HALF = (0.5, 0.5)
GREEN, RED, BLUE = ((0, 200, 120), (235, 60, 60), (70, 150, 255))


def _boxes(*rows: tuple[float, float, float, float, float, int]) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def _shows(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=2).any())


def _miss(weight: float, kind: misses.Kind = "missed", row: int = 0) -> Miss:
    return Miss(row, kind, (10, 10, 20, 20), "dent", weight)


def test_boxes_are_missed_misnamed_or_invented() -> None:
    truth = _boxes((0, 0, 10, 10, 1, 0), (20, 0, 30, 10, 1, 0), (40, 0, 44, 10, 1, 1), (60, 0, 70, 10, 1, 1))
    found = _boxes(
        (0, 0, 10, 10, 0.9, 0),
        (20, 0, 30, 11, 0.75, 1),
        (80, 0, 90, 10, 0.625, 0),
        (90, 0, 99, 9, 0.4, 0),
        (60, 0, 70, 10, 0.4, 1),
    )
    assert misses.of_boxes(7, found, truth, CLASSES, HALF) == [
        Miss(7, "missed", (40, 0, 44, 10), "scratch", 40),
        Miss(7, "missed", (60, 0, 70, 10), "scratch", 100),
        Miss(7, "misnamed", (20, 0, 30, 10), "dent as scratch", 0.75),
        Miss(7, "invented", (80, 0, 90, 10), "dent", 0.625),
    ]
    assert misses.of_boxes(0, Boxes.empty(), Boxes.empty(), CLASSES, HALF) == []


def test_regions_are_missed_or_invented() -> None:
    heat, truth = np.zeros((2, 40, 50), np.float32), np.zeros((2, 40, 50), bool)
    truth[0, 2:5, 3:9] = truth[1, 20:30, 20:30] = True
    heat[0, 25:35, 25:35] = 0.75  # touches the second
    heat[0, 0:4, 40:44], heat[1, 1, 41] = 0.625, 0.875  # one invented place, surest as a scratch
    heat[1, 10, 10] = 0.4
    assert misses.of_regions(3, heat, truth, CLASSES, HALF) == [
        Miss(3, "missed", (3, 2, 9, 5), "dent", 18),
        Miss(3, "invented", (40, 0, 44, 4), "scratch", 0.875),
    ]
    assert misses.of_regions(3, heat * 0, truth & False, CLASSES, HALF) == []


def test_the_worst_of_each_kind_are_chosen() -> None:
    several = [_miss(float(n)) for n in range(40)] + [_miss(n / 10, "invented") for n in range(4)]
    shown = misses.chosen(several, 10)
    assert [miss.weight for miss in shown] == [39, 38, 37, 36, 35, 34, 0.3, 0.2, 0.1, 0]
    assert misses.chosen([], 10) == []


@pytest.mark.parametrize("corners", [(0, 0, 4, 4), (95, 70, 100, 80), (50, 40, 52, 43), (0, 0, 100, 80)])
def test_a_crop_shows_what_it_is_of_wherever_that_lies(corners: tuple[float, float, float, float]) -> None:
    frame = np.full((80, 100, 3), 128, np.uint8)
    x1, y1, x2, y2 = (int(value) for value in corners)
    frame[y1:y2, x1:x2] = (1, 2, 255)
    picture = misses.crop(Miss(0, "missed", corners, "dent", 1), frame, Marks(_boxes((*corners, 1, 0)), Boxes.empty()))
    assert max(picture.shape[:2]) == 240
    assert _shows(picture, (1, 2, 255))
    assert _shows(picture, GREEN) or corners == (0, 0, 100, 80)
    assert not _shows(picture, RED)


def test_true_is_green_found_is_red_and_the_frame_is_left_alone() -> None:
    frame, mask = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200), bool)
    mask[100:110, 100:110] = True
    miss = Miss(0, "invented", (100, 100, 110, 110), "dent", 0.9)
    box = _boxes((100, 100, 110, 110, 1, 0))
    for marks, colour in (
        (Marks(box, Boxes.empty()), GREEN),
        (Marks(Boxes.empty(), box), RED),
        (Marks.of_masks(mask, mask & False), GREEN),
        (Marks.of_masks(mask & False, mask), RED),
    ):
        picture = misses.crop(miss, frame, marks)
        assert _shows(picture, colour)
        assert _shows(picture, BLUE)
        assert not _shows(picture, GREEN if colour == RED else RED)
        assert (picture[110:130, 110:130] == 0).all()  # the defect itself stays visible
    assert not frame.any()


def test_the_template_stands_beside_at_the_same_place() -> None:
    frame, template = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200, 3), np.uint8)
    template[100:110, 100:110] = (0, 0, 255)
    miss = Miss(0, "missed", (100, 100, 110, 110), "dent", 100)
    picture = misses.crop(miss, frame, Marks(_boxes(), _boxes()), template)
    assert picture.shape == (240, 486, 3)
    assert (picture[120, 246 + 120] == (0, 0, 255)).all()
    assert not picture[120, 120].any()


@pytest.mark.parametrize(("count", "panels"), [(0, 6), (1, 6), (30, 24)])
def test_up_to_24_are_drawn_and_all_are_counted(count: int, panels: int, tmp_path: Path) -> None:
    frame = np.full((60, 90, 3), 90, np.uint8)
    figure = misses.draw([_miss(n, row=n) for n in range(count)], lambda _: frame, lambda _: Marks(_boxes(), _boxes()))
    assert len(figure.axes) == panels
    assert sum(len(axes.images) for axes in figure.axes) == min(count, 24)
    told = "nothing missed" if not count else f"{count} missed"
    assert told in figure.get_suptitle()
    assert ("the worst" in figure.get_suptitle()) == (count > 24)
    assert plots.save(figure, tmp_path / "misses.png").stat().st_size > 1000


def test_only_the_frames_that_are_shown_are_read() -> None:
    read = []

    def frame(row: int) -> np.ndarray:
        read.append(row)
        return np.zeros((60, 90, 3), np.uint8)

    several = [_miss(float(n), row=n) for n in range(40)]
    figure = misses.draw(
        several, frame, lambda _: Marks(_boxes(), _boxes()), lambda row: None if row % 2 else frame(row)
    )
    assert set(read) == set(range(16, 40))
    assert figure.axes[0].get_title() == "missed: dent\n10 x 10 px"
