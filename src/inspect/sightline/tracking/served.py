"""The bundle as an MLflow model: what `mlflow.pyfunc.load_model` and `mlflow models serve` run.

MLflow stores this file as the model's code and runs it there. It answers with the runtime's own verdicts.

Input: a table with the column ``image``, each cell an image file (PNG, JPEG, ...) as base64 text, or as bytes. Where
the product has templates, a column ``template`` likewise, or ``variant`` with a name, may stand beside it.
Output: a table with the columns ``outcome``, ``reasons``, ``defects``, ``scores``, ``bundle``, one row an image.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray

from sightline import image
from sightline.errors import ImageError
from sightline.runtime import Inspector
from sightline.verdict import Frame, Outcome, Verdict

_COLUMNS = ["outcome", "reasons", "defects", "scores", "bundle"]


class ServedBundle(PythonModel):
    """A `sightline.runtime.Inspector` behind MLflow's model interface."""

    def load_context(self, context: PythonModelContext) -> None:
        """Opens the bundle that was logged with the model, and lets it pass its self test."""
        self._inspector = Inspector.open(context.artifacts["bundle"], self_test=True)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Gives one verdict a row; a cell that is no image is NOT_INSPECTED."""
        rows = model_input.to_dict(orient="records")
        return pd.DataFrame([self._inspect(row).to_dict() for row in rows], columns=_COLUMNS)

    def _inspect(self, row: Mapping[Hashable, Any]) -> Verdict:
        template, variant = (_filled(row.get(name)) for name in ("template", "variant"))
        try:
            beside = None if template is None else self._decoded(template)
            frame = Frame(self._decoded(row["image"]), template=beside, variant=str(variant or ""))
        except ImageError as error:
            return Verdict(Outcome.NOT_INSPECTED, (error.message,), bundle=self._inspector.bundle)
        return self._inspector.inspect(frame)

    def _decoded(self, cell: object) -> NDArray[np.uint8]:
        return image.decode(_file(cell), bits=self._inspector.manifest.input.bits)


def _filled(cell: object) -> object:
    """What an optional cell holds; None of an empty one, which a table may also give as no number."""
    return cell if isinstance(cell, str | bytes) and cell else None


def _file(cell: object) -> bytes:
    """The content of an image file."""
    match cell:
        case bytes():
            return cell
        case str():
            try:
                return base64.b64decode(cell, validate=True)
            except (binascii.Error, ValueError) as error:
                raise ImageError(f"expected an image file as base64 text ({error})") from error
    raise ImageError(f"expected an image file as base64 text, got {type(cell).__name__}")


set_model(ServedBundle())
