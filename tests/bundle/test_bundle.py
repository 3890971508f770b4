"""A bundle is opened whole and unaltered, or refused with the reason and the file."""

import contextlib
import hashlib
import json
import os
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import bundle_factory
import sightline
from sightline import bundle
from sightline.bundle import Bundle, files, manifest
from sightline.errors import BundleError
from sightline.verdict import ANY_DEFECT, Policy, Threshold


@pytest.fixture
def folder(tmp_path):
    return bundle_factory.write_bundle(tmp_path)


def edit(folder, change):
    """Applies a change to the manifest as it lies on disk."""
    path = folder / "bundle.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def entries_of(folder):
    return [(p.relative_to(folder).as_posix(), p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()]


class TestOpen:
    def test_gives_the_manifest_and_every_file(self, folder):
        opened = Bundle.open(folder)
        assert opened.manifest.classes == bundle_factory.CLASSES
        assert opened.read("model.onnx") == bundle_factory.model()
        assert opened.label == f"colours 1.2.3 {opened.digest[:12]}"
        assert set(opened.sizes) == {name for name, _ in entries_of(folder)}
        with pytest.raises(BundleError, match=r"holds no other\.bin"):
            opened.read("other.bin")

    def test_may_lie_behind_a_link_such_as_current(self, folder, tmp_path):
        try:
            (tmp_path / "current").symlink_to(folder, target_is_directory=True)
        except OSError:
            pytest.skip("this system lets no user make symbolic links")
        assert Bundle.open(tmp_path / "current").digest == Bundle.open(folder).digest

    def test_digest_is_the_hash_of_the_canonical_manifest_whatever_its_spacing(self, folder):
        document = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        expected = hashlib.sha256(canonical).hexdigest()
        assert Bundle.open(folder).digest == expected
        (folder / "bundle.json").write_text(json.dumps(document, indent=7), encoding="utf-8")
        assert Bundle.open(folder).digest == expected

    @pytest.mark.parametrize("name", ["model.onnx", "golden/002.png", "card.md"])
    def test_one_altered_byte_is_found(self, folder, name):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
        with pytest.raises(BundleError, match=f"{name} was altered or damaged"):
            Bundle.open(folder)

    def test_a_missing_file_is_named(self, folder):
        (folder / "golden" / "001.png").unlink()
        with pytest.raises(BundleError, match=r"files are missing: golden/001\.png"):
            Bundle.open(folder)

    def test_a_file_too_many_is_named(self, folder):
        (folder / "weights.bin").write_bytes(b"external")
        with pytest.raises(BundleError, match=r"does not list: weights\.bin"):
            Bundle.open(folder)

    def test_a_signature_may_be_there(self, folder):
        (folder / "bundle.sig").write_bytes(b"signed")
        assert Bundle.open(folder).manifest.name == "colours"

    def test_a_link_is_refused_even_with_the_right_content(self, folder, tmp_path):
        moved = tmp_path / "elsewhere.onnx"
        (folder / "model.onnx").rename(moved)
        try:
            (folder / "model.onnx").symlink_to(moved)
        except OSError:
            pytest.skip("this system lets no user make symbolic links")
        with pytest.raises(BundleError, match=r"model\.onnx: expected a regular file, found a symbolic link"):
            Bundle.open(folder)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_refused_and_not_waited_for(self, folder):
        os.mkfifo(folder / "card.pipe")
        with pytest.raises(BundleError, match="found a device, pipe or socket"):
            Bundle.open(folder)

    def test_what_is_no_bundle(self, tmp_path):
        (tmp_path / "notes.txt").write_text("no zip")
        for path, reason in (
            (tmp_path / "missing", "found nothing"),
            (tmp_path / "notes.txt", "found a file that is neither"),
            (tmp_path, "found no bundle.json in it"),
        ):
            with pytest.raises(BundleError, match=reason):
                Bundle.open(path)

    def test_the_folder_above_is_told_from_the_bundle(self, folder):
        with pytest.raises(BundleError) as caught:
            Bundle.open(folder.parent)
        assert str(folder) in caught.value.hint

    def test_limits(self, folder, monkeypatch):
        monkeypatch.setattr(files, "MOST_FILES", 3)
        with pytest.raises(BundleError, match="expected at most 3 files"):
            Bundle.open(folder)


class TestInt8:
    @pytest.fixture
    def both(self, tmp_path):
        return bundle_factory.write_bundle(tmp_path, with_int8=True, name="both")

    def test_each_model_has_its_file_its_scores_and_its_name(self, both):
        opened = Bundle.open(both)
        assert opened.precisions == ("fp32", "int8")
        full, small = opened.model(), opened.model("int8")
        assert full.file == bundle_factory.model()
        assert small.file == bundle_factory.model(gain=bundle_factory.INT8_GAIN)
        assert [one.file for one in full.golden] == [one.file for one in small.golden]
        assert full.golden != small.golden
        assert (full.tolerance, small.tolerance) == (1e-3, 2e-3)
        assert small.label == f"{full.label} int8" == f"{opened.label} int8"

    def test_a_bundle_of_before_holds_fp32_alone(self, folder):
        edit(folder, lambda document: document.pop("int8"))
        opened = Bundle.open(folder)
        assert opened.precisions == ("fp32",)
        with pytest.raises(BundleError, match="holds no int8 model") as caught:
            opened.model("int8")
        assert "fp32" in caught.value.hint

    def test_what_is_no_precision_is_no_model(self, both):
        with pytest.raises(BundleError, match="holds no fp16 model"):
            Bundle.open(both).model("fp16")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda d: d.update(int8=None), "says nothing about model-int8.onnx"),
            (lambda d: d["files"].pop("model-int8.onnx"), "is about model-int8.onnx, but does not list it"),
            (lambda d: d["int8"]["golden"][0].update(file="golden/009.png"), "does not list as files: golden/009.png"),
            (lambda d: d["int8"]["golden"][0].update(scores=[0.5]), "golden/001.png: expected 3 scores, got 1"),
            (lambda d: d["int8"].update(agreement=[]), "int8.agreement: Tuple should have at least 1 item"),
            (lambda d: d["int8"].update(tolerance=0.5), "int8.tolerance: Input should be less than or equal to 0.05"),
        ],
    )
    def test_manifest_and_file_go_together(self, both, change, reason):
        edit(both, change)
        with pytest.raises(BundleError, match=reason):
            Bundle.open(both)


