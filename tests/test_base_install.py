"""The base distribution alone, installed into an empty environment, is all that an edge PC needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import _environment

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
LIMIT_MB = 400

# Import names: what the extra `train` brings, and what would come along if a base dependency began to ask for it.
NOT_AT_THE_EDGE = (
    "PIL",
    "albumentations",
    "lightning",
    "matplotlib",
    "mlflow",
    "onnx",
    "pandas",
    "scipy",
    "sklearn",
    "torch",
    "torchvision",
)

pytestmark = pytest.mark.slow


def _run(*command, **options):
    """Run a program away from the checkout, so that only what is installed can be imported."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, env=environment, **options
    )


def _pip(python, *arguments, cwd):
    return _run(python, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def edge_python(tmp_path_factory):
    """The interpreter of a new environment that holds the base distribution and nothing else."""
    folder = tmp_path_factory.mktemp("edge")
    # pip is asked for one tiny package first. Only if that fails for want of a network is the rest skipped: any failure
    # of the project's own packages after it is a failure.
    probe = _pip(
        sys.executable, "download", "--no-deps", "--retries=1", "--constraint", CONSTRAINTS, "tqdm", cwd=folder
    )
    if probe.returncode and _environment.is_unreachable(probe.stderr):
        pytest.skip("the package registry cannot be reached, so the base distribution cannot be installed")
    assert probe.returncode == 0, probe.stderr

    wheels = folder / "wheels"
    built = _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", wheels, ROOT, cwd=folder)
    assert built.returncode == 0, built.stderr
    made = _run(sys.executable, "-m", "venv", folder / "venv")
    assert made.returncode == 0, made.stderr
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / Path(sys.executable).name
    (wheel,) = wheels.glob("sightline-*.whl")
    installed = _pip(python, "install", "--constraint", CONSTRAINTS, wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.fixture(scope="module")
def site_packages(edge_python):
    result = _run(edge_python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    return Path(result.stdout.strip())


def test_holds_nothing_of_the_training_stack(site_packages):
    assert [name for name in NOT_AT_THE_EDGE if (site_packages / name).exists()] == []
    assert not list(site_packages.glob("nvidia*"))


def test_ships_the_mark_that_it_is_typed(site_packages):
    assert (site_packages / "sightline" / "py.typed").is_file()
    assert not (site_packages / "__init__.py").exists()


def test_is_small_enough_for_an_edge_pc(site_packages):
    def megabytes(entry):
        files = [entry] if entry.is_file() else [file for file in entry.rglob("*") if file.is_file()]
        return sum(file.stat().st_size for file in files) / 1e6

    sizes = {entry.name: megabytes(entry) for entry in site_packages.iterdir()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:12]
    table = "\n".join(f"{size:8.1f} MB  {name}" for name, size in largest)
    print(f"{sum(sizes.values()):8.1f} MB  in all\n{table}")
    assert sum(sizes.values()) <= LIMIT_MB, table


def test_runtime_imports(edge_python, tmp_path):
    code = "import time; t = time.perf_counter(); import sightline.runtime; print(time.perf_counter() - t)"
    result = _run(edge_python, "-c", code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    print(f"import sightline.runtime took {float(result.stdout):.2f} s")


def test_scores_an_image(edge_python, tmp_path):
    bundles = sorted(manifest.parent for manifest in (ROOT / "models").glob("*/bundle.json"))
    if not bundles:
        pytest.skip("models/ holds no bundle to score with; scripts/train_models makes it")
    image = min((bundles[0] / "golden").glob("*.png"))
    result = _run(edge_python, "-m", "sightline.cli", "score", bundles[0], image, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["outcome"] in {"OK", "NG", "REVIEW"}
