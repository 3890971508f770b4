import pytest

from sightline.assurance.report.meanings import MEANINGS, agree, by_type, differing, meaning, rows
from sightline.bundle.manifest import Metric


def metric(name, value, low=None, high=None):
    low, high = (value - 0.1 if low is None else low), (value + 0.1 if high is None else high)
    return Metric(name=name, value=value, low=low, high=high, count=9, interval="Wilson over groups")


def test_figures_come_in_the_order_of_the_page_and_what_is_not_known_comes_last_by_its_name():
    told = rows([metric("novelty", 0.5), metric("auroc", 0.9), metric("escape_rate", 0.1)], None, same_images=False)
    assert [row.name for row in told] == ["escape_rate", "auroc", "novelty"]
    assert [row.meaning.title for row in told] == ["escape rate", "AUROC", "novelty"]
    assert "shipped" in told[0].meaning.words
    assert {row.same for row in told} == {None}


def test_figures_of_types_and_of_sizes_are_tables_of_their_own():
    found = [metric("auroc", 0.9), metric("auroc/dent", 0.8), metric("recall/dent", 0.7), metric("recall/stain", 0.6)]
    types, sizes = by_type([*found, metric("recall_by_size/side-from-16px", 0.5)])
    assert types.of == "type"
    assert [column.title for column in types.columns] == ["AUROC", "recall"]
    assert types.rows["stain"][0] is None
    assert types.rows["stain"][1].value == 0.6
    assert (sizes.of, list(sizes.rows)) == ("size", ["side-from-16px"])
    assert by_type([metric("auroc", 0.9)]) == []


@pytest.mark.parametrize(
    ("here", "same_images", "expected"),
    [(0.9004, True, True), (0.91, True, False), (0.91, False, True), (0.6, False, False)],
)
def test_the_same_images_give_the_same_figure_and_others_one_whose_interval_meets_it(here, same_images, expected):
    assert agree(metric("auroc", 0.9), metric("auroc", here), same=same_images) is expected


def test_only_figures_that_both_have_can_differ():
    stated = [metric("auroc", 0.9), metric("recall/dent", 0.9), metric("f1", 0.9)]
    here = [metric("auroc", 0.9), metric("recall/dent", 0.5), metric("review_rate", 0.2)]
    assert differing(stated, here, same_images=True) == ["recall/dent"]
    assert agree(None, here[0], same=True) is None


def test_every_meaning_is_one_line():
    for name, one in MEANINGS.items():
        assert meaning(name) is one
        assert 20 < len(one.words) < 100, name
        assert one.words.endswith("."), name
