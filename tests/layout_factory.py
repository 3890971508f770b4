"""The same four images in miniature of each layout that is read.

Two show a scratch, one a dent and one is good, under names with blanks, letters beyond ASCII and, where the layout
allows it, a suffix in capitals.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from sightline.index import Index, Sample

SCRATCH_1, SCRATCH_2, DENT, GOOD = "Prüfling 1", "部品 2", "dent é", "good one"
WIDTH, HEIGHT = 40, 30


@dataclass(frozen=True)
class Mini:
    """A layout in miniature.

    Attributes:
        settings: The reader's settings, as in a recipe.
        make: Writes the folder.
        damage: Spoils one annotation and returns what the error must say; None where labels are folders' names.
        names_images: Whether images are named in a file, so that one can be missing; else they are found by looking.
        marks: Boxes that the miniature holds, by label.
        masks: How many images have a mask.
        labels: What it says of the images with a scratch, and of the one with a dent.
    """

    settings: dict
    make: callable
    damage: callable = None
    names_images: bool = True
    marks: dict = None
    masks: int = 0
    labels: tuple = (("scratch",), ("dent",))


BOARD = (("open",), ("short",))
BINARY = (("defective",), ())  # of layouts that tell defective from good only: a dent is no defect here


def folders(root, picture):
    picture(root / "scratch" / f"{SCRATCH_1}.PNG")
    picture(root / "scratch" / "deeper" / f"{SCRATCH_2}.jpg")
    picture(root / "dent" / f"{DENT}.png")
    picture(root / "Good" / f"{GOOD}.bmp")


CSV_ROWS = (
    ("path", "label", "part", "split", "mask", "template"),
    (f"in/{SCRATCH_1}.PNG", "scratch", "7", "train", f"masks/{SCRATCH_1}.png", f".\\in\\{GOOD}.png"),
    (f"in\\{SCRATCH_2}.jpg", "scratch", "7", "", "", ""),
    (f"./in/{DENT}.png", " dent", "8", "test", "", ""),
    (f"in/{GOOD}.png", "OK", "9", "validate", "", ""),
)


CSV_COLUMNS = {f"{name}_column": name for name in ("split", "mask", "template")} | {"group_column": "part"}


def table(root, picture):
    for name in (f"{SCRATCH_1}.PNG", f"{SCRATCH_2}.jpg", f"{DENT}.png", f"{GOOD}.png"):
        picture(root / "in" / name)
    picture(root / "masks" / f"{SCRATCH_1}.png")
    (root / "labels.csv").write_text("\n".join(",".join(row) for row in CSV_ROWS), encoding="utf-8")


def damage_table(root):
    with (root / "labels.csv").open("a", encoding="utf-8") as file:
        file.write("\nin/x.png,scratch")
    return r"labels\.csv, line 6: expected 6 fields, got 2"


def mvtec(root, picture):
    picture(root / "train" / "good" / f"{GOOD}.png")
    for label, name in (("scratch", SCRATCH_1), ("scratch", SCRATCH_2), ("dent", DENT)):
        picture(root / "test" / label / f"{name}.png")
        picture(root / "ground_truth" / label / f"{name}_mask.png")


def visa(root, picture):
    rows = (("Normal", GOOD, "normal"), ("Anomaly", SCRATCH_1, "scratch"), ("Anomaly", SCRATCH_2, "scratch"))
    lines = ["image,label,mask"]
    for folder, name, label in (*rows, ("Anomaly", DENT, "dent")):
        picture(root / "Data" / "Images" / folder / f"{name}.JPG")
        lines.append(f"candle/Data/Images/{folder}/{name}.JPG,{label},")
        if folder == "Anomaly":
            picture(root / "Data" / "Masks" / "Anomaly" / f"{name}.png")
    (root / "image_anno.csv").write_text("\n".join(lines), encoding="utf-8")


def damage_visa(root):
    with (root / "image_anno.csv").open("a", encoding="utf-8") as file:
        file.write("\ncandle/Data/Images/Anomaly/x.JPG,dent, scratch,")
    return r"image_anno\.csv, line 6: expected 3 fields, got 4"


def kolektor(root, picture):
    for folder, name, value in (("kos01", SCRATCH_1, 1), ("kos02", SCRATCH_2, 255), ("kos02", DENT, 0)):
        picture(root / folder / f"{name}.JPG")
        picture(root / folder / f"{name}_label.bmp", value=value)
    picture(root / "kos03" / f"{GOOD}.jpg")
    picture(root / "kos03" / f"{GOOD}_label.bmp", value=0)


def damage_kolektor(root):
    (root / "kos02" / f"{DENT}_label.bmp").write_bytes(b"BM")
    return rf"kos02/{DENT}_label\.bmp: no image, or damaged"


def masks(root, picture):
    for label, name in (("scratch", SCRATCH_1), ("scratch", SCRATCH_2), ("dent", DENT), ("good", GOOD)):
        picture(root / label / "Imgs" / f"{name}.JPG")
        picture(root / label / "Imgs" / f"{name}.png")


def elpv(root, picture):
    rows = ((SCRATCH_1, "1.0", "mono"), (SCRATCH_2, "0.66", "poly"), (DENT, "0.5", "poly"), (GOOD, "0.0", "mono"))
    for name, *_ in rows:
        picture(root / "images" / f"{name}.png")
    lines = [f"images/{name}.png  {chance}   {cell}" for name, chance, cell in rows]
    (root / "labels.csv").write_text("\n".join(lines), encoding="utf-8")


def damage_elpv(root):
    with (root / "labels.csv").open("a", encoding="utf-8") as file:
        file.write("\nimages/x.png  1.2  mono")
    return r"labels\.csv, line 5: expected a path, a probability in 0\.\.1"


def coco(root, picture):
    names = (f"{SCRATCH_1}.PNG", f"deeper/{SCRATCH_2}.jpg", f"{DENT}.png", f"{GOOD}.png")
    for name in names:
        picture(root / "images" / name)
    outline = [30, 20, 40.8, 20, 40.8, 29]  # reaches a little over the right edge
    content = {
        "images": [{"id": i, "file_name": n, "width": WIDTH, "height": HEIGHT} for i, n in enumerate(names)],
        "categories": [{"id": 5, "name": "scratch"}, {"id": 7, "name": "dent"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 5, "bbox": [-1, 2, 11, 4], "segmentation": [], "area": 44},
            {"id": 2, "image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]},
            {"id": 3, "image_id": 2, "category_id": 7, "segmentation": [outline]},
        ],
    }
    (root / "annotations.json").write_text(json.dumps(content), encoding="utf-8")


def damage_coco(root):
    file = root / "annotations.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["annotations"][2]["category_id"] = 99
    file.write_text(json.dumps(content), encoding="utf-8")
    return r"annotations\.json, annotations\[2\]: no category has the id 99"


def yolo(root, picture):
    lines = {SCRATCH_1: "0 0.1 0.5 0.2 0.2\n", SCRATCH_2: "0 0.5 0.5 0.1 0.1\n", DENT: "1 0.5 0.5 1.004 0.5 0.9 0.9\n"}
    for part, name in (("train", SCRATCH_1), ("train", SCRATCH_2), ("val", DENT), ("val", GOOD)):
        picture(root / "images" / part / f"{name}.JPG")
        if name in lines:
            (root / "labels" / part).mkdir(parents=True, exist_ok=True)
            (root / "labels" / part / f"{name}.txt").write_text(lines[name], encoding="utf-8")
    (root / "data.yaml").write_text("train: images/train\nnc: 2\nnames: [scratch, dent]\n", encoding="utf-8")


def damage_yolo(root):
    with (root / "labels" / "train" / f"{SCRATCH_1}.txt").open("a", encoding="utf-8") as file:
        file.write("\n0 120 0.5 0.2 0.2\n")
    return rf"{SCRATCH_1}\.txt, line 3: expected shares of the image"


def xml(*objects):
    """An annotation; objects are a label with xmin, ymin, xmax, ymax, counted from 1."""
    corners = ("xmin", "ymin", "xmax", "ymax")
    marked = "".join(
        f"<object><name>{label}</name><bndbox>"
        + "".join(f"<{name}>{value}</{name}>" for name, value in zip(corners, box, strict=True))
        + "</bndbox></object>"
        for label, *box in objects
    )
    return f"<annotation>\n<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>\n{marked}</annotation>"


def voc(root, picture):
    objects = {
        SCRATCH_1: (("scratch", 1, 1, 10, 10), ("scratch", 5, 5, 41, 12)),
        SCRATCH_2: (("scratch", 2, 3, 2, 3),),
        DENT: (("dent", 2, 3, 8, 9),),
        GOOD: (),
    }
    (root / "Annotations").mkdir()
    for name, marks in objects.items():
        picture(root / "JPEGImages" / f"{name}.JPG")
        (root / "Annotations" / f"{name}.xml").write_text(xml(*marks), encoding="utf-8")


def damage_voc(root):
    (root / "Annotations" / f"{DENT}.xml").write_text("<annotation>\n<object>\n</annotation>", encoding="utf-8")
    return rf"{DENT}\.xml, line 3: mismatched tag"


SHAPES = {
    SCRATCH_1: [
        {"label": "scratch", "shape_type": "rectangle", "points": [[9, 8], [1, 2]]},
        {"label": "scratch", "shape_type": "polygon", "points": [[30, 20], [41, 20], [41, 29]]},  # over the edge
    ],
    SCRATCH_2: [{"label": "scratch", "shape_type": "circle", "points": [[20, 15], [23, 19]]}],
    DENT: [{"label": "dent", "points": [[1, 2], [3, 2], [3, 4]]}],
    GOOD: [],
}


def labelme(root, picture):
    for name, shapes in SHAPES.items():
        picture(root / "in" / f"{name}.JPG")
        size = {"imageWidth": WIDTH, "imageHeight": HEIGHT, "imageData": None}
        content = {"version": "5.4", "flags": {}, "shapes": shapes, "imagePath": f"{name}.JPG", **size}
        (root / "in" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def damage_labelme(root):
    file = root / "in" / f"{DENT}.json"
    file.write_text(file.read_text(encoding="utf-8").replace("[1, 2]", "[1]"), encoding="utf-8")
    return rf"{DENT}\.json, shapes\[0\]\.points\[0\]"


def cvat(root, picture):
    box = '<box label="scratch" xtl="1" ytl="2" xbr="40.5" ybr="8" rotation="0.0" occluded="0"/>'
    mask = '<mask label="scratch" rle="1, 3, 1, 4" left="3" top="2" width="3" height="3"/>'
    outline = '<polygon label="scratch" points="1.50,2.25;8.00,2.25;8.00,9.00" z_order="0"/>'
    ellipse = '<ellipse label="dent" cx="20" cy="15" rx="10" ry="5"/>'
    marks = {f"{SCRATCH_1}.PNG": box + outline, f"deeper/{SCRATCH_2}.jpg": mask, f"{DENT}.png": ellipse}
    lines = []
    for number, name in enumerate([*marks, f"{GOOD}.png"]):
        picture(root / "images" / name)
        size = f'width="{WIDTH}" height="{HEIGHT}"'
        lines.append(f'<image id="{number}" name="{name}" {size}>{marks.get(name, "")}</image>')
    text = "\n".join(['<?xml version="1.0"?>', "<annotations><version>1.1</version>", *lines, "</annotations>"])
    (root / "annotations.xml").write_text(text, encoding="utf-8")


def damage_cvat(root):
    file = root / "annotations.xml"
    file.write_text(file.read_text(encoding="utf-8").replace('rx="10"', 'rx="wide"'), encoding="utf-8")
    return rf"annotations\.xml, image '{DENT}\.png', ellipse \(mark 1\): rx: expected a number, got 'wide'"


def deeppcb(root, picture):
    rows = {SCRATCH_1: "1 2 9 8 1\n12 12 13 20 1\n", SCRATCH_2: "30 2 41 8 1\n", DENT: "3 4 5 6 2", GOOD: ""}
    for name, text in rows.items():
        for ending in ("test", "temp"):
            picture(root / "PCBData" / "group7" / "7" / f"{name}_{ending}.JPG")
        notes = root / "PCBData" / "group7" / "7_not" / f"{name}.txt"
        notes.parent.mkdir(exist_ok=True)
        notes.write_text(text, encoding="utf-8")


def damage_deeppcb(root):
    (root / "PCBData" / "group7" / "7_not" / f"{DENT}.txt").write_text("\n3 4 5 6 9", encoding="utf-8")
    return rf"{DENT}\.txt, line 2: no type has the number 9"


def saved(root, picture):
    folders(root, picture)
    rows = [
        Sample(path=f"scratch/{SCRATCH_1}.PNG", labels=("scratch",), split="train", digest="ab", width=WIDTH),
        Sample(path=f"scratch/deeper/{SCRATCH_2}.jpg", labels=("scratch",), split="test"),
        Sample(path=f"dent/{DENT}.png", labels=("dent",), group="7"),
        Sample(path=f"Good/{GOOD}.bmp"),
    ]
    Index.build(Path(), rows).save(root / "index.jsonl")


def damage_saved(root):
    with (root / "index.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"path": 3}\n')
    return r"index\.jsonl, line 6: path:"


MINIS = {
    "folders": Mini({}, folders, names_images=False),
    "csv": Mini(CSV_COLUMNS, table, damage_table, masks=1),
    "mvtec": Mini({}, mvtec, names_images=False, masks=3),
    "visa": Mini({"keep_split": False}, visa, damage_visa, names_images=False, masks=3),
    "kolektor": Mini({}, kolektor, damage_kolektor, names_images=False, masks=2, labels=BINARY),
    "masks": Mini({}, masks, names_images=False, masks=4),
    "elpv": Mini({}, elpv, damage_elpv, labels=BINARY),
    "coco": Mini({}, coco, damage_coco, marks={"scratch": 2, "dent": 1}),
    "yolo": Mini({}, yolo, damage_yolo, names_images=False, marks={"scratch": 2, "dent": 1}),
    "voc": Mini({}, voc, damage_voc, marks={"scratch": 3, "dent": 1}),
    "labelme": Mini({}, labelme, damage_labelme, names_images=False, marks={"scratch": 3, "dent": 1}),
    "cvat": Mini({}, cvat, damage_cvat, marks={"scratch": 3, "dent": 1}),
    "deeppcb": Mini({"keep_split": False}, deeppcb, damage_deeppcb, False, {"open": 3, "short": 1}, 0, BOARD),
    "good": Mini({}, folders, names_images=False, labels=((), ())),
    "index": Mini({}, saved, damage_saved),
}
