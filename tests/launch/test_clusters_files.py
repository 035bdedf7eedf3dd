"""The files with which clusters are made."""

import shlex
from pathlib import Path
from typing import Any

import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from distil.framework.recipe.load import load_recipe
from distil.framework.recipe.schema import Recipe

ROOT = Path(__file__).parents[2]
CLUSTERS = ROOT / "launch" / "clusters"


def searched(command: str, home: str) -> Recipe:
    """The recipe of a `distil search` among other words."""
    words = shlex.split(command)
    path, *overrides = words[words.index("search") + 1 :]
    return load_recipe(ROOT / path.removeprefix(home), overrides)


def test_the_kuberay_job_searches_with_a_recipe_that_is_legal() -> None:
    job: dict[str, Any] = yaml.safe_load((CLUSTERS / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    recipe = searched(job["spec"]["entrypoint"], "/home/ray/distil/")
    assert recipe.storage == "s3://BUCKET/distil"
    assert recipe.search is not None
    cluster = job["spec"]["rayClusterSpec"]
    (worker,) = cluster["workerGroupSpecs"]
    (container,) = worker["template"]["spec"]["containers"]
    gpus = int(container["resources"]["limits"]["nvidia.com/gpu"])
    assert gpus * worker["minReplicas"] >= job["spec"]["entrypointNumGpus"] + recipe.search.resources.gpus
    assert cluster["authOptions"] == {"mode": "token"}
    (head,) = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    assert head["image"] == container["image"]


def test_the_versions_of_the_files_are_those_that_are_installed() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    job = yaml.safe_load((CLUSTERS / "kuberay.yaml").read_text())
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == pins["ray"]
    assert f"FROM rayproject/ray:{pins['ray']}-py311" in (CLUSTERS / "Dockerfile").read_text()


def test_rays_launcher_takes_the_cluster() -> None:
    text = (CLUSTERS / "aws.yaml").read_text()
    config = prepare_config(yaml.safe_load(text))
    validate_config(config)
    assert set(config["available_node_types"]) == {"head", "gpu"}
    command = "".join(line.removeprefix("#") for line in text.splitlines() if line.startswith("#   ")).replace(
        "\\", " "
    )
    submitted = command[command.index("distil search") : command.index("ray down")]
    assert searched(submitted, "").storage == "s3://BUCKET/distil"
