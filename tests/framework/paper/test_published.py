"""Published configurations make models of the sizes that the paper reports."""

import pytest

from framework.errors import ModelError
from framework.generative.kind import generator_of
from framework.models.build import count_parameters, random_model
from framework.models.kind import ModelKind
from framework.paper.published import PUBLISHED, published_config, published_parameters
from framework.paper.table import STUDENT, TABLE, Row
from framework.tasks.span_qa.task import ExtractiveQA

# DistilRuBERT; 21M in the layers of MiniLM and 96M in its embeddings; rubert-tiny2, whose file holds 118 MB of float32.
OTHERS = {
    "DeepPavlov/distilrubert-base-cased-conversational": 135.5e6,
    "microsoft/Multilingual-MiniLM-L12-H384": 117e6,
    "cointegrated/rubert-tiny2": 29.4e6,
}


def kind_of(id: str) -> ModelKind:
    try:
        return generator_of(published_config(id))
    except ModelError:
        return ExtractiveQA()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_parameters_are_the_papers(row: Row) -> None:
    assert published_parameters(row.model, kind_of(row.model)) == pytest.approx(row.parameters * 1e6, rel=0.02)


@pytest.mark.parametrize("id", sorted(set(PUBLISHED) - {row.model for row in TABLE}))
def test_parameters_of_the_others_are_their_authors(id: str) -> None:
    assert published_parameters(id, ExtractiveQA()) == pytest.approx(OTHERS[id], rel=0.02)


def test_an_output_layer_of_its_own_is_as_large_as_the_embedding() -> None:
    for id, known in PUBLISHED.items():
        config = published_config(id)
        assert known.output_layer in (0, config.vocab_size * config.hidden_size)
        assert bool(known.output_layer) == (config.model_type == "mt5")


def test_the_student_can_be_built() -> None:
    model = random_model(ExtractiveQA(), published_config(STUDENT), seed=0)
    assert count_parameters(model) == published_parameters(STUDENT, ExtractiveQA())


def test_another_model_is_not_known() -> None:
    with pytest.raises(ModelError, match="no published configuration of 'bert-base-uncased'"):
        published_config("bert-base-uncased")