def _set(field, value, document):
    """Gives the class red another value in a field of `locate`, where all others are right."""
    linked = {name: [1.0, 0.0] for name in document["classes"]}
    document["locate"].update(frame=linked)
    document["locate"][field]["red"] = value


class TestLocating:
    @pytest.fixture
    def local(self, tmp_path):
        variants = {"pale": bundle_factory.spotted((64, 64))}
        return bundle_factory.write_local_bundle(tmp_path, pair=True, variants=variants)

    def test_holds_templates_of_variants_and_of_golden_samples(self, local):
        opened = Bundle.open(local)
        assert opened.manifest.templates.variants == {"pale": "templates/pale.png"}
        assert opened.read("templates/pale.png")
        assert opened.read(opened.manifest.golden[0].template)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda d: d["files"].pop("templates/pale.png"), "names templates that it does not list as files"),
            (lambda d: d["files"].pop("golden/001-template.png"), "golden samples that it does not list as files"),
            (lambda d: d["locate"]["peaks"].pop("red"), "locate.peaks: expected one for each class"),
            (lambda d: d["locate"]["edges"].update(violet=0.1), "locate.edges: expected one for each class"),
            (lambda d: d["locate"].update(by="guess"), "locate.by"),
            *((partial(_set, "peaks", v), "locate.peaks.red: Input should be") for v in (0, -1, 2, 1e308, 1e-300)),
            *((partial(_set, "edges", v), "locate.edges.red: Input should be") for v in (0, -1, 2)),
            (partial(_set, "edges", 0.9), "edges: expected none above its peak, got a higher one for red"),
            (lambda d: d["locate"].update(frame={"zz": [1, 0]}), "locate.frame: expected one for each class, got zz"),
            *((partial(_set, "frame", [v, 0]), "locate.frame.red.0: Input should be") for v in (0, -1, 1e308)),
            (partial(_set, "frame", [1, 1e308]), "locate.frame.red.1: Input should be"),
            (lambda d: d["locate"].update(by="boxes"), "edges and frame: expected none with boxes"),
            (lambda d: d["templates"].update(choose="chance"), "templates.choose"),
            (lambda d: d["policy"].update(minimum_area=-1), "policy.minimum_area"),
        ],
    )
    def test_each_fault_is_said(self, local, change, reason):
        edit(local, change)
        with pytest.raises(BundleError, match=reason):
            Bundle.open(local)


