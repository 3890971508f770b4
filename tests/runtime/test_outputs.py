"""Lines are whole whatever happens, overlays never overwrite each other, and the report holds what it shows."""

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bundle_factory
from sightline import image
from sightline.bundle.manifest import Locate, Metric
from sightline.config import Preprocess
from sightline.errors import DataError
from sightline.runtime import Inspection, Inspector, overlay, report, results
from sightline.runtime.outputs import Outputs
from sightline.runtime.reader import Reading
from sightline.verdict import ANY_DEFECT, Defect, Frame, Outcome, Policy, Threshold, Verdict

MANIFEST = bundle_factory.manifest()


def inspection(outcome=Outcome.NG, name="part.png", *, picture=None, maps=None, spec=MANIFEST.input, **verdict):
    """An inspection as an inspector would give it; NG and REVIEW name red."""
    defects = (Defect("red", 0.9),) if outcome in (Outcome.NG, Outcome.REVIEW) else ()
    fields = {"reasons": ("why",), "defects": defects, "scores": {"red": 0.9}, "frame": name, "bundle": "colours 1.2.3"}
    made = Verdict(outcome, **{**fields, **verdict})
    if outcome is Outcome.NOT_INSPECTED:
        return Inspection(made, None, None)
    picture = bundle_factory.frame_of((120, 120, 120)) if picture is None else picture
    maps = np.zeros((3, 8, 8), np.float32) if maps is None else maps
    reading = Reading(np.array([0.9, 0, 0], np.float32), maps, None, image.place(picture.shape[:2], spec))
    return Inspection(made, Frame(picture, name), reading)


