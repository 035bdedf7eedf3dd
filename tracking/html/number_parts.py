"""Numbers that models give, beside the gold ones."""

from collections.abc import Mapping

import numpy as np

from distil.framework.language.words import Words
from distil.tracking.html.cases import Answer, Cases, TextCase, further_off, text_case
from distil.tracking.html.label_parts import NumberAnswers
from distil.tracking.html.plot import Line, Mark, Plot, number_axis

_POINTS = 200  # of a plot


def scatter(answers: NumberAnswers, roles: Mapping[str, str], words: Words) -> list[Plot]:
    """A plot of each model: its number of a text by the gold one."""
    everything = np.concatenate([answers.gold, *answers.given.values()])
    ends = [float(everything.min()), float(everything.max())] if len(everything) else [0.0, 1.0]
    order = np.argsort(answers.gold, kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(_POINTS, len(order))).astype(int))]
    even = Line("", "published", [(ends[0], ends[0]), (ends[1], ends[1])])
    return [
        Plot(
            f"numbers-{number}",
            name,
            number_axis(words("gold"), ends),
            number_axis(words("predicted"), ends),
            [
                Mark(answers.texts[text].id, roles[name], float(answers.gold[text]), float(values[text]), None, False)
                for text in shown
            ],
            [even],
        )
        for number, (name, values) in enumerate(answers.given.items())
    ]


def number_cases(answers: NumberAnswers, roles: Mapping[str, str], words: Words) -> list[Cases[TextCase]]:
    """Texts of which the student's number is further off than those of all teachers and the ensemble, and the other way
    round, those with the greatest difference first."""
    off = {name: np.abs(values - answers.gold) for name, values in answers.given.items()}
    found = further_off(off, roles, (words("student further"), words("student nearer")))
    return [cases.map(lambda number: _case(answers, number, words)) for cases in found]


def _case(answers: NumberAnswers, number: int, words: Words) -> TextCase:
    gold = answers.gold[number]
    return text_case(
        answers.texts[number].texts,
        f"{gold:.4g}",
        [
            Answer(f"{values[number]:.4g}", f"{values[number] - gold:+.4g}", name)
            for name, values in answers.given.items()
        ],
        words("off by"),
    )
