"""Figures of the machine under the names that MLflow's UI groups as system metrics."""

from sightline.train.machine import Load, keep_freed_memory


def test_load_has_the_names_that_mlflow_shows(tmp_path):
    found = Load(tmp_path).figures()
    assert {
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
        "system/system_memory_usage_percentage",
        "system/disk_usage_percentage",
        "system/disk_usage_megabytes",
        "system/disk_available_megabytes",
        "system/network_receive_megabytes",
        "system/network_transmit_megabytes",
    } <= found.keys()
    assert all(isinstance(value, float) and value >= 0 for value in found.values())


def test_keeping_memory_may_be_asked_for_anywhere():
    keep_freed_memory()
