"""Every frame gets exactly one verdict, and no fault ever yields OK."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bundle_factory
from sightline import bundle, image
from sightline.bundle import Bundle
from sightline.config import Preprocess
from sightline.errors import BundleError, ImageError
from sightline.runtime import Inspector
from sightline.verdict import Frame, Outcome


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return bundle_factory.write_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def inspector(path):
    return Inspector.open(path, threads=1)


class TestInspect:
    @pytest.mark.parametrize(
        ("colour", "outcome", "label"),
        [
            ((255, 0, 0), Outcome.NG, "red"),
            ((0, 0, 255), Outcome.NG, "blue"),
            ((0, 128, 0), Outcome.REVIEW, "green"),
            ((0, 0, 0), Outcome.OK, None),
        ],
    )
    def test_the_verdict_follows_the_picture(self, inspector, colour, outcome, label):
        verdict = inspector.inspect(bundle_factory.frame_of(colour))
        assert verdict.outcome is outcome
        assert [defect.label for defect in verdict.defects] == ([label] if label else [])
        assert verdict.bundle == inspector.bundle
        assert verdict.milliseconds > 0
        assert set(verdict.scores) == set(bundle_factory.CLASSES)

    def test_a_path_an_array_and_a_frame_are_the_same_picture(self, inspector, tmp_path):
        picture = np.random.default_rng(0).integers(0, 256, (100, 80, 3), dtype=np.uint8)
        file = tmp_path / "prüfling.png"
        file.write_bytes(image.png(picture))
        verdicts = [inspector.inspect(source) for source in (file, str(file), picture, Frame(picture, "camera 1, 17"))]
        assert [verdict.frame for verdict in verdicts] == [str(file), str(file), "", "camera 1, 17"]
        assert all(verdict.scores == verdicts[0].scores for verdict in verdicts)

    def test_grey_and_16_bit_cameras(self, tmp_path):
        spec = Preprocess(height=64, width=64, bits=12)
        inspector = Inspector(Bundle.open(bundle_factory.write_bundle(tmp_path, input=spec)), threads=1)
        bright = inspector.inspect(np.full((64, 64), 4000, np.uint16))
        assert bright.outcome is Outcome.NG
        beyond = inspector.inspect(np.full((64, 64), 5000, np.uint16))
        assert beyond.outcome is Outcome.NOT_INSPECTED
        assert "at most 12 significant bits" in beyond.reasons[0]

    @pytest.mark.parametrize(
        ("name", "data", "reason"),
        [
            ("empty.png", b"", "the file is empty"),
            ("text.jpg", b"no image", "no image, or damaged"),
            ("missing.png", None, "cannot be read"),
        ],
    )
    def test_a_bad_file_is_not_inspected_and_says_why(self, inspector, tmp_path, name, data, reason):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        inspection = inspector.examine(tmp_path / name)
        assert inspection.verdict.outcome is Outcome.NOT_INSPECTED
        assert name in inspection.verdict.reasons[0]
        assert reason in inspection.verdict.reasons[0]
        assert inspection.verdict.frame == str(tmp_path / name)
        assert inspection.frame is None
        assert inspection.reading is None

    @pytest.mark.parametrize(
        "source",
        [
            None,
            17,
            Frame(None, "camera 1"),
            [[1, 2]],
            np.zeros((4, 4), np.float64),
            np.zeros((0, 4), np.uint8),
            "",
            ".",
        ],
    )
    def test_what_is_no_image_is_not_inspected(self, inspector, source):
        verdict = inspector.inspect(source)
        assert verdict.outcome is Outcome.NOT_INSPECTED
        assert not verdict.reasons[0].startswith(":")

    @pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
    @pytest.mark.parametrize("kind", [np.matrix, np.ma.masked_array, np.asarray])
    def test_an_array_of_another_class_is_its_pixels(self, inspector, kind):
        assert inspector.inspect(kind(np.zeros((9, 9), np.uint8))).outcome is Outcome.OK

    @given(
        hnp.arrays(
            st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.bool_]),
            hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6),
        )
    )
    @settings(max_examples=60, deadline=None)
    def test_any_array_gives_a_verdict_that_is_valid_json(self, inspector, array):
        verdict = inspector.inspect(array)
        json.dumps(verdict.to_dict(), allow_nan=False)
        assert verdict.outcome is not Outcome.OK or array.dtype in (np.uint8, np.uint16)

    def test_a_model_that_answers_nonsense_is_never_ok(self, tmp_path):
        path = bundle_factory.write_bundle(tmp_path, bundle_factory.model(gain=float("nan")), golden=())
        verdict = Inspector.open(path).inspect(bundle_factory.frame_of((0, 0, 0)))
        assert verdict.outcome is Outcome.NOT_INSPECTED
        assert verdict.reasons == ("the model answered with a value that is no probability",)

    @pytest.mark.parametrize("fault", [BundleError("the model failed: memory"), MemoryError()])
    def test_a_model_that_fails_is_a_reason(self, inspector, monkeypatch, fault):
        def fail(batch, templates):
            raise fault

        monkeypatch.setattr(inspector._reader, "_model", fail)
        inspection = inspector.examine(bundle_factory.frame_of((0, 0, 0)))
        assert inspection.verdict.outcome is Outcome.NOT_INSPECTED
        assert "memory" in inspection.verdict.reasons[0]
        assert inspection.reading is None

    def test_many_threads_get_what_one_gets(self, inspector):
        rng = np.random.default_rng(0)
        frames = [rng.integers(0, 256, (70, 90, 3), dtype=np.uint8) for _ in range(40)]
        expected = [inspector.inspect(frame).scores for frame in frames]
        with ThreadPoolExecutor(8) as pool:
            assert [verdict.scores for verdict in pool.map(inspector.inspect, frames)] == expected


class TestRead:
    def test_a_batch_is_read_like_its_frames(self, inspector):
        frames = [bundle_factory.frame_of((value, 10, 200), 40, 90) for value in (0, 90, 255)]
        batch = inspector.read_batch(frames)
        for frame, reading in zip(frames, batch, strict=True):
            alone = inspector.read(frame)
            np.testing.assert_allclose(alone.scores, reading.scores, atol=1e-6)
            np.testing.assert_allclose(alone.maps, reading.maps, atol=1e-6)
        assert inspector.read_batch([]) == []

    def test_errors_are_raised_where_no_verdict_is_asked_for(self, inspector, tmp_path):
        with pytest.raises(ImageError):
            inspector.read(tmp_path / "missing.png")


class TestOpen:
    def test_a_zip_answers_like_its_folder(self, path, inspector, tmp_path):
        packed = Inspector.open(bundle.pack(path, tmp_path / "a.zip"), threads=1)
        frame = bundle_factory.frame_of((200, 100, 50))
        assert packed.inspect(frame).scores == inspector.inspect(frame).scores
        assert packed.bundle == inspector.bundle

    @pytest.mark.parametrize(
        "changes",
        [
            {"input": Preprocess(height=64, width=96)},
            {"classes": ("red", "green"), "policy": None, "golden": ()},
        ],
    )
    def test_a_model_other_than_the_manifest_describes(self, tmp_path, changes):
        if "policy" in changes:
            whole = bundle_factory.manifest().policy
            thresholds = {name: whole.thresholds[name] for name in changes["classes"]}
            changes = {**changes, "policy": whole.model_copy(update={"thresholds": thresholds})}
        with pytest.raises(BundleError, match="not the one that the manifest describes"):
            Inspector.open(bundle_factory.write_bundle(tmp_path, **changes))

    def test_the_self_test_passes_on_what_the_exporter_got(self, path):
        assert Inspector.open(path, self_test=True).manifest.golden

    def test_the_self_test_fails_loudly(self, tmp_path):
        samples, _ = bundle_factory.golden_samples()
        wrong = samples[1].model_copy(update={"scores": (0.5, *samples[1].scores[1:])})
        path = bundle_factory.write_bundle(tmp_path, golden=(samples[0], wrong, samples[2]))
        expected = r"golden/002\.png: expected a score of 0\.500000 for red, got .* above the tolerance of 0\.001"
        with pytest.raises(BundleError, match=expected):
            Inspector.open(path, self_test=True)

    def test_the_self_test_finds_types_that_changed_places(self, tmp_path):
        described, files = bundle_factory.local_contents()
        names = described.classes
        golden = tuple(
            sample.model_copy(update={"scores": dict(zip(names, sample.scores, strict=True))})
            for sample in described.golden
        )
        told = described.model_copy(update={"golden": golden})
        Inspector.open(bundle.write(tmp_path / "told", told, files), self_test=True)
        mixed = told.model_copy(update={"classes": names[::-1]})
        with pytest.raises(BundleError, match=r"golden/002\.png: expected a score of .* for blue"):
            Inspector.open(bundle.write(tmp_path / "mixed", mixed, files), self_test=True)

    def test_the_self_test_fails_on_nonsense(self, tmp_path):
        path = bundle_factory.write_bundle(tmp_path, bundle_factory.model(gain=float("nan")))
        with pytest.raises(BundleError, match=r"golden/001\.png: .* got nan"):
            Inspector.open(path, self_test=True)

    def test_the_self_test_finds_a_model_that_mixes_up_a_batch(self, tmp_path):
        path = bundle_factory.write_bundle(tmp_path, bundle_factory.model(fixed_batch_inside=True))
        with pytest.raises(BundleError, match="for 3 frames"):
            Inspector.open(path, self_test=True)

    def test_the_self_test_needs_golden_samples(self, tmp_path):
        with pytest.raises(BundleError, match="holds none"):
            Inspector.open(bundle_factory.write_bundle(tmp_path, golden=(), version="0.0.1"), self_test=True)


class TestPrecision:
    @pytest.fixture
    def both(self, tmp_path):
        return bundle_factory.write_bundle(tmp_path, with_int8=True)

    def test_the_model_asked_for_answers_and_the_verdict_says_which(self, both):
        frame = bundle_factory.frame_of((140, 100, 120))
        full, small = (Inspector.open(both, threads=1, self_test=True, precision=p) for p in ("fp32", "int8"))
        for inspector, gain in ((full, bundle_factory.GAIN), (small, bundle_factory.INT8_GAIN)):
            scores = inspector.read(frame).scores
            np.testing.assert_allclose(scores, bundle_factory.scores_of(frame, gain), atol=1e-4)
        assert full.bundle == Bundle.open(both).label
        assert small.inspect(frame).bundle == f"{full.bundle} int8"

    def test_fp32_unless_told(self, both):
        frame = bundle_factory.frame_of((140, 100, 120))
        scores = Inspector.open(both, threads=1).read(frame).scores
        np.testing.assert_allclose(scores, bundle_factory.scores_of(frame), atol=1e-4)

    def test_a_bundle_without_it_is_refused_and_never_answered_by_the_other(self, path):
        with pytest.raises(BundleError, match="holds no int8 model"):
            Inspector.open(path, precision="int8")

    def test_the_self_test_is_of_the_model_that_answers(self, tmp_path):
        wrong = bundle_factory.int8(golden=bundle_factory.golden_samples()[0])  # the other model's scores
        both = bundle_factory.write_bundle(tmp_path, with_int8=True, int8=wrong)
        Inspector.open(both, self_test=True)
        expected = r"int8: the self test failed\. golden/00\d\.png: .* above the tolerance of 0\.002"
        with pytest.raises(BundleError, match=expected):
            Inspector.open(both, self_test=True, precision="int8")


def test_importing_is_light():
    code = "import sys, sightline.runtime; print([n for n in ('torch', 'jinja2', 'onnx', 'tqdm') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
