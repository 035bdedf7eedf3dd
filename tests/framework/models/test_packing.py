"""Packed layers: the same outputs and gradients from fewer tokens, or a refusal."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.errors import ModelError
from distil.framework.models.adapters import add_adapters
from distil.framework.models.build import random_model
from distil.framework.models.checkpointing import checkpoint_gradients
from distil.framework.models.configuration import new_config
from distil.framework.models.kind import Generator, ModelKind
from distil.framework.models.packing import PLACES, pack, with_places
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.training.section import Lora
from tests.blocking import blocking_reads

QA, CLASSES, DECODER = ExtractiveQA(), Classification(labels=["a", "b"]), Generator(encoder_decoder=False)
BERT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
DISTILBERT = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}
GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2}
GROUPED = {**BERT, "num_key_value_heads": 1}  # heads that share keys and values
LENGTHS, LONGEST = (9, 4, 1, 6), 10


def model_of(kind: ModelKind, architecture: str, fields: dict[str, Any]) -> Any:
    return random_model(kind, new_config(ConfigModel(architecture=architecture, config=fields), 50, 0, {}), 0)


def batch_of(lengths: tuple[int, ...], on_the_left: tuple[bool, ...]) -> dict[str, torch.Tensor]:
    """Texts of these lengths, each filled up on its right, or on its left."""
    number = torch.arange(LONGEST)
    rows = [number >= LONGEST - n if left else number < n for n, left in zip(lengths, on_the_left, strict=True)]
    mask = torch.stack(rows).long()
    drawn = torch.randint(4, 50, mask.shape, generator=torch.Generator().manual_seed(0))
    return {"input_ids": drawn * mask, "attention_mask": mask}


RIGHT = batch_of(LENGTHS, (False,) * 4)


def said(model: Any, inputs: dict[str, torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """What a model says of the tokens of texts, or of texts, and the gradients of the sum of its squares."""
    inside = inputs["attention_mask"].bool()
    tensors = [one for one in model(**inputs).values() if isinstance(one, torch.Tensor)]
    found = [one[inside] if one.shape[:2] == inside.shape else one for one in tensors]
    model.zero_grad()
    sum(one.square().sum() for one in found).backward()  # type: ignore[union-attr]
    return found, {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def assert_same(model: Any, packed: Any, inputs: dict[str, torch.Tensor]) -> None:
    expected, gradients = said(model, inputs)
    found, of_packed = said(packed, with_places(inputs))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.detach().abs().max()))
    assert of_packed.keys() == gradients.keys()
    largest = max(float(one.abs().max()) for one in gradients.values())
    assert largest > 0
    for name, gradient in gradients.items():
        torch.testing.assert_close(of_packed[name], gradient, rtol=1e-4, atol=1e-5 * largest)


@pytest.mark.parametrize(
    ("kind", "architecture", "fields"),
    [
        (QA, "bert", BERT),
        (CLASSES, "bert", BERT),  # with a pooler
        (QA, "distilbert", DISTILBERT),
        (QA, "roberta", BERT),
        (CLASSES, "roberta", BERT),
        (QA, "electra", {**BERT, "embedding_size": 8}),
        (QA, "modernbert", {**BERT, "local_attention": 4, "layer_types": ["sliding_attention", "full_attention"]}),
        (DECODER, "gpt2", GPT2),
        (CLASSES, "gpt2", GPT2),  # of the last token
        (DECODER, "gpt_neox", BERT),
        (DECODER, "llama", GROUPED),
        (DECODER, "mistral", {**GROUPED, "sliding_window": 4}),
        (DECODER, "qwen2", GROUPED),
        (DECODER, "qwen3", {**GROUPED, "head_dim": 8}),
    ],
)
@pytest.mark.parametrize("left", [False, True])
def test_outputs_and_gradients_are_those_of_the_whole_batch(
    kind: ModelKind, architecture: str, fields: dict[str, Any], left: bool
) -> None:
    model = model_of(kind, architecture, fields).eval()
    packed = copy.deepcopy(model)
    pack(packed)
    assert not packed.training
    left = left and not (kind is CLASSES and architecture != "gpt2")  # a head that reads the first token of a row
    inputs = batch_of(LENGTHS, (left, left, False, left))
    assert_same(model, packed, inputs)
    assert_same(model, packed, inputs)  # as often as it is asked
    for one, other in zip(
        said(packed, inputs)[0], said(model, inputs)[0], strict=True
    ):  # and whole, where it is not told what to leave out
        assert (one == other).all()


@given(texts=st.lists(st.tuples(st.integers(1, LONGEST), st.booleans()), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_layers_see_the_tokens_of_texts_alone_whatever_their_lengths(texts: list[tuple[int, bool]]) -> None:
    model = model_of(QA, "distilbert", DISTILBERT).eval()
    packed = copy.deepcopy(model)
    pack(packed)
    seen = set()
    for part in packed.distilbert.transformer.layer.modules():
        if isinstance(part, torch.nn.Linear):
            part.register_forward_pre_hook(lambda _, args: seen.add(tuple(args[0].shape[:-1])))
    lengths, left = zip(*texts, strict=True)
    assert_same(model, packed, batch_of(lengths, left))
    assert seen == {(1, sum(lengths))}


def test_on_a_gpu_some_of_what_fills_up_makes_a_round_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_places(RIGHT)[PLACES].tolist() == np.flatnonzero(RIGHT["attention_mask"].numpy()).tolist()
    monkeypatch.setattr("distil.framework.models.packing.device_kind", lambda: "cuda")
    places = with_places(RIGHT)[PLACES]
    assert len(places) == 32
    assert len(set(places.tolist())) == 32
    assert set(np.flatnonzero(RIGHT["attention_mask"].numpy()).tolist()) < set(places.tolist())
    few = batch_of((3, 9), (False, False))
    assert len(with_places(few)[PLACES]) == few["input_ids"].numel()
    model = model_of(QA, "bert", BERT).eval()
    packed = copy.deepcopy(model)
    pack(packed)
    assert_same(model, packed, RIGHT)


def test_inputs_of_which_texts_cannot_be_told_are_refused() -> None:
    with pytest.raises(ModelError, match=r"^packing: a task gives its model input_ids, and it takes .* drop packing"):
        with_places({"input_ids": RIGHT["input_ids"]})


def test_layers_are_computed_again_as_they_were() -> None:
    found = []
    for checkpointed in (False, True):
        model = model_of(QA, "bert", {**BERT, "hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3})
        if checkpointed:
            checkpoint_gradients(model)
        pack(model)
        torch.manual_seed(1)
        found.append(said(model.train(), with_places(RIGHT))[1])
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=0, atol=float(1e-5 * gradient.abs().max()) + 1e-9)


def test_adapters_are_packed_with_their_layers() -> None:
    model = model_of(QA, "distilbert", DISTILBERT).eval()
    add_adapters(model, Lora(rank=2, dropout=0.0), 0)
    packed = copy.deepcopy(model)
    pack(packed)
    assert_same(model, packed, RIGHT)


def test_nothing_waits_for_the_device() -> None:
    model = model_of(DECODER, "llama", GROUPED)
    pack(model)
    inputs = with_places(RIGHT)
    with blocking_reads() as waits:
        model(**inputs).logits.sum().backward()
    assert waits == []


def test_other_models_and_saved_ones_know_nothing_of_it(tmp_path: Any) -> None:
    config = new_config(ConfigModel(architecture="bert", config=BERT), 50, 0, {})
    model, other = (random_model(QA, config, seed) for seed in (0, 1))
    before = other.eval()(**RIGHT).start_logits
    pack(model)
    assert (other(**RIGHT).start_logits == before).all()
    model.save_pretrained(tmp_path)
    assert "packed" not in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize(
    ("kind", "architecture", "fields", "why"),
    [
        (QA, "albert", {**BERT, "embedding_size": 8}, "cannot tell the layers of a albert model"),
        (QA, "bart", {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1}, "it has an encoder and a decoder"),
        (QA, "deberta-v2", BERT, "does not attend by PyTorch's scaled_dot_product_attention"),
        (QA, "xlm", {"emb_dim": 16, "n_layers": 2, "n_heads": 2}, "does not attend by"),
        (
            DECODER,
            "opt",
            {"hidden_size": 16, "num_attention_heads": 2, "ffn_dim": 16, "layerdrop": 0.1},
            "leaves out layers at",
        ),
        (
            DECODER,
            "falcon",
            {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
            "size of tensor",
        ),  # it makes masks of its own
    ],
)
def test_what_cannot_is_refused(kind: ModelKind, architecture: str, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelError, match=f"^packing: .*{why}.*drop packing"):
        pack(model_of(kind, architecture, fields))


def test_layers_that_look_at_several_tokens_elsewhere_are_refused() -> None:
    model = model_of(QA, "bert", BERT)
    model.bert.encoder.layer[0].output.register_forward_hook(lambda _, __, output: output + output.roll(1, 1))
    with pytest.raises(ModelError, match="what it says of a text then depends on the others"):
        pack(model)
    with pytest.raises(ModelError, match="packing is for models of transformers"):
        pack(torch.nn.Linear(2, 2))


def test_a_layer_that_is_never_reached_is_told() -> None:
    model = model_of(QA, "distilbert", DISTILBERT)
    layers = model.distilbert.transformer.layer
    model.distilbert.transformer.forward = lambda hidden_states, attention_mask, **_: layers[0](
        hidden_states, attention_mask
    )
    with pytest.raises(ModelError, match=r"packing: .*drop packing"):
        pack(model)
