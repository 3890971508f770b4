"""The truth about synthetic images becomes an index, and a damaged one is named."""

import json

import pytest

from sightline import synth
from sightline.dataset.truth import true_index
from sightline.errors import DataError


def test_everything_that_is_true_is_in_the_index(tmp_path):
    synth.write(tmp_path, count=4, size=(64, 64), defect_rate=0.5)
    rows = {row["path"]: row for row in map(json.loads, (tmp_path / synth.TRUTH).read_text().splitlines())}
    index = true_index(tmp_path)
    assert [sample.path for sample in index.samples] == sorted(rows)
    for sample in index.samples:
        row = rows[sample.path]
        assert (list(sample.labels), sample.mask) == (row["labels"], row["mask"])
        assert [box.model_dump() for box in sample.boxes] == row["boxes"]
        assert float(sample.attributes["severity"]) == row["severity"]


@pytest.mark.parametrize("line", ["{", "[]", '{"path": "a.png"}', '{"path": 3, "severity": 0}'])
def test_a_damaged_line_is_named(tmp_path, line):
    (tmp_path / synth.TRUTH).write_text('{"path": "images/good/1.png", "severity": 0}\n' + line + "\n")
    with pytest.raises(DataError, match=r"truth\.jsonl, line 2: expected"):
        true_index(tmp_path)


def test_a_missing_truth_is_named(tmp_path):
    with pytest.raises(DataError, match=r"expected the file .*truth\.jsonl"):
        true_index(tmp_path)
