"""What the raw answers of the localising networks mean: the last part of their exported graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sightline.export.calibrate import Calibrator
from sightline.export.suppress import kept
from sightline.train.tasks.detect import boxes_of

_BEFORE = 10  # times as many boxes before suppression as after it


class _Sure(nn.Module):
    """Logits [..., C] to calibrated probabilities."""

    def __init__(self, calibrator: Calibrator) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(calibrator.scale, dtype=torch.float32))
        self.register_buffer("bias", torch.tensor(calibrator.bias, dtype=torch.float32))
        self.scale: Tensor
        self.bias: Tensor

    def forward(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits * self.scale + self.bias)


class RegionAnswer(nn.Module):
    """Logits of places to the probability that each shows a type, and that the frame does.

    Both rise with the logits, so a threshold on the frame's score is one on the map.

    Args:
        places: Calibrates a place.
        frame: Calibrates the frame by its highest place.
    """

    def __init__(self, places: Calibrator, frame: Calibrator) -> None:
        super().__init__()
        self.places, self.frame = _Sure(places), _Sure(frame)

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Raw answers [B, C, h, w] to scores [B, C] and maps [B, C, h, w]."""
        maps = self.places(logits.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.frame(logits.amax((2, 3))), maps


class BoxAnswer(nn.Module):
    """Types and sides of places to boxes, and the surest of each type as the frame's score.

    Args:
        calibrator: Calibrates a box.
        stride: Pixels of the input a place.
        shape: Height and width of the input.
        candidates: K, how many boxes at most.
        overlap: Of two of a type that overlap by more (IoU), the surer one stays.
    """

    def __init__(
        self, calibrator: Calibrator, *, stride: int, shape: tuple[int, int], candidates: int, overlap: float
    ) -> None:
        super().__init__()
        self.sure, self.types, self.stride = _Sure(calibrator), len(calibrator.scale), stride
        places = -(-shape[0] // stride) * -(-shape[1] // stride) * self.types
        self.candidates = min(candidates, places)
        self.before = min(_BEFORE * candidates, places)
        self.overlap = overlap
        self.register_buffer("limit", torch.tensor([shape[1], shape[0]] * 2, dtype=torch.float32), persistent=False)
        self.limit: Tensor

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw answers [B, C + 4, h, w] to scores [B, C], maps [B, C, h, w] and boxes [B, K, 6], the surest first."""
        logits, corners = boxes_of(raw, self.types, self.stride)
        sure = self.sure(logits)
        scores, number = sure.flatten(1).topk(self.before)
        corners = torch.minimum(corners.clamp(min=0), self.limit)
        place = torch.div(number, self.types, rounding_mode="floor")
        types = (number - place * self.types).float()
        corners = torch.gather(corners, 1, place[..., None].expand(-1, -1, 4))
        apart = corners + types[..., None] * 2 * self.limit.max()  # boxes of different types never overlap
        scores, row = (scores * kept(apart, scores, self.overlap)).topk(self.candidates)
        corners = torch.gather(corners, 1, row[..., None].expand(-1, -1, 4))
        boxes = torch.cat([corners, scores[..., None], torch.gather(types, 1, row)[..., None]], -1)
        return sure.amax(1), sure.transpose(1, 2).unflatten(2, raw.shape[2:]), boxes
