"""Is this installation able to do its work: what is there, what is missing, and the command that mends it.

Nothing of the training stack is imported here: versions come from the installed metadata, and torch is only started,
in a process of its own, when :func:`examine` is asked to look deep.
"""

from sightline.doctor.check import Check
from sightline.doctor.examination import examine

__all__ = ["Check", "examine"]
