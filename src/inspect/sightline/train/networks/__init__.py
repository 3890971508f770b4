"""Networks: any classification backbone of torchvision, pooled, with one linear layer on it."""

from sightline.train.networks.network import Network, build
from sightline.train.networks.weights import WeightReport, load_weights

__all__ = ["Network", "WeightReport", "build", "load_weights"]
