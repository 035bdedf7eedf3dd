"""Registering a logged model: a version of a registered model, with an alias if one is asked for."""

import json

from distil.framework.recipe.sections import Tracking
from distil.tracking.ledger import RunCursor
from distil.tracking.sender import Sender

_VERSIONS = "mlflow.modelVersions"  # the tag of a logged model by which MLflow's pages show its versions


def register(sender: Sender, cursor: RunCursor, tracking: Tracking, description: str) -> None:
    """Register the cursor's logged model as `tracking` asks, once; an alias that was moved since stays where it is.

    description: of the version, in Markdown.
    """
    name, alias = tracking.register, tracking.alias
    if name is None or cursor.model_id is None or not cursor.model_ready:
        return
    if name not in cursor.registered:
        cursor.registered[name] = _version(sender, name, cursor.model_id, cursor.run, description)
        sender.ledger.save()
    if alias is not None and f"{name}@{alias}" not in cursor.registered:
        version = cursor.registered[name]
        sender.client.set_registered_model_alias(name, alias, version)
        cursor.registered[f"{name}@{alias}"] = version
        sender.ledger.save()


def _version(sender: Sender, name: str, model_id: str, run_id: str, description: str) -> str:
    """The version that the model is of the registered one; a new one where there is none."""
    from mlflow.exceptions import MlflowException

    client = sender.client
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = [one for one in client.search_model_versions(f"run_id='{run_id}'") if one.name == name]
    if known:
        return str(known[0].version)
    # `models:/ID` would be looked up where MLflow tracks by default, which may be elsewhere.
    logged = client.get_logged_model(model_id)
    made = client.create_model_version(
        name,
        logged.artifact_location,
        run_id,
        description=description,
        await_creation_for=0,
        model_id=model_id,
    )
    version = str(made.version)
    before = [one for one in json.loads(logged.tags.get(_VERSIONS, "[]")) if one["name"] != name]
    tagged = json.dumps([*before, {"name": name, "version": version}])
    client.set_logged_model_tags(model_id, {_VERSIONS: tagged})
    return version
