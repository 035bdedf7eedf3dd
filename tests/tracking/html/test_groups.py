import pytest

from tracking.html.groups import QUESTION_WORDS, question_word


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Кто написал «Войну и мир»?", "кто"),
        ("Кем был избран король?", "кто"),
        ("В чём хранят молоко?", "что"),
        ("Где и когда родилась Анна?", "где"),
        ("Откуда он приехал?", "откуда"),
        ("Куда?", "куда"),
        ("Сколькими языками он владеет?", "сколько"),
        ("В КАКОМ году?", "какой"),
        ("Как называется город, в котором что-то случилось?", "как"),
        ("Почему так?", "почему"),
        ("Зачем?", "зачем"),
        ("Чья это книга?", "чей"),
        ("Назовите столицу.", "другие"),
        ("Who was it?", "who"),
        ("Whose book is this?", "who"),
        ("How  many people live there?", "how many"),
        ("How old is he?", "how"),
        ("In which year?", "which"),
        ("Name it.", "other"),
        ("", "other"),
        ("На чём основан Linux, what?", "что"),
    ],
)
def test_the_first_question_word_in_its_plain_form(question: str, word: str) -> None:
    assert question_word(question) == word
    assert word in QUESTION_WORDS
