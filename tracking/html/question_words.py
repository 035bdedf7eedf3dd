"""What a question asks for, by its question word."""

import re

_RUSSIAN = {
    "кто": "кто кого кому кем ком",
    "что": "что чего чему чем чём",
    "где": "где",
    "когда": "когда",
    "куда": "куда",
    "откуда": "откуда",
    "сколько": "сколько скольких скольким сколькими насколько",
    "какой": "какой какая какое какие какого какому каким каком какую какою каких какими каков какова каково каковы",
    "как": "как",
    "почему": "почему отчего",
    "зачем": "зачем",
    "чей": "чей чья чьё чье чьи чьего чьему чьим чьём чьем чьей чью чьею чьих чьими",
}
_ENGLISH = {
    "who": "who whom whose",
    "what": "what",
    "where": "where",
    "when": "when",
    "how many": "how_many how_much",
    "how": "how",
    "why": "why",
    "which": "which",
}
_RUSSIAN_OTHER, _ENGLISH_OTHER = "другие", "other"
_WORDS = {form: word for words in (_RUSSIAN, _ENGLISH) for word, forms in words.items() for form in forms.split()}
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)

QUESTION_WORDS = (*_RUSSIAN, _RUSSIAN_OTHER, *_ENGLISH, _ENGLISH_OTHER)


def question_word(question: str) -> str:
    """The first question word of a Russian or English question, in its plain form: one of `QUESTION_WORDS`."""
    text = re.sub(r"\bhow\s+(many|much)\b", r"how_\1", question.lower())
    found = (_WORDS[form] for form in re.findall(r"\w+", text) if form in _WORDS)
    return next(found, _RUSSIAN_OTHER if language(question) == "ru" else _ENGLISH_OTHER)


def language(text: str) -> str:
    """`ru` for a text with Cyrillic letters, else `en`."""
    return "ru" if _CYRILLIC.search(text) else "en"
