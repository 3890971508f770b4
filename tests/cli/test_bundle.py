"""`sightline bundle` tells what a bundle is, and whether it works on this machine."""

import pytest

import bundle_factory
from sightline import bundle, image
from sightline.bundle.manifest import Calibration, Metric, Parity
from sightline.cli import main
from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.config.tiles import Tiles
from sightline.verdict import ANY_DEFECT, Policy, Threshold


@pytest.fixture
def folder(tmp_path):
    return bundle_factory.write_bundle(
        tmp_path,
        metrics=(
            Metric(name="recall/red", value=0.9, low=0.8, high=0.95, count=90, interval="Wilson"),
            Metric(name="accuracy", value=0.9912, low=0.98, high=0.995, count=340, interval="Wilson"),
        ),
        calibration=Calibration(
            method="temperature", parameters={}, count=200, log_loss_before=0.3, log_loss_after=0.2
        ),
        policy=Policy(
            exclusive=True,
            good_known=False,
            thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.3)},
            chosen_by="best F1 on 200 images",
        ),
    )


def test_show_says_what_a_reader_would_ask(folder, capsys):
    assert main(["bundle", "show", str(folder)]) == 0
    shown = capsys.readouterr().out
    for fact in (
        "colours 1.2.3",
        "red, green, blue",
        "64 x 64 px",
        "any defect  NG from 0.500, REVIEW from 0.300",
        "best F1 on 200 images",
        "has seen no good part",
        "0.9912  (0.9800 to 0.9950, Wilson, 340 groups)",
        "temperature on 200 images",
        "Apache-2.0",
        "golden/001.png",
    ):
        assert fact in shown
    assert shown.index("accuracy") < shown.index("recall/red")


