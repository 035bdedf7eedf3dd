"""Recipes that have all sections between them, and what to change in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distil.framework.tasks.classification.synthetic import Messages
from tests.framework.tasks.text.runs import values as texts
from tests.tiny import several_values

# Sections that reach results by what they give alone, or not at all.
WHOLE = {
    "distil.framework.tasks.span_qa.synthetic": "Questions are known by their texts and answers, wherever they come from.",
    "distil.framework.tasks.classification.synthetic": "Texts are known by themselves and their labels, wherever they come from.",
    "distil.framework.tasks.tagging.synthetic": "Texts are known by themselves, their words and tags, wherever they come from.",
    "distil.framework.tasks.text.synthetic": "Texts are known by themselves, wherever they come from.",
    "distil.framework.tasks.text.measures": "Measures are known by the list that `task.measures` is.",
    "distil.framework.data": "Questions are known by their texts and answers, wherever they come from.",
    "distil.framework.search": "A search decides which recipes are tried; each trial is a recipe without it.",
    "distil.framework.recipe.sections.Tracking": "Tracking copies results.",
}

_OF_SERVERS = ("url", "url_env", "key_env", "concurrency", "per_minute", "timeout_s", "retries")
HARMLESS = {
    ("Recipe", "name"): "It names the run's folder.",
    ("Recipe", "description"): "It is for people.",
    ("Recipe", "output"): "Where results lie.",
    ("Recipe", "storage"): "Where results are kept as well.",
    ("Recipe", "rehearse"): "A rehearsal has a recipe of its own.",
    ("Recipe", "tracking"): WHOLE["distil.framework.recipe.sections.Tracking"],
    ("Recipe", "search"): WHOLE["distil.framework.search"],
    ("SignalSettings", "mode"): "A stream stores what would have been collected.",
    ("SignalSettings", "ahead"): "How far a stream runs ahead.",
    ("SignalSettings", "shard_size"): "How signals are cut into files.",
    ("SignalSettings", "batch_size"): "A window is padded by itself; sums may be rounded otherwise.",
    ("SignalSettings", "batch_tokens"): "As batch_size.",
    ("Evaluation", "batch_size"): "As that of signals.",
    ("Evaluation", "batch_tokens"): "As that of signals.",
    ("Evaluation", "during_training"): "Measuring leaves no trace in the training.",
    ("Engine", "threads"): "Sums may be rounded otherwise.",
    ("Engine", "parallel"): "The same stages, by several processes.",
    ("Engine", "worker_failures"): "What is lost is done again.",
    ("Engine", "dashboard"): "It shows what Ray does.",
    ("Engine", "accept_versions"): "It chooses among results that are there.",
    ("Actor", "cpus"): "Where a stream's teachers are asked.",
    ("Actor", "gpus"): "As cpus; the kind of device counts by itself, where a run streams.",
    ("HubModel", "pickled_weights"): "Where weights may come from; which ones they are is told by the commit.",
    **{("Endpoint", name): "Who is asked for an answer, and how fast." for name in _OF_SERVERS},
    ("Chat", "prices"): "What an answer costs.",
    ("Chat", "budget"): "Where asking stops.",
    ("Prices", "input"): "What an answer costs.",
    ("Prices", "output"): "What an answer costs.",
    **{("Budget", name): "Where asking stops." for name in ("requests", "tokens", "max_cost")},
    ("FolderModel", "pickled_weights"): "As of the hub's models; the files are known by their content.",
    **{
        (section, name): reason
        for section in ("Training", "Student")
        for name, reason in {
            "micro_batch": "Sums are rounded otherwise, and other units dropped out.",
            "checkpoint_every": "A training that goes on is the one that was not stopped.",
            "log_every": "How often it is told.",
            "gradient_checkpointing": "The same is computed, twice.",
        }.items()
    },
}

_TOPICS = Messages().labels
_TAGS = ["O", "B-PER", "B-ORG", "B-LOC", "B-DATE"]

# Other values, where adding one to a number or taking another of the legal words makes none.
OTHER: dict[tuple[str, str], Any] = {
    ("Recipe", "name"): "other",
    ("Recipe", "description"): "other",
    ("Recipe", "output"): "elsewhere",
    ("Text", "prompt"): "Q: {prompt}",
    ("Text", "measures"): ["rouge_l"],
    ("Recipe", "storage"): "file:///nowhere",
    ("Recipe", "baselines"): ["b"],
    ("Recipe", "search"): {"space": {"student.lr": {"kind": "uniform", "low": 0.1, "high": 0.2}}, "trials": 2},
    ("SignalSettings", "held_out"): "spare",
    ("SignalSettings", "mode"): "precomputed",
    ("SignalSettings", "batch_tokens"): 100,
    ("Evaluation", "batch_tokens"): 100,
    ("Engine", "threads"): 2,
    ("Engine", "backend"): "deepspeed",
    ("Engine", "precision"): "bf16",
    ("Evaluation", "split"): "spare",
    ("Encoder", "split"): "spare",
    ("Encoder", "windows"): {"max_length": 48, "doc_stride": 8, "max_question": 16},
    ("Encoder", "temperature"): 2.0,
    ("Encoder", "crossfit"): 2,
    ("Encoder", "fine_tune"): {"epochs": 7},
    ("Generative", "split"): "train",
    ("Generative", "windows"): {"max_length": 48, "doc_stride": 8, "max_question": 16},
    ("Generative", "temperature"): 2.0,
    ("Generative", "crossfit"): 2,
    ("Generative", "fine_tune"): {"epochs": 7},
    ("Generative", "prompt"): "{context} {question}",
    ("Endpoint", "url"): "http://127.0.0.1:9/v1",
    ("Endpoint", "url_env"): "OTHER_URL",
    ("Endpoint", "model"): "other",
    ("Endpoint", "key_env"): "KEY",
    ("Endpoint", "per_minute"): 60,
    ("Chat", "sampling_temperature"): 0.5,
    ("Chat", "instructions"): "Classify.",
    ("Chat", "prompt"): "{text}?",
    ("Chat", "max_answer"): 9,
    ("Chat", "max_length"): 50,
    ("Chat", "split"): "spare",
    ("Chat", "crossfit"): 2,
    ("Shots", "split"): "spare",
    ("Chat", "extra"): {"top_p": 0.5},
    ("Chat", "prices"): {"input": 1.0, "output": 2.0},
    ("Budget", "requests"): 5,
    ("Budget", "tokens"): 5,
    ("Budget", "max_cost"): 5.0,
    ("Encoder", "label_map"): {"yes": "доставка"},
    ("Classification", "labels"): _TOPICS[::-1],
    ("Classification", "pairs"): False,
    ("Classification", "separator"): ";",
    ("Classification", "range"): [0.0, 9.0],
    ("Classification", "class_weights"): "balanced",
    ("Classification", "verbaliser"): {"доставка": "курьер"},
    ("Tagging", "labels"): _TAGS[::-1],
    ("ConfigModel", "architecture"): "electra",
    ("ConfigModel", "config"): {"num_hidden_layers": 3, "num_attention_heads": 2, "hidden_size": 32},
    ("HubModel", "id"): "me/other",
    ("HubModel", "revision"): "newer",
    ("LayersModel", "teacher"): "b",
    ("LayersModel", "layers"): [1],
    ("PretrainedTokenizer", "id"): "me/other",
    ("PretrainedTokenizer", "revision"): "newer",
    ("PretrainedTokenizer", "lower_case"): True,
    ("Trim", "splits"): ["train"],
    ("Student", "split"): "spare",
    ("Student", "unlabelled"): ["dev", "more", "rest"],
    ("Completions", "of"): ["train"],
    ("Rounds", "of"): ["train"],
    ("Training", "checkpoint_every"): 3,
    ("Student", "checkpoint_every"): 3,
    ("Training", "log_every"): 3,
    ("Student", "log_every"): 3,
    ("Training", "validation"): "more",
    ("Student", "validation"): "more",
    ("Weighted", "weights"): {"a": 1.0, "b": 2.0},
    ("Posterior", "prior"): {"a": 1.0, "b": 2.0},
    ("Route", "by"): "likelihood",
    ("Route", "column"): "other",
    ("Route", "teachers"): {"x": "b", "y": "a"},
    **{(loss, "teacher"): "b" for loss in ("HiddenMSE", "AttentionMSE", "MiniLMRelations")},
    **{(loss, "layers"): {0: 0} for loss in ("HiddenMSE", "AttentionMSE")},
    ("MiniLMRelations", "relation_heads"): 1,
    ("MiniLMRelations", "teacher_layer"): 0,
    ("Lora", "targets"): ["q_lin"],
    # Of any section that has none now.
    ("", "quantization"): "nf4",
    ("", "lora"): {"rank": 4},
    ("", "micro_batch"): 4,
    ("", "batch_size"): 8,
    ("", "seed"): 9,
}
_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_EXTRA = {
    name: {"source": {"kind": "synthetic", "examples": {"train": 12}, "facts": 3, "fillers": 0, "seed": 5 + seed}}
    for seed, name in enumerate(("more", "rest", "spare"))
}


def bases(folder: Path) -> Iterator[dict[str, Any]]:
    """Recipes that have all sections between them."""
    common = {
        "data__source__examples": {"train": 24, "validation": 8},
        "data__extra": _EXTRA,
        "task": {"kind": "extractive_qa", "unanswerable": True},
        "teachers__b__split": "spare",
        "teachers__b__temperature": "calibrated",
        "teachers__c": None,
        "signals__held_out": "rest",
        "student__unlabelled": ["more", "rest", "dev"],
    }
    bert = {"kind": "config", "architecture": "bert", "config": _SMALL}
    watched = {"validation": "rest", "evaluate_every": 3, "best": True, "patience": 2}
    hub = {"kind": "hub", "id": "me/model"}
    yield several_values(
        folder,
        **common,
        ensemble={"rule": "weighted", "weights": "f1"},
        losses={
            "kl": {"weight": {"start": 1.0, "end": 0.5}},
            **{name: {} for name in ("reverse_kl", "jsd", "mse_logits", "hard_label")},
        },
        baselines=["a", "no_distillation"],
        teachers__a__tokenizer={"kind": "wordpiece", "vocab_size": 300},
        teachers__a__model=bert,
        teachers__a__windows={"max_length": 40, "doc_stride": 8, "max_question": 16},
        **{
            f"{place}__{name}": value
            for place in ("teachers__a__fine_tune", "student")
            for name, value in watched.items()
        },
    )
    for rule in ("mean", "geometric", "confidence", "agreement", "sampled"):
        yield several_values(folder, **common, ensemble={"rule": rule})
    for ensemble in ({"rule": "label_aware"}, {"rule": "route", "by": "confidence"}):
        yield several_values(
            folder, **{**common, "student__unlabelled": [], "student__split": "more"}, ensemble=ensemble
        )
    yield several_values(
        folder,
        **{**common, "student__unlabelled": ["more", "rest", "dev", "spare"]},
        teachers__b__kind="generative",
        teachers__b__model={"kind": "config", "architecture": "t5", "config": {"d_model": 16, "num_layers": 1}},
    )
    yield from _classifiers(folder)
    tagging = {"windows": {"max_length": 64, "doc_stride": 8}, "task": {"kind": "tagging", "labels": _TAGS}}
    yield several_values(folder, **tagging, data__source={"kind": "news", "examples": {"train": 40, "validation": 8}})
    yield texts(
        folder,
        data__splits={"train": "train[:32]", "more": "train[32:40]", "dev": "train[40:]"},
        ensemble={"rule": "posterior"},
        student__completions={"of": ["more"], "count": 2, "temperature": 0.5},
        student__rounds={"of": ["more"], "lr": 0.001},
    )
    one = {"kind": "bpe", "vocab_size": 300}
    tokenizers = {f"{place}__tokenizer": one for place in ("teachers__a", "teachers__b", "student")}
    yield texts(folder, **tokenizers, losses={"next_token": None}, task={"kind": "text", "as_chat": True})
    every_split = {**common, "student__unlabelled": ["more", "rest", "dev", "spare"]}
    named = {"teachers__a__model": hub, "teachers__a__tokenizer": {"kind": "pretrained", "id": "me/model"}}
    as_it_is = {f"teachers__b__{field}": None for field in ("fine_tune", "tokenizer", "split")}
    student = {"student__model": {"kind": "folder", "path": str(folder / "me")}, "student__tokenizer": None}
    yield several_values(
        folder,
        **{**every_split, **named, **as_it_is, **student},
        teachers__a__tokenizer__revision="main",
        teachers__a__fine_tune__lora={},
        teachers__b__model=hub,
        student__trim={},
    )
    teachers = {f"teachers__{name}__model": bert for name in "ab"}
    layers = {"student__model": {"kind": "layers", "teacher": "a", "layers": [0]}, "student__tokenizer": None}
    yield several_values(
        folder,
        **{**every_split, **teachers, **layers, "teachers__b__split": "train"},
        losses={"kl": {}, **{name: {"teacher": "a"} for name in ("hidden_mse", "attention_mse", "minilm_relations")}},
    )


def _classifiers(folder: Path) -> Iterator[dict[str, Any]]:
    """Of a number, of several labels, and of one, with a generative teacher."""
    numbers = folder / "numbers.csv"
    rows = "".join(f"Текст {n}.,Ещё {n}.,{n},{'xy'[n % 2]},{'yx'[n % 2]}\n" for n in range(8))
    numbers.write_text(f"text,text_pair,value,who,other\n{rows}")
    files = {"kind": "files", "path": {"train": str(numbers), "validation": str(numbers)}}
    as_it_is = {f"teachers__b__{field}": None for field in ("fine_tune", "tokenizer")}
    common = {
        "windows": {"max_length": 256},
        "teachers__b__model": {"kind": "folder", "path": str(folder / "me")},
        "teachers__c__kind": "generative",
        "teachers__c__model": {"kind": "config", "architecture": "t5", "config": {"d_model": 16, "num_layers": 1}},
        **as_it_is,
    }
    messages = {"kind": "messages", "examples": {"train": 40, "validation": 8}}
    alone = {
        **common,
        "teachers__c__kind": "encoder",
        "teachers__c__model": {"kind": "folder", "path": str(folder / "me")},
    }
    for task, source in (
        ({"problem_type": "regression"}, files),  # whose texts are pairs
        ({"problem_type": "multi_label", "labels": _TOPICS}, messages),
    ):
        yield several_values(folder, **alone, data__source=source, task={"kind": "classification", **task})
    route = {"rule": "route", "column": "who", "teachers": {"x": "a", "y": "b"}}
    task = {"kind": "classification", "problem_type": "regression"}
    yield several_values(folder, **alone, data__source=files, task=task, ensemble=route)
    chat = {"kind": "chat", "endpoint": {"url": "http://127.0.0.1:8/v1", "model": "m"}}
    paid = {**chat, "prices": {"input": 1.0, "output": 1.0}, "budget": {"requests": 9}}
    here = {
        "kind": "chat",
        "model": {"kind": "config", "architecture": "gpt2", "config": {"n_layer": 1, "n_embd": 32, "n_head": 2}},
        "tokenizer": {"kind": "bpe", "vocab_size": 300},
        "fine_tune": {"epochs": 1},
    }
    yield several_values(
        folder,
        **common,
        data__source=messages,
        data__extra={name: {"source": {**messages, "seed": seed}} for seed, name in enumerate(("more", "spare"), 5)},
        student__unlabelled=["more", "spare"],
        task={"kind": "classification", "labels": _TOPICS},
        teachers__d=paid,
        teachers__e={**chat, "read": "likelihood", "examples": {"split": "more"}},
        teachers__f={**chat, "endpoint": {"url_env": "SERVER", "model": "m"}},
        teachers__g=here,
    )
