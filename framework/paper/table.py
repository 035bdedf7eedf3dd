"""The paper's Table 1: exact match, F1 and parameters of its models on SberQuAD."""

from dataclasses import dataclass

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
