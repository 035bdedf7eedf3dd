"""The sections of a recipe, under the names that their classes have. docs/recipes.md has a table of each one's options."""

from framework.data.features import WindowSettings
from framework.data.hub import Hub
from framework.data.local_files import Files
from framework.data.section import Cut, Data, Extra
from framework.models.section import (
    ConfigModel,
    FolderModel,
    HubModel,
    LayersModel,
    PretrainedTokenizer,
    TrainedTokenizer,
)
from framework.recipe.schema import Evaluation, Recipe
from framework.recipe.sections import Student, Tracking, Trim
from framework.search.section import (
    ASHA,
    TPE,
    Choice,
    Grid,
    IntUniform,
    Median,
    NoScheduler,
    Random,
    Resources,
    Search,
    Uniform,
)
from framework.signals.section import SignalSettings
from framework.tasks.classification.synthetic import Messages
from framework.tasks.classification.task import Classification
from framework.tasks.span_qa.synthetic import Synthetic
from framework.tasks.span_qa.task import ExtractiveQA
from framework.tasks.tagging.synthetic import News
from framework.tasks.tagging.task import Tagging
from framework.teachers.encoder import Encoder
from framework.teachers.generative import Generative
from framework.training.section import Engine, Training

__all__ = [
    "ASHA",
    "TPE",
    "Choice",
    "Classification",
    "ConfigModel",
    "Cut",
    "Data",
    "Encoder",
    "Engine",
    "Evaluation",
    "Extra",
    "ExtractiveQA",
    "Files",
    "FolderModel",
    "Generative",
    "Grid",
    "Hub",
    "HubModel",
    "IntUniform",
    "LayersModel",
    "Median",
    "Messages",
    "News",
    "NoScheduler",
    "PretrainedTokenizer",
    "Random",
    "Recipe",
    "Resources",
    "Search",
    "SignalSettings",
    "Student",
    "Synthetic",
    "Tagging",
    "Tracking",
    "TrainedTokenizer",
    "Training",
    "Trim",
    "Uniform",
    "WindowSettings",
]
