"""The heads of classifiers: new ones for the task's labels, and those of models that are taken as they are."""

from pathlib import Path

import pytest
import torch

from distil.framework.errors import ModelError
from distil.framework.models.build import pretrained_model, random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.classification.task import Classification

_SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with three classes."""
    folder = tmp_path_factory.mktemp("three")
    task = Classification(labels=["a", "b", "c"])
    config = new_config(ConfigModel(architecture="bert", config=_SIZES), 50, 0)
    config.update(task.head_fields())
    random_model(task, config, 0).save_pretrained(str(folder))
    return folder


def test_a_model_keeps_the_names_of_its_classes(folder: Path) -> None:
    model = pretrained_model(Classification(labels=["a", "b", "c"]), folder)
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.problem_type == "single_label_classification"


def test_a_head_for_other_classes_is_new_and_the_rest_is_kept(folder: Path) -> None:
    task = Classification(labels=["a", "b", "c", "d", "e"])
    model = pretrained_model(task, folder, 1, task.head_fields())
    before = pretrained_model(task, folder)
    assert (model.config.num_labels, before.config.num_labels) == (5, 3)
    assert model.classifier.weight.shape == (5, 16)
    assert torch.isfinite(model.classifier.weight).all()
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, before.bert.embeddings.word_embeddings.weight)
    again = pretrained_model(task, folder, 1, task.head_fields())
    assert torch.equal(again.classifier.weight, model.classifier.weight)


def test_weights_that_do_not_fit_their_own_configuration_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"hidden_size": 16', '"hidden_size": 8'))
    task = Classification(labels=["a", "b"])
    with pytest.raises(ModelError, match="do not fit its config"):
        pretrained_model(task, tmp_path, 1, task.head_fields())
