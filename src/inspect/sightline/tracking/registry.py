"""A bundle as a model in MLflow: logged with the run, registered as a version, found by an alias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelOutput, Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Map, Object, Property, Schema

import sightline
from sightline.bundle import Bundle
from sightline.bundle.manifest import MANIFEST
from sightline.errors import TrackingError
from sightline.tracking import note
from sightline.tracking.client import connect, reaching, shown
from sightline.tracking.server import Server, allowed

_DIGEST = "bundle_digest"  # the tag that a version is found again by
_LONGEST_DESCRIPTION = 5000  # of MLflow's database
_WAIT = 20  # seconds for a registry to accept a version

_DEFECT = Object(
    [
        Property("label", DataType.string),
        Property("score", DataType.double),
        Property("box", Array(DataType.double), required=False),
        Property("area", DataType.double, required=False),
        Property("area_mm2", DataType.double, required=False),
        Property("contour", Array(Array(DataType.double)), required=False),
        Property("mean", DataType.double, required=False),
    ]
)
SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.string, "image"),
            ColSpec(DataType.string, "template", required=False),
            ColSpec(DataType.string, "variant", required=False),
        ]
    ),
    outputs=Schema(
        [
            ColSpec(DataType.string, "outcome"),
            ColSpec(Array(DataType.string), "reasons"),
            ColSpec(Array(_DEFECT), "defects"),
            ColSpec(Map(DataType.double), "scores"),
            ColSpec(DataType.string, "bundle"),
        ]
    ),
)
"""What `sightline.tracking.served` takes and gives."""


def publish(server: Server, bundle: Bundle, name: str, alias: str) -> str:
    """Logs a bundle as a model, registers it unless it is registered already, and gives the version the alias.

    The alias moves to a newer version only: a bundle that is sent again does not take it back.

    Returns:
        The version that the registry gave it.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """
    with reaching(server.uri):
        found = _versions(server.client, server.run_id, bundle, name)
        version = int((found[0] if found else _register(server, bundle, name)).version)
        holder = server.client.get_registered_model(name).aliases.get(alias, 0)
        if version > int(holder):
            server.client.set_registered_model_alias(name, alias, str(version))
    return str(version)


@dataclass(frozen=True)
class Registered:
    """The version of a registered model that a run's bundle became.

    Attributes:
        client: MLflow's client.
        uri: Of its server.
        name: Of the registered model.
        version: The number that the registry gave it.
    """

    client: MlflowClient
    uri: str
    name: str
    version: int

    @classmethod
    def find(cls, uri: str, name: str, run_id: str, bundle: Bundle) -> Registered:
        """Looks a bundle up.

        Args:
            uri: Of the server, or ``sqlite:///file``.
            name: Of the registered model.
            run_id: MLflow's id of the run.
            bundle: The run's bundle.

        Raises:
            TrackingError: The server cannot be reached or refuses, or this bundle is not registered there.
        """
        client = connect(uri)
        with reaching(uri):
            found = _versions(client, run_id, bundle, name)
        if not found:
            raise TrackingError(
                f"expected bundle {bundle.label} as a version of {name} in MLflow at {shown(uri)}, found none",
                hint="Register it with `sightline track RUN`.",
            )
        return cls(client, uri, name, int(found[0].version))

    def holder(self, alias: str) -> int | None:
        """The version that has an alias; None if none has.

        Raises:
            TrackingError: The server cannot be reached or refuses.
        """
        with reaching(self.uri):
            held = self.client.get_registered_model(self.name).aliases.get(alias)
        return None if held is None else int(held)

    def fetch(self, version: int, folder: Path) -> Path:
        """Downloads the bundle of another version of the model.

        Args:
            version: Its number.
            folder: Where the model's files go.

        Returns:
            The bundle's folder.

        Raises:
            TrackingError: The server cannot be reached or refuses, or the version holds no bundle.
        """
        with reaching(self.uri):
            where = self.client.get_model_version_download_uri(self.name, str(version))
            download_artifacts(where, dst_path=str(folder), tracking_uri=self.uri)
        bundles = sorted(folder.rglob(MANIFEST))
        if not bundles:
            raise TrackingError(
                f"expected a bundle in version {version} of {self.name}, found none",
                hint="It was registered by something else: give the alias to a version that a run registered.",
            )
        return bundles[0].parent

    def note(self, tags: Mapping[str, str], *, below: str) -> None:
        """Tags the version, and drops the tags below a name (``NAME.``) that are of before.

        Raises:
            TrackingError: The server cannot be reached or refuses; some of the tags may be there.
        """
        with reaching(self.uri):
            before = self.client.get_model_version(self.name, str(self.version)).tags
            for key in before.keys() - tags.keys():
                if key.startswith(f"{below}."):
                    self.client.delete_model_version_tag(self.name, str(self.version), key)
            for key, value in tags.items():
                self.client.set_model_version_tag(self.name, str(self.version), key, value)

    def take(self, alias: str) -> None:
        """Moves an alias to the version.

        Raises:
            TrackingError: The server cannot be reached or refuses.
        """
        with reaching(self.uri):
            self.client.set_registered_model_alias(self.name, alias, str(self.version))


def _versions(client: MlflowClient, run_id: str, bundle: Bundle, name: str) -> list[ModelVersion]:
    of_run = client.search_model_versions(f"run_id = '{run_id}'")
    return [version for version in of_run if version.name == name and version.tags.get(_DIGEST) == bundle.digest]


def _register(server: Server, bundle: Bundle, name: str) -> ModelVersion:
    client, manifest = server.client, bundle.manifest
    try:
        client.create_registered_model(name, description=", ".join(filter(None, (manifest.sector, manifest.product))))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    model_id, location = _log(server, bundle)
    figures = {metric.name: f"{metric.value:.4f}" for metric in manifest.headline}
    return client.create_model_version(
        name,
        location,
        server.run_id,
        tags={**figures, "bundle_version": manifest.version, _DIGEST: bundle.digest},
        description=note.of_bundle(bundle)[:_LONGEST_DESCRIPTION],
        await_creation_for=_WAIT,
        model_id=model_id,
    )


def _log(server: Server, bundle: Bundle) -> tuple[str, str]:
    """Uploads the model and ties it to the run; gives its id and where its files lie."""
    client, manifest = server.client, bundle.manifest
    model = client.create_logged_model(
        server.experiment_id, "bundle", server.run_id, tags={_DIGEST: bundle.digest}, model_type=manifest.method
    )
    with TemporaryDirectory() as folder:
        mlflow.pyfunc.save_model(
            Path(folder, "model"),
            python_model=str(Path(__file__).with_name("served.py")),
            artifacts={"bundle": str(bundle.path)},
            pip_requirements=[f"sightline=={sightline.__version__}", f"mlflow=={mlflow.__version__}", "pandas"],
            signature=SIGNATURE,
            mlflow_model=Model(
                artifact_path=model.artifact_location,
                model_uuid=model.model_id,
                run_id=server.run_id,
                model_id=model.model_id,
            ),
        )
        client.log_model_artifacts(model.model_id, str(Path(folder, "model")))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(server.run_id, [LoggedModelOutput(model.model_id, step=0)])
    made = int(datetime.fromisoformat(manifest.provenance.created).timestamp() * 1000)
    figures = [Metric(allowed(f"test/{m.name}"), m.value, made, 0, model_id=model.model_id) for m in manifest.metrics]
    if figures:
        client.log_batch(server.run_id, metrics=figures)
    return model.model_id, model.artifact_location
