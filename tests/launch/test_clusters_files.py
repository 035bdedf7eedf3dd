"""The files with which clusters are made."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    image = (CLUSTERS / "Dockerfile").read_text()
    assert f"FROM rayproject/ray:{pins['ray']}-py311" in image
    assert "-e '.[all]'" in image  # with which the same image serves, tracks and exports


STANDINS = {
    "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    "scontrol": "echo first; sleep 0.1; echo second",  # as slowly as on a loaded machine
    "hostname": "echo 10.0.0.7 10.1.0.7",
    "ray": 'echo "ray $1 $2 $3 $4 $5, $RAY_AUTH_MODE token of $(wc -c < "$RAY_AUTH_TOKEN_PATH")"; shift 6; exec "$@"',
    "distil": 'echo "distil $* at ${RAY_ADDRESS:-none}"',
}


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_job_of_slurm_runs_the_command_where_ray_is(nodes: int, tmp_path: Path) -> None:
    """The script itself, with stand-ins for the commands that it calls."""
    commands = tmp_path / "env" / "bin"
    commands.mkdir(parents=True)
    (commands / "activate").write_text("")
    for name, body in STANDINS.items():
        (commands / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (commands / name).chmod(0o755)
    job = {"SLURM_JOB_NUM_NODES": str(nodes), "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_ID": "5"}
    environment = {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "DISTIL_ENV": str(commands.parent),
        **job,
    }
    done = subprocess.run(
        ["bash", CLUSTERS / "slurm.sbatch", "run", "my recipe.yaml"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    address = "10.0.0.7:6379"
    alone = ["distil run my recipe.yaml at none"]
    several = [
        f"ray symmetric-run --address {address} --min-nodes 2, token token of 64",
        f"distil run my recipe.yaml at {address}",
    ]
    assert done.stdout.splitlines() == (alone if nodes == 1 else several)
    assert not list(tmp_path.glob(".distil-ray-*"))


def test_rays_launcher_takes_the_cluster() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    text = (CLUSTERS / "aws.yaml").read_text()
    config = prepare_config(yaml.safe_load(text))
    validate_config(config)
    assert set(config["available_node_types"]) == {"head", "gpu"}
    command = "".join(line.removeprefix("#") for line in text.splitlines() if line.startswith("#   ")).replace(
        "\\", " "
    )
    submitted = command[command.index("distil search") : command.index("ray down")]
    assert searched(submitted, "").storage == "s3://BUCKET/distil"
