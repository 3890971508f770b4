"""``sightline promote``, as a user types it: the alias in use moves if the gate passes, and stays if it does not."""

import shutil
import socket

import pytest

import bundle_factory
from photograph_factory import photographs, policy
from sightline.cli import main
from sightline.config import Recipe
from sightline.index import Index, Split
from sightline.runs import RunFolder
from sightline.verdict import Guarantee

STRICT, LAX = policy(0.27, 0.14), policy(0.5)
PROVED = Guarantee(
    of="escape", target=0.1, confidence=0.95, parts=90, photographs=90, seen=0.0, words="at most 10% of them pass"
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Images of a test part: 40 defective parts, of which LAX lets 18 pass, and 40 good ones."""
    return photographs(tmp_path_factory.mktemp("promote") / "photos")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database with MLflow's tables."""
    client = pytest.importorskip("sightline.tracking.client")
    file = tmp_path_factory.mktemp("mlflow") / "empty.db"
    with client.reaching("sqlite"):
        client.connect(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def client(database, tmp_path, monkeypatch):
    """MLflow's own client of an empty registry."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    shutil.copy(database, tmp_path / "mlflow.db")
    return MlflowClient(uri, uri)


@pytest.fixture
def trained(client, images, tmp_path):
    """Makes a finished run whose bundle decides by a policy, registered unless it is said not to be."""

    def make(decides, *, register=True, version="1.0.0", **track):
        data = {"root": str(images), "split": {"near_duplicates": None}}
        recipe = Recipe.model_validate({"name": "colours", "version": version, "data": data, "track": track})
        run = RunFolder.create(tmp_path / "runs", recipe, Index.load(images / "index.jsonl"))
        run.params({"train.epochs": 1})
        bundle_factory.write_bundle(run.path / "bundle", version=version, policy=decides)
        if register:
            assert main(["track", str(run.path)]) == 0
        return run

    return make


def promote(run):
    return main(["promote", str(run.path)])


def champion(client):
    return client.get_registered_model("colours").aliases.get("champion")


def test_the_first_takes_the_place_and_is_there_already_the_next_time(trained, client, capsys):
    run = trained(LAX)
    assert promote(run) == 0
    assert champion(client) == 1
    assert "champion is now version 1" in capsys.readouterr().out
    tags = client.get_model_version("colours", "1").tags
    assert (tags["promote"], tags["promote.alias"], tags["promote.beside"]) == ("passed", "champion", "none")
    assert promote(run) == 0
    assert "version 1 of colours is champion already" in capsys.readouterr().out


def test_a_worse_one_stays_where_it_is_and_the_run_shows_why(trained, client, capsys):
    promote(trained(STRICT))
    run = trained(LAX, version="1.1.0")
    capsys.readouterr()
    assert promote(run) == 1
    told = capsys.readouterr().out
    assert champion(client) == 1
    assert "FAILED  not_worse.escape    0.0000 before, 0.4500 now; worse on 18 parts and better on 0" in told
    assert "passed  not_worse.auroc" in told
    assert "not promoted: champion stays version 1" in told
    version = client.get_model_version("colours", "2")
    assert version.tags["promote"] == "failed"
    assert version.tags["promote.not_worse.escape"].startswith("failed: 0.0000 before, 0.4500 now")
    assert version.tags["promote.beside"] == "version 1"
    names = {file.path for file in client.list_artifacts(version.run_id)}
    assert {"comparison.html", "comparison.json"} <= names
    assert "B passes defective parts more often than A" in (run.artifacts / "comparison.html").read_text("utf-8")


def test_a_better_one_takes_the_place(trained, client, capsys):
    promote(trained(LAX))
    assert promote(trained(STRICT, version="1.1.0")) == 0
    assert champion(client) == 2
    assert client.get_registered_model("colours").aliases["candidate"] == 2


def test_without_a_comparison_the_limits_alone_count(trained, client):
    promote(trained(STRICT))
    assert promote(trained(LAX, promote={"not_worse": False}, version="1.1.0")) == 0
    assert champion(client) == 2


@pytest.mark.parametrize(
    ("decides", "asked", "code", "said"),
    [
        (STRICT, {"max_escape": 0.09, "max_overkill": 0.09}, 0, "0.0000 (0.0000 to 0.0881) of photographs of 40"),
        (STRICT, {"max_escape": 0.05}, 1, "FAILED  max_escape"),
        (LAX, {"max_escape": 0.5}, 1, "0.4500 (0.2926 to 0.6151) of photographs of 40 defective parts are OK"),
        (STRICT, {"guarantee": True}, 1, "FAILED  guarantee  no largest escape rate is guaranteed"),
        (policy(0.27, guarantees=(PROVED,)), {"guarantee": True}, 0, "passed  guarantee  at most 10% of them pass"),
    ],
)
def test_what_is_asked_of_the_bundle_alone(trained, client, capsys, decides, asked, code, said):
    assert promote(trained(decides, promote=asked)) == code
    assert said in capsys.readouterr().out
    assert champion(client) == (None if code else 1)


def test_the_alias_may_have_another_name(trained, client):
    assert promote(trained(LAX, promote={"alias": "line-3"}, register_as="Line 3's eyes")) == 0
    assert client.get_registered_model("Line 3's eyes").aliases == {"candidate": 1, "line-3": 1}


def test_what_cannot_be_compared_does_not_pass(trained, client, capsys):
    promote(trained(STRICT))
    assert promote(trained(policy(0.5, good_known=False), version="1.1.0")) == 1
    told = capsys.readouterr().out
    assert "FAILED  not_worse.escape    cannot be compared: B never answers OK" in told
    assert "track.promote.not_worse: false" in told


def test_tags_of_an_earlier_decision_go(trained, client):
    promote(trained(STRICT))
    run = trained(LAX, version="1.1.0")
    assert promote(run) == 1
    text = (run.path / "recipe.yaml").read_text(encoding="utf-8")
    (run.path / "recipe.yaml").write_text(text.replace("not_worse: true", "not_worse: false"), encoding="utf-8")
    assert promote(run) == 0
    tags = client.get_model_version("colours", "2").tags
    assert tags["promote"] == "passed"
    assert "promote.not_worse.escape" not in tags
    assert "bundle_digest" in tags


def test_who_is_not_registered_is_told_how(trained, client, capsys):
    run = trained(LAX, register=False)
    assert promote(run) == 2
    assert "was never sent to MLflow at sqlite:///" in capsys.readouterr().err
    assert client.search_registered_models() == []
    main(["track", str(run.path)])
    bundle_factory.write_bundle(run.path / "again", version="1.0.0", policy=STRICT)
    shutil.rmtree(run.bundle)
    (run.path / "again" / "colours-1.0.0").rename(run.bundle)
    assert promote(run) == 2
    said = capsys.readouterr().err
    assert "as a version of colours in MLflow at sqlite:///" in said
    assert "sightline track RUN" in said
    shutil.rmtree(run.bundle)
    assert promote(run) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("track", "said"),
    [
        ({"enabled": False}, "track.enabled is false"),
        ({"alias": "champion"}, "track.promote.alias: expected another alias than track.alias"),
    ],
)
def test_recipes_that_leave_nothing_to_promote_are_refused(trained, capsys, track, said):
    assert promote(trained(LAX, register=False, **track)) == 2
    assert said in capsys.readouterr().err


def test_an_empty_test_part_judges_nothing(trained, client, images, capsys):
    run = trained(LAX, promote={"max_escape": 0.5})
    rows = (run.path / "index.jsonl").read_text(encoding="utf-8")
    (run.path / "index.jsonl").write_text(rows.replace(f'"{Split.TEST}"', f'"{Split.TRAIN}"'), encoding="utf-8")
    assert promote(run) == 2
    assert "expected images in the test part of the index" in capsys.readouterr().err
    assert champion(client) is None


def test_a_server_that_is_down_is_said(trained, client, monkeypatch, capsys):
    monkeypatch.setenv("no_proxy", "*")
    run = trained(LAX)
    state, here = run.path / "tracking.json", client.tracking_uri
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        state.write_text(state.read_text("utf-8").replace(here, address), encoding="utf-8")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert promote(run) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: MLflow at {address}")
    assert "Traceback" not in said


def test_what_something_else_registered_is_no_bundle(trained, client, tmp_path, capsys):
    promote(trained(LAX))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "weights.bin").write_bytes(b"others")
    client.create_model_version("colours", (tmp_path / "foreign").as_uri())
    client.set_registered_model_alias("colours", "champion", "2")
    assert promote(trained(STRICT, version="1.1.0")) == 2
    assert "expected a bundle in version 2 of colours, found none" in capsys.readouterr().err
    assert champion(client) == 2
