"""``sightline compare``, as a user types it: two bundles on the same images, and the page of what changed."""

import json
import re

import numpy as np
import pytest

import bundle_factory
from bundle_factory import SIDE
from photograph_factory import photographs, policy
from sightline import image
from sightline.cli import main
from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.index import Split
from sightline.verdict import ANY_DEFECT, Policy, Threshold

APART = "data.split.near_duplicates=null"
"""These frames are of one colour each, and all too alike for the search for twins."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return photographs(tmp_path_factory.mktemp("compare") / "photos")


@pytest.fixture
def strict(tmp_path):
    """Lets few defective parts pass: NG from 115 of brightness upwards, REVIEW from 105."""
    return bundle_factory.write_bundle(tmp_path / "strict", policy=policy(0.27, 0.14))


@pytest.fixture
def lax(tmp_path):
    """NG and REVIEW from 128 of brightness upwards."""
    return bundle_factory.write_bundle(tmp_path / "lax", version="2.0.0", policy=policy(0.5))


def run(a, b, index, *options):
    return main(["compare", str(a), str(b), "--index", str(index), *map(str, options), APART])


def row(text, name):
    return next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()


def test_the_one_that_lets_more_defects_pass_is_told(place, strict, lax, capsys):
    assert run(strict, lax, place / "index.jsonl") == 0
    told = capsys.readouterr().out
    assert "on 80 photographs, of 40 defective and 40 good parts" in told
    assert row(told, "escapes")[1:4] == ["0.0000", "0.4500", "+0.4500"]
    assert row(told, "escapes")[-3:] == ["0", "18", "7.6e-06"]
    assert row(told, "overkill")[1:3] == ["0.0000", "0.0000"]
    assert row(told, "review")[1:3] == ["0.0625", "0.0000"]
    assert row(told, "AUROC")[1:] == ["1.0000", "1.0000", "+0.0000", "(+0.0000", "to", "+0.0000)"]
    assert "B passes defective parts more often than A" in told
    assert "18 of 80 images got another verdict" in told
    assert "defective: NG -> OK 13, REVIEW -> OK 5" in told


def test_to_swap_them_mirrors_the_table(place, strict, lax, capsys):
    run(lax, strict, place / "index.jsonl")
    told = capsys.readouterr().out
    assert row(told, "escapes")[1:4] == ["0.4500", "0.0000", "-0.4500"]
    assert row(told, "escapes")[-3:] == ["18", "0", "7.6e-06"]
    assert "B passes defective parts less often than A" in told


def test_a_bundle_beside_itself_changes_nothing(place, strict, capsys):
    assert run(strict, strict, place) == 0
    told = capsys.readouterr().out
    for name in ("escapes", "overkill", "errors", "review"):
        assert row(told, name)[3] == "+0.0000"
        assert row(told, name)[-3:] == ["0", "0", "1.0000"]
    assert "A and B give the same verdicts" in told
    assert "0 of 80 images got another verdict" in told


def test_a_few_changes_are_no_difference(place, strict, tmp_path, capsys):
    nearly = bundle_factory.write_bundle(tmp_path / "nearly", policy=policy(0.265))
    assert run(nearly, strict, place) == 0
    told = capsys.readouterr().out
    assert row(told, "escapes")[-3:] == ["5", "0", "0.0625"]
    assert "No significant difference between A and B" in told


def test_better_in_one_way_and_worse_in_the_other_is_both_told(place, strict, tmp_path, capsys):
    keen = bundle_factory.write_bundle(tmp_path / "keen", policy=policy(0.015))
    nearly = bundle_factory.write_bundle(tmp_path / "nearly", policy=policy(0.4))
    assert run(keen, nearly, place) == 0
    assert "B passes defective parts more often, but rejects good parts less often than A" in capsys.readouterr().out


def test_twenty_photographs_of_a_part_are_one_trial(tmp_path, strict, lax, capsys):
    root = photographs(tmp_path / "twins", defective=3, good=3, twins=20)
    assert run(strict, lax, root / "index.jsonl") == 0
    told = capsys.readouterr().out
    assert "on 120 photographs, of 3 defective and 3 good parts" in told
    assert row(told, "escapes")[-3:] == ["0", "3", "0.2500"]


def test_the_page_shows_what_changed_and_names_all_of_it_beside(place, strict, lax, tmp_path, capsys):
    page = tmp_path / "out" / "comparison.html"
    assert run(strict, lax, place / "index.jsonl", "-o", page) == 0
    assert str(page) in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "<h2>For the worse: 18</h2>" in text
    assert "For the better" not in text
    assert not re.search(r'(src|href)="(?!data:)', text)  # nothing is fetched
    # Of 18, 13 went from NG to OK, which are the gravest, and the frames are what A and B saw.
    shown = re.findall(r'alt="(red/\d+-0\.png)"', text)
    assert len(shown) == 18
    assert min(shown[13:]) < max(shown[13:]) < min(shown[:13])
    told = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["figures"]["escape"]["worse_on"] == {"a": 0, "b": 18}
    assert told["changes"][0] == {
        "image": "red/0005-0.png",
        "shows": ["red"],
        "defective": True,
        "a": "NG",
        "b": "OK",
    }
    assert run(strict, lax, place / "index.jsonl", "-o", page, "--seed", "5") == 0  # its own is replaced
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["seed"] == 5


def test_beyond_some_dozens_it_is_said_how_many_more(tmp_path, strict, capsys):
    root = photographs(tmp_path / "many", defective=60, good=20)
    lax = bundle_factory.write_bundle(tmp_path / "lax", policy=policy(0.9))
    page = tmp_path / "page.html"
    assert run(strict, lax, root, "-o", page) == 0
    text = page.read_text(encoding="utf-8")
    assert "<h2>For the worse: 46</h2>" in text
    assert text.count("<figure>") == 24
    assert "22 more are not pictured" in text


def test_a_type_that_one_of_them_does_not_know_is_a_defect_all_the_same(tmp_path, strict, capsys):
    root = photographs(tmp_path / "dents", label="blue", channel=2)
    classes = ("red", "green", "dent")
    other = bundle_factory.write_bundle(
        tmp_path / "other", classes=classes, policy=policy(0.5, classes=classes), version="3.0.0"
    )
    page = tmp_path / "page.html"
    assert run(other, strict, root / "index.jsonl", "-o", page) == 0
    told = capsys.readouterr().out
    assert row(told, "escapes")[1:3] == ["0.4500", "0.0000"]
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["changes"][0]["shows"] == ["blue"]


def test_one_that_never_passes_a_part_has_no_escapes_to_compare(place, strict, tmp_path, capsys):
    never = bundle_factory.write_bundle(tmp_path / "never", policy=policy(0.5, good_known=False))
    assert run(strict, never, place) == 0
    told = capsys.readouterr().out
    assert "B never answers OK, for it has seen no good part: escapes cannot be compared" in told
    assert not any(line.startswith(("escapes ", "errors ")) for line in told.splitlines())
    assert row(told, "overkill")[1:3] == ["0.0000", "0.0000"]


def test_types_alone_rank_no_frame(place, strict, tmp_path, capsys):
    known = {"exclusive": True, "good_known": False, "thresholds": {ANY_DEFECT: Threshold(ng=0.9, review=0.5)}}
    types = bundle_factory.write_bundle(tmp_path / "types", policy=Policy(**known))
    assert run(types, strict, place) == 0
    told = capsys.readouterr().out
    assert "A tells types from each other, not defective parts from good ones: AUROC cannot be compared" in told
    assert not any(line.startswith("AUROC ") for line in told.splitlines())


def test_images_of_one_kind_leave_out_what_they_cannot_tell(tmp_path, strict, lax, capsys):
    root = photographs(tmp_path / "bad", good=0)
    assert run(strict, lax, root / "index.jsonl") == 0
    told = capsys.readouterr().out
    assert "no image shows a good part: overkill, and with it AUROC, cannot be compared" in told
    assert row(told, "escapes")[-2] == "18"


def test_images_that_cannot_be_read_or_inspected_by_both_are_told_and_left_out(tmp_path, strict, capsys):
    root, random = tmp_path / "photos", np.random.default_rng(0)
    plain = np.clip(random.normal(90, 30, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    for number in range(6):
        file = root / ("red" if number % 2 else "good") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        shot = plain.copy() if number else np.full_like(plain, 30)  # the first shows nothing to register by
        shot[number : number + 8, 20:30] = (255, 0, 0) if number % 2 else shot[0, 0]
        file.write_bytes(image.png(shot))
    (root / "red" / "torn.png").write_bytes(b"no image")
    aligned = bundle_factory.write_local_bundle(
        tmp_path / "aligned",
        pair=True,
        variants={"one": plain},
        input=Preprocess(height=SIDE, width=SIDE, align=Align(reach=4)),
    )
    page = tmp_path / "page.html"
    assert run(strict, aligned, root, "-o", page) == 0
    told = capsys.readouterr().out
    assert "not inspected, and counted nowhere: good/0.png" in told
    assert "left out: 2 images" in told
    assert "on 5 photographs" in told
    left_out = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["left_out"]
    assert left_out == ["good/0.png", "red/torn.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "-1"], "expected a whole number from 0"),
        (["-o", "page.txt"], "ends in .html"),
        (["-o", "precious.html"], "is not a comparison of Sightline's"),
        (["data.good=[nobody]"], "no image is labelled so"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(place, strict, lax, tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious.html").write_text("precious")
    try:
        code = run(strict, lax, place, *options)
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert said in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"strict", "lax", "precious.html"}
    assert (tmp_path / "precious.html").read_text() == "precious"


def test_what_is_not_there_is_said(place, strict, tmp_path, capsys):
    assert run(strict, strict, tmp_path / "absent") == 2
    assert "there is no" in capsys.readouterr().err
    assert run(strict, tmp_path, place) == 2
    assert "expected a bundle" in capsys.readouterr().err
    root = photographs(tmp_path / "taught", split=Split.TRAIN, defective=2, good=2)
    assert run(strict, strict, root / "index.jsonl") == 2
    assert "expected images in the test part of the index" in capsys.readouterr().err
