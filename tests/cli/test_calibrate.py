"""``sightline calibrate``, as a user types it: thresholds with a guarantee, or a refusal that says what is lacking."""

import json

import numpy as np
import pytest

import bundle_factory
from bundle_factory import CLASSES, SIDE
from sightline import image
from sightline.bundle import Bundle
from sightline.cli import main
from sightline.index import Index, Sample, Split
from sightline.runtime import Inspector
from sightline.verdict import ANY_DEFECT, Frame, Outcome, Policy, Threshold

APART = "data.split.near_duplicates=null"
"""These frames are of one colour each, and all too alike for the search for twins."""


def run(bundle, index, *options):
    return main(["calibrate", str(bundle), "--index", str(index), *options, APART])


def frame_of(label, brightness):
    """A frame whose score of its type rises with the brightness; of a good one all scores do, a little."""
    frame = np.zeros((SIDE, SIDE, 3), np.uint8)
    frame[..., CLASSES.index(label) if label != "good" else 0] = brightness
    return frame


def photographs(root, *, defective=300, good=120, twins=1, seed=0):
    """Frames in folders by type, overlapping in score; each part is photographed `twins` times."""
    draw, samples = np.random.default_rng(seed), []
    for number in range(defective + good):
        label = "good" if number >= defective else ("red", "green")[number % 2]
        middle = draw.normal(90, 18) if label == "good" else draw.normal(175, 18)
        for shot in range(twins):
            name = f"{label}/{number:04d}-{shot}.png"
            (root / label).mkdir(parents=True, exist_ok=True)
            frame = frame_of(label, int(np.clip(draw.normal(middle, 4), 0, 255)))
            frame[0, 0] = number % 251, number // 251, shot  # no two files are alike
            (root / name).write_bytes(image.png(frame))
            labels = () if label == "good" else (label,)
            samples.append(Sample(path=name, labels=labels, group=f"part {number}", split=Split.CALIBRATE))
    Index.build(root, samples).save(root / "index.jsonl")
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return photographs(tmp_path_factory.mktemp("calibrate") / "photos", good=240)


@pytest.fixture
def bundle(tmp_path):
    return bundle_factory.write_bundle(tmp_path / "bundles")


def outcomes(folder, root, kind):
    inspector = Inspector.open(folder)
    files = sorted(file for file in root.rglob("*.png") if (file.parent.name == "good") == (kind == "good"))
    return [inspector.inspect(Frame(image.read(file), file.name)).outcome for file in files]


def test_no_more_escapes_than_was_proved_and_the_bundle_says_so(place, bundle, capsys):
    assert run(bundle, place / "index.jsonl", "--max-escape", "2%") == 0
    told = capsys.readouterr().out
    assert "guaranteed: at most 2% of photographs of defective parts pass, with 95% confidence" in told
    made = bundle.parent / "colours-1.2.4"
    assert str(made) in told
    policy = Bundle.open(made).manifest.policy
    (proved,) = policy.guarantees
    assert (proved.of, proved.target, proved.parts, proved.photographs) == ("escape", 0.02, 300, 300)
    assert proved.words in policy.chosen_by
    assert [one.ng == one.review for one in policy.thresholds.values()] == [True] * 3
    passed = outcomes(made, place, "defective").count(Outcome.OK)
    assert passed / 300 == pytest.approx(proved.seen)
    assert 0 < passed / 300 < 0.02
    assert main(["bundle", "verify", str(made)]) == 0


def test_both_sides_are_kept_with_a_band_for_review(place, bundle, capsys):
    options = ["--max-escape", "1.5%", "--max-overkill", "1.5%", "--review-budget", "20%", "--defect-rate", "3%"]
    assert run(bundle, place / "index.jsonl", *options, "--version", "2.0.0") == 0
    told = capsys.readouterr().out
    made = bundle.parent / "colours-2.0.0"
    policy = Bundle.open(made).manifest.policy
    assert {one.of for one in policy.guarantees} == {"escape", "overkill"}
    assert outcomes(made, place, "defective").count(Outcome.OK) / 300 <= 0.015
    assert outcomes(made, place, "good").count(Outcome.NG) / 240 <= 0.015
    assert all(one.review <= one.ng for one in policy.thresholds.values())
    for name in ("escape", "overkill", "review"):
        assert any(line.strip().startswith(name) and "before" in line for line in told.splitlines())


def test_twenty_defects_prove_no_half_percent_and_nothing_is_written(tmp_path, bundle, capsys):
    root = photographs(tmp_path / "few", defective=20, good=20)
    assert run(bundle, root, "--max-escape", "0.5%") == 2
    told = capsys.readouterr().err
    assert "20 defective parts" in told
    assert "598" in told
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def test_twenty_photographs_of_a_part_are_not_twenty_parts(tmp_path, bundle, capsys):
    root = photographs(tmp_path / "twins", defective=30, good=30, twins=10)
    assert run(bundle, root / "index.jsonl", "--max-escape", "5%") == 2
    assert "30 defective parts" in capsys.readouterr().err


