"""Which epoch is kept."""

from sightline.train.callbacks import merit


def test_an_epoch_that_outlines_better_is_better_whatever_its_loss():
    early, late = {"validate/miou": 0.2, "validate/loss": 1.3}, {"validate/miou": 0.3, "validate/loss": 1.6}
    assert merit({"train/loss": 0.5, **late}) > merit({"train/loss": 1.0, **early})


def test_where_regions_overlap_alike_or_are_not_told_the_lower_loss_is_better():
    for told in ({}, {"validate/miou": 0.0}):
        assert merit({"train/loss": 1, "validate/loss": 0.4, **told}) > merit(
            {"train/loss": 1, "validate/loss": 0.5, **told}
        )


def test_without_a_validate_part_the_training_loss_must_do():
    assert merit({"train/loss": 0.4}) > merit({"train/loss": 0.5})
