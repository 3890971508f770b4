"""``sightline msa``, as a quality engineer types it: plan, let people and the model answer, report."""

import csv
import errno
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import bundle_factory
from sightline import image
from sightline.cli import main
from sightline.config import Preprocess
from sightline.verdict import Policy, Threshold

SIDE = bundle_factory.SIDE
FEW = ("--presentations", "3", "--threads", "2")


def frame(number, level):
    """A frame that is its own picture, and whose red is as bright as asked."""
    made = np.random.default_rng(number).integers(20, 60, (SIDE, SIDE, 3), np.uint8)
    made[..., 0] = level
    return made


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six good and four defective parts; of each kind one lies near the threshold of the model."""
    folder = tmp_path_factory.mktemp("photos")
    levels = {"good": (20, 30, 40, 50, 60, 116), "scratch": (160, 200, 220, 128)}
    for kind, brightness in levels.items():
        (folder / kind).mkdir()
        for number, level in enumerate(brightness):
            name = f"{kind}-{number}.png"
            (folder / kind / name).write_bytes(image.png(frame(level, level)))
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return bundle_factory.write_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def sightline(capsys):
    """Runs a command; gives exit code and what it said."""

    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def study(sightline, photos, tmp_path):
    """A planned study."""
    folder = tmp_path / "study"
    assert plan(sightline, photos, folder)[0] == 0
    return folder


def plan(sightline, photos, folder, *words):
    return sightline("msa", "plan", photos, "--appraisers", "anna", "Ben K.", "-o", folder, *words)


def rows(file):
    return list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))


def fill(study, wrong=()):
    """People answer as the key says, but for parts that ``wrong`` names with who errs and in which trial."""
    key = {row["part"]: row["reference"] for row in rows(study / "key.csv")}
    for sheet in (study / "sheets").glob("*.csv"):
        own = rows(sheet)
        for row in own:
            right = key[row["part"]]
            errs = (row["appraiser"], row["trial"], row["part"]) in wrong
            row["verdict"] = right if not errs else "NG" if right == "OK" else "OK"
        with sheet.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, own[0], delimiter=";")
            table.writeheader()
            table.writerows(own)


def number_of(study, source):
    """The number of a part by its source."""
    record = json.loads((study / "study.json").read_text(encoding="utf-8"))
    return next(part for part, one in record["parts"].items() if one["images"][0]["source"] == source)


class Words(HTMLParser):
    """The text of a page, and what it would load."""

    def __init__(self):
        super().__init__()
        self.text, self.loaded = "", []

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attributes):
        self.loaded += [value for name, value in attributes if name in ("src", "href") and value]


def read_page(path):
    page = Words()
    page.feed(path.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", html.unescape(page.text)), page.loaded


class TestPlan:
    def test_images_come_under_numbers_and_byte_by_byte(self, study, photos):
        record = json.loads((study / "study.json").read_text(encoding="utf-8"))
        key = {row["part"]: row["reference"] for row in rows(study / "key.csv")}
        assert sorted(file.name for file in (study / "images").iterdir()) == [f"P{n:02}.png" for n in range(1, 11)]
        for part, one in record["parts"].items():
            (shown,) = one["images"]
            data = (study / shown["file"]).read_bytes()
            assert data == (photos / shown["source"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == shown["sha256"]
            assert key[part] == ("OK" if shown["source"].startswith("good/") else "NG")

    def test_sheets_are_blind_and_what_is_there_is_said(self, study):
        sheets = sorted(file.name for file in (study / "sheets").iterdir())
        assert sheets == [f"{who}-trial-{n}.csv" for who in ("1-anna", "2-Ben-K-") for n in (1, 2, 3)]
        for file in (*(study / "sheets").iterdir(),):
            assert not {"OK", "NG"} & {cell for row in rows(file) for cell in row.values()}
        told = (study / "what-is-here.txt").read_text(encoding="utf-8")
        assert "NOT for the appraisers" in told

    def test_it_says_what_so_many_parts_can_show(self, sightline, photos, tmp_path):
        code, out, _ = plan(sightline, photos, tmp_path / "study", "--trials", "2")
        assert code == 0
        assert "10 parts, 2 people, 2 trials: 40 answers" in out
        assert "4 defective parts, all answered NG, show miss rate of at most 52.7%" in out

    def test_the_seed_decides(self, sightline, photos, tmp_path):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            plan(sightline, photos, tmp_path / name, "--seed", seed)
        keys = [(tmp_path / name / "key.csv").read_bytes() for name in "abc"]
        assert keys[0] == keys[1] != keys[2]

    def test_several_images_of_one_part(self, sightline, photos, tmp_path):
        table = tmp_path / "labels.csv"
        lines = ["good/good-0.png,OK,cap", "good/good-1.png,OK,cap", "good/good-2.png,OK,", "scratch/scratch-0.png,NG,"]
        table.write_text("image,reference,part\n" + "\n".join(lines), encoding="utf-8")
        code, out, _ = plan(sightline, photos, tmp_path / "study", "--reference", table)
        assert code == 0
        assert "note: 6 images" in out
        assert "3 parts" in out
        names = sorted(file.name for file in (tmp_path / "study" / "images").iterdir())
        assert [re.sub(r"\d(?=[-.])", "x", name, count=1) for name in names].count("Px.png") == 2
        assert sum("-" in name for name in names) == 2

    def test_an_ending_that_tells_the_answer_is_warned_of(self, sightline, photos, tmp_path):
        shutil.copytree(photos, tmp_path / "photos")
        for file in (tmp_path / "photos" / "scratch").iterdir():
            file.rename(file.with_suffix(".bmp"))
        _, out, _ = plan(sightline, tmp_path / "photos", tmp_path / "study")
        assert "warning: the ending tells good parts (.png) from defective ones (.bmp)" in out

    def test_a_study_is_never_written_over(self, sightline, study, photos):
        before = {file: file.read_bytes() for file in study.rglob("*.csv")}
        code, _, err = plan(sightline, photos, study)
        assert code == 2
        assert "is there already" in err
        assert {file: file.read_bytes() for file in study.rglob("*.csv")} == before

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--good", "goods"), "expected a folder called goods"),
            (("--good", "good", "scratch"), "expected good and defective parts"),
            (("--reference", "nowhere.csv"), "expected the file nowhere.csv"),
        ],
    )
    def test_what_cannot_be_planned_leaves_nothing(self, sightline, photos, tmp_path, words, message):
        code, _, err = plan(sightline, photos, tmp_path / "new" / "study", *words)
        assert code == 2
        assert message in err
        assert not (tmp_path / "new").exists()

    def test_an_empty_folder_a_damaged_image_and_a_place_among_the_images(self, sightline, photos, tmp_path):
        (tmp_path / "empty").mkdir()
        assert "found no image" in plan(sightline, tmp_path / "empty", tmp_path / "study")[2]
        shutil.copytree(photos, tmp_path / "photos")
        (tmp_path / "photos" / "good" / "x.png").write_bytes(b"damaged")
        code, _, err = plan(sightline, tmp_path / "photos", tmp_path / "study")
        assert (code, "good/x.png: no image, or damaged" in err) == (2, True)
        assert "copies there" in plan(sightline, photos, photos / "study")[2]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "photos"]

    def test_a_full_disk_is_said_and_leaves_nothing(self, sightline, photos, tmp_path, monkeypatch):
        def full(path, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        code, _, err = plan(sightline, photos, tmp_path / "study")
        assert code == 2
        assert "study cannot be written: No space left on device" in err
        assert list(tmp_path.iterdir()) == []


class TestRun:
    def test_the_model_fills_its_sheets_and_is_shown_each_part_again(self, sightline, study, bundle):
        code, out, _ = sightline("msa", "run", bundle, study, *FEW)
        assert code == 0
        assert "150 presentations of 10 parts" in out
        folder = study / "models" / "colours-1.2.3"
        assert sorted(file.name for file in folder.iterdir()) == [
            "presentations.csv",
            "run.json",
            *(f"trial-{n}.csv" for n in (1, 2, 3)),
        ]
        shown = rows(folder / "presentations.csv")
        assert len(shown) == 10 * 4 * 3
        bright = {number_of(study, f"good/good-{number}.png") for number in (3, 4, 5)}
        assert {row["decides"] for row in shown if row["part"] in bright} == {"red"}
        by_source = {source: number_of(study, source) for source in ("scratch/scratch-2.png", "scratch/scratch-3.png")}
        sure, near = ([row for row in shown if row["part"] == part] for part in by_source.values())
        assert {row["verdict"] for row in sure} == {"NG"}
        assert {row["verdict"] for row in near} <= {"REVIEW", "OK", "NG"}
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert record["digest"] == json_digest(bundle)
        assert record["changes"] == {"shift": 2.0, "turn": 1.0, "light": 0.1, "noise": 2.0}
        assert record["thresholds"]["red"] == [0.4, 0.7]

    def test_scores_are_those_of_the_unchanged_frame_where_nothing_changes(self, sightline, study, photos, bundle):
        still = ("--shift", 0, "--turn", 0, "--light", 0, "--noise", 0)
        assert sightline("msa", "run", bundle, study, *FEW, *still)[0] == 0
        folder = study / "models" / "colours-1.2.3"
        trials = [{row["part"]: row["verdict"] for row in rows(folder / f"trial-{trial}.csv")} for trial in (1, 2, 3)]
        assert trials[0] == trials[1] == trials[2]
        shown = rows(folder / "presentations.csv")
        assert {row["change"] for row in shown} == {"nothing"}
        source = "good/good-5.png"
        scores = {float(row["score"]) for row in shown if row["part"] == number_of(study, source)}
        assert len(scores) == 1
        expected = bundle_factory.scores_of(image.read(photos / source)).max()
        assert scores.pop() == pytest.approx(expected, abs=1e-4)

    def test_the_seed_decides_and_threads_do_not(self, sightline, study, bundle, tmp_path):
        for name, words in (("a", ("--threads", 1)), ("b", ("--threads", 3)), ("c", ("--seed", 5))):
            shutil.copytree(study, tmp_path / name)
            sightline("msa", "run", bundle, tmp_path / name, "--presentations", 2, *words)
        tables = [(tmp_path / name / "models/colours-1.2.3/presentations.csv").read_bytes() for name in "abc"]
        assert tables[0] == tables[1] != tables[2]

    def test_a_score_too_small_to_count_does_not_decide(self, sightline, study, tmp_path):
        policy = Policy(
            exclusive=False,
            good_known=True,
            thresholds={name: Threshold(ng=0.7, review=0.4) for name in bundle_factory.CLASSES},
            minimum_area=10**6,
        )
        spec = Preprocess(height=SIDE, width=SIDE)
        made = bundle_factory.write_local_bundle(tmp_path, input=spec, policy=policy)
        assert sightline("msa", "run", made, study, *FEW)[0] == 0
        shown = rows(study / "models" / "places-1.2.3" / "presentations.csv")
        part = number_of(study, "scratch/scratch-2.png")
        own = [row for row in shown if row["part"] == part]
        assert {row["verdict"] for row in own} == {"OK"}
        assert max(float(row["score"]) for row in own) < 0.01

    def test_a_bundle_takes_part_once(self, sightline, study, bundle):
        assert sightline("msa", "run", bundle, study, *FEW)[0] == 0
        code, _, err = sightline("msa", "run", bundle, study, *FEW)
        assert code == 2
        assert "colours-1.2.3 is there already" in err

    @pytest.mark.parametrize("variants", [None, {"left": 1, "right": 2}])
    def test_a_bundle_that_needs_a_template_is_refused(self, sightline, study, tmp_path, variants):
        held = {name: frame(n, 10) for name, n in (variants or {}).items()}
        made = bundle_factory.write_local_bundle(tmp_path, pair=True, variants=held)
        code, _, err = sightline("msa", "run", made, study)
        assert code == 2
        assert "expected a bundle that inspects a frame alone" in err
        assert not (study / "models").exists()

    def test_a_bundle_that_holds_its_template_takes_part(self, sightline, study, tmp_path):
        made = bundle_factory.write_local_bundle(tmp_path, pair=True, variants={"cap": frame(1, 20)})
        assert sightline("msa", "run", made, study, *FEW)[0] == 0

    def test_an_image_that_was_replaced_is_refused(self, sightline, study, bundle):
        (study / "images" / "P03.png").write_bytes(image.png(frame(99, 99)))
        for words in (("run", bundle, study), ("report", study, "-o", study.parent / "r.html")):
            code, _, err = sightline("msa", *words)
            assert code == 2
            assert "P03.png is not the image that was planned" in err

    def test_what_is_no_study_or_no_bundle(self, sightline, study, bundle, tmp_path):
        assert "holds no study.json" in sightline("msa", "run", bundle, tmp_path / "nowhere")[2]
        assert "expected a bundle" in sightline("msa", "run", tmp_path, study)[2]
        assert "light: expected a number from 0 and below 1" in sightline("msa", "run", bundle, study, "--light", 2)[2]
        (study / "study.json").write_text("{}")
        assert "is not as Sightline wrote it" in sightline("msa", "run", bundle, study)[2]

    def test_a_person_with_the_name_of_the_bundle(self, sightline, photos, bundle, tmp_path):
        sightline("msa", "plan", photos, "--appraisers", "Colours 1.2.3", "-o", tmp_path / "study")
        assert "is a person in this study" in sightline("msa", "run", bundle, tmp_path / "study")[2]

    @pytest.mark.parametrize(
        ("raised", "code", "message"),
        [(KeyboardInterrupt(), 130, "interrupted"), (OSError(errno.ENOSPC, "No space left on device"), 2, "No space")],
    )
    def test_what_is_broken_off_leaves_nothing(self, sightline, study, bundle, monkeypatch, raised, code, message):
        def stop(*_):
            raise raised

        monkeypatch.setattr("sightline.msa.model.write_table", stop)
        told = sightline("msa", "run", bundle, study, *FEW)
        assert told[0] == code
        assert message in told[2]
        assert list((study / "models").iterdir()) == []


def json_digest(bundle):
    from sightline.bundle import Bundle

    return Bundle.open(bundle).digest


class TestReport:
    @pytest.fixture
    def whole(self, sightline, study, bundle):
        """A study in which everybody answered; Ben passes one defective part twice."""
        sightline("msa", "run", bundle, study, *FEW, "--light", 0.2)
        part = number_of(study, "scratch/scratch-0.png")
        fill(study, {("Ben K.", trial, part) for trial in ("1", "3")})
        return study

    def test_the_page_says_what_was_found_and_loads_nothing(self, sightline, whole, tmp_path):
        code, out, _ = sightline("msa", "report", whole, "-o", tmp_path / "r.html")
        assert code == 0
        assert "Ben K." in out
        assert "not acceptable" in out
        text, loaded = read_page(tmp_path / "r.html")
        assert all(address.startswith("data:") for address in loaded)
        assert "http" not in (tmp_path / "r.html").read_text(encoding="utf-8").replace("http-equiv", "")
        for told in (
            "The inspection is not acceptable",
            "miss rate 16.7 % (2 of 12 answers on defective parts; acceptable is at most 2 %)",
            "anna is acceptable",
            "colours 1.2.3 (the model)",
            "with the reference (Cohen)",
            "Where people and the model disagree",
            "Repeatability of colours 1.2.3",
            "light, up to ±20 %",
            "What so few parts cannot show",
            "149 defective parts without an error",
            "Approved by",
            json_digest_of(whole),
        ):
            assert told in text, told

    def test_the_figures_are_there_as_json(self, sightline, whole, tmp_path):
        sightline("msa", "report", whole, "-o", tmp_path / "r.html")
        told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
        assert [one["name"] for one in told["agreement"]["appraisers"]] == ["anna", "Ben K.", "colours 1.2.3"]
        assert told["agreement"]["appraisers"][1]["miss_rate"]["count"] == 2
        assert told["people"]["miss_rate"]["of"] == 24
        (model,) = told["models"]
        assert [row["change"] for row in model["repeatability"]] == ["shift", "rotation", "light", "noise", "all"]
        near = number_of(whole, "good/good-5.png")
        light = model["repeatability"][2]
        assert light["margins"][near] < 3 < light["margins"][number_of(whole, "good/good-0.png")]
        assert light["spread"] > model["repeatability"][0]["spread"]
        assert set(told["sha256"]) >= {"key.csv", "study.json", "models/colours-1.2.3/presentations.csv"}

    def test_disputed_parts_come_with_their_pictures(self, sightline, whole, tmp_path):
        sightline("msa", "report", whole, "-o", tmp_path / "r.html")
        text, loaded = read_page(tmp_path / "r.html")
        told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
        assert len(loaded) == len(told["agreement"]["disputed"]) >= 1
        assert "scratch/scratch-0.png" in text

    def test_people_alone(self, sightline, study, tmp_path):
        fill(study)
        code, out, _ = sightline("msa", "report", study, "-o", tmp_path / "r.html")
        assert code == 0
        assert "The inspection is acceptable" in out
        text, _ = read_page(tmp_path / "r.html")
        assert "No model took part" in text
        assert "are too few to show" in text

    def test_a_reference_that_was_settled_later_is_told(self, sightline, study, tmp_path):
        fill(study)
        part = number_of(study, "good/good-5.png")
        key = (study / "key.csv").read_text(encoding="utf-8-sig").replace(f"{part},OK", f"{part},NG")
        (study / "key.csv").write_text(key, encoding="utf-8")
        assert sightline("msa", "report", study, "-o", tmp_path / "r.html")[0] == 0
        assert f"reference changed after planning: {part}" in read_page(tmp_path / "r.html")[0]

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda sheet: None, "the cell is empty"),
            (lambda sheet: sheet.unlink(), "trial 1 is missing"),
            (lambda sheet: edit(sheet, lambda lines: lines[:-1]), "1 are missing"),
            (lambda sheet: edit(sheet, lambda lines: [lines[0], *lines[2:], lines[1][:-2] + "maybe"]), "got 'maybe'"),
            (lambda sheet: [file.unlink() for file in sheet.parent.glob("1-*")], "expected the sheets of anna"),
            (lambda sheet: shutil.rmtree(sheet.parent), "expected the sheets of people"),
        ],
    )
    def test_sheets_that_are_missing_or_not_whole(self, sightline, study, tmp_path, spoil, message):
        sheet = study / "sheets" / "1-anna-trial-1.csv"
        blank = sheet.read_bytes()
        fill(study)
        if message == "the cell is empty":
            sheet.write_bytes(blank)
        spoil(sheet)
        code, _, err = sightline("msa", "report", study, "-o", tmp_path / "r.html")
        assert code == 2
        assert message in err
        assert not (tmp_path / "r.html").exists()

    def test_answers_of_the_model_are_not_to_be_touched(self, sightline, whole, tmp_path):
        sheet = whole / "models" / "colours-1.2.3" / "trial-1.csv"
        sheet.write_text(sheet.read_text(encoding="utf-8").replace("REVIEW", "OK").replace("NG", "OK"))
        code, _, err = sightline("msa", "report", whole, "-o", tmp_path / "r.html")
        assert code == 2
        assert "trial-1.csv was changed since the model answered" in err

    def test_parts_that_the_model_was_not_shown(self, sightline, whole, tmp_path):
        lines = (whole / "key.csv").read_text(encoding="utf-8-sig").splitlines()
        (whole / "key.csv").write_text("\n".join(lines[:-1]), encoding="utf-8")
        assert "shown 10 parts, not the 9 of the key" in sightline("msa", "report", whole, "-o", tmp_path / "r.html")[2]

    def test_where_it_may_be_written(self, sightline, study, tmp_path):
        fill(study)
        (tmp_path / "notes.html").write_text("mine")
        assert "not a report of a study" in sightline("msa", "report", study, "-o", tmp_path / "notes.html")[2]
        assert "ends in .html" in sightline("msa", "report", study, "-o", tmp_path / "r.pdf")[2]
        before = (study / "study.json").read_bytes()
        assert sightline("msa", "report", study, "-o", study / "study.html")[0] == 2
        assert (study / "study.json").read_bytes() == before
        for _ in range(2):
            assert sightline("msa", "report", study, "-o", tmp_path / "r.html")[0] == 0

    def test_names_are_text_and_not_part_of_the_page(self, sightline, photos, tmp_path):
        study = tmp_path / "study"
        sightline("msa", "plan", photos, "--appraisers", "<b>eve</b>", "-o", study)
        fill(study)
        assert sightline("msa", "report", study, "-o", tmp_path / "r.html")[0] == 0
        assert "<b>eve</b>" in read_page(tmp_path / "r.html")[0]


def edit(sheet, change):
    lines = sheet.read_text(encoding="utf-8").splitlines()
    sheet.write_text("\n".join(change(lines)), encoding="utf-8")


def json_digest_of(study):
    run = study / "models" / "colours-1.2.3" / "run.json"
    return json.loads(run.read_text(encoding="utf-8"))["digest"]
