"""Distillation in a plain loop of PyTorch: the data, the signals, the losses and the order of a run, and none of its stages.

    python docs/examples/plain_loop.py

makes a tiny student, runs a recipe with it, trains the same student once more in the loop below, and compares: on a CPU the
weights are the same, bit for bit. Whoever wants another optimizer, schedule or model begins here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import DistilBertConfig, DistilBertForQuestionAnswering, PreTrainedTokenizerFast

import distil
from distil.rules import Signals, temper
from distil.training import batch_length, epoch_batches, model_inputs, unread_masks

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def recipe_of(student: Path, output: Path) -> distil.Recipe:
    """A teacher that is trained, and the student in a folder that learns from it."""
    return distil.load_recipe(
        {
            "name": "plain-loop",
            "output": str(output),
            "data": {
                "source": {"kind": "synthetic", "examples": {"train": 96, "validation": 24}, "facts": 3, "fillers": 0}
            },
            "windows": {"max_length": 128, "doc_stride": 32, "max_question": 48},
            "teachers": {
                "teacher": {
                    "kind": "encoder",
                    "model": {"kind": "config", "architecture": "bert", "config": TINY},
                    "tokenizer": {"kind": "wordpiece", "vocab_size": 600},
                    "fine_tune": {"lr": 1e-3, "epochs": 2, "batch_size": 16},
                }
            },
            "student": {"model": {"kind": "folder", "path": str(student)}, "lr": 1e-3, "epochs": 2, "batch_size": 16},
            "losses": {"kl": {"weight": 0.5, "temperature": 2.0}, "hard_label": {"weight": 0.5}},
            "evaluation": {"latency_questions": 0, "bootstrap": 100},
            "engine": {"workers": 1, "threads": 1, "precision": "fp32"},
        }
    )


def make_student(folder: Path) -> None:
    """A model with random weights whose tokens are characters, as transformers saves it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = [chr(code) for code in [*range(33, 127), *range(0x410, 0x450), 0x401, 0x451, 0xAB, 0xBB, 0x2014]]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {token: number for number, token in enumerate(special + letters + [f"##{one}" for one in letters])}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.NFC(), pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_input_names=["input_ids", "attention_mask"],
        **{"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"},
    )
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    DistilBertForQuestionAnswering(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


class Taught:
    """Signals at hand, about examples that are asked for, at some temperatures. Alternatives of a signal would be further items."""

    def __init__(self, table: distil.SignalTable) -> None:
        self.table, self.places = table, {id: place for place, id in enumerate(table.ids)}

    def prefetch(self, batches: object) -> None:
        """Nothing has to be fetched."""

    def signals(self, examples: Sequence, temperatures: Sequence[float]) -> Mapping[float, Sequence[Signals]]:
        """By temperature, one signal for each example."""
        found = self.table.signals.take(np.asarray([self.places[example.id] for example in examples]))
        return {temperature: [temper(found, temperature)] for temperature in temperatures}


def train(run: distil.Run, initial: Path) -> dict[str, torch.Tensor]:
    """The student in `initial`, trained as the run's recipe says; returns its weights."""
    recipe, task, student = run.recipe, run.task, run.recipe.student
    seed = recipe.seed if student.seed is None else student.seed
    tokenizer = PreTrainedTokenizerFast.from_pretrained(initial)
    model = task.model_class().from_pretrained(initial, dtype=torch.float32).train()

    examples = run.examples(student.split)
    features = task.features(examples, tokenizer, recipe.windows)  # rows of tokens: windows of the texts
    pad, taught = tokenizer.pad_token_id, Taught(run.signals("teacher", student.split))
    temperatures = sorted({loss.temperature for loss in recipe.losses.values() if loss.source == "signal"})
    items = task.training_items(
        examples, features, pad, taught, temperatures, eager=True
    )  # with gold labels and signals

    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.dim() <= 1]  # biases and norms do not decay
    groups = [{"params": matrices, "weight_decay": student.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=student.lr, fused=True)
    an_epoch = -(-len(features) // student.batch_size)
    steps, step = an_epoch * student.epochs, 0
    warmup = round(student.warmup * steps)

    torch.manual_seed(seed)  # dropout
    for epoch in range(student.epochs):
        for rows in epoch_batches(features.lengths, student.batch_size, seed, epoch):
            inputs = model_inputs(
                features, rows, pad, batch_length(features, rows)
            )  # input_ids, attention_mask: [B, L]
            with unread_masks():
                logits = task.logits(model(**inputs))
            targets = items.targets(rows, counts=True, choice=0)
            loss, _ = distil.losses.total_loss(recipe.losses, targets.rows(logits), step / steps)
            (loss / len(rows)).backward()
            rate = (step + 1) / warmup if step < warmup else (steps - step) / max(1, steps - warmup)
            for group in optimizer.param_groups:
                group["lr"] = student.lr * rate
            torch.nn.utils.clip_grad_norm_([*model.parameters()], student.clip, foreach=True)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
    return {name: weight.detach() for name, weight in model.state_dict().items()}


def main(folder: Path) -> bool:
    """Whether the loop comes to the weights of the run's student."""
    torch.set_num_threads(1)
    make_student(folder / "initial")
    run = distil.run(recipe_of(folder / "initial", folder / "runs"))
    print(run.to_markdown())
    own, theirs = train(run, folder / "initial"), load_file(run["student"].folder / "model.safetensors")
    same = own.keys() == theirs.keys() and all(torch.equal(own[name], theirs[name]) for name in own)
    print(f"{len(own)} tensors: {'the same, bit for bit' if same else 'not the same'}")
    return same


if __name__ == "__main__":
    main(Path("plain-loop"))
