"""The bundle as an MLflow model: what `mlflow.pyfunc.load_model` and `mlflow models serve` run.

MLflow stores this file as the model's code and runs it there. It answers with the runtime's own verdicts.

Input: a table with the column ``image``, each cell an encoded image file (PNG, JPEG, ...) as base64 text or bytes.
Output: a table with the columns ``outcome``, ``reasons``, ``defects``, ``scores``, ``bundle``.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import set_model

from sightline import image
from sightline.errors import ImageError
from sightline.runtime import Inspector
from sightline.verdict import Outcome, Verdict

_COLUMNS = ("outcome", "reasons", "defects", "scores", "bundle")


class ServedBundle(mlflow.pyfunc.PythonModel):
    """A `sightline.runtime.Inspector` behind MLflow's model interface."""

    def load_context(self, context: Any) -> None:
        """Opens the bundle that was logged with the model, and lets it pass its self test."""
        self._inspector = Inspector.open(context.artifacts["bundle"], self_test=True)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Gives one verdict a row; a cell that is no image is NOT_INSPECTED."""
        verdicts = [self._inspect(cell).to_dict() for cell in model_input["image"]]
        return pd.DataFrame([{column: verdict[column] for column in _COLUMNS} for verdict in verdicts])

    def _inspect(self, cell: str | bytes) -> Verdict:
        try:
            data = base64.b64decode(cell, validate=True) if isinstance(cell, str) else bytes(cell)
            frame = image.decode(data, bits=self._inspector.manifest.input.bits)
        except binascii.Error as error:
            reason = f"expected an image file as base64 text, got text that is not base64 ({error})"
            return Verdict(Outcome.NOT_INSPECTED, (reason,), bundle=self._inspector.bundle)
        except ImageError as error:
            return Verdict(Outcome.NOT_INSPECTED, (error.message,), bundle=self._inspector.bundle)
        return self._inspector.inspect(frame)


set_model(ServedBundle())
