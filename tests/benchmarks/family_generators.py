"""The families that write text: generative teachers of a small encoder."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from distil.framework.errors import ModelError
from distil.framework.models.build import random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.kind import generator_of
from distil.framework.models.section import ConfigModel
from tests.benchmarks.family_cells import Family, Values
from tests.benchmarks.family_models import DATA, POSITIONS, llama_like, natural_tokenizer, tiny_fields

# They read or write sound, pictures or bytes beside tokens of text, or instead of them.
_NO_TEXT = {
    *("audioflamingo3", "emu3", "fuyu", "git", "glmasr", "got_ocr2", "granite_speech", "granite_speech_plus"),
    *("mllama", "moshi", "moss_transcribe_diarize", "musicflamingo", "musicgen", "musicgen_melody", "nemo_speechlm"),
    *("phi4_multimodal", "qwen2_audio", "qwen3_asr", "seamless_m4t", "seamless_m4t_v2", "trocr", "vibevoice_asr"),
    *("voxtral", "voxtral_realtime", "whisper", "gemma3n", "t5gemma2", "gemma4_assistant", "gemma4_unified"),
    *("blt", "gemma4_unified_assistant", "llama4", "qwen3_5", "qwen3_5_moe", "qwen4_exp", "dots3_note"),
}
_SPARSE = {"num_experts_per_tok": 1, "top_k": 1, "moe_topk": 1, "moe_k": 1, "n_group": 1, "topk_group": 1}
_SPARSE |= dict.fromkeys(("n_routed_experts", "moe_num_experts"), 2)
_SPARSE |= {"moe_router_topk": 1, "num_selected_experts": 1, "expert_ffn_hidden_size": 64, "moe_top_k": 1}
_LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16}
_LATENT |= {"first_k_dense_replace": 1, "index_topk": 16, "index_head_dim": 16, "index_n_heads": 2}
_TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64, "num_attention_heads": 2}
_GEMMA = {**_TEXT, "num_key_value_heads": 2, "head_dim": 16}
_PICTURES = {**_TEXT, "num_hidden_layers": 1}
_DECODER = {"is_decoder": True}
_LINEAR = {
    "layer_types": ["linear_attention", "full_attention"],
    **dict.fromkeys(("linear_num_value_heads", "linear_num_key_heads"), 2),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim"), 16),
}
_INDEXED = {"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 16, "indexer_budget": 16}
_INDEXED |= {"indexer_compress_ratio": 4}
_STATES = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_chunk_size": 8, "mamba_n_groups": 1}

# What the tiny models of some families need besides.
_FIELDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("bert", "camembert", "electra", "ernie", "megatron-bert", "roberta", "data2vec-text"), _DECODER),
    **dict.fromkeys(("roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "bert-generation", "roformer"), _DECODER),
    "bamba": {"attn_layer_indices": [1], **_STATES},
    "big_bird": {**_DECODER, "block_size": 8, "num_random_blocks": 1},
    "bigbird_pegasus": {"block_size": 8, "num_random_blocks": 1},
    "codegen": {"rotary_dim": 8, "n_head": 4},
    **{key: {"head_dim": None} for key in ("axk1", "deepseek_v3", "youtu")},
    "bailing_hybrid": {"num_experts_per_tok": 1, "n_group": 1, "topk_group": 1, "layer_types": _LINEAR["layer_types"]},
    "cohere_compass_text": {
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [3, 3, 2]}
            for kind in ("sliding_attention", "full_attention")
        },
    },
    "deepseek_v2": {"num_experts_per_tok": 1, "head_dim": None},
    "dots1": {"n_routed_experts": 2, "n_shared_experts": 1, "num_experts_per_tok": 1},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 64, "moe_num_experts": 2, "moe_top_k": 1},
    },
    "encoder-decoder": {"encoder": _TEXT, "decoder": _TEXT},
    "falcon_h1": {**_STATES, "mamba_d_ssm": 64},
    "falcon_mamba": {"state_size": 8},
    "fsmt": {"langs": ["ru", "ru"]},
    "gemma3": {"text_config": _GEMMA, "vision_config": {**_PICTURES, "image_size": 28}, "mm_tokens_per_image": 4},
    "gemma3n_text": {
        "num_kv_shared_layers": 0,
        "hidden_size_per_layer_input": 8,
        "layer_types": ["full_attention"] * 2,
    },
    "gemma4": {
        "text_config": {**_GEMMA, "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 0},
        "vision_config": _PICTURES,
        "audio_config": None,
    },
    "gemma4_text": {"hidden_size_per_layer_input": 8, "num_kv_shared_layers": 0},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 16},
    "gptj": {"rotary_dim": 8},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"], **_STATES},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_d_state": 8, "mamba_dt_rank": 4},
    "kimi_linear": {
        "num_experts_per_tok": 1,
        "linear_head_dim": 16,
        "linear_num_heads": 2,
        "layer_types": _LINEAR["layer_types"],
    },
    "led": {"attention_window": 16, **dict.fromkeys(("max_encoder_position_embeddings",), POSITIONS)},
    "longcat_flash": {"head_dim": 8, "moe_topk": 2},
    "longt5": {"local_radius": 15},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "mamba": {"state_size": 8},
    "mamba2": {"num_heads": 4, "head_dim": 16, "n_groups": 1, "state_size": 16, "chunk_size": 8},
    "mimo_v2_flash": {"num_key_value_heads": 1},
    "minimax": {"layer_types": ["linear_attention", "full_attention"]},
    "nemotron_h": {
        "layers_block_type": ["mamba", "attention"],
        "mamba_num_heads": 4,
        "mamba_head_dim": 16,
        "n_groups": 1,
    },
    "qwen3_5_moe_text": _LINEAR,
    "qwen3_5_text": _LINEAR,
    "qwen3_next": _LINEAR,
    "qwen4_exp_text": {**_LINEAR, "hc_lowrank": 8, **_INDEXED},
    "recurrent_gemma": {"block_types": ["recurrent", "attention"], "lru_width": 32},
    "reformer": {
        **_DECODER,
        "axial_pos_embds_dim": [16, 16],
        "axial_pos_shape": [10, 16],
        "attn_layers": ["local", "lsh"],
        **dict.fromkeys(("lsh_attn_chunk_length", "local_attn_chunk_length"), 16),
        "num_buckets": 4,
    },
    "rembert": {**_DECODER, "input_embedding_size": 32, "output_embedding_size": 32},
    "roc_bert": {
        **_DECODER,
        **dict.fromkeys(("pronunciation_vocab_size", "shape_vocab_size"), 10),
        **dict.fromkeys(("pronunciation_embed_dim", "shape_embed_dim"), 8),
    },
    "switch_transformers": {"num_decoder_layers": 2},
    "t5gemma": {"encoder": _GEMMA, "decoder": {**_GEMMA, "cross_attention_hidden_size": 32}},
    "xmod": {**_DECODER, "languages": ["en_XX"], "default_language": "en_XX"},
    "zamba": {
        "num_hidden_layers": 3,
        "layer_types": ["mamba", "hybrid", "hybrid"],
        "mamba_d_state": 8,
        "mamba_dt_rank": 4,
    },
    "zamba2": {"layers_block_type": ["mamba", "hybrid"], "mamba_d_state": 8, "mamba_headdim": 16, "n_mamba_heads": 4},
}
_STUDENT = {
    "model": {"kind": "config", "architecture": "bert", "config": {**_TEXT, "num_hidden_layers": 1}},
    "tokenizer": {"kind": "wordpiece", "vocab_size": 400},
}
_TRAINING = {"lr": 1e-3, "epochs": 1, "batch_size": 4}


def _fields(name: str) -> dict[str, Any]:
    """Fields of a tiny model; those that only some sparse or latent architectures have, where this one has them."""
    from transformers import AutoConfig

    known = AutoConfig.for_model(name).to_dict()
    if any(isinstance(known.get(part), dict) for part in ("text_config", "encoder", "decoder")):
        return _FIELDS[name]
    some = {field: size for field, size in {**_SPARSE, **_LATENT}.items() if isinstance(known.get(field), int)}
    fields = {**tiny_fields(name), **some, **_FIELDS.get(name, {})}
    return {field: value for field, value in fields.items() if value is not None}


def _values(teacher: Mapping[str, Any]) -> Values:
    return {
        "name": "family",
        "data": DATA,
        "windows": {"max_length": 128, "doc_stride": 16, "max_question": 16},
        "teachers": {"teacher": {"kind": "generative", **teacher, "fine_tune": _TRAINING, "max_answer": 6, "beams": 2}},
        "student": {**_STUDENT, **_TRAINING},
        "losses": {"hard_label": {"weight": 0.5}, "kl": {"weight": 0.5}},
        "engine": {"workers": 1, "threads": 1, "precision": "fp32"},
        "signals": {"mode": "precomputed"},
        "evaluation": {"latency_questions": 1, "bootstrap": 100},
    }


def _configuration(name: str, folder: Path) -> Values:
    model = {"kind": "config", "architecture": name, "config": _fields(name)}
    return _values({"model": model, "tokenizer": {"kind": "wordpiece", "vocab_size": 400}})


def _folder(name: str, folder: Path) -> Values:
    """As the hub has them: weights of a generator, with the tokenizer of its family.

    One as Llama's where that takes files or packages that cannot be made here (Marian's, CTRL's, FSMT's, Pegasus's).
    """
    try:
        tokenizer = natural_tokenizer(name)
    except (TypeError, ValueError, ImportError, RuntimeError):
        tokenizer = llama_like()
    source = ConfigModel(architecture=name, config=_fields(name))
    try:
        config = new_config(source, len(tokenizer), tokenizer.pad_token_id or 0)
        random_model(generator_of(config), config, seed=0).save_pretrained(folder / "saved")
    except ModelError:  # what cannot be built cannot be saved
        return _configuration(name, folder)
    tokenizer.save_pretrained(folder / "saved")
    return _values({"model": {"kind": "folder", "path": str(folder / "saved")}})


_COLUMNS: Mapping[str, Callable[[str, Path], Values]] = {"configuration": _configuration, "saved folder": _folder}
GENERATORS: Mapping[str, Family] = {
    name: Family(name, {column: partial(make, name) for column, make in _COLUMNS.items()}, exported=None)
    for name in sorted({*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES} - _NO_TEXT)
}