def test_verify_runs_it(folder, capsys):
    assert main(["bundle", "verify", str(folder), "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert [line.split("  ")[0] for line in said.splitlines()] == [
        "files",
        "fp32 model",
        "fp32 self test",
        "fp32 speed",
    ]
    assert "ms an image" in said


class TestInt8:
    @pytest.fixture
    def both(self, tmp_path):
        return bundle_factory.write_bundle(tmp_path, with_int8=True, name="both")

    def test_show_says_whether_there_is_one_and_how_far_it_is_from_the_other(self, both, folder, capsys):
        assert main(["bundle", "show", str(both)]) == 0
        shown = capsys.readouterr().out
        assert (
            "calibrate: 120 images, largest score difference 0.020, 1 verdicts changed, AUROC 0.9500 to 0.9490" in shown
        )
        assert "model-int8.onnx" in shown
        assert main(["bundle", "show", str(folder)]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "int8" in line]
        assert line.split() == ["int8", "none"]

    def test_verify_runs_both(self, both, capsys):
        assert main(["bundle", "verify", str(both), "--threads", "1"]) == 0
        said = capsys.readouterr().out.splitlines()
        steps = [f"{precision} {step}" for precision in ("fp32", "int8") for step in ("model", "self test", "speed")]
        assert [line.split("  ")[0] for line in said] == ["files", *steps]
        assert all("ms an image" in line for line in said if " speed" in line)

    def test_verify_fails_if_one_of_them_does(self, tmp_path, capsys):
        wrong = bundle_factory.int8(golden=bundle_factory.golden_samples()[0])
        both = bundle_factory.write_bundle(tmp_path, with_int8=True, int8=wrong)
        assert main(["bundle", "verify", str(both)]) == 2
        assert "int8: the self test failed" in capsys.readouterr().err


def test_verify_names_the_altered_file(folder, capsys):
    (folder / "card.md").write_text("other")
    assert main(["bundle", "verify", str(folder)]) == 2
    assert "card.md was altered or damaged" in capsys.readouterr().err


def test_pack_and_verify_the_zip(folder, capsys):
    assert main(["bundle", "pack", str(folder)]) == 0
    assert "colours-1.2.3.zip" in capsys.readouterr().out
    assert main(["bundle", "verify", str(folder.parent / "colours-1.2.3.zip")]) == 0
    assert main(["bundle", "pack", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["bundle", "pack", str(folder), "--replace"]) == 0


def test_show_says_what_a_score_of_good_parts_alone_means(tmp_path, capsys):
    calibration = Calibration(method="tail", parameters={}, count=57)
    folder = bundle_factory.write_bundle(tmp_path, method="anomaly", calibration=calibration)
    assert main(["bundle", "show", str(folder)]) == 0
    assert "tail on 57 good parts: a score s says that one in 10^(s / (1 - s)) of them" in capsys.readouterr().out


class TestLocating:
    def shown(self, folder, capsys):
        assert main(["bundle", "show", str(folder)]) == 0
        return capsys.readouterr().out

    def test_show_says_how_defects_are_told_and_what_is_looked_at(self, tmp_path, capsys):
        spec = Preprocess(
            height=64,
            width=128,
            tiles=Tiles(overlap=16),
            align=Align(motion="translation", reach=12),
            roi=((10, 20), (300, 20), (300, 200)),
            ignore=(((0, 0), (9, 0), (9, 9)), ((50, 50), (60, 50), (60, 60))),
            mm_per_pixel=0.1,
        )
        policy = bundle_factory.manifest().policy.model_copy(update={"minimum_area": 25.0})
        shown = self.shown(bundle_factory.write_local_bundle(tmp_path, pair=True, input=spec, policy=policy), capsys)
        for fact in (
            "method     compare",
            "templates  each frame is compared with one, which comes with the frame (score --template)",
            "cut into tiles of 128 x 64 px at their own scale, 16 px overlap",
            "to the template, translation, at most 12 px and 6 degrees off, quality from 0.6",
            "3 corners, x 10 to 300, y 20 to 200 px",
            "ignored    2 regions",
            "0.1 mm a pixel of the frame",
            "by regions: red from 0.400 to an edge of 0.200; green",
            "25 px of the frame, 0.25 mm²: what is smaller does not count",
        ):
            assert fact in shown

    def test_show_of_boxes_and_of_variants(self, tmp_path, capsys):
        figures = {"largest_score_difference": 1e-6, "largest_map_difference": 1e-6, "verdict_flips": 0}
        parity = Parity(images=3, largest_box_shift=0.02, **figures)
        shown = self.shown(bundle_factory.write_local_bundle(tmp_path / "a", boxed=True, parity=parity), capsys)
        assert "by boxes: red from 0.400; green from 0.400; blue from 0.400" in shown
        assert "largest shift of a box 2.0e-02 px" in shown
        assert "templates" not in shown
        assert "smallest" not in shown
        variants = {name: bundle_factory.spotted((64, 64)) for name in ("pale", "dark")}
        shown = self.shown(bundle_factory.write_local_bundle(tmp_path / "b", pair=True, variants=variants), capsys)
        assert "of the variant that it is said to show (score --variant): pale, dark" in shown
        only = {"pale": variants["pale"]}
        shown = self.shown(bundle_factory.write_local_bundle(tmp_path / "c", pair=True, variants=only), capsys)
        assert "each frame is compared with one; the bundle holds it: pale" in shown

    def test_show_of_a_bundle_that_only_names_them(self, folder, capsys):
        assert "located     no: a verdict says what, not where" in self.shown(folder, capsys)

    @pytest.mark.parametrize("settings", [{"pair": True}, {"boxed": True}, {"boxed": True, "pair": True}])
    def test_verify_gives_golden_samples_their_templates(self, tmp_path, capsys, settings):
        assert main(["bundle", "verify", str(bundle_factory.write_local_bundle(tmp_path, **settings))]) == 0
        assert "2 golden samples, largest difference" in capsys.readouterr().out

    def test_verify_fails_where_a_golden_template_is_another(self, tmp_path, capsys):
        manifest, files = bundle_factory.local_contents(pair=True)
        first, second = manifest.golden
        swapped = (first, second.model_copy(update={"template": first.file.replace("001", "other")}))
        changed = bundle_factory.spotted((64, 64), [(20, 30, (250, 0, 0))])
        files |= {swapped[1].template: image.png(changed)}
        path = bundle.write(tmp_path, manifest.model_copy(update={"golden": swapped}), files)
        assert main(["bundle", "verify", str(path)]) == 2
        assert "the self test failed. golden/002.png" in capsys.readouterr().err
