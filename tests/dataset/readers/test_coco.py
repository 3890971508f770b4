"""COCO annotations."""

import json

import pytest

from sightline.dataset import readers
from sightline.errors import DataError

CATEGORIES = [{"id": 1, "name": "dent", "supercategory": "none"}, {"id": 2, "name": "ok"}]


@pytest.fixture
def annotate(tmp_path, picture):
    """Writes annotations over two images of 40x30, a.png and b.png."""

    def write(*annotations, file="annotations.json", folder="images", **changes):
        images = [{"id": n, "file_name": name, "width": 40, "height": 30} for n, name in enumerate(("a.png", "b.png"))]
        for image in images:
            picture(tmp_path / folder / image["file_name"])
        content = {"images": images, "annotations": annotations, "categories": CATEGORIES, **changes}
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(json.dumps(content), encoding="utf-8-sig")

    return write


def test_boxes_and_outlines_are_corners_in_pixels(annotate, read):
    square = [1, 2, 5, 2, 5, 8, 1, 8]
    annotate(
        {"image_id": 0, "category_id": 1, "bbox": [10, 5, 20.5, 7]},
        {"image_id": 0, "category_id": 1, "bbox": [], "segmentation": [square]},
    )
    first, second = read("coco").samples
    corners = [(box.x1, box.y1, box.x2, box.y2, box.label) for box in first.boxes]
    assert corners == [(10, 5, 30.5, 12, "dent"), (1, 2, 5, 8, "dent")]
    assert first.polygons[0].points == ((1, 2), (5, 2), (5, 8), (1, 8))
    assert (second.labels, second.boxes) == ((), ())


@pytest.mark.parametrize("counts", [[122, 3, 27, 3, 1045], "j33k00jo0"], ids=["list", "text"])
def test_a_run_length_mask_becomes_the_outline_of_its_pixels(annotate, read, counts):
    mask = {"counts": counts, "size": [30, 40]}  # rows 2 to 4 of the columns 4 and 5
    annotate({"image_id": 0, "category_id": 1, "bbox": [4, 2, 2, 3], "segmentation": mask, "iscrowd": 0})
    (sample, _) = read("coco").samples
    assert sorted(sample.polygons[0].points) == [(4, 2), (4, 5), (6, 2), (6, 5)]
    assert len(sample.boxes) == 1


def test_a_crowd_keeps_its_label_and_outline_and_is_no_box(annotate, read):
    mask = {"counts": [122, 3, 27, 3, 1045], "size": [30, 40]}
    annotate({"image_id": 0, "category_id": 1, "bbox": [4, 2, 2, 3], "segmentation": mask, "iscrowd": 1})
    first, _ = read("coco").samples
    assert (first.labels, first.boxes, len(first.polygons)) == (("dent",), (), 1)


@pytest.mark.parametrize(
    ("counts", "size", "expected"),
    [
        ([10, 5], [30, 40], r"expected a run-length mask of 1200 pixels, got 15 in 2 runs"),
        ([-10, 1210], [30, 40], r"expected a run-length mask of 1200 pixels, got a run below 0"),
        ([1200], [40, 30], r"expected a run-length mask of 40x30 as its image, got 30x40"),
        ("ab\u20ac", [30, 40], r"damaged at its character 3"),
        ("o" * 100, [30, 40], r"damaged at its character 10"),
        ("P", [30, 40], r"cut off"),
        ([1.5], [30, 40], r"expected a run-length mask, but counts: "),
        ([1200], [30], r"expected a run-length mask, but size: "),
    ],
)
def test_a_damaged_run_length_mask_is_named(annotate, read, counts, size, expected):
    annotate({"image_id": 0, "category_id": 1, "segmentation": {"counts": counts, "size": size}})
    with pytest.raises(DataError, match=rf"annotations\[0\]: .*{expected}"):
        read("coco")


def test_a_mask_larger_than_any_image_is_refused_before_it_is_made(annotate, read):
    huge = {"counts": [10**12], "size": [10**6, 10**6]}
    annotate({"image_id": 0, "category_id": 1, "segmentation": huge}, images=[{"id": 0, "file_name": "a.png"}])
    with pytest.raises(DataError, match="no run-length mask can be of 1000000x1000000 pixels"):
        read("coco")


def test_a_good_category_marks_nothing(annotate, read):
    annotate({"image_id": 0, "category_id": 2, "bbox": [1, 1, 2, 2]})
    assert [(sample.labels, sample.boxes) for sample in read("coco").samples] == [((), ()), ((), ())]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ({"image_id": 9, "category_id": 1}, r"annotations\[1\]: no image has the id 9"),
        ({"image_id": 0, "category_id": 1, "bbox": [1, 2, 3]}, r"annotations\[1\]\.bbox"),
        ({"image_id": 0, "category_id": 1, "bbox": [1, 2, "x", 3]}, r"annotations\[1\]\.bbox"),
        ({"image_id": 0, "category_id": 1, "bbox": [1, 2, 0, 3]}, r"annotations\[1\]: expected a box with an area"),
        ({"image_id": 0, "category_id": 1, "bbox": [50, 2, 9, 3]}, r"annotations\[1\]: .* inside the image of 40x30"),
        (
            {"image_id": 0, "category_id": 1, "bbox": [10, 10, 1e9, 1e9]},
            r"annotations\[1\]: expected a box inside the image of 40x30, got 10, 10, 1e\+09, 1e\+09\n.*x, y, width",
        ),
        ({"image_id": 0, "category_id": 1, "bbox": [-9, 2, 19, 3]}, r"annotations\[1\]: expected a box inside"),
        (
            {"image_id": 0, "category_id": 1, "segmentation": [[1, 1, 1e308, 1, 1e308, 1e308]]},
            r"annotations\[1\]: expected an outline inside the image of 40x30",
        ),
        ({"image_id": 0, "category_id": 1, "segmentation": [[1, 2, 3, 4]]}, r"annotations\[1\]: expected an outline"),
        (
            {"image_id": 0, "category_id": 1, "bbox": [1, 1, 2, 2], "segmentation": [[50, 1, 60, 1, 60, 9]]},
            r"annotations\[1\]: expected an outline inside the image of 40x30, got one within 50, 1, 60",
        ),
        ({"category_id": 1}, r"annotations\[1\]\.image_id: Field required"),
    ],
)
def test_a_damaged_annotation_is_named(annotate, read, annotation, expected):
    annotate({"image_id": 0, "category_id": 1, "bbox": [1, 1, 2, 2]}, annotation)
    with pytest.raises(DataError, match=expected):
        read("coco")


