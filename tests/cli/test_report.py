"""``sightline report``, as a quality engineer types it: the page on a bundle, whatever the bundle is."""

import csv
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import bundle_factory
from bundle_factory import CLASSES, SIDE
from sightline import bundle as bundles
from sightline import image
from sightline.assurance.report.measure import measure
from sightline.bundle import Bundle
from sightline.cli import main
from sightline.cli.images import labelled
from sightline.index import Index, Sample, Split
from sightline.runs import silent
from sightline.verdict import Guarantee, Policy, Threshold

LEVELS = {"good": (20, 40, 60, 80, 100, 150), "red": (130, 180, 200, 220), "green": (60, 160, 210, 230)}
"""How bright the channel of the type is: one good frame of the test part is rejected, and one green one passes."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Frames of six good and eight defective parts, each in the test part and in another, and their index."""
    root, samples = tmp_path_factory.mktemp("report") / "photos", []
    for label, levels in LEVELS.items():
        (root / label).mkdir(parents=True)
        for number, level in enumerate(levels):
            for part in (Split.TEST, Split.CALIBRATE):
                name = f"{label}/{number}-{part.value}.png"
                frame = np.random.default_rng(len(samples)).integers(0, 20, (SIDE, SIDE, 3), np.uint8)
                frame[..., CLASSES.index(label) if label != "good" else 0] = level
                (root / name).write_bytes(image.png(frame))
                labels = () if label == "good" else (label,)
                samples.append(Sample(path=name, labels=labels, group=f"{label} {number} {part.value}", split=part))
    Index.build(root, samples).save(root / "index.jsonl")
    text = (root / "index.jsonl").read_text(encoding="utf-8")
    (root / "index.jsonl").write_text(text.replace(f'"root":"{root.as_posix()}"', '"root":"."'), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def truthful(place, tmp_path_factory):
    """A bundle that states the index, and what is measured on its test part."""
    folder = tmp_path_factory.mktemp("truthful")
    first = bundle_factory.write_bundle(folder / "first")
    manifest, files = bundle_factory.contents()
    index = place / "index.jsonl"
    data = manifest.data.model_copy(update={"digest": Index.load(index).digest})
    stated = manifest.model_copy(update={"data": data})
    found = measure(first, stated, index, labelled(index, []), progress=silent)
    assert found.same_images
    return bundles.write(folder, stated.model_copy(update={"metrics": found.figures}), files)


@pytest.fixture
def sightline(capsys):
    """Runs a command; gives exit code and what it said."""

    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def measured(place, truthful, tmp_path_factory):
    """The page with all that can be on it but a study."""
    page = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["report", str(truthful), "--index", str(place / "index.jsonl"), "-o", str(page)]) == 0
    return page.read_text(encoding="utf-8")


def words_of(page):
    """The text of a page, without its style and tags."""
    bare = re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
    return " ".join(bare.split())


def undated(page):
    """A page without the day that it was made, and the place that it was written to."""
    return re.sub(r"\d{4}-\d\d-\d\d(T[\d:+-]+)?|<i>[^<]*report\.html</i>", "", page)


MADE = {
    "classify": bundle_factory.write_bundle,
    "int8": lambda folder: bundle_factory.write_bundle(folder, with_int8=True),
    "segment": bundle_factory.write_local_bundle,
    "detect": lambda folder: bundle_factory.write_local_bundle(folder, boxed=True),
    "compare": lambda folder: bundle_factory.write_local_bundle(folder, pair=True),
}


@pytest.mark.parametrize("kind", MADE)
def test_every_bundle_has_a_page_of_what_it_says_of_itself(sightline, tmp_path, kind):
    bundle, page = MADE[kind](tmp_path / "bundles"), tmp_path / "report.html"
    code, out, _ = sightline("report", bundle, "-o", page)
    assert code == 0
    assert str(page) in out
    text, opened = page.read_text(encoding="utf-8"), Bundle.open(bundle)
    for digest in (opened.digest, opened.manifest.data.digest, *opened.manifest.files.values()):
        assert digest in text
    told = words_of(text)
    assert f"sightline bundle verify {bundle}" in told
    assert f"sightline calibrate {bundle} --index FILE --max-escape 0.5%" in told
    assert "Nothing was measured for this page" in told
    assert "passed: " in told
    assert "not signed" in told


BASE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("matplotlib", "mlflow", "onnx", "pandas", "scipy", "sklearn", "torch"):
            raise ModuleNotFoundError(f"{name} is not in the base installation", name=name)