class TestLines:
    def test_json_comes_back(self):
        verdict = inspection(name="Prüfling 検.png").verdict
        assert json.loads(results.json_line(verdict)) == verdict.to_dict()
        assert json.loads(results.json_line(verdict, overlay.Path("o.jpg")))["overlay"] == "o.jpg"

    def test_csv_has_a_column_a_class_and_keeps_awkward_names_whole(self):
        awkward = 'a,"b"; ü.png'
        text = "\n".join(
            [
                results.csv_header(MANIFEST.classes),
                results.csv_line(inspection(name=awkward, reasons=("one\ntwo", "three")).verdict, MANIFEST.classes),
                results.csv_line(inspection(Outcome.NOT_INSPECTED, scores={}).verdict, MANIFEST.classes),
            ]
        )
        seen, bad = csv.DictReader(io.StringIO(text))
        assert (seen["frame"], seen["outcome"], seen["defect"], seen["score:red"]) == (awkward, "NG", "red", "0.9")
        assert seen["reasons"] == "one two; three"
        assert (bad["outcome"], bad["defect"], bad["score:red"]) == ("NOT_INSPECTED", "", "")

    def test_csv_of_a_bundle_that_locates_tells_how_many_and_where_the_surest_is(self):
        found = (Defect("red", 0.9, (1.0, 2.0, 11.0, 22.0), 200.0, 0.5), Defect("red", 0.8, (5.0, 5.0, 9.0, 9.0), 16.0))
        verdicts = [inspection(defects=found), inspection(Outcome.OK), inspection(Outcome.NOT_INSPECTED)]
        verdicts += [inspection(defects=(Defect("red", 0.9),))]
        lines = [results.csv_line(one.verdict, MANIFEST.classes, located=True) for one in verdicts]
        rows = list(csv.DictReader([results.csv_header(MANIFEST.classes, located=True), *lines]))
        keys = ("defects", "x1", "y1", "x2", "y2", "area", "area_mm2")
        assert [[row[key] for key in keys] for row in rows] == [
            ["2", "1.0", "2.0", "11.0", "22.0", "200.0", "0.5"],
            ["0", *[""] * 6],
            [""] * 7,
            ["1", *[""] * 6],
        ]
        assert all(row["score:red"] for row in rows)
        assert "x1" not in results.csv_header(MANIFEST.classes)

    @pytest.mark.skipif(os.name == "nt", reason="there every name is Unicode")
    def test_a_name_that_is_no_unicode_is_still_json(self, tmp_path):
        name = os.fsdecode(b"part-\xff.png")
        with results.Lines.create(tmp_path / "out.jsonl") as lines:
            lines.write(results.json_line(inspection(name=name).verdict))
        assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["frame"] == name

    def test_what_is_written_is_there_though_the_program_is_killed(self, tmp_path):
        code = (
            "import os, sys; from pathlib import Path; from sightline.runtime.results import Lines\n"
            "with Lines.create(Path(sys.argv[1])) as lines:\n"
            "    for n in range(100): lines.write(f'line {n}')\n"
            "    os._exit(9)\n"
        )
        path = tmp_path / "out.jsonl"
        assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
        assert path.read_text().splitlines() == [f"line {n}" for n in range(100)]

    def test_a_full_disk_leaves_whole_lines(self, tmp_path):
        class Disk(io.FileIO):
            """A file on a disk with room for 25 bytes."""

            def write(self, data):
                room = 25 - self.tell()
                if room <= 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return super().write(bytes(data)[:room])

        path = tmp_path / "out"
        with Disk(path, "wb") as stream:
            lines = results.Lines(stream, "out", mend=True)
            lines.write("ten letter")
            lines.write("ten letter")
            with pytest.raises(DataError, match=r"No space left on device\); the 2 lines before are whole"):
                lines.write("ten letter")
        assert path.read_text() == "ten letter\nten letter\n"

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
    def test_a_disk_that_was_full_from_the_start(self):
        with (
            results.Lines.create(overlay.Path("/dev/full")) as lines,
            pytest.raises(DataError, match="nothing was written before"),
        ):
            lines.write("line")

    def test_an_unwritable_place(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(DataError, match="cannot be written"), results.Lines.create(tmp_path / "file" / "out"):
            pass

    def test_what_a_file_held_is_kept_until_the_first_line(self, tmp_path):
        path, new = tmp_path / "out", tmp_path / "new"
        path.write_text("an old result, longer than the new one\n")
        with results.Lines.create(path), results.Lines.create(new):
            pass
        assert path.read_text() == "an old result, longer than the new one\n"
        assert not new.exists()
        with results.Lines.create(path) as lines:
            lines.write("new")
            lines.write("newer")
            assert path.read_text() == "new\nnewer\n"


class TestOverlay:
    def test_the_hot_region_is_where_the_map_says(self):
        maps = np.zeros((3, 8, 8), np.float32)
        maps[0, 6, 1] = 5  # red, below left
        maps[1, 1, 6] = 50  # green, which the verdict does not name
        drawn = overlay.draw_heat(bundle_factory.frame_of((120, 120, 120), 160, 160), inspection(maps=maps), MANIFEST)
        changed = np.abs(drawn.astype(int) - 120).sum(axis=2) > 30
        rows, columns = np.nonzero(changed)
        assert changed.any()
        assert abs(rows.mean() - 130) < 12
        assert abs(columns.mean() - 30) < 12

    def test_a_padded_frame_is_marked_in_its_own_coordinates(self):
        manifest = bundle_factory.manifest(input=Preprocess(height=64, width=64, fit="pad"))
        maps = np.zeros((3, 8, 8), np.float32)
        maps[0, 3:5, 7] = 5  # at the right edge, half way down
        wide = bundle_factory.frame_of((120, 120, 120), 100, 400)
        drawn = overlay.draw_heat(wide, inspection(picture=wide, maps=maps, spec=manifest.input), manifest)
        rows, columns = np.nonzero(np.abs(drawn.astype(int) - 120).sum(axis=2) > 30)
        assert abs(rows.mean() - 50) < 8
        assert columns.min() > 250

    @pytest.mark.parametrize("maps", [np.zeros, np.ones, lambda *a: np.full(*a[:1], np.nan, np.float32)])
    def test_a_map_that_says_nothing_changes_nothing(self, maps):
        picture = bundle_factory.frame_of((120, 120, 120))
        drawn = overlay.draw_heat(picture, inspection(maps=maps((3, 8, 8), np.float32)), MANIFEST)
        assert np.array_equal(drawn, picture)

    def test_one_extreme_value_does_not_hide_the_rest(self):
        heat = np.zeros((100, 100), np.float32)
        heat[:10, :30] = 1
        heat[50, 50] = 1e6
        scaled = overlay.scale(heat)
        assert scaled[5, 5] == 1
        assert scaled[80, 80] == 0

    def test_of_good_parts_alone_the_outline_is_where_the_threshold_is_reached(self):
        limit = Threshold(ng=0.7, review=0.7)
        policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: limit})
        levels = overlay.beyond(np.array([[0.2, 0.5, 0.69, 0.7, 0.71, 0.9, np.nan]], np.float32), policy)
        assert levels[0].tolist() == pytest.approx([0, 0, 0.475, 0.5, 0.525, 1, 0], abs=1e-3)
        manifest = bundle_factory.manifest(method="anomaly", policy=policy)
        picture = bundle_factory.frame_of((120, 120, 120), 160, 160)
        for hottest in (0.8, 0.6):  # the second is below the threshold, and the frame as a whole is not
            maps = np.full((3, 8, 8), 0.4, np.float32)
            maps[0, 2, 2] = hottest
            rows, columns = np.nonzero((overlay.draw_heat(picture, inspection(maps=maps), manifest) != 120).any(axis=2))
            assert (rows.mean(), columns.mean()) == pytest.approx((50, 50), abs=8)

    @pytest.mark.parametrize(("shape", "longer"), [((128, 100), 512), ((2048, 2448), 1600), ((600, 800), 800)])
    def test_is_of_a_size_to_look_at(self, shape, longer):
        drawn = overlay.draw(inspection(picture=bundle_factory.frame_of((9, 9, 9), *shape)), MANIFEST)
        assert max(drawn.shape[1], round(drawn.shape[1] * shape[0] / shape[1])) == longer
        assert drawn.shape[0] > round(drawn.shape[1] * shape[0] / shape[1])  # the caption below

    def test_a_frame_that_was_not_decoded_has_none(self, tmp_path):
        assert overlay.save(inspection(Outcome.NOT_INSPECTED), MANIFEST, tmp_path) is None
        assert list(tmp_path.iterdir()) == []

    def test_same_names_in_different_folders_do_not_collide(self, tmp_path):
        frames = [str(tmp_path / folder / "ä.png") for folder in ("left", "right")]
        saved = [overlay.save(inspection(name=frame), MANIFEST, tmp_path) for frame in frames]
        assert len(set(saved)) == 2
        assert all(image.read(path).size for path in saved)
        assert overlay.save(inspection(name=frames[0]), MANIFEST, tmp_path) == saved[0]

    @pytest.mark.parametrize("stem", ["x" * 245, "検" * 81, "ä" * 120 + "b"])
    def test_a_name_that_is_as_long_as_names_may_be(self, tmp_path, stem):
        saved = [overlay.save(inspection(name=stem + end), MANIFEST, tmp_path) for end in (".png", ".jpg")]
        assert len(set(saved)) == 2
        assert all(path.name.startswith(stem[:60]) and image.read(path).size for path in saved)

    def test_no_half_picture_is_left_on_a_full_disk(self, tmp_path, monkeypatch):
        whole = Path.write_bytes

        def full(path, data):
            whole(path, data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            overlay.save(inspection(), MANIFEST, tmp_path)
        assert list(tmp_path.iterdir()) == []


class TestReport:
    def make(self, inspections, **changes):
        made = report.Report(bundle_factory.manifest(**changes), "colours 1.2.3 abc")
        for each in inspections:
            made.add(each)
        return made

    def test_holds_every_verdict_and_asks_for_nothing_from_outside(self, tmp_path):
        maps = np.zeros((3, 8, 8), np.float32)
        maps[0, 2, 2] = 1
        each = [inspection(outcome, f"{outcome}.png", maps=maps) for outcome in Outcome]
        metric = Metric(name="accuracy", value=0.991, low=0.98, high=0.995, count=340, interval="Wilson")
        path = tmp_path / "sub" / "report.html"
        self.make(each, metrics=(metric,)).write(path)
        page = path.read_text(encoding="utf-8")
        assert all(f"{outcome}.png" in page for outcome in Outcome)
        assert page.count("data:image/jpeg") == 3 + 2  # three frames, two of them with a map
        assert "0.9910" in page
        assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
        assert "http" not in page.replace("http-equiv", "")
        assert [p.name for p in path.parent.iterdir()] == ["report.html"]

    def test_what_needs_a_look_comes_first(self):
        page = self.make([inspection(outcome, f"{outcome}.png") for outcome in Outcome]).render()
        places = [page.index(f"{name}.png") for name in ("NG", "REVIEW", "NOT_INSPECTED", "OK")]
        assert places == sorted(places)

    def test_names_and_reasons_are_escaped(self):
        evil = "<script>alert(1)</script>.png"
        page = self.make([inspection(name=evil, reasons=("<img src=x onerror=alert(2)>",))]).render()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)&lt;" in page

    def test_pictures_are_bounded_and_the_page_says_so(self, monkeypatch):
        monkeypatch.setattr(report, "PICTURES_PER_OUTCOME", 2)
        page = self.make([inspection(name=f"{n}.png") for n in range(9)]).render()
        assert page.count('alt="the frame"') == 2
        assert all(f"{n}.png" in page for n in range(9))
        assert "The first 2 images of each outcome have pictures; 7 have none here" in page

    def test_of_a_bundle_that_locates_it_tells_how_many_and_how_large(self):
        two = (Defect("red", 0.9, (1, 2, 11, 22), 200.0, 0.5), Defect("red", 0.8, (20, 20, 60, 60), 1600.0, 4.0))
        each = [inspection(defects=two), inspection(name="b.png", defects=(Defect("green", 0.9, (0, 0, 8, 8), 64.0),))]
        locate = Locate(by="boxes", peaks=dict.fromkeys(MANIFEST.classes, 0.5))
        policy = MANIFEST.policy.model_copy(update={"minimum_area": 12.5})
        page = self.make(each, locate=locate, policy=policy).render()
        assert "<button>Defects</button>" in page
        assert "2 red; largest 4 mm²" in page
        assert "1 green; 64 px" in page
        assert "Defects smaller than 12.5 pixels" in page
        assert "Boxes are the model&#39;s own" in page or "Boxes are the model's own" in page
        assert "<button>Defects</button>" not in self.make(each[:1]).render()

    def test_no_image_at_all(self):
        assert "0 images" in self.make([]).render()

    def test_an_unwritable_place(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(DataError, match="the report cannot be written"):
            self.make([]).write(tmp_path / "file" / "report.html")


def test_verdicts_go_on_without_overlays_and_it_is_said_at_the_end(tmp_path, monkeypatch):
    inspector = Inspector.open(bundle_factory.write_bundle(tmp_path), threads=1)
    each = [inspector.examine(Frame(bundle_factory.frame_of((255, 0, 0)), f"{n}.png")) for n in range(3)]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(overlay, "save", full)
    with results.Lines.create(tmp_path / "out.jsonl") as lines:
        outputs = Outputs(inspector, lines, overlays=tmp_path / "o", report=tmp_path / "report.html")
        for one in each:
            outputs.take(one)
        with pytest.raises(DataError, match=r"3 overlays could not be written, .*No space left on device"):
            outputs.finish()
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["outcome"] for row in rows] == ["NG"] * 3
    assert not any("overlay" in row for row in rows)
    assert "2.png" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_annotations_are_written_though_the_report_cannot_be(tmp_path):
    inspector = Inspector.open(bundle_factory.write_local_bundle(tmp_path), threads=1)
    spotted = bundle_factory.spotted((64, 64), [(20, 30, (255, 0, 0))])
    (tmp_path / "report.html").mkdir()
    frames = [Frame(spotted, "parts/a.png"), Frame(spotted[:40], "parts/b.png"), "missing.png"]
    with results.Lines.create(tmp_path / "out.jsonl") as lines:
        files = {"report": tmp_path / "report.html", "coco": tmp_path / "made" / "coco.json"}
        outputs = Outputs(inspector, lines, root=Path("parts"), **files)
        for frame in frames:
            outputs.take(inspector.examine(frame))
        with pytest.raises(DataError, match="the report cannot be written"):
            outputs.finish()
    content = json.loads((tmp_path / "made" / "coco.json").read_text(encoding="utf-8"))
    assert [(one["file_name"], one["height"]) for one in content["images"]] == [("a.png", 64), ("b.png", 40)]
    assert {one["category_id"] for one in content["annotations"]} == {1}
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert content["annotations"][0]["area"] == pytest.approx(rows[0]["defects"][0]["area"], rel=0.05)


def test_outputs_together(tmp_path):
    inspector = Inspector.open(bundle_factory.write_bundle(tmp_path), threads=1)
    each = [inspector.examine(Frame(bundle_factory.frame_of((255, 0, 0)), f"{n}.png")) for n in range(3)]
    with results.Lines.create(tmp_path / "out.csv") as lines:
        outputs = Outputs(
            inspector, lines, form="csv", overlays=tmp_path / "o" / "verlays", report=tmp_path / "r" / "report.html"
        )
        for one in each:
            outputs.take(one)
        outputs.finish()
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["frame"] for row in rows] == ["0.png", "1.png", "2.png"]
    assert all(image.read(overlay.Path(row["overlay"])).size for row in rows)
    assert "2.png" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
