"""Tasks: what the network's outputs mean, and the loss and figures that follow from it."""
