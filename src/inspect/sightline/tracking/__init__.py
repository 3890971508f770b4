"""Experiment tracking: uploads run folders to MLflow. The only room that knows MLflow.

A run folder's event log is the outbox: training writes it and never waits for a server. `Tracker.drain` sends what was
not sent yet, as often as it is called, and a server that is down costs nothing but the delay.
"""

from sightline.tracking.tracker import Tracker

__all__ = ["Tracker"]
