"""The families with a question-answering head: teachers, and students of the same family."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers.models.auto.modeling_auto import MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES

from distil.framework.export.finished_run import FinishedRun
from distil.framework.predictors.logits import logits_predictor
from distil.framework.progress import SILENT
from tests.benchmarks.family_cells import Family, Values
from tests.benchmarks.family_models import DATA, saved_model, tiny_fields

# What the tiny models of some families need besides.
_FIELDS: dict[str, dict[str, Any]] = {
    "big_bird": {"block_size": 8, "num_random_blocks": 1},
    "bigbird_pegasus": {"block_size": 8, "num_random_blocks": 1},
    "convbert": {"head_ratio": 2},
    "funnel": {"block_sizes": [1, 1]},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 16},
    "gptj": {"rotary_dim": 8},
    "layoutlmv3": {"coordinate_size": 6, "shape_size": 4, "visual_embed": False},
    "led": {"max_encoder_position_embeddings": 160, "max_decoder_position_embeddings": 160, "attention_window": 16},
    "lilt": {"hidden_size": 48},
    "longformer": {"attention_window": [16, 16]},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 8},
    "markuplm": {"xpath_unit_hidden_size": 4},
    "mobilebert": {"embedding_size": 32, "intra_bottleneck_size": 32, "true_hidden_size": 32},
    "qwen2_moe": {"num_experts_per_tok": 1},
    "qwen3_moe": {"num_experts_per_tok": 1},
    "qwen3_next": {
        "num_experts_per_tok": 1,
        "num_hidden_layers": 4,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
    },
    "reformer": {
        "axial_pos_embds_dim": [16, 16],
        "axial_pos_shape": [10, 16],
        "attn_layers": ["local", "lsh"],
        "num_hashes": 2,
        "lsh_attn_chunk_length": 16,
        "local_attn_chunk_length": 16,
        "num_buckets": 4,
    },
    "roc_bert": {"pronunciation_vocab_size": 10, "shape_vocab_size": 10},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}
_ROUNDING = 1e-5  # of a logit
_TRAINING = {"lr": 1e-3, "epochs": 1, "batch_size": 4}


def _values(teacher: Mapping[str, Any], student: Mapping[str, Any], **losses: Any) -> Values:
    return {
        "name": "family",
        "data": DATA,
        "windows": {"max_length": 64, "doc_stride": 16, "max_question": 24},
        "teachers": {"teacher": {"kind": "encoder", **teacher, "fine_tune": _TRAINING}},
        "student": {**student, **_TRAINING},
        "losses": {"hard_label": {"weight": 0.5}, "kl": {"weight": 0.5}} | losses,
        "engine": {"workers": 1, "threads": 1, "precision": "fp32"},
        "signals": {"mode": "auto" if losses else "precomputed"},
        "evaluation": {"latency_questions": 1, "bootstrap": 100},
    }


def _from_configuration(name: str) -> dict[str, Any]:
    fields = tiny_fields(name, **_FIELDS.get(name, {}))
    return {
        "model": {"kind": "config", "architecture": name, "config": fields},
        "tokenizer": {"kind": "wordpiece", "vocab_size": 400},
    }


def _configuration(name: str, folder: Path) -> Values:
    return _values(_from_configuration(name), _from_configuration(name))


def _folder(name: str, folder: Path) -> Values:
    from transformers import AutoModel

    saved = saved_model(folder / "saved", name, AutoModel, **_FIELDS.get(name, {}))
    model = {"model": {"kind": "folder", "path": str(saved)}}
    return _values(model, model)


def _layers(name: str, folder: Path) -> Values:
    return _values(_from_configuration(name), {"model": {"kind": "layers", "teacher": "teacher", "layers": [0]}})


def _hidden(name: str, folder: Path) -> Values:
    model = _from_configuration(name)
    return _values(model, model, hidden_mse={"weight": 1.0, "embeddings": True})


def _alone(finished: FinishedRun) -> None:
    """What teacher and student say about a question has to be the same, whatever they are asked besides."""
    examples = finished.examples(SILENT)
    for entry in finished.results["models"]:
        predictor = logits_predictor(finished.folder(entry), finished.inference(entry))
        together = predictor.outputs(examples)[1]
        alone = [values for example in examples for values in predictor.outputs([example])[1]]
        difference = max(float(np.abs(one - other).max()) for one, other in zip(together, alone, strict=True))
        assert difference <= _ROUNDING, f"logits of {entry['name']} differ by {difference} when it is asked alone"


_COLUMNS: Mapping[str, Callable[[str, Path], Values]] = {
    "configuration": _configuration,
    "saved folder": _folder,
    "student of its layers": _layers,
    "hidden_mse": _hidden,
}
ENCODERS: Mapping[str, Family] = {
    name: Family(name, {column: partial(make, name) for column, make in _COLUMNS.items()}, _alone)
    for name in MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES
}
