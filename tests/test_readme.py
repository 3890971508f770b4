"""The pages for users: each command is one that exists, each file is there, each snippet runs or at least compiles."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from bundle_factory import SIDE, frame_of, write_bundle
from sightline import bundle, cli, config, image, synth

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "data/README.md", "models/README.md")
# What a reader is told to train takes minutes, what to calibrate hundreds of parts, and what to judge people's answers;
# they have tests of their own.
PARSED_ONLY = ("train", "track", "export", "demo", "commission", "evaluate", "calibrate", "msa", "compare", "promote")


def _blocks(page, *languages):
    """The code blocks of a page that are in one of the languages."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for language, code in found if language in languages]


def _commands(page):
    """The commands of a page as lists of words; a comment ends a line."""
    lines = "".join(_blocks(page, "sh", "console")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [command for command in words if command]


COMMANDS = [(page, command) for page in PAGES for command in _commands(page)]
OURS = [command for _, command in COMMANDS if command[0] == "sightline"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with what README's commands speak of: photos, a recipe, a bundle, a trained run's bundle."""
    synth.write(tmp_path / "made", count=40, size=(SIDE, SIDE))
    shutil.move(tmp_path / "made" / "images", tmp_path / "photos")
    shutil.copytree(tmp_path / "photos" / "scratch", tmp_path / "new-photos")
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    for bad in ("part.png", "photos/scratch/red.png"):
        (tmp_path / bad).write_bytes(image.png(frame_of((255, 0, 0))))
    (tmp_path / "my-part.yaml").write_text(_blocks("README.md", "yaml")[0], encoding="utf-8")
    for place in ("models/steel-strip-1.0.0", "runs/my-part-20260101-120000/bundle/my-part-1.0.0"):
        made = write_bundle(tmp_path / "colours")
        (tmp_path / place).parent.mkdir(parents=True)
        made.rename(tmp_path / place)
    (tmp_path / "commissioned").mkdir()
    bundle.pack(tmp_path / "models" / "steel-strip-1.0.0", tmp_path / "commissioned" / "photos-1.0.0.zip")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[" ".join(command) for _, command in COMMANDS])
def test_command_is_one_that_exists(page, command):
    program = command[0]
    if program.startswith("scripts/"):
        assert (ROOT / program).is_file()
    else:
        assert program in {"sightline", "pip", "mlflow", "export"}


@pytest.mark.parametrize("command", OURS, ids=" ".join)
def test_command_line_is_understood(command):
    assert callable(cli._parser().parse_args(command[1:]).run)


def test_commands_do_what_the_readme_says(workplace, capsys):
    pytest.importorskip("albumentations")
    for command in [command for command in _commands("README.md") if command[0] == "sightline"]:
        if command[1] not in PARSED_ONLY:
            # One command is asked to fail if it finds a bad part, and there is one.
            assert cli.main(command[1:]) == int("--fail-on" in command), f"{command}\n{capsys.readouterr().err}"
    made = ("report.html", "verdicts.csv", "overlays", "steel-strip.zip", "preview.png", "parts/index.jsonl")
    for name in (*made, "annotations.json", "found.json"):
        assert (workplace / name).exists(), name


RECIPES = ("shortest", "good-parts", "outlines", "template", "annotated")


@pytest.mark.parametrize("recipe", _blocks("README.md", "yaml"), ids=RECIPES)
def test_recipe_is_valid(recipe, tmp_path):
    (tmp_path / "my-part.yaml").write_text(recipe, encoding="utf-8")
    loaded = config.load(tmp_path / "my-part.yaml")
    assert loaded.data.root == Path("photos")
    assert set(yaml.safe_load(recipe)) <= set(type(loaded).model_fields)


@pytest.mark.parametrize("code", _blocks("README.md", "python"), ids=["mlflow", "library"])
def test_snippet_compiles(code):
    compile(code, "README.md", "exec")


def test_library_snippet_gives_a_verdict(workplace, capsys):
    exec(compile(_blocks("README.md", "python")[1], "README.md", "exec"), {})
    assert capsys.readouterr().out == "NG\n"


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [t for t in targets if not t.startswith("https://") and not (ROOT / page).parent.joinpath(t).exists()]
    assert missing == []


def test_every_command_is_described():
    described = {command[1] for command in OURS} | {"demo"}
    assert described >= set(cli.COMMANDS)
