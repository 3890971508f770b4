"""A recipe's settings of readers: which layout the images and their labels have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sightline.config.section import Section


class FoldersReader(Section):
    """One folder per class; images may lie deeper inside."""

    kind: Literal["folders"]


class CsvReader(Section):
    """A table with one row an image."""

    kind: Literal["csv"]
    file: str = Field("labels.csv", description="The table, relative to the root.")
    path_column: str = Field("path", description="Column with the image's path, relative to the root.")
    label_column: str = Field(
        "label", description="Column with the labels; several are separated by `label_separator`."
    )
    label_separator: str = Field(";", min_length=1, description="What separates several labels of one image.")
    split_column: str | None = Field(
        None, description="Column with train, validate, calibrate or test, if there is one."
    )
    group_column: str | None = Field(None, description="Column with a part or board number, if there is one.")
    mask_column: str | None = Field(None, description="Column with the mask's path, if there is one.")
    template_column: str | None = Field(
        None, description="Column with the path of the defect-free picture to compare with, if there is one."
    )
    variant_column: str | None = Field(
        None, description="Column with the variant of the product, by which its template is chosen, if there is one."
    )


class MvtecReader(Section):
    """Layout of MVTec AD (train/good, test/<defect>, ground_truth/<defect>), MVTec AD 2 (test_public) and BTAD."""

    kind: Literal["mvtec"]
    keep_split: bool = Field(True, description="Keep upstream's division; else the recipe divides all images.")


class VisaReader(Section):
    """One object of VisA: Data/Images/{Normal,Anomaly}, Data/Masks/Anomaly, image_anno.csv."""

    kind: Literal["visa"]
    keep_split: bool = Field(
        True, description="Keep the authors' one-class division, ../split_csv/1cls.csv, where that is there."
    )


class KolektorReader(Section):
    """KolektorSDD (kos01/Part0.jpg, Part0_label.bmp) and KolektorSDD2 (train/10000.png, 10000_GT.png)."""

    kind: Literal["kolektor"]
    keep_split: bool = Field(True, description="Keep KolektorSDD2's division into train and test.")


class MasksReader(Section):
    """A folder per class, or one for all, with images and same-named masks beside them or in a folder of their own."""

    kind: Literal["masks"]
    values: dict[Annotated[int, Field(ge=1, le=65535)], Annotated[str, Field(min_length=1)]] = Field(
        {},
        description="What the masks' values mean where they hold class numbers, such as {1: scratch, 2: dent}; 0 marks "
        "nothing. They tell what an image shows then, and {class} stands for any folder, or is left away. Empty: "
        "whatever is not 0 shows what the folder's name says.",
    )
    images: str = Field("{class}/Imgs", description="Folder of a class's images, relative to the root.")
    masks: str = Field(
        "",
        validate_default=True,
        description="Folder of a class's masks, relative to the root; empty: that of the images.",
    )
    image_suffix: str = Field(".jpg", description="Ending of an image's name.")
    mask_suffix: str = Field(".png", description="Ending that replaces it in the mask's name.")

    @field_validator("images", "masks")  # in this order
    @classmethod
    def _names_the_class_once(cls, value: str, info: ValidationInfo) -> str:
        count = value.count("{class}")
        needed = info.field_name == "images" and not info.data.get("values")
        if count > 1 or (count == 0 and needed):
            raise ValueError("expected a folder with {class} in it once, such as images/{class}")
        if count > str(info.data.get("images", value)).count("{class}"):
            raise ValueError("expected no {class} where the images' folder has none")
        return value or str(info.data.get("images", ""))

    @model_validator(mode="after")
    def _tells_masks_from_images(self) -> MasksReader:
        if (self.images, self.image_suffix.lower()) == (self.masks, self.mask_suffix.lower()):
            raise ValueError("images and masks share a folder and an ending, so that each image would be its own mask")
        return self


class ElpvReader(Section):
    """elpv-dataset: labels.csv with path, defect probability and cell type."""

    kind: Literal["elpv"]
    file: str = Field("labels.csv", description="The table, relative to the root.")


class CocoReader(Section):
    """COCO annotations: boxes and polygons."""

    kind: Literal["coco"]
    file: str = Field("annotations.json", description="The annotation file, relative to the root.")
    images: str = Field("images", description="Folder of the images, relative to the root.")


class YoloReader(Section):
    """YOLO layout: images/ and labels/ side by side with one text file an image, class names in a data file."""

    kind: Literal["yolo"]
    file: str = Field(
        "data.yaml", description="The file that names the classes, relative to the root: YAML, or text with one a line."
    )


class VocReader(Section):
    """Pascal VOC layout: JPEGImages and Annotations with one XML an image."""

    kind: Literal["voc"]
    images: str = Field("JPEGImages", description="Folder of the images, relative to the root.")
    annotations: str = Field("Annotations", description="Folder of the XML files, relative to the root.")
    missing: Literal["refuse", "good"] = Field("refuse", description="What an image without an XML file means.")


class LabelmeReader(Section):
    """LabelMe's files: one JSON an image, beside it or in a folder of their own."""

    kind: Literal["labelme"]
    images: str = Field(".", description="Folder of the images, relative to the root.")
    annotations: str = Field(".", description="Folder of the JSON files, relative to the root.")
    missing: Literal["refuse", "good"] = Field("refuse", description="What an image without a JSON file means.")


class CvatReader(Section):
    """CVAT's own XML, as `CVAT for images 1.1` exports it: boxes, polygons, ellipses, masks and tags."""

    kind: Literal["cvat"]
    file: str = Field("annotations.xml", description="The annotation file, relative to the root.")
    images: str = Field("images", description="Folder of the images, relative to the root.")


class DeeppcbReader(Section):
    """DeepPCB: PCBData with a defect-free template beside each tested board, and a text file of boxes."""

    kind: Literal["deeppcb"]
    keep_split: bool = Field(
        True, description="Keep the authors' division, trainval.txt and test.txt; else the recipe divides all images."
    )


class GoodReader(Section):
    """Good parts and nothing else: every image below the root, whatever its folder is called."""

    kind: Literal["good"]


class IndexReader(Section):
    """An index that was saved before; its splits are kept. Paths that lead out of its root are refused."""

    kind: Literal["index"]
    file: str = Field("index.jsonl", description="The index, relative to the root.")


Reader = Annotated[
    FoldersReader
    | CsvReader
    | MvtecReader
    | VisaReader
    | KolektorReader
    | MasksReader
    | ElpvReader
    | CocoReader
    | YoloReader
    | VocReader
    | LabelmeReader
    | CvatReader
    | DeeppcbReader
    | GoodReader
    | IndexReader,
    Field(discriminator="kind"),
]
