"""What is told of a verdict is what decided it."""

import pytest

import bundle_factory
from sightline import image
from sightline.bundle import Bundle
from sightline.cli import main
from sightline.runtime import Inspector
from sightline.runtime.why import why
from sightline.verdict import ANY_DEFECT, Guarantee, Outcome, Policy, Threshold


def told(path, frame):
    inspector = Inspector.open(path, threads=1)
    inspection = inspector.examine(frame)
    return inspection.verdict, why(inspection, inspector.manifest).splitlines()


def test_each_score_stands_beside_its_threshold_and_the_reason_above(tmp_path):
    path = bundle_factory.write_bundle(tmp_path)
    verdict, lines = told(path, bundle_factory.frame_of((255, 0, 0)))
    assert verdict.outcome is Outcome.NG
    assert lines[0].endswith(": NG")
    assert lines[1] == f"  because {verdict.reasons[0]}"
    policy = Bundle.open(path).manifest.policy
    for name, score in verdict.scores.items():
        limit = policy.threshold(name)
        assert any(line.startswith(f"  {name}: {score:.4f} (") and f"NG from {limit.ng:.4f})" in line for line in lines)
    assert lines[-1] == f"  answered by: {verdict.bundle}"


def test_a_passed_frame_says_that_nothing_reached_a_threshold_and_what_is_guaranteed(tmp_path):
    proved = Guarantee(
        of="escape", target=0.02, confidence=0.95, parts=300, photographs=300, seen=0.01, words="at most"
    )
    policy = Policy(
        exclusive=True,
        good_known=True,
        thresholds={ANY_DEFECT: Threshold(ng=0.9, review=0.8)},
        chosen_by="a proof",
        guarantees=(proved,),
    )
    _, lines = told(bundle_factory.write_bundle(tmp_path, policy=policy), bundle_factory.frame_of((0, 0, 0)))
    assert lines[1] == "  because no score reaches a threshold"
    assert any(line.startswith("  defect score: ") and "(REVIEW from 0.8000, NG from 0.9000)" in line for line in lines)
    assert any(line.startswith("  types (added up): ") for line in lines)
    assert "  thresholds chosen by: a proof" in lines
    assert "  guaranteed: at most" in lines


def test_defects_too_small_are_told_apart_from_those_that_count(tmp_path):
    path = bundle_factory.write_local_bundle(tmp_path / "all")
    frame = bundle_factory.spotted((64, 64), [(16, 24, (255, 0, 0))])
    verdict, lines = told(path, frame)
    (defect,) = verdict.defects
    assert any(line.startswith(f"  defect: {defect.label} {defect.score:.4f}, {defect.area:,.0f} px") for line in lines)
    manifest = Bundle.open(path).manifest
    policy = manifest.policy.model_copy(update={"minimum_area": defect.area + 1})
    verdict, lines = told(bundle_factory.write_local_bundle(tmp_path / "large", policy=policy), frame)
    assert verdict.outcome is Outcome.OK
    assert f"  1 smaller than {defect.area + 1:g} px, which do not count" in lines
    assert any(line.startswith(f"  {defect.label}: 0.0000, {defect.score:.4f} with those too small") for line in lines)


def test_a_frame_that_was_not_inspected_has_its_reason_alone(tmp_path):
    (tmp_path / "text.png").write_bytes(b"no image")
    _, lines = told(bundle_factory.write_bundle(tmp_path / "bundles"), tmp_path / "text.png")
    assert lines[0].endswith(": NOT_INSPECTED")
    assert "no image" in lines[1]
    assert len(lines) == 3


class TestCommand:
    def test_images_of_a_folder_are_told_one_by_one(self, tmp_path, capsys):
        (tmp_path / "photos").mkdir()
        for name, colour in (("a", (255, 0, 0)), ("b", (0, 0, 0))):
            (tmp_path / "photos" / f"{name}.png").write_bytes(image.png(bundle_factory.frame_of(colour)))
        path = bundle_factory.write_bundle(tmp_path / "bundles")
        assert main(["why", str(path), str(tmp_path / "photos")]) == 0
        out = capsys.readouterr().out
        assert out.index("a.png: NG") < out.index("b.png: OK")

    @pytest.mark.parametrize("rest", [["nowhere.png"], ["--variant", "a", "photo.png"]])
    def test_what_is_not_there_is_an_error(self, tmp_path, monkeypatch, capsys, rest):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "photo.png").write_bytes(image.png(bundle_factory.frame_of((0, 0, 0))))
        path = bundle_factory.write_bundle(tmp_path / "bundles")
        assert main(["why", str(path), *rest]) == 2
        assert "error: " in capsys.readouterr().err