def test_what_taught_the_model_chooses_nothing_even_in_a_group_of_the_calibrate_part(tmp_path, bundle, capsys):
    root = photographs(tmp_path / "photos", defective=160, good=40, twins=2)
    rows = (root / "index.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    taught = [row.replace('"calibrate"', '"train"') if '-1.png"' in row else row for row in rows]
    (root / "index.jsonl").write_text("".join(taught), encoding="utf-8")
    assert run(bundle, root / "index.jsonl", "--max-escape", "4%") == 0
    (proved,) = Bundle.open(bundle.parent / "colours-1.2.4").manifest.policy.guarantees
    assert proved.photographs == 160


def test_one_threshold_on_the_defect_score_moves_as_well(place, tmp_path, capsys):
    policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.7, review=0.4)})
    bundle = bundle_factory.write_bundle(tmp_path / "bundles", policy=policy)
    assert run(bundle, place, "--max-escape", "2%", "--per-type") == 0
    made = Bundle.open(bundle.parent / "colours-1.2.4").manifest.policy
    assert list(made.thresholds) == [ANY_DEFECT]
    assert made.guarantees[0].types == ("red", "green")
    assert "and of each type (red, green)" in capsys.readouterr().out


def test_costs_are_weighed_against_the_thresholds_of_before(place, bundle, capsys):
    costs = ["--costs", "escape=100,scrap=2,parts=5000,review=1", "--defect-rate", "2%"]
    assert run(bundle, place / "index.jsonl", "--max-escape", "2%", *costs) == 0
    told = capsys.readouterr().out
    assert "least cost: " in told
    assert "saved a day" in told


def test_costs_alone_choose_and_prove_nothing(place, bundle, capsys):
    costs = ["--costs", "escape=100,scrap=2,parts=5000,review=1", "--defect-rate", "2%"]
    assert run(bundle, place / "index.jsonl", *costs) == 0
    assert "guaranteed: nothing" in capsys.readouterr().out
    policy = Bundle.open(bundle.parent / "colours-1.2.4").manifest.policy
    assert policy.guarantees == ()
    assert policy.chosen_by.startswith("the least cost, on 300 defective and 240 good parts")


def test_what_is_proved_holds_for_the_int8_model_too(place, tmp_path):
    bundle = bundle_factory.write_bundle(tmp_path / "bundles", with_int8=True)
    assert run(bundle, place / "index.jsonl", "--max-escape", "2%") == 0
    made = Bundle.open(bundle.parent / "colours-1.2.4")
    assert made.manifest.int8.agreement[0].images == 540
    for precision in ("fp32", "int8"):
        inspector = Inspector.open(made.path, precision=precision)
        defective = [file for file in place.rglob("*.png") if file.parent.name != "good"]
        passed = sum(inspector.inspect(file).outcome is Outcome.OK for file in defective)
        assert passed / len(defective) <= made.manifest.policy.guarantees[0].seen


def test_the_card_and_the_figures_say_what_holds_now(place, tmp_path):
    card = b"# Colours\n\n## Measured on the test part\n\nstale\n\n## Thresholds\n\nstale\n\n## Data\n\nkept\n"
    manifest, files = bundle_factory.contents()
    from sightline import bundle as bundles

    metrics = tuple(
        {"name": name, "value": 0.9, "low": 0.8, "high": 1.0, "count": 9, "interval": "Wilson"}
        for name in ("auroc", "escape_rate")
    )
    manifest = type(manifest).model_validate(manifest.model_dump() | {"metrics": metrics})
    made = bundles.write(tmp_path, manifest, files | {"card.md": card})
    assert run(made, place, "--max-escape", "2%") == 0
    new = Bundle.open(tmp_path / "colours-1.2.4")
    text = new.read("card.md").decode()
    assert "stale" not in text
    assert "kept" in text
    assert text.count("## Thresholds") == 1
    assert "at most 2% of photographs" in text
    assert [metric.name for metric in new.manifest.metrics] == ["auroc"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "expected --max-escape or --costs"),
        (["--max-overkill", "2%"], "--max-overkill: expected --max-escape beside"),
        (["--max-escape", "0"], "expected a share between 0 and 1"),
        (["--max-escape", "half"], "such as 0.005 or 0.5%"),
        (["--max-escape", "2%", "--costs", "escape=1"], "lacks scrap and parts"),
        (["--max-escape", "2%", "--costs", "escape:1"], "expected NAME=NUMBER"),
        (["--max-escape", "2%", "--costs", "escape=1,scrap=1,parts=1,profit=2"], "got profit"),
        (["--max-escape", "2%", "--costs", "escape=1,scrap=1,parts=1"], "--defect-rate"),
        (["--max-escape", "2%", "--review-budget", "3%"], "defect rate"),
        (["--max-escape", "2%", "--version", "next"], "version"),
        (["--max-escape", "2%", "--version", "1.2.3"], "is there already"),
        (
            ["--max-escape", "1.2%", "--max-overkill", "1.5%", "--review-budget", "0.01%", "--defect-rate", "1%"],
            "at once",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(place, bundle, capsys, options, said):
    try:
        code = run(bundle, place, *options)
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def test_a_bundle_that_never_passes_a_part_has_nothing_to_choose(place, tmp_path, capsys):
    policy = Policy(exclusive=False, good_known=False, thresholds={ANY_DEFECT: Threshold(ng=0.7, review=0.4)})
    bundle = bundle_factory.write_bundle(tmp_path / "bundles", policy=policy)
    assert run(bundle, place, "--max-escape", "2%") == 2
    assert "never answers OK" in capsys.readouterr().err


def test_an_index_without_a_calibrate_part_is_refused(tmp_path, bundle, capsys):
    root = photographs(tmp_path / "photos", defective=4, good=4)
    lines = (root / "index.jsonl").read_text(encoding="utf-8").replace('"calibrate"', '"train"')
    (root / "index.jsonl").write_text(lines, encoding="utf-8")
    assert json.loads(lines.splitlines()[1])["split"] == "train"
    assert run(bundle, root / "index.jsonl", "--max-escape", "2%") == 2
    assert "calibrate part" in capsys.readouterr().err
