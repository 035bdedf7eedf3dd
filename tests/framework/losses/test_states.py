"""Losses on what models compute inside, against their definitions in loops."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.errors import ModelError
from distil.framework.losses.live import States, layer_pairs
from distil.framework.losses.states import AttentionMSE, HiddenMSE, MiniLMRelations

MASK = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]]).bool()
HEADS = 2
seeds = st.integers(0, 200)


def states(seed: int, layers: int, width: int, length: int = 6, scale: float = 1.0) -> States:
    """Random states of 3 windows; what lies on padding is large."""
    random = torch.Generator().manual_seed(seed)

    def tensor() -> torch.Tensor:
        values = torch.randn(3, 6, width, generator=random) * scale
        return torch.where(MASK.unsqueeze(-1), values, 100 * values)[:, :length]

    hidden = [tensor() for _ in range(layers + 1)]
    return States(layers, HEADS, hidden, {layer: (tensor(), tensor(), tensor()) for layer in range(layers)})


def config(**fields: Any) -> Any:
    values = {"model_type": "bert", "num_hidden_layers": 4, "num_attention_heads": 2, "hidden_size": 8}
    return SimpleNamespace(**{**values, **fields})


def tokens(row: int) -> list[int]:
    return MASK[row].nonzero().flatten().tolist()


@given(seeds, st.booleans())
def test_hidden_mse_is_the_mean_square_over_tokens_width_and_layers(seed: int, embeddings: bool) -> None:
    loss = HiddenMSE(layers={0: 1, -1: 3}, embeddings=embeddings)
    student, teacher = states(seed, 2, 4), states(seed + 1, 4, 8)
    torch.manual_seed(seed)
    projection: Any = loss.new_projection(config(hidden_size=4), config(hidden_size=8))
    found = loss(student, teacher, MASK, projection)
    for row in range(3):
        errors = []
        for name, own, other in [("layers", 1, 2), ("layers", 2, 4), *([("embeddings", 0, 0)] if embeddings else [])]:
            weight = projection[name].weight
            differences = [
                weight @ student.hidden[own][row, token] - teacher.hidden[other][row, token] for token in tokens(row)
            ]
            errors.append(sum((difference**2).mean().item() for difference in differences) / len(differences))
        assert found[row].item() == pytest.approx(sum(errors) / len(errors), rel=1e-4)


@given(seeds)
def test_attention_mse_is_the_mean_square_between_scores_of_tokens(seed: int) -> None:
    student, teacher = states(seed, 2, 8), states(seed + 1, 4, 12)
    found = AttentionMSE()(student, teacher, MASK, None)

    def score(model: States, layer: int, row: int, head: int, query: int, key: int) -> float:
        size = model.hidden[0].shape[-1] // HEADS
        part = slice(head * size, (head + 1) * size)
        queries, keys, _ = model.attention[layer]
        return (queries[row, query, part] @ keys[row, key, part]).item() / size**0.5

    for row in range(3):
        squares = [
            (score(student, own, row, head, query, key) - score(teacher, other, row, head, query, key)) ** 2
            for own, other in ((0, 1), (1, 3))
            for head in range(HEADS)
            for query in tokens(row)
            for key in tokens(row)
        ]
        assert found[row].item() == pytest.approx(sum(squares) / len(squares), rel=1e-3)


@given(seeds, st.sampled_from([1, 2, 4]))
def test_minilm_relations_are_divergences_between_softmax_rows(seed: int, heads: int) -> None:
    student, teacher = states(seed, 2, 4), states(seed + 1, 4, 8)
    found = MiniLMRelations(teacher_layer=2, relation_heads=heads)(student, teacher, MASK, None)

    def relation(vectors: torch.Tensor, row: int, head: int, query: int) -> torch.Tensor:
        size = vectors.shape[-1] // heads
        cut = vectors[row, tokens(row), head * size : (head + 1) * size].double()
        return (cut @ cut[query] / size**0.5).softmax(-1)

    for row in range(3):
        divergences = []
        for ours, theirs in zip(student.attention[1], teacher.attention[2], strict=True):
            for head in range(heads):
                for query in range(len(tokens(row))):
                    p, q = relation(theirs, row, head, query), relation(ours, row, head, query)
                    divergences.append((p * (p / q).log()).sum().item())
        assert found[row].item() == pytest.approx(sum(divergences) / len(divergences), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("loss", [HiddenMSE(embeddings=True), AttentionMSE(), MiniLMRelations()], ids=lambda x: x.kind)
def test_equal_states_cost_nothing_and_padding_never_does(loss: Any) -> None:
    teacher = states(1, 3, 8)
    assert loss(teacher, teacher, MASK, None).abs().max() == 0
    whole = loss(states(2, 3, 8), teacher, MASK, None)
    assert (whole > 0).all()
    short = [States(s.layers, s.heads, [h[:, :4] for h in s.hidden], _cut(s)) for s in (states(2, 3, 8), teacher)]
    torch.testing.assert_close(loss(*short, MASK[:, :4], None)[[0, 2]], whole[[0, 2]])


def _cut(whole: States) -> dict[int, Any]:
    return {layer: tuple(vector[:, :4] for vector in vectors) for layer, vectors in whole.attention.items()}


@pytest.mark.parametrize("loss", [HiddenMSE(), AttentionMSE(), MiniLMRelations()], ids=lambda x: x.kind)
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_gradients_are_finite_and_padding_has_none(loss: Any, kind: torch.dtype) -> None:
    student, teacher = states(3, 2, 8, scale=30.0), states(4, 3, 8, scale=30.0)
    leaves = [*student.hidden, *(vector for vectors in student.attention.values() for vector in vectors)]
    inside = [leaf.to(kind).requires_grad_() for leaf in leaves]
    vectors = {0: tuple(inside[3:6]), 1: tuple(inside[6:9])}
    rows = loss(States(2, HEADS, inside[:3], vectors), teacher, MASK, None)
    assert rows.dtype == torch.float32
    found = [one for one in torch.autograd.grad(rows.sum(), inside, allow_unused=True) if one is not None]
    assert any(one.abs().max() > 0 for one in found)
    for one in found:
        assert torch.isfinite(one).all()
        assert (one[~MASK] == 0).all()


@given(st.integers(1, 24), st.integers(1, 24))
def test_by_default_layers_are_spread_evenly_last_to_last(student: int, teacher: int) -> None:
    own, other = zip(*layer_pairs(None, student, teacher), strict=True)
    assert own == tuple(range(student))
    assert other[0] >= 0
    assert other[-1] == teacher - 1
    assert list(other) == sorted(other)
    if teacher % student == 0:
        assert [layer + 1 for layer in other] == [(layer + 1) * teacher // student for layer in own]


def test_layers_may_be_words_as_in_json_and_count_from_the_end() -> None:
    assert HiddenMSE.model_validate({"layers": {"0": 1, "-1": -1}}).layers == {0: 1, -1: -1}
    assert layer_pairs({0: 1, -1: -1}, 3, 6) == [(0, 1), (2, 5)]


@pytest.mark.parametrize(
    ("loss", "student", "teacher", "message"),
    [
        (HiddenMSE(layers={4: 0}), {}, {}, "layer 4 of the student .* 0 to 3"),
        (HiddenMSE(layers={0: -5}), {}, {}, "layer -5 of the teacher"),
        (AttentionMSE(layers={0: 9}), {}, {}, "layer 9 of the teacher"),
        (AttentionMSE(), {"num_attention_heads": 4}, {}, "4 attention heads and the teacher 2"),
        (AttentionMSE(), {"model_type": "albert"}, {}, "the student is a albert model"),
        (MiniLMRelations(), {}, {"model_type": "deberta-v2"}, "the teacher is a deberta-v2 model"),
        (MiniLMRelations(teacher_layer=4), {}, {}, "layer 4 of the teacher"),
        (MiniLMRelations(relation_heads=3), {}, {}, "width 8 cannot be cut into 3 relation heads"),
        (MiniLMRelations(), {"hidden_size": 9}, {}, "student's width 9 .* divides 9 and 8"),
    ],
    ids=str,
)
def test_models_that_cannot_be_compared_are_refused(
    loss: Any, student: dict[str, Any], teacher: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        loss.wants(config(**student), config(**teacher))


def test_a_projection_is_learnt_where_widths_differ_or_the_recipe_says_so() -> None:
    narrow, wide = config(hidden_size=4), config(hidden_size=8)
    assert HiddenMSE().new_projection(wide, wide) is None
    learned: Any = HiddenMSE(projection="learned").new_projection(wide, wide)
    both: Any = HiddenMSE(embeddings=True).new_projection(narrow, wide)
    assert {name: tuple(one.shape) for name, one in learned.named_parameters()} == {"layers.weight": (8, 8)}
    assert {name: tuple(one.shape) for name, one in both.named_parameters()} == {
        "layers.weight": (8, 4),
        "embeddings.weight": (8, 4),
    }
