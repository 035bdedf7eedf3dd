"""Models that are taken as they are and have no head of the task."""

from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertModel, LlamaConfig, LlamaModel

from distil.framework.errors import ModelError
from distil.framework.models.heads import check_published_head, check_saved_head
from distil.framework.recipe.load import recipe_from_values
from distil.framework.rehearsal.outline import check_known
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.text.task import Text
from tests.tiny import tiny_values

CONFIG = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)


@pytest.mark.parametrize("cls", [BertModel, BertForMaskedLM])
def test_a_model_without_the_head_is_refused_by_its_names_alone(cls: type[Any], tmp_path: Path) -> None:
    cls(CONFIG).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"not trained for task extractive_qa: it has no qa_outputs\.bias"):
        check_saved_head(ExtractiveQA(), tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    expected = f"teachers.t: the model was .* it is a {cls.__name__}, and a BertForQuestionAnswering is needed"
    with pytest.raises(ModelError, match=expected):
        check_published_head(ExtractiveQA(), config, "teachers.t")


def test_a_model_with_the_head_is_taken(tmp_path: Path) -> None:
    BertForQuestionAnswering(CONFIG).save_pretrained(tmp_path)
    check_saved_head(ExtractiveQA(), tmp_path)
    check_published_head(ExtractiveQA(), BertConfig.from_pretrained(tmp_path), "teachers.t")
    with pytest.raises(ModelError, match="a BertForSequenceClassification is needed"):
        check_published_head(Classification(), BertConfig.from_pretrained(tmp_path), "teachers.t")


def test_a_head_that_is_the_embeddings_need_not_be_named(tmp_path: Path) -> None:
    """As GPT-2's; Llama's may stand alone, and is missed then."""
    size: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    for number, tied in enumerate((True, False)):
        LlamaModel(LlamaConfig(**size, intermediate_size=16, tie_word_embeddings=tied)).save_pretrained(
            tmp_path / str(number)
        )
    check_saved_head(Text(), tmp_path / "0")
    with pytest.raises(ModelError, match=r"not trained for task text: it has no lm_head\.weight"):
        check_saved_head(Text(), tmp_path / "1")


@pytest.mark.parametrize("architectures", [None, [], ["SomebodysOwnBert"]])
def test_what_nobody_knows_may_have_any_head(architectures: list[str] | None) -> None:
    config = BertConfig(architectures=architectures)
    check_published_head(ExtractiveQA(), config, "teachers.t")


def test_a_published_model_has_none_before_anything_is_fetched(tmp_path: Path) -> None:
    model = {"kind": "hub", "id": "ai-forever/ruBert-base"}
    values = tiny_values(tmp_path, teachers__teacher={"kind": "encoder", "model": model})
    with pytest.raises(ModelError, match=r"teachers\.teacher: ai-forever/ruBert-base is published without a head"):
        check_known(recipe_from_values(values, "here"))
    values["teachers"]["teacher"]["fine_tune"] = {}
    check_known(recipe_from_values(values, "here"))
