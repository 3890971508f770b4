"""The layout of VisA: one object's images, its defect types and the authors' division."""

import pytest

from sightline.errors import DataError
from sightline.index import Split

NORMAL, ANOMALOUS, MASKS = "Data/Images/Normal", "Data/Images/Anomaly", "Data/Masks/Anomaly"


@pytest.fixture
def candle(tmp_path, picture):
    root = tmp_path / "candle"
    for name in (f"{NORMAL}/0000.JPG", f"{NORMAL}/0001.JPG", f"{ANOMALOUS}/000.JPG", f"{ANOMALOUS}/001.JPG"):
        picture(root / name)
    picture(root / MASKS / "000.png")
    picture(root / MASKS / "001.png")
    return root


def types(root, *rows):
    """Writes the table of defect types; rows are an image and its labels."""
    lines = [f'{root.name}/{image},"{label}",' for image, label in rows]
    (root / "image_anno.csv").write_text("\n".join(["image,label,mask", *lines]), encoding="utf-8")


def division(root, *rows, name="candle"):
    """Writes the authors' table of parts; rows are a part and an image."""
    lines = [f"{name},{part},normal,{name}/{image}," for part, image in rows]
    (root.parent / "split_csv").mkdir()
    table = "\n".join(["object,split,label,image,mask", "pcb1,train,normal,pcb1/Data/x.JPG,", *lines])
    (root.parent / "split_csv" / "1cls.csv").write_text(table, encoding="utf-8")


def by_name(index):
    return {sample.path: sample for sample in index.samples}


def test_without_tables_a_defect_is_an_anomaly_and_the_recipe_divides(candle, read, caplog):
    found = by_name(read("visa", root=candle))
    assert found[f"{NORMAL}/0000.JPG"].good
    assert found[f"{ANOMALOUS}/001.JPG"].labels == ("anomaly",)
    assert found[f"{ANOMALOUS}/001.JPG"].mask == f"{MASKS}/001.png"
    assert {sample.split for sample in found.values()} == {None}
    assert "1cls.csv is not there" in caplog.text


def test_the_table_tells_the_types_of_a_defect(candle, read):
    types(
        candle,
        (f"{NORMAL}/0000.JPG", "normal"),
        (f"{NORMAL}/0001.JPG", "normal"),
        (f"{ANOMALOUS}/000.JPG", "weird candle wick, chunk of wax missing"),
        (f"{ANOMALOUS}/001.JPG", "other"),
    )
    index = read("visa", root=candle)
    assert index.counts() == {"good": 2, "chunk of wax missing": 1, "weird candle wick": 1, "other": 1}


def test_the_authors_division_is_kept(candle, read, caplog):
    division(
        candle,
        ("train", f"{NORMAL}/0000.JPG"),
        *(("test", name) for name in (f"{NORMAL}/0001.JPG", f"{ANOMALOUS}/000.JPG", f"{ANOMALOUS}/001.JPG")),
    )
    found = by_name(read("visa", root=candle))
    assert [name for name, sample in found.items() if sample.split is Split.TRAIN] == [f"{NORMAL}/0000.JPG"]
    assert sum(sample.split is Split.TEST for sample in found.values()) == 3
    assert {sample.split for sample in read("visa", root=candle, keep_split=False).samples} == {None}
    assert caplog.messages == []


def test_a_division_that_names_a_missing_image_is_refused(candle, read):
    division(candle, ("train", f"{NORMAL}/0000.JPG"), ("test", f"{NORMAL}/0099.JPG"))
    with pytest.raises(DataError, match=r"1 image that .*1cls\.csv names not in .*: Data/Images/Normal/0099\.JPG"):
        read("visa", root=candle)


def test_a_division_of_other_objects_is_refused(candle, read):
    division(candle, ("train", f"{NORMAL}/0000.JPG"), name="cashew")
    with pytest.raises(DataError, match="expected rows of the object candle, found those of cashew, pcb1") as caught:
        read("visa", root=candle)
    assert "keep_split=false" in caught.value.hint


def test_a_part_of_another_name_is_refused(candle, read):
    division(candle, ("dev", f"{NORMAL}/0000.JPG"))
    with pytest.raises(DataError, match=r"1cls\.csv, line 3: expected train or test, got 'dev'"):
        read("visa", root=candle)


def test_what_a_table_leaves_out_is_reported(candle, read, caplog):
    types(candle, (f"{ANOMALOUS}/000.JPG", "other"))
    found = by_name(read("visa", root=candle, keep_split=False))
    assert found[f"{ANOMALOUS}/001.JPG"].labels == ("anomaly",)
    assert "3 images not in" in caplog.text


@pytest.mark.parametrize(
    ("image", "label"), [(f"{NORMAL}/0000.JPG", "scratch"), (f"{ANOMALOUS}/000.JPG", "normal")], ids=["good", "bad"]
)
def test_a_label_that_its_folder_denies_is_refused(candle, read, image, label):
    types(candle, (image, label))
    with pytest.raises(DataError, match=rf"image_anno\.csv, line 2: {image} is labelled '{label}'"):
        read("visa", root=candle)


def test_a_missing_mask_is_reported(candle, read, caplog):
    (candle / MASKS / "001.png").unlink()
    masks = [sample.mask for sample in read("visa", root=candle).samples]
    assert masks == [f"{MASKS}/000.png", None, None, None]
    assert "1 anomalous image in" in caplog.text


def test_the_folder_of_all_objects_is_refused(candle, read):
    with pytest.raises(DataError, match=r"expected a folder Data/Images/Normal in .*, found candle"):
        read("visa", root=candle.parent)
