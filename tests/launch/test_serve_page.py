"""The page in a real browser."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.span_qa.usage import QuestionRequest
from tests.serving import QUESTION, TEXT, Served, chromium, context_of, open_page, serving, wait_for_answers
from tests.tiny import several_values

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright; install it: pip install -e '.[dev]'")
HOSTILE = (
    "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script> & <b>Анна</b> 🦊 в Туле"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Not made where there is no browser."""
    recipe = recipe_from_values(several_values(tmp_path_factory.mktemp("page") / "runs"), "here")
    run(recipe)
    with serving(recipe.run_folder) as server:
        yield server


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    """A fresh English page. What it complains about, and requests to elsewhere, fail the test."""
    with context_of(browser, locale="en-GB") as context:
        opened = context.new_page()
        problems: list[str] = []
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        own = f"http://127.0.0.1:{served.port}/"
        opened.on("request", lambda request: None if request.url.startswith(own) else problems.append(request.url))
        open_page(opened, served)
        yield opened
        assert not [problem for problem in problems if not problem.startswith("data:")]


def ask(page: Any, context: str, question: str) -> None:
    page.get_by_label("Text", exact=True).fill(context)
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def answers(page: Any) -> list[list[str]]:
    """The cells of the table, once every model has answered."""
    wait_for_answers(page, 5)
    return [row.locator("th, td").all_inner_texts() for row in page.locator("tbody tr").all()]


def test_the_keyboard_alone_asks(page: Any, served: Served) -> None:
    names = []
    for _ in range(5):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        if names[-1] == "context":
            page.keyboard.insert_text(TEXT)
        if names[-1] == "question":
            page.keyboard.insert_text(QUESTION)
            page.keyboard.press("Control+Enter")
    assert names == ["English", "Русский", "context", "question", "ask"]
    rows = answers(page)
    expected = served.ask({"question": QUESTION, "context": TEXT})[1]
    assert [row[0].splitlines()[0] for row in rows] == ["student", "a", "b", "c", "ensemble"]
    assert rows[0][1] == page.locator("mark").inner_text() == expected["answer"]
    assert float(rows[0][2]) == expected["score"]
    start = expected["start"]
    assert page.locator("#text").text_content() == f"{TEXT[:start]}[answer of student:] {TEXT[start:]}"
    assert f"student: {expected['answer']}." in page.get_by_role("log").inner_text()


def test_what_is_asked_is_shown_as_text(page: Any, served: Served) -> None:
    ask(page, HOSTILE, HOSTILE)
    answers(page)
    assert page.title().startswith("distil")
    assert page.locator("#answers img, #answers script, #answers b").count() == 0
    assert page.locator("#asked").inner_text() == HOSTILE
    expected = served.ask({"question": HOSTILE, "context": HOSTILE})[1]
    assert page.locator("mark").inner_text() == HOSTILE[expected["start"] : expected["end"]]


def test_no_answer_and_one_that_the_text_lacks_are_told_apart(page: Any) -> None:
    """What the server says is put in here: models of this size seldom say so."""
    said = [{"answer": "", "start": 0, "end": 0}, {"answer": "Мурманск", "start": -1, "end": -1}]
    for answer, shown in zip(said, ("no answer in the text", "Мурманск (not in the text)"), strict=True):
        found = {**answer, "score": 0.5, "milliseconds": 1.0, "model": "student"}
        page.route("**/api/answer", lambda route, _, found=found: route.fulfill(json=found))
        ask(page, TEXT, QUESTION)
        sync_api.expect(page.locator("tbody tr").first).to_contain_text(shown)
        assert page.locator("mark").count() == 0
        assert page.locator("#text").text_content() == TEXT


def test_empty_and_huge_texts_are_complained_about_and_not_sent(page: Any) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    alert = page.get_by_role("alert")
    ask(page, " ", QUESTION)
    sync_api.expect(alert).to_contain_text("Give a text")
    assert page.evaluate("document.activeElement.id") == "context"
    ask(page, TEXT, "")
    sync_api.expect(alert).to_contain_text("Give a question")
    ask(page, "я" * (QuestionRequest.most["context"] + 1), QUESTION)
    sync_api.expect(alert).to_contain_text("200,000")
    assert not [url for url in sent if url.endswith("/api/answer")]
    ask(page, TEXT, QUESTION)
    sync_api.expect(alert).to_be_empty()
    answers(page)


def test_the_language_is_the_browsers_until_another_is_chosen(browser: Any, served: Served) -> None:
    with context_of(browser, locale="ru-RU") as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{served.port}/")
        page.get_by_role("button", name="Спросить").wait_for()
        assert page.evaluate("document.documentElement.lang") == "ru"
        page.get_by_role("button", name="English").click()
        page.reload()
        page.get_by_role("button", name="Ask", exact=True).wait_for()


def test_an_example_of_the_runs_data_is_asked_on_a_narrow_screen(page: Any, served: Served) -> None:
    example = json.loads(served.request("GET", "/api/examples")[2])[1]
    page.set_viewport_size({"width": 320, "height": 640})
    page.get_by_role("button", name=example["question"], exact=True).click()
    answers(page)
    assert page.locator("#asked").inner_text() == example["question"]
    assert page.get_by_label("Text", exact=True).input_value() == example["context"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_nothing_is_said_in_one_language_alone(page: Any) -> None:
    said = page.evaluate("Object.fromEntries(Object.entries(WORDS).map(([name, texts]) => [name, Object.keys(texts)]))")
    assert said["en"] == said["ru"]
    assert page.evaluate("Object.keys(WORDS.en.role).join() === Object.keys(WORDS.ru.role).join()")


def test_a_number_is_shown_as_one(page: Any) -> None:
    """What a regression model answers; the page of this run asks no such one."""
    result = "{value: 1234.5678}"
    view = "VIEWS.classification"
    assert page.evaluate(f"[{view}.said({result}), {view}.score({result}), {view}.log({result})]") == [
        "1,235",
        None,
        "1,235",
    ]


def test_a_server_that_is_gone_is_said_to_be(browser: Any, served: Served) -> None:
    with context_of(browser, locale="en-GB") as context:
        page = context.new_page()
        open_page(page, served)
        assert page.locator("#run").inner_text() == served.run.name
        context.set_offline(True)
        ask(page, TEXT, QUESTION)
        sync_api.expect(page.locator("tbody tr").first).to_contain_text("does not answer")


def test_the_page_is_dark_where_the_browser_is(browser: Any, served: Served) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with context_of(browser, color_scheme=scheme) as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{served.port}/")
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
