"""A recipe of texts so small that a run takes seconds: two teachers and a student, each with a tokenizer of its own."""

import json
from pathlib import Path
from typing import Any

from tests.tiny import several_values

_NAMES = ["Anna", "Boris", "Clara", "Пётр", "Ольга", "Zoë"]
_CITIES = ["Omsk", "Paris", "Тула", "Reykjavík", "São Paulo"]


def pairs(count: int) -> list[dict[str, str]]:
    """Questions that have one answer each."""
    found = []
    for number in range(count):
        name, city = _NAMES[number % len(_NAMES)], _CITIES[(number // 2) % len(_CITIES)]
        found.append({"prompt": f"Where does {name} go in {1900 + number}?", "completion": f" {name} goes to {city}."})
    return found


def model(architecture: str = "gpt2", **config: int) -> dict[str, Any]:
    """A model built from a configuration."""
    usual = {
        "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64},
        "llama": {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "intermediate_size": 32,
            "max_position_embeddings": 64,
        },
    }
    return {"kind": "config", "architecture": architecture, "config": {**usual.get(architecture, {}), **config}}


def bpe(size: int) -> dict[str, Any]:
    """A tokenizer that the run trains."""
    return {"kind": "bpe", "vocab_size": size}


def values(output: Path, **changes: Any) -> dict[str, Any]:
    """Two teachers `a` (GPT-2) and `b` (Llama) that become one, and a student; `changes` as in tests.tiny."""
    source = output / "pairs.jsonl"
    if not source.exists():
        source.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in pairs(56)), encoding="utf-8")
    fine_tune = {"lr": 0.01, "epochs": 2, "batch_size": 16}
    common = {
        "task": {"kind": "text", "generation": {"max_new_tokens": 4}},
        "data": {
            "source": {"kind": "files", "path": str(source)},
            "splits": {"train": "train[:32]", "dev": "train[32:40]"},
        },
        "windows": {"max_length": 64},
        "teachers": {
            "a": {"kind": "generative", "model": model(), "tokenizer": bpe(300), "fine_tune": fine_tune},
            "b": {"kind": "generative", "model": model("llama"), "tokenizer": bpe(400), "fine_tune": fine_tune},
        },
        "losses": {"kl": {"temperature": 1.0}, "chunk": None, "hard_label": None},
        "evaluation": {"latency_questions": 2, "bootstrap": 100},
    }
    student = {"student__model": model(n_layer=1), "student__tokenizer": bpe(350), "student__lr": 0.01}
    return several_values(output, **{**common, **student, **changes})
