"""The published configurations of the models that recipes name, from which each can be built without its files."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from framework.errors import ModelError

if TYPE_CHECKING:
    from framework.models.kind import ModelKind


@dataclass(frozen=True)
class Published:
    """A model as its authors describe it.

    architecture: model_type of transformers; vocabulary: rows of the embedding; tokenizer: its kind; sizes: fields of
    the configuration that differ from the architecture's defaults; output_layer: parameters of an output layer that
    the published weights have beside the embedding. Neither the paper nor a model built from the configuration counts
    it: transformers ties the two unless weights that it loads differ, as those of mT5 do.
    """

    architecture: str
    vocabulary: int
    tokenizer: Literal["wordpiece", "bpe", "unigram"]
    sizes: dict[str, Any] = field(default_factory=dict)
    output_layer: int = 0


_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_ROBERTA = {
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_T5_BASE = {"d_model": 768, "d_kv": 64, "num_layers": 12, "num_heads": 12}
_T5_LARGE = {"d_model": 1024, "d_kv": 64, "num_layers": 24, "num_heads": 16}
_MINILM = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536}
_TINY = {
    "hidden_size": 312,
    "num_hidden_layers": 3,
    "num_attention_heads": 12,
    "intermediate_size": 600,
    "max_position_embeddings": 2048,
}
_GPT = {"n_positions": 2048, "n_layer": 24, "n_head": 16}

# Zmitrovich et al., arXiv 2309.10931 (ruBERT, ruRoBERTa, ruT5, ruGPT-3); Xue et al., arXiv 2010.11934 (mT5); Abdaoui et
# al., arXiv 2010.05609 (the multilingual DistilBERT, of whose vocabulary only the Russian part is left). Not among the
# paper's: Kolesnikova et al., arXiv 2205.02340 (DistilRuBERT); Wang et al., arXiv 2002.10957 (MiniLM); rubert-tiny2, which
# its page on the hub describes.
PUBLISHED = {
    "ai-forever/ruBert-base": Published("bert", 120_138, "wordpiece"),
    "ai-forever/ruBert-large": Published("bert", 120_138, "wordpiece", _LARGE),
    "ai-forever/ruRoberta-large": Published("roberta", 50_265, "bpe", {**_LARGE, **_ROBERTA}),
    "ai-forever/ruT5-base": Published("t5", 32_128, "unigram", {**_T5_BASE, "d_ff": 3072}),
    "ai-forever/ruT5-large": Published("t5", 32_128, "unigram", {**_T5_LARGE, "d_ff": 4096}),
    "ai-forever/rugpt3medium_based_on_gpt2": Published("gpt2", 50_257, "bpe", {**_GPT, "n_embd": 1024}),
    "ai-forever/rugpt3large_based_on_gpt2": Published("gpt2", 50_257, "bpe", {**_GPT, "n_embd": 1536}),
    "google/mt5-base": Published("mt5", 250_112, "unigram", {**_T5_BASE, "d_ff": 2048}, output_layer=250_112 * 768),
    "google/mt5-large": Published("mt5", 250_112, "unigram", {**_T5_LARGE, "d_ff": 2816}, output_layer=250_112 * 1024),
    "Geotrend/distilbert-base-ru-cased": Published("distilbert", 14_283, "wordpiece"),
    "DeepPavlov/distilrubert-base-cased-conversational": Published("distilbert", 119_547, "wordpiece"),
    "microsoft/Multilingual-MiniLM-L12-H384": Published("bert", 250_037, "unigram", _MINILM),
    "cointegrated/rubert-tiny2": Published("bert", 83_828, "wordpiece", _TINY),
}


def published_config(id: str) -> Any:
    """The configuration of the model with this hub id. Raises ModelError if none is known."""
    from transformers import AutoConfig

    if id not in PUBLISHED:
        raise ModelError(f"no published configuration of '{id}' is known here; known: {', '.join(PUBLISHED)}")
    known = PUBLISHED[id]
    return AutoConfig.for_model(known.architecture, vocab_size=known.vocabulary, **known.sizes)


def published_parameters(id: str, kind: "ModelKind") -> int:
    """Parameters of that model without an output layer of its own, and without memory for them. Raises ModelError as above."""
    from framework.models.build import planned_parameters

    return planned_parameters(kind, published_config(id))
