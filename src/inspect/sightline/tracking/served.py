"""The bundle as an MLflow model: what `mlflow.pyfunc.load_model` and `mlflow models serve` run.

MLflow stores this file as the model's code and runs it there. It answers with the runtime's own verdicts.

Input: a table with the column ``image``, each cell an image file (PNG, JPEG, ...) as base64 text, or as bytes.
Output: a table with the columns ``outcome``, ``reasons``, ``defects``, ``scores``, ``bundle``, one row an image.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from sightline import image
from sightline.errors import ImageError
from sightline.runtime import Inspector
from sightline.verdict import Outcome, Verdict

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
        return pd.DataFrame([self._inspect(cell).to_dict() for cell in model_input["image"]], columns=_COLUMNS)

    def _inspect(self, cell: object) -> Verdict:
        try:
            frame = image.decode(_file(cell), bits=self._inspector.manifest.input.bits)
        except ImageError as error:
            return Verdict(Outcome.NOT_INSPECTED, (error.message,), bundle=self._inspector.bundle)
        return self._inspector.inspect(frame)


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
