"""What every task that learns by epochs is to the loop that trains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor
from torch.utils.data import DataLoader

from sightline.index import Split
from sightline.train.networks.network import Trained


class Task(Protocol):
    """A run's data, network and loss.

    A batch is whatever the task's own loader gives and its own methods take.
    """

    def network(self) -> Trained:
        """The recipe's network, with random weights.

        Raises:
            TrainError: The recipe asks for what there is not.
        """
        ...

    def loader(self, split: Split, *, first_epoch: int = 0) -> DataLoader[Any]:
        """Batches of a part: of the train part shuffled anew each epoch and augmented, of others in order.

        Raises:
            DataError: An image cannot be read any more, or was changed since it was scanned.
        """
        ...

    def check(self) -> None:
        """Refuses data that this task cannot learn from.

        Raises:
            TrainError: They lack something.
        """
        ...

    def inputs(self, batch: Any) -> tuple[Tensor, ...]:  # noqa: ANN401 - the task's own
        """What of a batch the network takes."""
        ...

    def loss(self, network: Trained, batch: Any) -> Tensor:  # noqa: ANN401
        """The mean loss of a batch."""
        ...

    def answer(self, network: Trained, batch: Any) -> tuple[Tensor, ...]:  # noqa: ANN401
        """What is kept of a batch of the validate part, on the CPU."""
        ...

    def figures(self, answers: Sequence[tuple[Tensor, ...]]) -> dict[str, float]:
        """Figures of a part from all that was kept of it, ``loss`` among them.

        The epoch of the highest ``miou`` is taken, or of the lowest loss if there is none.
        """
        ...
