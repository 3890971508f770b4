"""A bundle is written whole or not at all, and a zip of it is trusted no more than its folder."""

import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bundle_factory
from sightline import bundle
from sightline.bundle import Bundle, files
from sightline.errors import BundleError


@pytest.fixture
def folder(tmp_path):
    return bundle_factory.write_bundle(tmp_path)


@pytest.fixture(scope="module")
def whole_zip(tmp_path_factory):
    """A small zip, so that damage often hits its directory."""
    described, content = bundle_factory.contents(golden=())
    content = {name: data for name, data in content.items() if not name.startswith("golden/")}
    return bundle.pack(bundle.write(tmp_path_factory.mktemp("whole"), described, content))


def zip_with(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def entries_of(folder):
    return [(p.relative_to(folder).as_posix(), p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()]


class TestWrite:
    def test_what_was_written_opens_with_the_same_content(self, tmp_path):
        described, content = bundle_factory.contents()
        path = bundle.write(tmp_path / "models", described, content)
        assert path == tmp_path / "models" / "colours-1.2.3"
        opened = Bundle.open(path)
        assert {name: opened.read(name) for name in content} == content
        assert opened.manifest.model_copy(update={"files": {}}) == described
        assert [p.name for p in path.parent.iterdir()] == ["colours-1.2.3"]

    def test_is_readable_by_others_as_the_folder_allows(self, folder):
        umask = os.umask(0)
        os.umask(umask)
        if os.name != "nt":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o777 & ~umask

    def test_refuses_to_overwrite_unless_told(self, folder):
        before = Bundle.open(folder).digest
        with pytest.raises(BundleError, match="is there already"):
            bundle_factory.write_bundle(folder.parent, product="others")
        assert Bundle.open(folder).digest == before
        bundle.write(folder.parent, *bundle_factory.contents(product="others"), replace=True)
        assert Bundle.open(folder).manifest.product == "others"
        assert [p.name for p in folder.parent.iterdir()] == [folder.name]

    @pytest.mark.parametrize("name", ["notes.txt", "golden/mine.png"])
    def test_what_is_not_the_bundles_own_is_not_deleted(self, folder, name):
        before = Bundle.open(folder).digest
        (folder / name).write_text("mine")
        with pytest.raises(BundleError, match=f"found {name} beside them") as caught:
            bundle.write(folder.parent, *bundle_factory.contents(product="others"), replace=True)
        assert "Move them" in caught.value.hint
        assert (folder / name).read_text() == "mine"
        (folder / name).unlink()
        assert Bundle.open(folder).digest == before
        (folder / "bundle.sig").write_text("signed")
        bundle.write(folder.parent, *bundle_factory.contents(product="others"), replace=True)

    @pytest.mark.parametrize("text", ["no json", "[]", '{"files": 1}', None])
    def test_a_folder_without_a_manifest_is_nobodys_bundle(self, folder, text):
        (folder / "bundle.json").unlink()
        if text is not None:
            (folder / "bundle.json").write_text(text)
        with pytest.raises(BundleError, match=r"found .*model\.onnx beside them|found .* more beside them"):
            bundle.write(folder.parent, *bundle_factory.contents(), replace=True)
        assert (folder / "model.onnx").exists()

    def test_leaves_nothing_if_the_disk_is_full(self, tmp_path, monkeypatch):
        full = OSError(28, "No space left on device")
        calls = []

        def fsync(number):
            calls.append(number)
            if len(calls) == 3:
                raise full

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(BundleError, match="No space left on device"):
            bundle_factory.write_bundle(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_keeps_the_old_one_if_the_new_one_cannot_take_its_place(self, folder, monkeypatch):
        rename = Path.rename
        before = Bundle.open(folder).digest

        def fail_for_new(self, target):
            if self.suffix == ".part" and ".old" not in self.name and target == folder:
                raise OSError(13, "Permission denied")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", fail_for_new)
        with pytest.raises(BundleError, match="Permission denied"):
            bundle.write(folder.parent, *bundle_factory.contents(product="others"), replace=True)
        assert Bundle.open(folder).digest == before

    def test_an_unwritable_place(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(BundleError, match="cannot be written"):
            bundle_factory.write_bundle(tmp_path / "file")

    @pytest.mark.parametrize(
        ("drop", "add", "reason"),
        [
            ("model.onnx", {}, "lists no model.onnx"),
            ("golden/001.png", {}, "does not list as files: golden/001.png"),
            (None, {"model-int8.onnx": b""}, "says nothing about model-int8.onnx"),
            (None, {"../escape": b""}, "expected plain relative names"),
            (None, {"bundle.json": b"{}"}, "expected plain relative names"),
        ],
    )
    def test_refuses_what_it_could_not_open_again(self, tmp_path, drop, add, reason):
        described, content = bundle_factory.contents()
        content = {name: data for name, data in content.items() if name != drop} | add
        with pytest.raises(BundleError, match=reason):
            bundle.write(tmp_path / "out", described, content)
        assert not (tmp_path / "out").exists()

    @pytest.mark.skipif(os.name == "nt", reason="kills with a POSIX signal")
    def test_killed_at_any_moment_there_is_no_half_bundle(self, tmp_path):
        """A process that writes bundles without end is killed; every bundle that has its name opens."""
        code = (
            "import itertools, sys; from pathlib import Path\n"
            "sys.path.insert(0, sys.argv[1]); import bundle_factory as b\n"
            "print('ready', flush=True)\n"
            "for n in itertools.count(): b.write_bundle(Path(sys.argv[2]), version=f'1.0.{n}')\n"
        )
        tests = str(Path(bundle_factory.__file__).parent)
        process = subprocess.Popen([sys.executable, "-c", code, tests, str(tmp_path)], stdout=subprocess.PIPE)
        with process:
            process.stdout.readline()
            for _ in range(3000):
                if len(list(tmp_path.glob("colours-1.0.?"))) >= 2:
                    break
                time.sleep(0.005)
            process.kill()
        whole = [path for path in tmp_path.iterdir() if not path.name.endswith(".part")]
        assert len(whole) >= 2
        for path in whole:
            Bundle.open(path)

    def test_what_does_not_prove_itself_replaces_nothing(self, folder):
        before = bundle.Bundle.open(folder)

        def refuse(path):
            assert bundle.Bundle.open(path).manifest.product == "other"
            raise BundleError("no")

        manifest = before.manifest.model_copy(update={"product": "other"})
        files = {name: before.read(name) for name in before.manifest.files}
        with pytest.raises(BundleError, match="no"):
            bundle.write(folder.parent, manifest, files, replace=True, prove=refuse)
        assert bundle.Bundle.open(folder).digest == before.digest
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]


class TestZip:
    def test_same_bundle_same_bytes_same_digest(self, folder, tmp_path):
        first = bundle.pack(folder, tmp_path / "a.zip")
        second = bundle.pack(folder, tmp_path / "b.zip")
        assert first.read_bytes() == second.read_bytes()
        assert Bundle.open(first).digest == Bundle.open(folder).digest

    def test_lies_beside_the_folder_and_unpacks_to_it(self, folder, tmp_path):
        packed = bundle.pack(folder)
        assert packed == folder.parent / "colours-1.2.3.zip"
        before = entries_of(folder)
        shutil.rmtree(folder)
        shutil.unpack_archive(packed, folder.parent)
        assert entries_of(folder) == before

    def test_files_at_the_top_are_taken_too(self, folder, tmp_path):
        path = zip_with(tmp_path / "flat.zip", entries_of(folder))
        assert Bundle.open(path).digest == Bundle.open(folder).digest

    def test_refuses_to_overwrite_unless_told(self, folder, tmp_path):
        target = bundle.pack(folder, tmp_path / "a.zip")
        with pytest.raises(BundleError, match="is there already"):
            bundle.pack(folder, target)
        assert bundle.pack(folder, target, replace=True) == target

    def test_a_bundle_is_not_packed_into_itself(self, folder):
        with pytest.raises(BundleError, match="outside the bundle"):
            bundle.pack(folder, folder / "a.zip")
        bundle.Bundle.open(folder)

    def test_a_damaged_bundle_is_not_packed(self, folder, tmp_path):
        (folder / "card.md").write_text("other")
        with pytest.raises(BundleError, match="altered"):
            bundle.pack(folder, tmp_path / "a.zip")
        assert not (tmp_path / "a.zip").exists()

    @pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "x/../../evil", "golden\\..\\evil"])
    def test_a_name_that_points_outside(self, folder, tmp_path, name):
        path = zip_with(tmp_path / "evil.zip", [*entries_of(folder), (name, b"evil")])
        with pytest.raises(BundleError, match="points outside the bundle"):
            Bundle.open(path)

    def test_a_link_inside(self, folder, tmp_path):
        path = zip_with(tmp_path / "link.zip", entries_of(folder))
        entry = zipfile.ZipInfo("weights.bin")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(entry, "/etc/passwd")
        with pytest.raises(BundleError, match="found a link or device"):
            Bundle.open(path)

    def test_a_bomb_is_not_unpacked(self, folder, tmp_path):
        path = tmp_path / "bomb.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bundle.json", bytes(50_000_000))
        assert path.stat().st_size < 100_000
        with pytest.raises(BundleError, match="zip bomb"):
            Bundle.open(path)

    def test_more_bytes_than_a_bundle_may_have(self, folder, tmp_path, monkeypatch):
        packed = bundle.pack(folder, tmp_path / "a.zip")
        monkeypatch.setattr(files, "MOST_BYTES", 1000)
        with pytest.raises(BundleError, match="1,000 bytes, found"):
            Bundle.open(packed)

    def test_the_same_name_twice(self, folder, tmp_path):
        with pytest.warns(UserWarning, match="Duplicate name"):
            path = zip_with(tmp_path / "twice.zip", [*entries_of(folder), ("card.md", b"other")])
        with pytest.raises(BundleError, match=r"'card\.md' is there twice"):
            Bundle.open(path)

    def test_another_packing(self, folder, tmp_path):
        path = tmp_path / "bz.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
            archive.writestr("bundle.json", b"{}")
        with pytest.raises(BundleError, match="another method than deflate"):
            Bundle.open(path)

    @pytest.mark.parametrize("where", [0.3, 0.6])
    def test_a_flipped_byte(self, folder, tmp_path, where):
        packed = bundle.pack(folder, tmp_path / "a.zip")
        data = bytearray(packed.read_bytes())
        data[int(len(data) * where)] ^= 0xFF
        packed.write_bytes(data)
        with pytest.raises(BundleError, match=r"damaged|altered"):
            Bundle.open(packed)

    def test_cut_off(self, folder, tmp_path):
        packed = bundle.pack(folder, tmp_path / "a.zip")
        packed.write_bytes(packed.read_bytes()[:-200])
        with pytest.raises(BundleError):
            Bundle.open(packed)

    @given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
    @settings(max_examples=150, deadline=None)
    def test_any_damage_is_a_bundle_error_or_harmless(self, whole_zip, tmp_path_factory, flips):
        data = bytearray(whole_zip.read_bytes())
        directory = data.find(b"PK\x01\x02")  # where a flip does most harm
        for place, mask in flips:
            data[directory + int((len(data) - directory) * place)] ^= mask
        path = tmp_path_factory.mktemp("flipped") / "a.zip"
        path.write_bytes(data)
        try:
            digest = Bundle.open(path).digest
        except BundleError:
            return
        assert digest == Bundle.open(whole_zip).digest
