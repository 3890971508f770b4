"""The number of threads follows what the process is really granted."""

import os

import pytest

from sightline.runtime import threads


@pytest.fixture
def system(tmp_path):
    """Makes a control group tree from {path: text} and membership lines, and asks for the quota in it."""

    def quota(membership, files):
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            file = tmp_path / "groups" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return threads.cpu_quota(tmp_path / "groups", tmp_path / "membership")

    return quota


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        pytest.param("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5, id="container, version 2"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, None, id="version 2 without a limit"),
        pytest.param(
            "0::/line/station\n",
            {"line/cpu.max": "200000 100000", "line/station/cpu.max": "max 100000"},
            2.0,
            id="limit of the group above",
        ),
        pytest.param(
            "0::/line/station\n",
            {"line/cpu.max": "400000 100000", "line/station/cpu.max": "50000 100000"},
            0.5,
            id="smallest of two limits",
        ),
        pytest.param(
            "4:cpu,cpuacct:/docker/1f\n3:memory:/x\n",
            {"cpu,cpuacct/docker/1f/cpu.cfs_quota_us": "300000", "cpu,cpuacct/docker/1f/cpu.cfs_period_us": "100000"},
            3.0,
            id="version 1",
        ),
        pytest.param(
            "4:cpu,cpuacct:/docker/1f\n",
            {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"},
            2.5,
            id="version 1 in a container, the host's path out of sight",
        ),
        pytest.param(
            "1:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            None,
            id="version 1, no limit",
        ),
        pytest.param(
            "1:cpu:/\n0::/\n",
            {"unified/cpu.max": "100000 100000", "cpu/cpu.cfs_quota_us": "-1"},
            1.0,
            id="both versions",
        ),
        pytest.param("0::/../host\n", {"cpu.max": "100000 100000"}, 1.0, id="a path above the mount"),
        pytest.param("2:cpuset:/x\n", {"x/cpu.max": "100000 100000"}, None, id="other controllers"),
        pytest.param("nonsense\n", {"cpu.max": "a b c"}, None, id="nonsense"),
    ],
)
def test_quota_of_control_groups(system, membership, files, expected):
    assert system(membership, files) == expected


def test_no_quota_where_there_are_no_control_groups(tmp_path):
    assert threads.cpu_quota(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize(
    ("cpus", "quota", "expected"), [(8, None, 8), (8, 2.0, 2), (8, 1.9, 1), (8, 0.2, 1), (2, 6.0, 2)]
)
def test_threads_are_the_smaller_of_processors_and_quota(monkeypatch, cpus, quota, expected):
    monkeypatch.setattr(threads, "available_cpus", lambda: cpus)
    monkeypatch.setattr(threads, "cpu_quota", lambda: quota)
    assert threads.default_threads() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks on this system")
def test_affinity_mask_is_obeyed():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert threads.default_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_processors_are_counted_where_there_is_no_affinity_mask(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.available_cpus() == 1
