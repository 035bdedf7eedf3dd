"""What is published: Table 1 of Galeev & Panishchev, 2022 (distillation of Russian models that answer questions: exact match, F1
and parameters on SberQuAD); configurations of models that recipes name, from which each can be built without its files; and
numbers of questions of datasets, for where their files are not here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from distil.framework.data.hub import Hub
from distil.framework.errors import ModelError

if TYPE_CHECKING:
    pass

DATASET = "kuznetsoffandrey/sberquad"
TRAINING_SPLIT = "train"
SPLIT = "validation"
SPLIT_SIZES = {"train": 45_328, "validation": 5_036, "test": 23_936}  # questions
QUESTIONS = SPLIT_SIZES[SPLIT]
TEACHER = "ai-forever/ruBert-base"
STUDENT = "Geotrend/distilbert-base-ru-cased"


@dataclass(frozen=True)
class Row:
    """A model of the table.

    model: its hub id; role: teacher or student; taught: whether `TEACHER` taught it; exact_match, f1: in percent;
    parameters: millions; recipe: the one that comes with distil, below recipes/sberquad/.
    """

    name: str
    model: str
    role: str
    taught: bool
    exact_match: float
    f1: float
    parameters: int
    recipe: str


def _teacher(name: str, model: str, figures: tuple[float, float, int], recipe: str) -> Row:
    return Row(name, model, "teacher", False, *figures, recipe)


TABLE = (
    _teacher("ruBERT-base", TEACHER, (66.83, 84.95, 178), "teacher.yaml"),
    _teacher("ruBERT-large", "ai-forever/ruBert-large", (67.25, 85.25, 427), "rubert_large.yaml"),
    _teacher("ruRoBERTa-large", "ai-forever/ruRoberta-large", (65.23, 85.45, 355), "ruroberta_large.yaml"),
    _teacher("ruT5-base", "ai-forever/ruT5-base", (66.26, 84.56, 222), "rut5_base.yaml"),
    _teacher("ruT5-large", "ai-forever/ruT5-large", (68.57, 86.73, 737), "rut5_large.yaml"),
    _teacher("ruGPT-3-medium", "ai-forever/rugpt3medium_based_on_gpt2", (57.60, 77.73, 356), "rugpt3_medium.yaml"),
    _teacher("ruGPT-3-large", "ai-forever/rugpt3large_based_on_gpt2", (59.57, 79.51, 760), "rugpt3_large.yaml"),
    _teacher("mT5-base", "google/mt5-base", (64.03, 83.40, 390), "mt5_base.yaml"),
    _teacher("mT5-large", "google/mt5-large", (69.63, 87.06, 973), "mt5_large.yaml"),
    Row("DistilBERT alone", STUDENT, "student", False, 55.65, 76.51, 54, "no_distillation.yaml"),
    Row("DistilBERT distilled", STUDENT, "student", True, 58.57, 78.42, 54, "single_teacher.yaml"),
)


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


def _both(id: str, known: Published) -> dict[str, Published]:
    """A model, and the one that has been taught to follow instructions."""
    return {id: known, f"{id}-Instruct": known}


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

_SMOLLM = {"max_position_embeddings": 8192, "tie_word_embeddings": True}
_SMOLLM_135M = {
    **_SMOLLM,
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
}
_SMOLLM_360M = {
    **_SMOLLM,
    "hidden_size": 960,
    "num_hidden_layers": 32,
    "num_attention_heads": 15,
    "num_key_value_heads": 5,
    "intermediate_size": 2560,
}
_QWEN = {
    "hidden_size": 896,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "intermediate_size": 4864,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}

# Zmitrovich et al., arXiv 2309.10931 (ruBERT, ruRoBERTa, ruT5, ruGPT-3); Xue et al., arXiv 2010.11934 (mT5); Abdaoui et
# al., arXiv 2010.05609 (the multilingual DistilBERT, of whose vocabulary only the Russian part is left). Not among the
# paper's: Kolesnikova et al., arXiv 2205.02340 (DistilRuBERT); Wang et al., arXiv 2002.10957 (MiniLM); rubert-tiny2, which
# its page on the hub describes; Devlin et al., arXiv 1810.04805 (BERT); Ben Allal et al., arXiv 2502.02737 (SmolLM2); Qwen et al., arXiv
# 2412.15115 (Qwen2.5).
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
    "google-bert/bert-base-cased": Published("bert", 28_996, "wordpiece"),
    "google-bert/bert-base-multilingual-cased": Published("bert", 119_547, "wordpiece"),
    **_both("HuggingFaceTB/SmolLM2-135M", Published("llama", 49_152, "bpe", _SMOLLM_135M)),
    **_both("HuggingFaceTB/SmolLM2-360M", Published("llama", 49_152, "bpe", _SMOLLM_360M)),
    **_both("Qwen/Qwen2.5-0.5B", Published("qwen2", 151_936, "bpe", _QWEN)),
}


def published_config(id: str) -> Any:
    """The configuration of the model with this hub id. Raises ModelError if none is known."""
    from transformers import AutoConfig

    if id not in PUBLISHED:
        raise ModelError(f"no published configuration of '{id}' is known here; known: {', '.join(PUBLISHED)}")
    known = PUBLISHED[id]
    return AutoConfig.for_model(known.architecture, vocab_size=known.vocabulary, **known.sizes)


# Clark et al., arXiv 2003.05002 (TyDi QA: the Russian questions with a gold passage); Artetxe et al., arXiv 1910.11856.
_SIZES: dict[tuple[str, str | None, str], Mapping[str, int]] = {
    (DATASET, None, ""): SPLIT_SIZES,
    ("google-research-datasets/tydiqa", "secondary_task", "russian-"): {"train": 6_490, "validation": 812},
    ("google/xquad", "xquad.ru", ""): {"validation": 1_190},
}


def published_sizes(source: Any) -> Mapping[str, int]:
    """Questions of each split of a recipe's source, as published; empty for a source that nothing is known of."""
    return _SIZES.get((source.id, source.config, source.id_prefix), {}) if isinstance(source, Hub) else {}
