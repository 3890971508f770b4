"""Reports of the data check on rows that need no images."""

import numpy as np

from sightline.config.recipe import Data
from sightline.dataset.check import check
from sightline.dataset.scan import THUMBNAIL, Scan, Scanned
from sightline.index import Index, Sample, Split


def report(rows, *, files=None, given=None, preprocess=None, unreadable=None, root="root", task=None, **data):
    """The report on rows that were grouped and split; a file of its own each unless said otherwise.

    What the task adds goes into ``task``.
    """
    full = [
        row.model_copy(
            update={
                "digest": row.digest or row.path,
                "group": row.group or row.path,
                "split": row.split or Split.TRAIN,
                "width": row.width or 64,
                "height": row.height or 64,
            }
        )
        for row in rows
    ]
    index = Index.build(root, full)
    files = files or {}
    scanned = Scan(
        tuple(
            Scanned(
                **{
                    "sample": row.model_copy(update={"group": "", "split": None, **(given or {}).get(row.path, {})}),
                    "depth": 8,
                    "channels": 1,
                    "top": 200,
                    "thumbnail": np.zeros((THUMBNAIL, THUMBNAIL), np.uint8),
                    "mask_fault": "",
                    "mask_empty": False,
                    **files.get(row.path, {}),
                }
            )
            for row in index.samples
        ),
        unreadable or {},
    )
    return check(index, scanned, Data(root=root, **data), preprocess, **(task or {}))


def many(labels, start=0, per_part=6, **fields):
    """Images of one class in every part."""
    return [
        Sample(path=f"{'-'.join(labels) or 'good'}/{part.value}{n}.png", labels=labels, split=part, **fields)
        for part in Split
        for n in range(start, start + per_part)
    ]


SOUND = [*many(()), *many(("dent",))]
