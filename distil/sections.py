"""The sections of a recipe, under the names that their classes have. docs/recipes.md has a table of each one's options."""

from distil.framework.chat.section import Budget, Endpoint, Prices, Shots
from distil.framework.data.features import WindowSettings
from distil.framework.data.hub import Hub
from distil.framework.data.local_files import Files
from distil.framework.data.section import Cut, Data, Extra
from distil.framework.models.section import (
    ConfigModel,
    FolderModel,
    HubModel,
    LayersModel,
    PretrainedTokenizer,
    TrainedTokenizer,
)
from distil.framework.recipe.schema import Evaluation, Recipe
from distil.framework.recipe.sections import Student, Tracking, Trim
from distil.framework.search.section import (
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
from distil.framework.signals.section import SignalSettings
from distil.framework.tasks.classification.synthetic import Messages
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.synthetic import Synthetic
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.synthetic import News
from distil.framework.tasks.tagging.task import Tagging
from distil.framework.tasks.text.measures import ChrF, ExactMatch, RougeL
from distil.framework.tasks.text.settings import TextGeneration
from distil.framework.tasks.text.synthetic import Instructions
from distil.framework.tasks.text.task import Text
from distil.framework.teachers.chat import Chat
from distil.framework.teachers.encoder import Encoder
from distil.framework.teachers.generative import Generative
from distil.framework.training.section import Engine, Lora, Training

__all__ = [
    "ASHA",
    "TPE",
    "Budget",
    "Chat",
    "Choice",
    "ChrF",
    "Classification",
    "ConfigModel",
    "Cut",
    "Data",
    "Encoder",
    "Endpoint",
    "Engine",
    "Evaluation",
    "ExactMatch",
    "Extra",
    "ExtractiveQA",
    "Files",
    "FolderModel",
    "Generative",
    "Grid",
    "Hub",
    "HubModel",
    "Instructions",
    "IntUniform",
    "LayersModel",
    "Lora",
    "Median",
    "Messages",
    "News",
    "NoScheduler",
    "PretrainedTokenizer",
    "Prices",
    "Random",
    "Recipe",
    "Resources",
    "RougeL",
    "Search",
    "Shots",
    "SignalSettings",
    "Student",
    "Synthetic",
    "Tagging",
    "Text",
    "TextGeneration",
    "Tracking",
    "TrainedTokenizer",
    "Training",
    "Trim",
    "Uniform",
    "WindowSettings",
]