sys.meta_path.insert(0, Refuse())
from sightline.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_what_a_bundle_says_of_itself_needs_the_base_installation_alone(tmp_path):
    bundle = bundle_factory.write_bundle(tmp_path)
    words = ["report", str(bundle), "-o", str(tmp_path / "report.html")]
    done = subprocess.run([sys.executable, "-c", BASE, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").exists()


def test_the_page_is_one_file_without_scripts_that_names_no_other(measured):
    assert "<script" not in measured
    assert not re.search(r"https?://|url\(|@import|<link", measured)
    assert set(re.findall(r'src="([^"]{5})', measured)) == {"data:"}
    assert "@page" in measured


def test_what_came_out_is_compared_with_what_the_bundle_states(measured, truthful):
    told = words_of(measured)
    figures = len(Bundle.open(truthful).manifest.metrics)
    assert f"On the very images that it was measured on, all {figures} figures came out as the bundle states" in told
    assert "Look first" not in told
    assert "12.5 % of defective frames were answered OK" in told
    assert "14 images of 14 parts were scored" in told
    assert "No twins, and no pictures of one part, lie in several parts of the data" in told


def test_the_worst_escapes_and_the_overkill_are_shown_with_their_scores(measured):
    told = words_of(measured)
    assert re.search(r"green: green 0\.\d+, NG from 0\.700 green/0-test\.png", told)
    assert re.search(r"good: red 0\.\d+, NG from 0\.700 good/5-test\.png", told)
    assert "Confusion matrix" in told
    assert "Reliability" in told


def test_figures_that_came_out_otherwise_are_told_first(sightline, place, truthful, tmp_path):
    manifest = Bundle.open(truthful).manifest
    metrics = [m.model_copy(update={"value": 0.99} if m.name == "auroc" else {}) for m in manifest.metrics]
    _, files = bundle_factory.contents()
    lying = bundles.write(tmp_path, manifest.model_copy(update={"metrics": tuple(metrics)}), files)
    code, out, _ = sightline("report", lying, "--index", place / "index.jsonl", "-o", tmp_path / "report.html")
    assert code == 0
    told = words_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "One thing must be looked at first. Look first: On the very images" in told
    assert "1 of " in out
    assert "otherwise than it states: auroc" in out


def test_twins_in_several_parts_are_told_first(sightline, place, truthful, tmp_path):
    root = tmp_path / "photos"
    shutil.copytree(place, root)
    shutil.copy(root / "red" / "1-test.png", root / "red" / "1-calibrate.png")
    code, out, _ = sightline("report", truthful, "--index", root / "index.jsonl", "-o", tmp_path / "report.html")
    assert code == 0
    assert "lie in several parts of the data (" in out


def test_all_images_of_a_folder_are_scored_and_a_person_reads_that_nobody_knows_what_taught(
    sightline, place, truthful, tmp_path
):
    folder = tmp_path / "photos"
    shutil.copytree(place, folder, ignore=shutil.ignore_patterns("*.jsonl"))
    (folder / "red" / "broken.png").write_bytes(b"no picture")
    words = ["report", truthful, "data.split.near_duplicates=null", "--index", folder]
    assert sightline(*words, "-o", tmp_path / "report.html")[0] == 0
    told = words_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "28 images of 28 parts were scored" in told
    assert "Left out, and counted nowhere: red/broken.png" in told
    assert "cannot be told here" in told
    again = f"sightline report {truthful} data.split.near_duplicates=null --index {folder} -o"
    assert again in told


def test_a_bundle_that_locates_shows_single_defects_that_it_missed(sightline, tmp_path):
    root, samples = tmp_path / "photos", []
    for number in range(6):
        spots = ((8, 8, (255, 0, 0)),) if number % 2 else ()
        faint = ((40, 40, (0, 120, 0)),) if number == 1 else ()
        name = f"images/{number}.png"
        (root / "images").mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(image.png(bundle_factory.spotted((SIDE, SIDE), spots + faint, ground=30 + number)))
        boxes = [{"x1": 8, "y1": 8, "x2": 24, "y2": 24, "label": "red"}] if spots else []
        boxes += [{"x1": 40, "y1": 40, "x2": 56, "y2": 56, "label": "green"}] if faint else []
        labels = tuple(sorted({box["label"] for box in boxes}))
        samples.append(Sample(path=name, labels=labels, boxes=boxes, group=name, split=Split.TEST))
    Index.build(root, samples).save(root / "index.jsonl")
    bundle = bundle_factory.write_local_bundle(tmp_path / "bundles")
    assert sightline("report", bundle, "--index", root / "index.jsonl", "-o", tmp_path / "report.html")[0] == 0
    told = words_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Single defects missed, misnamed or invented" in told
    assert "single defects found" in told


def test_the_page_is_the_same_each_time_but_for_the_date(sightline, place, truthful, tmp_path, measured):
    page = tmp_path / "report.html"
    assert sightline("report", truthful, "--index", place / "index.jsonl", "-o", page)[0] == 0
    assert undated(page.read_text(encoding="utf-8")) == undated(measured)


def test_guarantees_are_told_with_what_they_do_not_say(sightline, tmp_path):
    words = "at most 2% of photographs of defective parts pass, with 95% confidence"
    fields = {"target": 0.02, "confidence": 0.95, "parts": 300, "photographs": 600, "seen": 0.01}
    policy = Policy(
        exclusive=False,
        good_known=True,
        thresholds={"*": Threshold(ng=0.7, review=0.4)},
        chosen_by=words,
        guarantees=(Guarantee(of="escape", words=words, **fields),),
    )
    bundle = bundle_factory.write_bundle(tmp_path, policy=policy)
    assert sightline("report", bundle, "-o", tmp_path / "report.html")[0] == 0
    told = words_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert f"Guaranteed: {words}" in told
    assert "What this does not say" in told
    assert "600 photographs" in told
    assert "Nothing is guaranteed" not in told


def test_a_bundle_that_answers_otherwise_here_gets_a_page_that_says_so(sightline, tmp_path):
    manifest, files = bundle_factory.contents()
    off = tuple(one.model_copy(update={"scores": (0.5, 0.5, 0.5)}) for one in manifest.golden)
    bundle = bundles.write(tmp_path, manifest.model_copy(update={"golden": off}), files)
    code, out, _ = sightline("report", bundle, "-o", tmp_path / "report.html")
    assert code == 0
    assert "must be looked at first" in out
    assert "FAILED" in words_of((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_names_are_written_out_and_do_nothing(sightline, tmp_path):
    bundle = bundle_factory.write_bundle(tmp_path, product="<script>alert(1)</script>")
    page = tmp_path / "report.html"
    assert sightline("report", bundle, "--title", "<b>bold", "-o", page)[0] == 0
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;b&gt;bold" in text


def test_who_approved_is_told_and_else_lines_are_left_to_sign(sightline, tmp_path):
    bundle, page = bundle_factory.write_bundle(tmp_path), tmp_path / "report.html"
    assert sightline("report", bundle, "-o", page)[0] == 0
    assert "Approved by Date Signature" in words_of(page.read_text(encoding="utf-8"))
    words = ["report", bundle, "--approved-by", "Ada L.", "--approved-on", "2026-01-31", "-o", page]
    assert sightline(*words)[0] == 0
    told = words_of(page.read_text(encoding="utf-8"))
    assert "Approved by Ada L. Date 2026-01-31" in told
    assert "--approved-by 'Ada L.'" in told.replace("&#39;", "'")


@pytest.mark.parametrize("words", [("--approved-by", "Ada"), ("--approved-on", "2026-01-31"), ("data.good=[ok]",)])
def test_half_of_what_belongs_together_is_refused(sightline, tmp_path, words):
    bundle, page = bundle_factory.write_bundle(tmp_path), tmp_path / "report.html"
    code, _, err = sightline("report", bundle, *words, "-o", page)
    assert code == 2
    assert "hint: " in err
    assert not page.exists()


def test_a_day_that_is_none_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["report", "bundle", "--approved-by", "Ada", "--approved-on", "31.1.2026", "-o", "page.html"])
    assert exit_.value.code == 2
    assert "expected a date such as 2026-01-31" in capsys.readouterr().err


def test_the_page_goes_over_nothing_but_its_like_and_never_into_the_bundle(sightline, tmp_path):
    bundle = bundle_factory.write_bundle(tmp_path)
    other = tmp_path / "other.html"
    other.write_text("<p>mine</p>", encoding="utf-8")
    for page in (other, tmp_path / "report.txt", tmp_path, bundle / "report.html"):
        code, _, err = sightline("report", bundle, "-o", page)
        assert code == 2
        assert str(page) in err
    assert other.read_text(encoding="utf-8") == "<p>mine</p>"
    assert main(["bundle", "verify", str(bundle)]) == 0


def test_a_damaged_bundle_has_no_page(sightline, tmp_path):
    bundle, page = bundle_factory.write_bundle(tmp_path), tmp_path / "report.html"
    (bundle / "card.md").write_bytes(b"changed")
    code, _, err = sightline("report", bundle, "-o", page)
    assert code == 2
    assert "card.md was altered" in err
    assert not page.exists()


def test_an_index_without_a_test_part_is_refused(sightline, place, truthful, tmp_path):
    index = tmp_path / "index.jsonl"
    text = (place / "index.jsonl").read_text(encoding="utf-8").replace('"test"', '"train"')
    index.write_text(text.replace('"root":"."', f'"root":"{place.as_posix()}"'), encoding="utf-8")
    code, _, err = sightline("report", truthful, "--index", index, "-o", tmp_path / "report.html")
    assert code == 2
    assert "test part" in err
    code, _, err = sightline("report", truthful, "--index", tmp_path / "none", "-o", tmp_path / "report.html")
    assert code == 2
    assert "there is no" in err


@pytest.fixture(scope="module")
def study(place, truthful, tmp_path_factory):
    """The figures of a study in which a person was always right, and the bundle took part."""
    folder = tmp_path_factory.mktemp("study")
    photos = folder / "photos"
    shutil.copytree(place, photos, ignore=shutil.ignore_patterns("*.jsonl", "*calibrate*"))
    parts = folder / "study"
    assert main(["msa", "plan", str(photos), "--appraisers", "anna", "--trials", "2", "-o", str(parts)]) == 0
    assert main(["msa", "run", str(truthful), str(parts), "--presentations", "2", "--threads", "1"]) == 0
    key = {row["part"]: row["reference"] for row in rows(parts / "key.csv")}
    for sheet in (parts / "sheets").glob("*.csv"):
        own = [row | {"verdict": key[row["part"]]} for row in rows(sheet)]
        with sheet.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, own[0])
            table.writeheader()
            table.writerows(own)
    assert main(["msa", "report", str(parts), "-o", str(folder / "study.html")]) == 0
    return folder / "study.json"


def rows(file):
    return list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))


