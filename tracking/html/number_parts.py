"""Numbers that models give, beside the gold ones."""

from collections.abc import Mapping

import numpy as np

from distil.framework.language.words import Words
from distil.tracking.html.cases import SHOWN, Answer, Cases, TextCase, text_case
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
    student = next((name for name in answers.given if roles[name] == "student"), None)
    others = [name for name in answers.given if roles[name] in ("teacher", "ensemble")]
    if student is None or not others:
        return []
    off = {name: np.abs(values - answers.gold) for name, values in answers.given.items()}
    beside = np.stack([off[name] for name in others])
    titles = {
        words("student further"): off[student] - beside.max(0),
        words("student nearer"): beside.min(0) - off[student],
    }
    return [
        Cases(
            title,
            int((gap > 0).sum()),
            [
                _case(answers, int(number))
                for number in np.argsort(-gap, kind="stable")[: SHOWN // 2]
                if gap[number] > 0
            ],
        )
        for title, gap in titles.items()
    ]


def _case(answers: NumberAnswers, number: int) -> TextCase:
    gold = answers.gold[number]
    return text_case(
        answers.texts[number].texts,
        f"{gold:.4g}",
        [
            Answer(f"{values[number]:.4g}", f"{values[number] - gold:+.4g}", name)
            for name, values in answers.given.items()
        ],
    )
