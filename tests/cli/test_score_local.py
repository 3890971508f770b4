"""`sightline score` with bundles that locate defects, or compare each frame with a template."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import bundle_factory
from sightline import image
from sightline.cli import main


def outcomes(lines):
    return {Path(line["frame"]).name: line["outcome"] for line in lines}


@pytest.fixture
def score(tmp_path, capfdbinary):
    """Runs the command with a bundle that needs no template."""
    return runner(str(bundle_factory.write_bundle(tmp_path / "plain-bundle")), capfdbinary)


def runner(path, capture):
    """Runs the command with a bundle; gives exit code, verdicts and what it said besides."""

    def run(*arguments):
        code = main(["score", path, *map(str, arguments)])
        out, err = capture.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err.decode()

    return run


class TestTemplates:
    @pytest.fixture
    def boards(self, tmp_path):
        """Boards 1 and 2 with a red spot, each beside its template; 3 is good, 4 lacks its template."""
        folder = tmp_path / "boards"
        folder.mkdir()
        for number in (1, 2, 3, 4):
            ground = 30 + 20 * number
            spots = [(16, 8 * number, (255, ground, ground))] if number != 3 else []
            files = {"test": bundle_factory.spotted((64, 64), spots, side=8, ground=ground)}
            if number != 4:
                files["temp"] = bundle_factory.spotted((64, 64), ground=ground)
                files["test"][-1, -1] += 1  # as any camera would
            for kind, picture in files.items():
                picture[0, :2] += np.uint8([[1], [2]])  # more than two values: nobody binarised it
                (folder / f"{number}_{kind}.png").write_bytes(image.png(picture))
        return folder

    @pytest.fixture
    def own(self, tmp_path, capfdbinary):
        """Runs the command with a bundle whose frames bring their templates."""
        path = str(bundle_factory.write_local_bundle(tmp_path / "own", pair=True))
        return runner(path, capfdbinary)

    @pytest.fixture
    def held(self, tmp_path, capfdbinary):
        """Runs the command with a bundle that holds templates of two variants."""
        variants = {name: bundle_factory.spotted((64, 64), ground=g) for name, g in (("pale", 50), ("dark", 70))}
        path = str(bundle_factory.write_local_bundle(tmp_path / "held", pair=True, variants=variants))
        return runner(path, capfdbinary)

    def test_each_frame_is_compared_with_its_own(self, own, boards):
        code, lines, _ = own(boards / "*_test.png", "--template", "{parent}/{stem-_test}_temp.png", "--self-test")
        assert code == 0
        assert [line["outcome"] for line in lines] == ["NG", "NG", "OK", "NOT_INSPECTED"]
        x1, y1, x2, y2 = lines[1]["defects"][0]["box"]
        assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((20, 20), abs=1)
        assert "the template of 4_test.png: 4_temp.png: cannot be read" in lines[3]["reasons"][0]

    def test_templates_among_the_frames_are_answered_and_do_not_stop_the_rest(self, own, boards):
        code, lines, _ = own(boards, "--template", "{parent}/{stem-_test}_temp.png", "--fail-on", "NG")
        assert code == 1
        assert outcomes(lines)["1_temp.png"] == "NOT_INSPECTED"
        assert outcomes(lines)["1_test.png"] == "NG"
        (reason,) = next(line["reasons"] for line in lines if line["frame"].endswith("1_temp.png"))
        assert reason == "1_temp.png has no template: expected a name that ends with _test.png"

    def test_a_folder_and_a_single_file(self, own, boards, tmp_path):
        (tmp_path / "plain").mkdir()
        for number in (1, 2):
            (boards / f"{number}_temp.png").rename(tmp_path / "plain" / f"{number}_test.png")
        _, lines, _ = own(boards / "[12]_test.png", boards / "4_test.png", "--template", tmp_path / "plain")
        assert [line["outcome"] for line in lines] == ["NG", "NG", "NOT_INSPECTED"]
        assert "expected a template named 4_test" in lines[2]["reasons"][0]
        _, lines, _ = own(boards / "3_*.png", "--template", boards / "3_temp.png")
        assert [line["outcome"] for line in lines] == ["NOT_INSPECTED", "OK"]

    @pytest.mark.parametrize("template", ["{parent}/{stem}{suffix}", "boards", "boards/3_test.png"])
    def test_a_frame_compared_with_itself_is_not_inspected(self, own, boards, tmp_path, monkeypatch, template):
        monkeypatch.chdir(tmp_path)
        _, (line,), _ = own(boards / "3_test.png", "--template", template)
        assert line["outcome"] == "NOT_INSPECTED"
        assert "the template is the frame itself" in line["reasons"][0]

    def test_without_templates_every_frame_is_answered_and_a_note_says_what_to_do(self, own, boards):
        code, lines, said = own(boards / "1_test.png", boards / "gone.png")
        assert code == 2  # for one is not there
        assert [line["outcome"] for line in lines] == ["NOT_INSPECTED"] * 2
        assert "expected a template with the frame, got none" in lines[0]["reasons"][0]
        assert "note: the bundle holds no templates, and no frame is inspected without: see --template" in said

    def test_a_template_of_another_size_is_a_reason(self, own, boards, tmp_path):
        (tmp_path / "small.png").write_bytes(image.png(bundle_factory.spotted((32, 64))))
        code, lines, _ = own(boards / "1_test.png", "--template", tmp_path / "small.png")
        assert (code, lines[0]["outcome"]) == (0, "NOT_INSPECTED")
        assert "expected a template of the frame's 64 x 64 pixels, got 64 x 32" in lines[0]["reasons"][0]

    def test_a_named_variant_is_compared_with_its_template(self, held, boards):
        _, lines, _ = held(boards / "1_t*.png", "--variant", "pale")
        assert [line["outcome"] for line in lines] == ["OK", "NG"]
        _, lines, _ = held(boards / "1_test.png")
        assert "expected the name of the frame's variant, got none" in lines[0]["reasons"][0]
        _, lines, _ = held(boards / "3_test.png", "--template", boards / "3_temp.png")
        assert [line["outcome"] for line in lines] == ["OK"]

    def test_options_that_fit_no_template_of_the_bundle_are_refused_before_an_image(self, own, held, score, boards):
        for run, options, reason in (
            (score, ("--template", boards / "1_temp.png"), "--template: colours 1.2.3"),
            (score, ("--variant", "pale"), "--variant: colours 1.2.3"),
            (own, ("--variant", "pale"), "--variant pale: expected none: the bundle holds no templates"),
            (held, ("--variant", "pale", "--template", boards / "1_temp.png"), "expected one of the two"),
            (held, ("--variant", "pal"), "--variant pal: expected one of pale, dark"),
            (own, ("--template", boards / "gone.png"), "gone.png: cannot be read"),
            (own, ("--template", "{name}.png"), "expected {stem}, {stem-END}, {parent} or {suffix}"),
        ):
            code, lines, said = run(boards / "1_test.png", *options)
            assert (code, lines) == (2, [])
            assert reason in said


class TestLocated:
    @pytest.fixture
    def run(self, tmp_path, capfdbinary):
        path = str(bundle_factory.write_local_bundle(tmp_path / "bundles", boxed=True))

        def score_them(*arguments):
            code = main(["score", path, *map(str, arguments)])
            return code, capfdbinary.readouterr().err.decode()

        return score_them

    @pytest.fixture
    def spotted(self, tmp_path):
        (tmp_path / "parts" / "deep").mkdir(parents=True)
        for name, spots in (("ng", [(16, 24, (255, 0, 0))]), ("deep/ok", []), ("damaged", None)):
            data = b"damaged" if spots is None else image.png(bundle_factory.spotted((64, 64), spots, side=8))
            (tmp_path / "parts" / f"{name}.png").write_bytes(data)
        return tmp_path / "parts"

    def test_annotations_table_pictures_and_report_agree(self, run, spotted, tmp_path):
        files = {"-o": "v.csv", "--coco": "made/coco.json", "--overlay": "o", "--report": "r.html"}
        options = [part for option, name in files.items() for part in (option, tmp_path / name)]
        assert run(spotted, "--format", "csv", *options)[0] == 0
        rows = list(csv.DictReader((tmp_path / "v.csv").read_text(encoding="utf-8").splitlines()))
        assert [row["defects"] for row in rows] == ["", "0", "1"]
        assert [float(rows[2][key]) for key in ("x1", "y1", "x2", "y2", "area")] == [24, 16, 32, 24, 64]
        content = json.loads((tmp_path / "made" / "coco.json").read_text(encoding="utf-8"))
        assert [one["file_name"] for one in content["images"]] == ["deep/ok.png", "ng.png"]
        assert [one["bbox"] for one in content["annotations"]] == [[24, 16, 8, 8]]
        assert [one["name"] for one in content["categories"]] == list(bundle_factory.CLASSES)
        assert len(list((tmp_path / "o").iterdir())) == 2
        assert "1 red; 64 px" in (tmp_path / "r.html").read_text(encoding="utf-8")

    @pytest.mark.parametrize("place", ["same", "part.png", ".", "bundles/places-1.2.3/coco.json"])
    def test_annotations_overwrite_nothing_else(self, run, spotted, tmp_path, monkeypatch, place):
        monkeypatch.chdir(tmp_path)
        code, said = run(spotted, "--coco", place, "-o", "same")
        assert code == 2
        assert "error: " in said
        assert not (tmp_path / "same").exists()