class TestManifest:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda d: d.update(format="other"), "expected format 'sightline-bundle', found 'other'"),
            (lambda d: d.update(schema_version=2), "this runtime knows schema_version 1, found 2"),
            (lambda d: d.update(contract=9), "this runtime knows contract 1, found 9"),
            (lambda d: d.update(colour="blue"), "colour: Extra inputs are not permitted"),
            (lambda d: d.pop("policy"), "policy: Field required"),
            (lambda d: d["files"].pop("model.onnx"), "lists no model.onnx"),
            (lambda d: d["files"].pop("golden/001.png"), "does not list as files: golden/001.png"),
            (lambda d: d["files"].update({"../up.txt": "0" * 64}), r"expected plain relative names .* '../up.txt'"),
            (lambda d: d["files"].update({"Card.md": "0" * 64}), "differ in upper and lower case alone"),
            (lambda d: d.update(classes=["red", "red", "blue"]), "expected distinct names"),
            (lambda d: d["golden"][0].update(scores=[0.5]), "golden/001.png: expected 3 scores, got 1"),
            (lambda d: d["golden"][0].update(scores={"red": 0.5}), "golden/001.png: expected 3 scores, got 1"),
            (
                lambda d: d["golden"][0].update(scores={"red": 0.5, "green": 0.5, "violet": 0.5}),
                "golden/001.png: scores: violet is no class",
            ),
            (lambda d: d.update(tolerance=0), "tolerance: Input should be greater than 0"),
            (lambda d: d.update(tolerance=1e308), "tolerance: Input should be less than or equal to 0.05"),
            (lambda d: d.update(contract=True), "this runtime knows contract 1, found True"),
            (lambda d: d.update(runtime_needed="9" * 5000 + ".0.0"), "runtime_needed: String should match"),
            (lambda d: d.update(runtime_needed="1.2." + "9" * 5000), "runtime_needed: String should match"),
            (lambda d: d.update(version="1.2." + "9" * 5000), "version: String should match"),
            (lambda d: d.update(product="\ud800"), "surrogates not allowed"),
        ],
    )
    def test_each_fault_is_said(self, folder, change, reason):
        edit(folder, change)
        with pytest.raises(BundleError, match=reason):
            Bundle.open(folder)

    @pytest.mark.parametrize(
        "text", ["", "no json", "[1]", '{"a": NaN}', "[" * 100_000, '{"format": "sightline-bundle"}']
    )
    def test_what_is_no_manifest_is_a_bundle_error(self, folder, text):
        (folder / "bundle.json").write_text(text, encoding="utf-8")
        with pytest.raises(BundleError, match=r"bundle\.json"):
            Bundle.open(folder)

    @given(
        st.sampled_from(
            ["schema_version", "classes", "input", "policy", "files", "golden", "runtime_needed", "metrics"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        ),
    )
    def test_any_value_of_any_field_gives_a_manifest_or_a_bundle_error(self, key, value):
        document = {**bundle_factory.manifest().model_dump(mode="json"), key: value}
        with contextlib.suppress(BundleError):
            bundle.bundle.parse(document, Path("bundle.json"))

    def test_a_newer_runtime_is_asked_for(self, folder, monkeypatch):
        edit(folder, lambda d: d.update(runtime_needed="99.0.0"))
        with pytest.raises(BundleError, match=r"needs Sightline 99\.0\.0 or newer, here is") as caught:
            Bundle.open(folder)
        assert "pip install" in caught.value.hint

    @pytest.mark.parametrize(("needed", "here"), [("0.9.0", "0.10.0"), ("1.2.3", "1.2.3"), ("1.2.3", "1.2.3.dev4")])
    def test_versions_are_compared_as_numbers(self, folder, monkeypatch, needed, here):
        edit(folder, lambda d: d.update(runtime_needed=needed))
        monkeypatch.setattr(sightline, "__version__", here)
        assert Bundle.open(folder).manifest.runtime_needed == needed

    def test_a_class_without_a_threshold_could_never_be_rejected(self):
        policy = Policy(exclusive=False, good_known=True, thresholds={"red": Threshold(ng=0.5, review=0.5)})
        with pytest.raises(ValidationError, match="none for blue, green"):
            bundle_factory.manifest(policy=policy)
        everything = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.5)})
        assert bundle_factory.manifest(policy=everything).policy == everything

    def test_a_threshold_for_no_class(self):
        thresholds = {name: Threshold(ng=0.5, review=0.5) for name in (ANY_DEFECT, "violet")}
        with pytest.raises(ValidationError, match="violet is no class"):
            bundle_factory.manifest(policy=Policy(exclusive=False, good_known=True, thresholds=thresholds))

    @pytest.mark.parametrize(
        "name",
        [
            ".hidden",
            "a/../b",
            "/etc/passwd",
            "a//b",
            "C:file",
            "a\\b",
            "trailing.",
            "spa ce",
            "bundle.json",
            "Bundle.sig",
            "",
        ],
    )
    def test_names_that_mean_something_else_somewhere(self, name):
        with pytest.raises(ValidationError):
            bundle_factory.manifest(files={name: "0" * 64})

    def test_figures_that_are_no_numbers_are_refused(self):
        with pytest.raises(ValidationError, match="finite number"):
            manifest.Metric(name="auroc", value=float("nan"), low=0, high=1, count=1, interval="none")
