"""Does a pretrained model that writes teach a small one, with its own tokenizer and with another? Bits per byte of held-out texts.

    .venv/bin/python tests/benchmarks/real_text.py --teachers FOLDER [FOLDER ...] --texts FILE.jsonl [--seeds 0 1 2] [--tested 40]
        [--layers 0 1 28 29] [--width 256] [--vocabulary 4000] [--epochs 4] [--lr 3e-4] [--length 256] [--losses '{chunk: {}}'] [--output FOLDER]
        [place=value ...]

Teachers are taken as they are; of several the ensemble teaches. A student is some layers of the first teacher, with its tokenizer, or a
model with random weights and a tokenizer of its own, trained on the texts. Each is trained on the same texts twice: alone, and with what
teachers think of them. Every seed cuts other texts off for the measurement, and draws order and weights.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from distil.framework.recipe.load import load_recipe
from distil.framework.recipe.schema import Recipe
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

METRIC = "bits_per_byte"
LOSSES = {"kl": {"weight": 0.5, "temperature": 1.0}, "chunk": {"weight": 0.5}, "hard_label": {"weight": 0.5}}
STUDENTS = ("layers", "other")  # of the teacher, with its tokenizer; with one of its own
Found = dict[str, list[float]]  # bits per byte of every seed by what a model is called in the table


def main() -> None:
    """Run the seeds and print the table."""
    arguments = _arguments()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="real-text-"))
    output.mkdir(parents=True, exist_ok=True)
    found: Found = {}
    for seed in arguments.seeds:
        for student in arguments.students:
            results = run(_recipe(arguments, seed, student, output))
            for model in results["models"]:
                name = model["name"] if model["role"] in ("teacher", "ensemble") else f"{student}: {model['name']}"
                size = f" ({model['parameters'] / 1e6:.1f}M)" if model["parameters"] else ""
                values = found.setdefault(name + size, [])
                if len(values) < arguments.seeds.index(seed) + 1:
                    values.append(model["evaluation"][METRIC])
        print(f"seed {seed}: " + ", ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()), flush=True)
    _table(found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teachers", type=Path, nargs="+", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--students", nargs="+", choices=STUDENTS, default=list(STUDENTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tested", type=int, default=40, help="texts that models are measured on")
    parser.add_argument("--layers", type=int, nargs="+", default=[0, 1, 28, 29], help="of the first teacher")
    parser.add_argument("--width", type=int, default=256, help="of the student with another tokenizer, of four layers")
    parser.add_argument("--vocabulary", type=int, default=4000, help="of that student")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--length", type=int, default=256, help="tokens of a text")
    parser.add_argument("--losses", type=yaml.safe_load, default=LOSSES)
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    return parser.parse_args()


def _recipe(arguments: argparse.Namespace, seed: int, student: str, output: Path) -> Recipe:
    texts = sum(1 for line in arguments.texts.read_text(encoding="utf-8").splitlines() if line.strip())
    names = [folder.name for folder in arguments.teachers]
    values: dict[str, Any] = {
        "name": f"text-{student}",
        "seed": seed,
        "output": str(output),
        "data": {
            "source": {"kind": "files", "path": str(arguments.texts.absolute())},
            "cut": {"shares": {"test": arguments.tested / texts, "train": 1 - arguments.tested / texts}, "seed": seed},
        },
        "task": {"kind": "text", "measures": []},
        "windows": {"max_length": arguments.length},
        "teachers": {
            name: {"kind": "generative", "model": {"kind": "folder", "path": str(folder.absolute())}}
            for name, folder in zip(names, arguments.teachers, strict=True)
        },
        "student": {
            **_student(arguments, names[0], student),
            "lr": arguments.lr,
            "epochs": arguments.epochs,
            "batch_size": 8,
            "warmup": 0.1,
        },
        "losses": arguments.losses,
        "baselines": ["no_distillation"],
        "evaluation": {"split": "test", "latency_questions": 2},
    }
    path = output / f"{student}.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return load_recipe(path, arguments.overrides)


def _student(arguments: argparse.Namespace, teacher: str, student: str) -> dict[str, Any]:
    if student == "layers":
        return {"model": {"kind": "layers", "teacher": teacher, "layers": arguments.layers}}
    width: int = arguments.width
    config = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": 4,
        "num_attention_heads": width // 64,
        "num_key_value_heads": width // 64,
        "max_position_embeddings": 2 * arguments.length,
        "tie_word_embeddings": True,
    }
    return {
        "model": {"kind": "config", "architecture": "llama", "config": config},
        "tokenizer": {"kind": "bpe", "vocab_size": arguments.vocabulary},
    }


def _table(found: Found) -> None:
    print("\n| model | bits per byte | − alone |\n| --- | ---: | ---: |")
    for name, values in found.items():
        alone = next(
            (others for other, others in found.items() if other.startswith(f"{name.split(': ')[0]}: student_no_")), None
        )
        gain = "" if alone is None or alone is values else _spread([a - b for a, b in zip(values, alone, strict=True)])
        print(f"| {name} | {_spread(values)} | {gain} |")


def _spread(values: list[float]) -> str:
    error = f" ± {stdev(values) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{error}"


if __name__ == "__main__":
    main()