def test_a_study_is_told_against_the_usual_limits(sightline, truthful, study, tmp_path):
    page = tmp_path / "report.html"
    code, out, _ = sightline("report", truthful, "--msa", study, "-o", page)
    assert code == 0
    assert "As an appraiser of 14 parts the bundle is not acceptable by AIAG's figures" in out
    told = words_of(page.read_text(encoding="utf-8"))
    assert "14 parts, 8 of them defective, 2 trials" in told
    assert "at least 90 %" in told
    assert "(this bundle)" in told


def test_a_study_of_people_alone_says_nothing_of_the_bundle(sightline, truthful, study, tmp_path):
    values = json.loads(study.read_text(encoding="utf-8")) | {"models": []}
    (tmp_path / "people.json").write_text(json.dumps(values), encoding="utf-8")
    code, out, _ = sightline("report", truthful, "--msa", tmp_path / "people.json", "-o", tmp_path / "report.html")
    assert code == 0
    assert "says nothing of this bundle" in out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "sightline-comparison"}, "expected the figures of a study, but format"),
        ({"version": 2}, "expected the figures of a study, but version"),
        ({"agreement": {"appraisers": []}}, "expected the figures of a study, but agreement"),
    ],
)
def test_another_json_is_refused(sightline, truthful, study, tmp_path, change, told):
    values = json.loads(study.read_text(encoding="utf-8")) | change
    (tmp_path / "other.json").write_text(json.dumps(values), encoding="utf-8")
    code, _, err = sightline("report", truthful, "--msa", tmp_path / "other.json", "-o", tmp_path / "report.html")
    assert code == 2
    assert told in err


def test_a_study_of_another_bundle_is_refused_and_so_is_no_file(sightline, study, tmp_path):
    other = bundle_factory.write_bundle(tmp_path, version="9.9.9")
    code, _, err = sightline("report", other, "--msa", study, "-o", tmp_path / "report.html")
    assert code == 2
    assert "expected a study in which colours 9.9.9" in err
    assert "found colours 1.2.3" in err
    assert sightline("report", other, "--msa", tmp_path / "none.json", "-o", tmp_path / "report.html")[0] == 2
    assert not (tmp_path / "report.html").exists()
