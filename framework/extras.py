"""What a light install leaves out: optional packages, and the extras of multi-teacher-distil that bring them. The one place that knows."""

import importlib.util
from collections.abc import Mapping

from distil.framework.errors import UserError

# By the name under which a package is imported; tests hold it to pyproject.toml and to what is imported.
EXTRAS: Mapping[str, str] = {
    "ray": "ray",
    "grpc": "ray",
    "mlflow": "mlflow",
    "requests": "mlflow",
    "sqlalchemy": "mlflow",
    "urllib3": "mlflow",
    "deepspeed": "deepspeed",
    "onnx": "export",
    "onnx_ir": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "fastapi": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "optuna": "search",
    "matplotlib": "report",
    "peft": "lora",
    "accelerate": "quantize",
    "bitsandbytes": "quantize",
    "openai": "chat",
    "httpx2": "chat",
    "sacrebleu": "text",
    "rouge_score": "text",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
}
_NAMES = {
    "ray": "Ray",
    "mlflow": "MLflow",
    "deepspeed": "DeepSpeed",
    "fastapi": "FastAPI",
    "optuna": "Optuna",
    "openai": "OpenAI's client",
    "wandb": "W&B",
}


class MissingPackageError(UserError):
    """An optional package that is asked for and not installed."""


def is_there(package: str) -> bool:
    """Whether a package can be imported; it is not imported for that."""
    return importlib.util.find_spec(package) is not None


def need(what: str, *packages: str) -> None:
    """Raises MissingPackageError where `what` takes one of these packages, which is not installed."""
    for package in packages:
        if not is_there(package):
            raise MissingPackageError(
                f"{what} takes {_NAMES.get(package, package)}, which is not installed: {command(package)}"
            )


def command(package: str) -> str:
    """The command that installs an optional package."""
    return f'pip install "multi-teacher-distil[{EXTRAS[package]}]"'


def missing(error: ImportError) -> MissingPackageError | None:
    """What to say of an import that failed for want of an optional package; None where it failed for something else."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS or is_there(package):
        return None
    return MissingPackageError(f"this takes {_NAMES.get(package, package)}, which is not installed: {command(package)}")
