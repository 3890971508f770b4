"""What a quality engineer must be able to defend: thresholds with guarantees."""