def test_broken_json_names_its_line(annotate, read, tmp_path):
    annotate()
    (tmp_path / "annotations.json").write_text('{"images": [],\n"annotations": [}', encoding="utf-8")
    with pytest.raises(DataError, match=r"annotations\.json: Invalid JSON: .* line 2"):
        read("coco")


def test_two_images_with_one_id_are_refused(annotate, read):
    annotate(images=[{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}])
    with pytest.raises(DataError, match="two images have the same id"):
        read("coco")


def test_two_categories_with_one_id_are_refused(annotate, read):
    annotate(categories=[*CATEGORIES, {"id": 1, "name": "scratch"}])
    with pytest.raises(DataError, match="two categories have the same id"):
        read("coco")


def test_annotations_without_images_say_so(annotate, read):
    annotate(images=[])
    with pytest.raises(DataError, match=r"annotations\.json: expected images, the list `images` is empty"):
        read("coco")


def test_an_annotation_that_stands_there_twice_counts_once(annotate, read, caplog):
    mark = {"image_id": 0, "category_id": 1, "bbox": [1, 2, 4, 6], "segmentation": [[1, 2, 5, 2, 5, 8]]}
    other = {**mark, "segmentation": [[1, 2, 5, 8, 1, 8]]}
    annotate({"id": 1, **mark}, {"id": 2, **other}, {"id": 3, **mark}, {"id": 4, **mark, "image_id": 1})
    assert [len(sample.boxes) for sample in read("coco").samples] == [2, 1]
    assert "1 annotation left out, for the same stands there before: annotations[2] as annotations[0]" in caplog.text


def test_a_box_apart_from_its_outlines_is_named(annotate, read):
    outline = [1, 2, 5, 2, 5, 8]
    mark = {"image_id": 0, "category_id": 1, "segmentation": [outline]}
    annotate({**mark, "bbox": [5.5, 1, 3, 3]})  # a rounded one may just miss them
    assert len(read("coco").samples[0].boxes) == 1
    annotate({**mark, "id": 17, "bbox": [20, 1, 3, 3]})
    with pytest.raises(
        DataError, match=r"annotations\[0\] \(id 17\): .* within 1, 2, 5, 8; got one within 20, 1, 23, 4"
    ):
        read("coco")


@pytest.mark.parametrize("side", [0, None])
def test_a_size_need_not_be_stated_and_cannot_be_below_0(annotate, read, side):
    image = {"id": 0, "file_name": "a.png", "height": 30}
    annotate(images=[{**image, "width": side}])
    assert (read("coco").samples[0].width, read("coco").samples[0].height) == (0, 30)
    annotate(images=[{**image, "width": -40}])
    with pytest.raises(DataError, match=r"images\[0\]\.width: Input should be greater than or equal to 0"):
        read("coco")


def test_a_file_name_cannot_leave_the_folder(annotate, read):
    annotate(images=[{"id": 1, "file_name": "../../a.png"}])
    with pytest.raises(DataError, match=r"images\[0\]: expected a path inside"):
        read("coco")


def test_a_missing_folder_lists_those_that_are_there(annotate, read):
    annotate(folder="pictures")
    with pytest.raises(DataError, match=r"expected a folder images in .*, found pictures"):
        read("coco")


@pytest.mark.parametrize(
    ("file", "folder", "images"),
    [
        ("annotations.json", "images", "images"),
        ("annotations/instances_train.json", "train2017", "train2017"),
        ("train/_annotations.coco.json", "train", "train"),
        ("annotations.json", ".", "."),
    ],
)
def test_the_folder_of_the_images_is_found(annotate, tmp_path, file, folder, images):
    annotate({"image_id": 0, "category_id": 1, "bbox": [1, 1, 2, 2]}, file=file, folder=folder)
    settings = readers.detect(tmp_path)
    assert (settings.kind, settings.file, settings.images) == ("coco", file, images)


def test_several_files_are_for_the_user_to_choose_from(annotate, tmp_path):
    annotate(file="annotations/train.json")
    annotate(file="annotations/val.json")
    with pytest.raises(DataError, match=r"several COCO files: annotations/train.json, annotations/val.json"):
        readers.detect(tmp_path)


def test_annotations_without_their_images_are_no_folder_of_classes(annotate, tmp_path):
    annotate(images=[{"id": 1, "file_name": "gone.png"}])
    with pytest.raises(DataError, match=r"annotations\.json names the image 'gone\.png'"):
        readers.detect(tmp_path)
