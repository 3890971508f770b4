"""How often the localising tasks show each frame."""

import numpy as np
import pytest

from sightline.index import Sample
from sightline.train.tasks.local import draws


def samples(**counts):
    """So many frames of each type; of `good` without one."""
    return [
        Sample(path=f"{name}{n}", labels=() if name == "good" else (name,))
        for name in counts
        for n in range(counts[name])
    ]


def test_defective_frames_come_as_often_as_asked_for_and_rare_types_more_often():
    often = draws(samples(good=90, dent=9, tear=1), 0.5)
    assert often.sum() == pytest.approx(100)
    assert often[:90].sum() == pytest.approx(50)
    assert often[99] == pytest.approx(3 * often[90])  # the root of nine times as rare
    assert len(np.unique(often[:90].round(9))) == 1


@pytest.mark.parametrize(
    ("counts", "share"),
    [({"good": 4, "dent": 6}, 0.5), ({"dent": 5}, 0.9), ({"good": 5}, 0.5), ({"good": 9, "dent": 1}, 0.0)],
)
def test_each_frame_comes_once_where_enough_are_defective_or_nothing_is_asked_for(counts, share):
    assert draws(samples(**counts), share) is None
