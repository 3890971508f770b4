"""`sightline score` answers every image, keeps what it wrote, and tells by its exit code what was asked."""

import csv
import json
import os
import shlex
import subprocess
import sys
import time

import pytest

import bundle_factory
from sightline import image
from sightline.cli import main
from sightline.errors import DataError

SIGHTLINE = [sys.executable, "-m", "sightline.cli"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return str(bundle_factory.write_bundle(tmp_path_factory.mktemp("bundles")))


@pytest.fixture
def parts(tmp_path):
    """A folder with a rejected, a good, a doubtful and a damaged part, and one deeper down."""
    folder = tmp_path / "parts ü"
    (folder / "deep").mkdir(parents=True)
    for name, colour in (("ng", (255, 0, 0)), ("ok", (0, 0, 0)), ("review", (0, 128, 0)), ("deep/ng", (0, 0, 255))):
        (folder / f"{name}.png").write_bytes(image.png(bundle_factory.frame_of(colour)))
    (folder / "damaged.png").write_bytes(b"damaged")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def score(bundle, capfdbinary):
    """Runs the command; gives exit code, verdicts and what it said besides."""

    def run(*arguments):
        code = main(["score", bundle, *map(str, arguments)])
        out, err = capfdbinary.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err.decode()

    return run


def wait_until(happened):
    """Waits for what another process does, half a minute at most."""
    for _ in range(3000):
        if happened():
            return
        time.sleep(0.01)
    raise TimeoutError


def outcomes(lines):
    return {os.path.basename(line["frame"]): line["outcome"] for line in lines}  # noqa: PTH119


class TestImages:
    def test_a_folder_is_searched_and_the_summary_counts(self, score, parts):
        code, lines, said = score(parts)
        assert code == 0
        assert [line["frame"] for line in lines] == [
            str(parts / name) for name in ("damaged.png", "deep/ng.png", "ng.png", "ok.png", "review.png")
        ]
        assert outcomes(lines)["damaged.png"] == "NOT_INSPECTED"
        assert "5 images: 2 NG, 1 NOT_INSPECTED, 1 OK, 1 REVIEW" in said
        assert "images/s" in said

    def test_files_folders_and_patterns_in_the_order_given(self, score, parts):
        _, lines, _ = score(parts / "ok.png", str(parts / "**" / "ng.png"), parts / "deep")
        assert [line["frame"] for line in lines] == [
            str(parts / name) for name in ("ok.png", "deep/ng.png", "ng.png", "deep/ng.png")
        ]

    def test_a_name_that_looks_like_a_pattern_is_a_file_first(self, score, tmp_path):
        name = tmp_path / "part[1].png"
        name.write_bytes(image.png(bundle_factory.frame_of((0, 0, 0))))
        assert [line["outcome"] for line in score(name)[1]] == ["OK"]

    def test_what_is_not_there_is_not_inspected_and_the_rest_goes_on(self, score, parts):
        code, lines, said = score(parts / "gone", parts / "ok.png")
        assert code == 2
        assert [line["outcome"] for line in lines] == ["NOT_INSPECTED", "OK"]
        assert "gone: cannot be read" in lines[0]["reasons"][0]
        assert f"error: found no image in {parts / 'gone'}" in said

    def test_no_image_at_all_is_an_error(self, score, tmp_path):
        (tmp_path / "empty").mkdir()
        code, lines, said = score(tmp_path / "empty", tmp_path / "*.jpg")
        assert (code, lines) == (2, [])
        assert "error: found no image in" in said
        assert ".png" in said

    @pytest.mark.parametrize("nothing", ["empty", "no*.png"])
    def test_where_something_asked_for_is_not_there_the_rest_is_scored_and_the_exit_code_tells(
        self, score, parts, tmp_path, nothing
    ):
        (tmp_path / "empty").mkdir()
        code, lines, said = score(tmp_path / nothing, parts / "ok.png", "--fail-on", "NOT_INSPECTED")
        assert (code, [line["outcome"] for line in lines]) == (2, ["OK"])
        assert f"error: found no image in {tmp_path / nothing}" in said

    @pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link")
    def test_a_link_to_a_folder_is_followed(self, score, parts, tmp_path):
        (tmp_path / "top").mkdir()
        (tmp_path / "top" / "today").symlink_to(parts / "deep")
        _, lines, _ = score(tmp_path / "top")
        assert [line["frame"] for line in lines] == [str(tmp_path / "top" / "today" / "ng.png")]


class TestList:
    def run(self, bundle, text, *arguments):
        return subprocess.run(
            [*SIGHTLINE, "score", bundle, "-", *arguments], input=text, capture_output=True, check=False
        )

    def test_paths_folders_and_blank_lines(self, bundle, parts):
        text = f"{parts / 'ok.png'}\r\n\n{parts / 'gone.png'}\n{parts / 'deep'}".encode()
        done = self.run(bundle, text)
        assert done.returncode == 0, done.stderr
        assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["OK", "NOT_INSPECTED", "NG"]

    def test_an_empty_list_is_an_error(self, bundle):
        done = self.run(bundle, b"\n")
        assert done.returncode == 2
        assert b"expected paths of images on standard input" in done.stderr

    def test_a_folder_that_cannot_be_searched_is_answered_and_the_rest_goes_on(
        self, bundle, parts, tmp_path, monkeypatch, capfdbinary
    ):
        """As another user: one who may do everything can search every folder."""
        (tmp_path / "list").write_text(f"{parts / 'ok.png'}\n{parts / 'deep'}\n{parts / 'ng.png'}\n")

        def locked(folder):
            raise DataError(f"{folder}: the folder cannot be searched (Permission denied)")

        monkeypatch.setattr("sightline.runtime.score.find_images", locked)
        with (tmp_path / "list").open() as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            code = main(["score", bundle, "-"])
        out, err = capfdbinary.readouterr()
        assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["OK", "NOT_INSPECTED", "NG"]
        assert b"the folder cannot be searched (Permission denied)" in err
        assert code == 2

    def test_each_is_answered_as_it_comes(self, bundle, parts):
        with subprocess.Popen(
            [*SIGHTLINE, "score", bundle, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            for name, outcome in (("ok", "OK"), ("ng", "NG")):
                process.stdin.write(f"{parts / name}.png\n".encode())
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["outcome"] == outcome
            process.stdin.close()
            assert process.wait(60) == 0

    @pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
    def test_interrupted_while_the_list_stalls_it_ends_at_once(self, bundle, parts):
        import signal

        # Whoever started the tests in the background may have had this signal ignored, which children inherit.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with subprocess.Popen(
            [*SIGHTLINE, "score", bundle, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            process.stdin.write(f"{parts / 'ok.png'}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline()
            time.sleep(0.3)  # what is written is counted next
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert b"1 images: 1 OK" in process.stderr.read()


class TestOutput:
    def test_csv_to_a_file(self, score, parts, tmp_path):
        code, printed, _ = score(parts, "--format", "csv", "-o", tmp_path / "out" / "verdicts.csv")
        rows = list(csv.DictReader((tmp_path / "out" / "verdicts.csv").read_text(encoding="utf-8").splitlines()))
        assert (code, printed, len(rows)) == (0, [], 5)
        assert float(rows[2]["score:red"]) > 0.99

    def test_overlays_and_a_report(self, score, parts, tmp_path):
        code, lines, _ = score(parts, "--overlay", tmp_path / "o", "--report", tmp_path / "r" / "report.html")
        assert code == 0
        written = {line["overlay"] for line in lines if "overlay" in line}
        assert written == {str(path) for path in (tmp_path / "o").iterdir()}
        assert len(written) == 4  # all but the damaged one; two are named ng.png
        page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
        assert page.count("<tr data-outcome") == 5

    @pytest.mark.parametrize(("option", "suffix"), [("-o", ".jsonl"), ("--overlay", ""), ("--report", ".html")])
    def test_an_unwritable_place_is_said_before_an_image_is_scored(self, score, parts, tmp_path, option, suffix):
        (tmp_path / "file").touch()
        code, lines, said = score(parts, option, tmp_path / "file" / f"below{suffix}")
        assert (code, lines) == (2, [])
        assert "error: " in said
        assert "file" in said

    def test_a_run_that_fails_or_finds_nothing_keeps_the_old_result(self, score, bundle, parts, tmp_path):
        keep, file = tmp_path / "keep.csv", tmp_path / "file"
        keep.write_text(old := "frame,outcome,defect\nold,,\n")
        file.touch()
        assert score(parts, "-o", keep, "--overlay", file, "--format", "csv")[0] == 2
        empty = [*SIGHTLINE, "score", bundle, "-", "--format", "csv", "-o", str(keep)]
        assert subprocess.run(empty, input=b"", capture_output=True, check=False).returncode == 2
        assert keep.read_text() == old
        assert score(parts / "ok.png", "-o", keep, "--format", "csv")[0] == 0
        assert keep.read_text().startswith("frame,")
        assert old not in keep.read_text()

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            (("-o",), "verdicts.jsonl"),
            (("--format", "csv", "-o"), "verdicts.csv"),
            (("--report",), "report.html"),
            (("--coco",), "found.json"),
        ],
    )
    def test_only_what_the_command_made_is_replaced(self, score, parts, tmp_path, options, name):
        place = tmp_path / "out" / name
        for _ in range(2):
            assert score(parts / "ok.png", *options, place)[0] == 0
        place.write_text(held := '{"images": [], "annotations": []}')
        code, lines, said = score(parts / "ok.png", *options, place)
        assert (code, lines) == (2, [])
        assert "is not replaced" in said
        assert "only what the command itself made" in said
        assert place.read_text() == held
        code, lines, said = score(parts / "ok.png", *options, place.with_suffix(".txt"))
        assert (code, lines) == (2, [])
        assert "expected a file that ends in" in said

    @pytest.mark.parametrize(
        "options",
        [
            ("-o", "same", "--report", "same"),
            ("-o", "same", "--report", "sub/../same"),
            ("-o", "same", "--overlay", "same"),
            ("--report", "same", "--overlay", "same"),
            ("-o", "part.png"),
            ("--report", "."),
        ],
    )
    def test_places_that_would_overwrite_each_other_or_an_image(self, score, parts, tmp_path, monkeypatch, options):
        monkeypatch.chdir(tmp_path)
        before = sorted(tmp_path.rglob("*"))
        code, lines, said = score(parts, *options)
        assert (code, lines) == (2, [])
        assert "same place" in said or "expected a file" in said
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.parametrize(("named", "place"), [("", "."), ("", "deep"), ("", "new/ones"), ("*.png", "."), ("*", "")])
    def test_overlays_are_not_laid_among_the_images(self, score, parts, named, place):
        before = sorted(parts.rglob("*"))
        code, lines, said = score(parts / named if named else parts, "--overlay", parts / place)
        assert (code, lines) == (2, [])
        assert "the overlays would be scored as images" in said
        assert sorted(parts.rglob("*")) == before
        assert score(parts / "ok.png", "--overlay", parts)[0] == 0  # which names its image itself

    def test_a_second_process_on_the_same_file_is_refused(self, bundle, score, parts, tmp_path):
        out = tmp_path / "out.jsonl"
        command = [*SIGHTLINE, "score", bundle, "-", "-o", str(out)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdin.write(f"{parts / 'ok.png'}\n".encode())
            process.stdin.flush()
            wait_until(lambda: out.exists() and out.stat().st_size)
            held = out.read_bytes()
            code, lines, said = score(parts, "-o", out)
            assert (code, lines) == (2, [])
            assert "another process is writing its verdicts there" in said
            assert out.read_bytes() == held
            process.stdin.close()
            assert process.wait(30) == 0
        assert out.read_bytes() == held
        assert score(parts, "-o", out)[0] == 0
        assert len(out.read_bytes().splitlines()) == 5
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    @pytest.mark.parametrize("option", ["-o", "--report", "--overlay"])
    @pytest.mark.parametrize("place", ["new", "bundle.json", "deep/er/new", "."])
    def test_nothing_is_written_into_the_bundle(self, parts, tmp_path, monkeypatch, capsys, option, place):
        folder = bundle_factory.write_bundle(tmp_path)
        monkeypatch.chdir(folder)
        assert main(["score", ".", str(parts), option, place]) == 2
        assert "expected a place outside the bundle" in capsys.readouterr().err
        assert main(["score", ".", str(parts / "ok.png")]) == 0

    @pytest.mark.skipif(os.name == "nt", reason="closes streams as a POSIX shell does")
    @pytest.mark.parametrize(
        ("redirection", "code", "said"),
        [
            ("{} - <&-", 2, b"expected paths of images on standard input, which is closed"),
            ("{} {} >&-", 2, b"standard output is closed"),
            ("{} {} 2>&-", 0, b""),
        ],
    )
    def test_closed_streams(self, bundle, parts, redirection, code, said):
        command = (
            shlex.join(SIGHTLINE) + " score " + redirection.format(*map(shlex.quote, (bundle, str(parts / "ok.png"))))
        )
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
        assert done.returncode == code
        assert said in done.stderr
        assert b"Traceback" not in done.stderr
        assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["OK"] * (code == 0)

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
    def test_a_full_disk(self, score, parts):
        code, _, said = score(parts, "-o", "/dev/full")
        assert code == 2
        assert "No space left on device" in said

    @pytest.mark.skipif(os.name == "nt", reason="kills with a POSIX signal")
    def test_killed_it_keeps_every_line(self, bundle, parts, tmp_path):
        out = tmp_path / "out.jsonl"
        many = [str(parts / "ok.png")] * 3000
        process = subprocess.Popen([*SIGHTLINE, "score", bundle, *many, "-o", str(out)], stderr=subprocess.DEVNULL)
        with process:
            for _ in range(2000):
                if out.exists() and out.stat().st_size > 5000:
                    break
                time.sleep(0.01)
            process.kill()
        text = out.read_text(encoding="utf-8")
        assert text.endswith("\n")
        assert len([json.loads(line) for line in text.splitlines()]) > 10

    @pytest.mark.skipif(os.name == "nt", reason="reads through a POSIX pipe")
    def test_a_reader_that_has_seen_enough(self, bundle, parts):
        many = [str(parts / "ok.png")] * 500
        with subprocess.Popen(
            [*SIGHTLINE, "score", bundle, *many], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout.readline()
            process.stdout.close()
            said = process.stderr.read()
            process.wait(60)
        assert b"Traceback" not in said

    def test_the_bar_is_shown_when_asked_for_and_not_in_a_file(self, score, parts):
        assert "100%" not in score(parts)[2]
        assert "5/5" in score(parts, "--progress")[2]


class TestExitCode:
    @pytest.mark.parametrize(
        ("fail_on", "name", "code"),
        [
            ("NG", "ng.png", 1),
            ("NG", "review.png", 0),
            ("ng,Review", "review.png", 1),
            ("NOT_INSPECTED", "damaged.png", 1),
            ("NOT_INSPECTED", "ng.png", 0),
        ],
    )
    def test_follows_the_outcomes_asked_for(self, score, parts, fail_on, name, code):
        assert score(parts / name, "--fail-on", fail_on)[0] == code

    @pytest.mark.parametrize("options", [("--fail-on", "NOK"), ("--threads", "0"), ("--format", "xml")])
    def test_options_that_mean_nothing(self, bundle, parts, options, capsys):
        with pytest.raises(SystemExit) as caught:
            main(["score", bundle, str(parts), *options])
        assert caught.value.code == 2
        assert options[1] in capsys.readouterr().err

    def test_no_bundle(self, tmp_path, parts, capsys):
        assert main(["score", str(tmp_path / "missing"), str(parts)]) == 2
        assert "expected the folder of a bundle or a zip of it, found nothing" in capsys.readouterr().err

    def test_the_self_test_fails_before_an_image_is_scored(self, tmp_path, parts, capsys):
        samples, _ = bundle_factory.golden_samples()
        wrong = (samples[0].model_copy(update={"scores": (0.5, 0.5, 0.5)}), *samples[1:])
        path = str(bundle_factory.write_bundle(tmp_path, golden=wrong))
        assert main(["score", path, str(parts)]) == 0
        capsys.readouterr()
        assert main(["score", path, str(parts), "--self-test"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "the self test failed" in err


def test_the_model_asked_for_answers(tmp_path, parts, capsys):
    both = str(bundle_factory.write_bundle(tmp_path, with_int8=True))
    answers = {}
    for precision in ("fp32", "int8"):
        assert main(["score", both, str(parts / "review.png"), "--self-test", "--precision", precision]) == 0
        answers[precision] = json.loads(capsys.readouterr().out)
    assert answers["int8"]["bundle"] == f"{answers['fp32']['bundle']} int8"
    assert answers["int8"]["scores"] != answers["fp32"]["scores"]


def test_int8_where_there_is_none(score, parts):
    code, lines, said = score(parts, "--precision", "int8")
    assert (code, lines) == (2, [])
    assert "holds no int8 model" in said


def test_the_number_of_threads_changes_no_score(score, parts):
    one, three = (score(parts, "--threads", number)[1] for number in (1, 3))
    assert [line["scores"] for line in one] == [line["scores"] for line in three]
