"""The flavour `transformers` of a logged model: model and tokenizer as `mlflow.transformers.load_model` finds them, from the same files
as pyfunc's."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.files import read_json

if TYPE_CHECKING:
    from mlflow.models import Model

_TOKENIZER = "components/tokenizer"
_TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.model", "config.json")
_PIPELINES = {
    "ForSequenceClassification": ("text-classification", "TextClassificationPipeline"),
    "ForTokenClassification": ("token-classification", "TokenClassificationPipeline"),
    "ForCausalLM": ("text-generation", "TextGenerationPipeline"),
    "LMHeadModel": ("text-generation", "TextGenerationPipeline"),
}
# transformers 5 has no pipeline for spans of a text; this one leaves model and tokenizer as they are.
_PLAIN = ("feature-extraction", "FeatureExtractionPipeline")


def add_transformers(model: "Model", folder: Path) -> None:
    """Add the flavour to an MLflow model of the Hugging Face model in `folder`, if transformers has its class."""
    import transformers

    architecture = _architecture(folder)
    if architecture is None:
        return
    task, pipeline = next((one for ending, one in _PIPELINES.items() if architecture.endswith(ending)), _PLAIN)
    model.add_flavor(
        "transformers",
        transformers_version=transformers.__version__,
        code=None,
        task=task,
        instance_type=pipeline,
        pipeline_model_type=architecture,
        source_model_name=folder.name,
        model_binary=f"artifacts/{folder.name}",  # where `mlflow.pyfunc.save_model` puts the folder
        components=["tokenizer"],
        tokenizer_type="AutoTokenizer",
    )


def add_tokenizer(folder: Path, packed: Path) -> None:
    """Copy the tokenizer's files to where that flavour looks for them; none of the weights."""
    if _architecture(folder) is not None:
        (packed / _TOKENIZER).mkdir(parents=True)
        for file in {file for pattern in _TOKENIZER_FILES for file in folder.glob(pattern)}:
            shutil.copy(file, packed / _TOKENIZER)


def _architecture(folder: Path) -> str | None:
    """The class of the model in `folder`, where transformers has it."""
    import transformers

    try:
        named = read_json(folder / "config.json").get("architectures")
    except (OSError, ValueError, AttributeError):
        return None
    name = str(named[0]) if named else ""
    return name if name and hasattr(transformers, name) else None
