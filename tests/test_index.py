"""The index: what is saved comes back, damage is named, and the digest says whether two data sets are the same."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.errors import DataError
from sightline.index import Box, Index, Polygon, Sample, Split

text = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
number = st.floats(0, 1e4)
boxes = st.builds(Box, x1=number, y1=number, x2=number, y2=number, label=names)
polygons = st.builds(Polygon, points=st.lists(st.tuples(number, number), max_size=4).map(tuple), label=names)
samples = st.builds(
    Sample,
    path=names,
    labels=st.sets(names, max_size=2).map(sorted).map(tuple),
    certainty=st.floats(0.5, 1),
    mask=st.none() | names,
    boxes=st.lists(boxes, max_size=2).map(tuple),
    polygons=st.lists(polygons, max_size=2).map(tuple),
    group=text,
    split=st.none() | st.sampled_from(Split),
    mask_digest=text,
    template_digest=text,
    width=st.integers(0, 1000),
    attributes=st.dictionaries(text, text, max_size=2),
)
rows = st.lists(samples, max_size=3, unique_by=lambda sample: sample.path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("index")


@pytest.fixture
def index(tmp_path):
    return Index.build(
        tmp_path,
        [
            Sample(path="b/2.png", labels=("dent", "scratch"), split=Split.TEST, digest="22"),
            Sample(path="a/1.png", split=Split.TRAIN, digest="11"),
            Sample(path="c/3.png", labels=("dent",), split=Split.TRAIN, digest="33"),
        ],
    )


def test_an_index_of_before_knows_no_digests_of_masks_and_templates(tmp_path):
    lines = ['{"format":"sightline-index","version":1,"root":".","classes":["dent"]}']
    lines.append('{"path":"a.png","labels":["dent"],"mask":"m.png","digest":"11"}')
    (tmp_path / "index.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = Index.load(tmp_path / "index.jsonl")
    assert (found.templates, found.samples[0].mask_digest, found.samples[0].template_digest) == ({}, "", "")


@settings(max_examples=50, deadline=None)
@given(rows, st.dictionaries(text, text, max_size=2))
def test_what_is_saved_comes_back(folder, found, templates):
    index = Index.build(folder, found).model_copy(update={"templates": templates})
    index.save(folder / "index.jsonl")
    assert Index.load(folder / "index.jsonl") == index


def test_a_row_says_only_what_is_known(index, tmp_path):
    index.save(tmp_path / "index.jsonl")
    header, first, *_ = (tmp_path / "index.jsonl").read_text(encoding="utf-8").split("\n")
    assert json.loads(header)["classes"] == ["dent", "scratch"]
    assert json.loads(first) == {"path": "a/1.png", "split": "train", "digest": "11"}


def test_rows_are_in_order_of_their_paths(index):
    assert [sample.path for sample in index.samples] == ["a/1.png", "b/2.png", "c/3.png"]
    assert [sample.path for sample in index.with_samples(reversed(index.samples)).samples] == [
        "a/1.png",
        "b/2.png",
        "c/3.png",
    ]


def test_classes_stay_where_rows_are_left_out(index):
    assert index.with_samples([]).classes == ("dent", "scratch")


def test_counts_name_good_parts_and_count_an_image_once_per_label(index):
    assert index.counts() == {"dent": 2, "scratch": 1, "good": 1}
    assert index.counts(Split.TRAIN) == {"dent": 1, "good": 1}
    assert (index.has_good, index.multi_label) == (True, True)
    assert [sample.names for sample in index.samples] == [("good",), ("dent", "scratch"), ("dent",)]


def test_groups_and_copies_in_several_parts_are_told(index):
    rows = [
        Sample(path=path, digest=digest, group=group, split=split)
        for path, digest, group, split in [
            ("group-1.png", "11", "A", Split.TRAIN),
            ("group-2.png", "22", "A", Split.TEST),
            ("copy-1.png", "33", "", Split.TRAIN),
            ("copy-2.png", "33", "", Split.VALIDATE),
            ("same-1.png", "44", "B", Split.TEST),
            ("same-2.png", "55", "B", Split.TEST),
            ("unplaced-1.png", "66", "C", Split.TEST),
            ("unplaced-2.png", "77", "C", None),
        ]
    ]
    divided = index.with_samples(rows).divided()
    assert [[s.path for s in group] for group in divided] == [
        ["copy-1.png", "copy-2.png"],
        ["group-1.png", "group-2.png"],
    ]


def test_the_root_in_the_file_is_relative_to_it(index, tmp_path):
    index.model_copy(update={"root": Path("images")}).save(tmp_path / "index.jsonl")
    assert Index.load(tmp_path / "index.jsonl").root == tmp_path / "images"


def test_the_digest_knows_neither_place_nor_order(index):
    moved = Index.build(Path("elsewhere"), reversed(index.samples))
    assert moved.digest == index.digest


@pytest.mark.parametrize(
    "change",
    [{"digest": "99"}, {"labels": ("dent",)}, {"split": Split.TRAIN}, {"group": "7"}, {"certainty": 0.7}],
)
def test_the_digest_knows_contents_labels_and_splits(index, change):
    first, second, third = index.samples
    assert index.with_samples([first, second.model_copy(update=change), third]).digest != index.digest


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty"),
        ("path,label\n", "line 1: Invalid JSON"),
        ('{"format": "coco", "version": 1, "root": ".", "classes": []}\n', "line 1: format"),
        ('{"format": "sightline-index", "version": 2, "root": ".", "classes": []}\n', "line 1: version"),
        ('{"root": ".", "classes": []}\n{"path": "a.png"}\n{"path": "b.p', "line 3: Invalid JSON"),
        ('{"root": ".", "classes": []}\n\n{"path": "a.png", "certainty": 2}\n', "line 3: certainty"),
        ('{"root": ".", "classes": []}\n{"path": "a.png", "labels": "dent"}\n', "line 2: labels"),
        ('{"root": ".", "classes": []}\n{"path": "a.png", "lable": "dent"}\n', "line 2: lable: Extra inputs"),
    ],
)
def test_damage_is_named(tmp_path, content, expected):
    (tmp_path / "index.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=rf"index\.jsonl.* {expected}"):
        Index.load(tmp_path / "index.jsonl")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"expected an index file, but .*index\.jsonl cannot be read"):
        Index.load(tmp_path / "index.jsonl")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "index.jsonl").write_bytes(b"\x89PNG\xff")
    with pytest.raises(DataError, match="cannot be read"):
        Index.load(tmp_path / "index.jsonl")


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(index, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DataError, match="the index cannot be written to"):
        index.save(tmp_path / "file" / "index.jsonl")


def test_a_failed_save_keeps_the_old_index(index, tmp_path, monkeypatch):
    index.save(tmp_path / "index.jsonl")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        index.with_samples([]).save(tmp_path / "index.jsonl")
    assert Index.load(tmp_path / "index.jsonl") == index


def test_rows_are_frozen(index):
    with pytest.raises(ValidationError):
        index.samples[0].path = "other.png"
