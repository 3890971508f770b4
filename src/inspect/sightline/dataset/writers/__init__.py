"""From an index to the annotation files of other tools."""
