"""Many images: all answered, in order, with bounded memory, and without waiting for a list that stalls."""

import os
import threading
import time

import pytest

import bundle_factory
from sightline import image
from sightline.errors import DataError
from sightline.runtime import Inspector, score_images
from sightline.runtime.score import find_images, map_ahead
from sightline.verdict import Outcome


@pytest.fixture(scope="module")
def inspector(tmp_path_factory):
    return Inspector.open(bundle_factory.write_bundle(tmp_path_factory.mktemp("bundles")), threads=1)


def test_every_path_is_answered_in_order_whatever_is_wrong_with_it(inspector, tmp_path):
    paths = []
    for number in range(30):
        path = tmp_path / f"{number}.png"
        if number % 5 == 1:
            path.write_bytes(b"damaged")
        elif number % 5 != 2:  # two of five are missing or damaged
            path.write_bytes(image.png(bundle_factory.frame_of((255 if number % 5 == 3 else 0, 0, 0))))
        paths.append(path)
    verdicts = [inspection.verdict for inspection in score_images(inspector, paths, at_once=3)]
    assert [verdict.frame for verdict in verdicts] == [str(path) for path in paths]
    expected = [Outcome.OK, Outcome.NOT_INSPECTED, Outcome.NOT_INSPECTED, Outcome.NG, Outcome.OK]
    assert [verdict.outcome for verdict in verdicts] == expected * 6


class TestMapAhead:
    def test_no_more_is_begun_than_may_wait(self):
        begun = []
        results = map_ahead(lambda n: begun.append(n) or n, iter(range(1000)), threads=2, ahead=4)
        assert next(results) == 0
        time.sleep(0.2)
        assert len(begun) <= 1 + 4
        results.close()
        assert len(begun) <= 1 + 4

    def test_order_is_kept_when_later_ones_are_faster(self):
        def slow_at_first(number):
            time.sleep(0.05 if number % 4 == 0 else 0)
            return number

        assert list(map_ahead(slow_at_first, range(20), threads=4, ahead=8)) == list(range(20))

    def test_a_result_comes_while_the_list_stalls(self):
        more = threading.Event()

        def stalling():
            yield 1
            assert more.wait(20)
            yield 2

        results = map_ahead(lambda n: n, stalling(), threads=2, ahead=8)
        assert next(results) == 1
        more.set()
        assert list(results) == [2]

    def test_it_can_be_left_while_the_list_stalls(self):
        released = threading.Event()

        def stalling():
            yield 1
            released.wait(20)

        results = map_ahead(lambda n: n, stalling(), threads=1, ahead=2)
        assert next(results) == 1
        start = time.perf_counter()
        results.close()
        assert time.perf_counter() - start < 5
        released.set()

    def test_an_error_is_raised_where_its_result_would_have_come(self):
        results = map_ahead(lambda n: 1 // n, [1, 0, 1], threads=2, ahead=4)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_list_that_breaks_off_is_not_taken_for_its_end(self):
        def broken():
            yield 1
            raise OSError("the disk with the list is gone")

        results = map_ahead(lambda n: n, broken(), threads=1, ahead=2)
        assert next(results) == 1
        with pytest.raises(DataError, match="the list of images ended with an error"):
            next(results)

    def test_nothing_in_nothing_out(self):
        assert list(map_ahead(str, [], threads=1, ahead=1)) == []


def test_folders_are_searched_to_the_bottom_for_images_alone(tmp_path):
    for name in ("b.PNG", "a.jpg", "deep/er/c.tiff", "deep/notes.txt", "labels.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_images(tmp_path) == [tmp_path / "a.jpg", tmp_path / "b.PNG", tmp_path / "deep" / "er" / "c.tiff"]


@pytest.mark.skipif(os.name == "nt", reason="makes symbolic links")
def test_links_to_folders_are_followed_once_and_loops_end(tmp_path):
    """An image behind a link is one that was asked for; under its own name where it has one in the folder."""
    (tmp_path / "parts" / "z").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    for name in ("parts/z/a.png", "elsewhere/deep/b.png"):
        (tmp_path / name).touch()
    (tmp_path / "parts" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "parts" / "again").symlink_to(tmp_path / "parts" / "z")
    (tmp_path / "elsewhere" / "deep" / "loop").symlink_to(tmp_path / "parts")
    found = [str(path.relative_to(tmp_path)) for path in find_images(tmp_path / "parts")]
    assert found == ["parts/linked/deep/b.png", "parts/z/a.png"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be searched"):
        find_images(tmp_path / "missing")
