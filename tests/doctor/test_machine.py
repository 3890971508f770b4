"""What the computer offers is told, and told as unknown where it cannot be read."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from sightline.doctor import machine


@pytest.mark.parametrize(
    ("cpuinfo", "state", "said"),
    [
        ("model name\t: Big\nflags\t\t: fma avx2 avx512f avx512_vnni\n", "ok", "Big; AVX2 yes, AVX-512 yes, VNNI yes"),
        ("model name\t: Small\nflags\t\t: avx2 avx_vnni\n", "ok", "AVX-512 no, VNNI yes"),
        ("model name\t: Old\nflags\t\t: avx2\n", "warn", "8-bit models may lose accuracy"),
        ("model name\t: Atom\nflags\t\t: sse4_2\n", "warn", "without AVX2"),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", "ok", "dot product yes, i8mm no"),
    ],
)
def test_instructions(tmp_path, cpuinfo, state, said):
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    check = machine.check_processor(file)
    assert check.state == state
    assert said in check.found + check.advice


def test_instructions_are_unknown_where_the_system_does_not_tell(tmp_path):
    check = machine.check_processor(tmp_path / "none")
    assert check.state == "ok"
    assert "unknown" in check.found


def test_threads_are_those_of_the_runtime():
    from sightline.runtime.threads import default_threads

    assert machine.check_threads().found.startswith(f"{default_threads()} (")


@pytest.mark.parametrize(("free", "state"), [(10**9, "warn"), (10**11, "ok")])
def test_a_nearly_full_disk_is_told(monkeypatch, tmp_path, free, state):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    check = machine.check_disk(tmp_path)
    assert check.state == state
    assert str(tmp_path) in check.found


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ((0, 'a library says hello\n["NVIDIA T4"]\n', ""), "ok", "NVIDIA T4"),
        ((0, "[]\n", ""), "ok", "none"),
        ((1, "", "Traceback\nRuntimeError: operator torchvision::nms does not exist\n"), "warn", "nms does not exist"),
        ((-11, "", ""), "warn", "exit code -11"),
    ],
)
def test_gpus_as_torch_tells_them(monkeypatch, answer, state, said):
    code, out, err = answer

    def run(command, **_):
        assert command[0] == sys.executable
        return subprocess.CompletedProcess(command, code, out, err)

    monkeypatch.setattr(machine.subprocess, "run", run)
    check = machine.ask_torch("x")
    assert check.state == state
    assert said in check.found


def test_a_torch_that_hangs_is_given_up(monkeypatch):
    def run(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(machine.subprocess, "run", run)
    assert machine.ask_torch("x").state == "warn"
