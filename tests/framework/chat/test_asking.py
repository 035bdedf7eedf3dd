"""A server that is asked: what it may do, and that nothing is asked twice or lost."""

import importlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distil.framework.chat.answers import answers_file
from distil.framework.chat.asking import Asker, alone_with
from distil.framework.chat.endpoint import EndpointError
from distil.framework.chat.messages import Message, Request
from distil.framework.chat.section import Budget, Endpoint, Prices
from distil.framework.errors import DistilError, ModelError, UserError
from distil.framework.progress import SILENT
from distil.framework.storage import Storage
from tests.chat_server import Asked, Reply, Server, busy, chat_server, completion
from tests.listening import reserved_port
from tests.waiting import until

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="the extra `chat` is not installed")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits for milliseconds where it would for half a second, and then for a second, and so on."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("distil.framework.chat.asking._PAUSE", 0.001)


def request(text: str, top_logprobs: int = 0) -> Request:
    return Request((Message("user", text),), 0.0, 8, top_logprobs, {})


TEXTS = [f"текст {number}" for number in range(12)]


def asker(
    server: Server, folder: Path | None, budget: Budget | None = None, prices: Prices | None = None, **fields: Any
) -> Asker:
    endpoint = Endpoint(**{"url": server.url, "model": "m", "concurrency": 4, "timeout_s": 300.0, **fields})
    return Asker(endpoint, budget or Budget(), prices, folder)


def ask(asker: Asker, texts: list[str] = TEXTS, samples: int = 1) -> list[str]:
    with SILENT.task("", len(texts)) as bar:
        found = asker.ask([(request(text), sample) for text in texts for sample in range(samples)], bar)
    return [answer.text for answer in found]


def echo(asked: Asked) -> Reply:
    """What the last message says."""
    return completion([asked["messages"][-1]["content"]] * asked.get("n", 1))


def said(server: Server) -> list[str]:
    return sorted(asked["messages"][-1]["content"] for asked in server.asked)


def counting(reply: Callable[[int, Asked], Reply]) -> Callable[[Asked], Reply]:
    """Replies that also know how many came before."""
    lock, count = threading.Lock(), iter(range(10**6))

    def answer(asked: Asked) -> Reply:
        with lock:
            number = next(count)
        return reply(number, asked)

    return answer


class Minutes(threading.local):
    """A clock of which each look takes a minute."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 60
        return self.now


def hurried(monkeypatch: pytest.MonkeyPatch, silence: float) -> None:
    """Of answers that have begun, each piece takes a minute by the client's clock. silence: seconds after which it waits for no more."""
    client = "distil.framework.chat.client"
    for module in ("beginning", "endpoint"):
        monkeypatch.setattr(f"distil.framework.chat.{module}.time", Minutes())

    def begun(response: Any) -> None:
        response.request.extensions["timeout"]["read"] = silence
        refuse_packed(response)

    refuse_packed = importlib.import_module(client)._refuse_packed
    monkeypatch.setattr(f"{client}._refuse_packed", begun)


def test_every_question_is_asked_once_and_never_again(tmp_path: Path) -> None:
    with chat_server(echo) as server:
        assert ask(asker(server, tmp_path), TEXTS + TEXTS[:3]) == TEXTS + TEXTS[:3]
        assert said(server) == sorted(TEXTS)
        assert ask(asker(server, tmp_path)) == TEXTS
        assert len(server.asked) == len(TEXTS)


def test_answers_that_are_there_are_read_while_others_ask(tmp_path: Path) -> None:
    with chat_server(echo) as server, ThreadPoolExecutor(1) as thread:
        assert ask(asker(server, tmp_path)) == TEXTS
        with alone_with(answers_file(tmp_path, "m"), "m"):
            assert thread.submit(ask, asker(server, tmp_path)).result(timeout=120) == TEXTS


def test_storms_cut_connections_and_garbled_answers_pass(tmp_path: Path) -> None:
    asked_before: set[str] = set()

    def hostile(asked: Asked) -> Reply:
        """Each question is met with hostility once."""
        good, text = echo(asked), asked["messages"][-1]["content"]
        kinds = [
            busy(),
            busy(503),
            Reply(200, good.body, cut=5),
            Reply(200, b"{ not json"),
            Reply(200, b'{"choices": []}'),
        ]
        if text in asked_before:
            return good
        asked_before.add(text)
        return kinds[TEXTS.index(text) % len(kinds)]

    with chat_server(hostile) as server:
        assert ask(asker(server, tmp_path, retries=20, concurrency=2)) == TEXTS
        before = len(server.asked)
        assert ask(asker(server, tmp_path)) == TEXTS
        assert len(server.asked) == before


def test_who_falls_silent_is_given_up_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    def silent(number: int, asked: Asked) -> Reply:
        if number == 4:
            one.server._client.timeout = 0.2  # not before: on a busy machine an answer may take longer
        if number >= 5:
            server.silence.wait(300)
        return echo(asked)

    with chat_server(counting(silent)) as server:
        one = asker(server, tmp_path, retries=0, concurrency=1)
        with pytest.raises(EndpointError, match=r"does not answer.*run again"):
            ask(one)
    with chat_server(echo) as other:
        assert ask(asker(other, tmp_path)) == TEXTS
        assert len(other.asked) == len(TEXTS) - 5


def test_who_is_killed_pays_for_no_answer_twice(tmp_path: Path) -> None:
    killed: list[int] = []
    begun = threading.Event()

    def deadly(number: int, asked: Asked) -> Reply:
        if number == 6:
            begun.wait(300)
            os.kill(killed[0], signal.SIGKILL)
        return echo(asked)

    with chat_server(counting(deadly)) as server:
        process = os.fork()
        if process == 0:
            try:
                ask(asker(server, tmp_path, concurrency=1))
            finally:
                os._exit(0)
        killed.append(process)
        begun.set()
        assert os.WIFSIGNALED(os.waitpid(process, 0)[1])
        assert ask(asker(server, tmp_path)) == TEXTS
        assert len(server.asked) == len(TEXTS) + 1  # what was under way


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(200, b"<html>"), EndpointError, "another form.*3 times; .*run again"),
        (Reply(200, b'{"choices": [{"message": 1}]}'), EndpointError, "another form"),
        (completion(["a"], tokens=[("a", math.nan, {})]), EndpointError, "another form"),
        (completion(["a"], tokens=[("a", 7.5, {})]), EndpointError, "another form"),
        (completion(["a"], usage=(-9, 2)), EndpointError, "another form"),
        (completion(["a"], model="other"), ModelError, "answers with the model 'other', and 'm' was asked"),
        (Reply(200, b"{", cut=0), EndpointError, "cut short.*3 times"),
        (Reply(200, completion(["a"]).body, stall=9), EndpointError, "cut short.*3 times"),
        (busy(), EndpointError, "429.*after up to 2 more tries"),
        (
            Reply(429, b'{"error": {"message": "no"}}', {"retry-after": "86400"}),
            EndpointError,
            r"asks to wait \(Retry-After: 86400\)",
        ),
        (Reply(200, b"\x1f\x8b", {"content-encoding": "gzip"}), EndpointError, "is packed.*3 times"),
        (Reply(307, b"", {"location": "http://127.0.0.1:9/v1"}), UserError, "307.*put the address"),
        (Reply(401, b'{"error": {"message": "no"}}'), UserError, "key_env"),
        (Reply(404, b'{"error": {"message": "no such model"}}'), ModelError, "no such model"),
        (Reply(400, b'{"error": {"message": "too long"}}'), UserError, "too long; have it read more"),
        (
            Reply(400, b'{"error": {"message": "This model\'s maximum context length is 4096 tokens. However"}}'),
            UserError,
            r"4096 tokens\. However; have it read more \(vLLM: --max-model-len",
        ),
        (Reply(400, b"x" * 2**16, endless=0), UserError, r"answers 400: x+\.\.\.; put"),
        (Reply(400, b"x", endless=0.05), UserError, r"answers 400: x+; put"),
        (Reply(503, b"x", endless=0.05), EndpointError, r"answers 503: x+, after up to 2 more tries"),
        (Reply(422, b'{"detail": ["no field n"]}'), UserError, r'answers 422: \{"detail": \["no field n"\]\}; put'),
        (Reply(400, b""), UserError, "answers 400; put"),
        (Reply(200, b"x", endless=0.05), EndpointError, "it has no end"),
    ],
)
def test_who_refuses_is_named_with_what_to_do(
    tmp_path: Path, reply: Reply, error: type[DistilError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch, 0.2 if reply.stall is not None else 300.0)
    with chat_server(lambda asked: reply) as server:
        with pytest.raises(error, match=words) as found:
            ask(asker(server, tmp_path, retries=2))
        assert server.url in str(found.value)


@pytest.mark.parametrize(
    ("asked", "answering"),
    [
        ("m", "m"),
        ("m", "/models/m"),
        ("hub/m", "m"),
        ("m", "hub/m-2026-01-01"),
        ("gpt-4", "gpt-4-0613"),
        ("gemini-1.5-flash", "gemini-1.5-flash-001"),
        ("titan", "titan:v2"),
        ("/models/m", "/models/m@main"),
        ("llama3", "llama3:latest"),
        ("llama3:latest", "llama3"),
        ("mistral-small-latest", "mistral-small-2503"),
    ],
)
def test_a_server_may_say_a_version_of_the_model_or_where_it_lies(asked: str, answering: str) -> None:
    with chat_server(lambda _: completion(["a"], model=answering)) as server:
        assert ask(asker(server, None, model=asked), ["x"]) == ["a"]


@pytest.mark.parametrize(
    ("asked", "answering"),
    [
        ("gpt-4", "gpt-4o"),
        ("gpt-4", "gpt-4-turbo-2024-04-09"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-4-0613", "gpt-4"),
        ("gemma", "gemma-2"),
        ("llama3", "llama3:70b"),
    ],
)
def test_another_model_whose_name_begins_alike_is_another_model(asked: str, answering: str) -> None:
    with (
        chat_server(lambda _: completion(["a"], model=answering)) as server,
        pytest.raises(ModelError, match=f"the model '{answering}', and '{asked}' was asked"),
    ):
        ask(asker(server, None, model=asked), ["x"])


@pytest.mark.parametrize("gives", [1, 2, 9])
def test_samples_are_asked_for_together_and_one_by_one_where_a_server_gives_fewer(tmp_path: Path, gives: int) -> None:
    with chat_server(counting(lambda number, asked: completion([f"{number}.{one}" for one in range(gives)]))) as server:
        first = ask(asker(server, tmp_path), ["x"], samples=3)
        assert len(set(first)) == 3
        assert len(server.asked) == {1: 3, 2: 2, 9: 1}[gives]
        assert server.asked[0]["n"] == 3
        more = ask(asker(server, tmp_path), ["x"], samples=4)
        assert more[:3] == first  # what is there is not asked again
        assert server.asked[-1].get("n", 1) == 1


def test_neither_keys_nor_texts_follow_where_a_server_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    with chat_server(echo) as other:
        for status in (301, 302, 307, 308):
            there = Reply(status, b"", {"location": f"{other.url}/chat/completions"})
            with chat_server(lambda asked, there=there: there) as server, pytest.raises(UserError, match=str(status)):
                ask(asker(server, None, key_env="MY_KEY"), ["x"])
        assert other.asked == []


def test_a_storm_says_when_it_is_over() -> None:
    over = formatdate(time.time() + 1, usegmt=True)
    storm = Reply(429, b'{"error": {"message": "busy"}}', {"retry-after": over})
    with chat_server(counting(lambda number, asked: storm if number < 2 else echo(asked))) as server:
        assert ask(asker(server, None), ["x", "y"]) == ["x", "y"]
        assert len(server.asked) == 4


def test_what_is_garbled_is_paid_for_and_counts(tmp_path: Path) -> None:
    garbled = [Reply(200, b"<html>"), Reply(200, completion(["a"]).body, cut=9)]
    with chat_server(counting(lambda number, asked: garbled[number % 2])) as server:
        for budget, more in ((Budget(), 3), (Budget(requests=5), 2), (Budget(requests=5), 0)):
            before = len(server.asked)
            with pytest.raises(DistilError, match=r"3 times|budget\.requests"):
                ask(asker(server, tmp_path, budget, concurrency=1), ["x"])
            assert len(server.asked) - before == more
        spent = asker(server, tmp_path).answers.spent
        assert spent.requests == 5
        assert spent.tokens > 5 * 8
    with chat_server(echo) as server:
        assert ask(asker(server, tmp_path), ["x"]) == ["x"]  # nothing of it stands for an answer


@pytest.mark.parametrize("cut", [False, True], ids=["silent", "cut"])
def test_what_was_sent_and_never_answered_may_be_paid_for_and_counts(tmp_path: Path, cut: bool) -> None:
    def dead(asked: Asked) -> Reply:
        if not cut:
            server.silence.wait(300)
        return Reply(200, b"", gone=True)

    with chat_server(dead) as server:
        for budget, more in ((Budget(), 3), (Budget(requests=4), 1), (Budget(requests=4), 0)):
            before = len(server.asked)
            with pytest.raises(DistilError, match=r"does not answer: .*, 3 times.*timeout_s|budget\.requests"):
                ask(asker(server, tmp_path, budget, concurrency=1, timeout_s=0.2, retries=2), ["x"])
            until(
                lambda before=before, more=more: len(server.asked) - before >= more
            )  # it may read later than it is given up
            assert len(server.asked) - before == more
        assert asker(server, tmp_path).answers.spent.requests == 4
    with chat_server(echo) as server:
        assert ask(asker(server, tmp_path, Budget(requests=5)), ["x"]) == ["x"]


def test_who_is_not_there_costs_nothing(tmp_path: Path) -> None:
    with reserved_port() as port:
        server = Server(f"http://127.0.0.1:{port}/v1")
        with pytest.raises(EndpointError, match=r"does not answer: .*refused.*run again to go on"):
            ask(asker(server, tmp_path, retries=2), ["x"])
    assert asker(server, tmp_path).answers.spent.requests == 0


def test_nothing_is_sent_again_once_another_request_has_failed(tmp_path: Path) -> None:
    """All that is under way ends, be it in a storm."""

    refused: list[int] = []

    def refusing(asked: Asked) -> Reply:
        if asked["messages"][-1]["content"] == "bad":
            until(lambda: len(server.asked) >= 3)
            refused.append(len(server.asked))
            return Reply(400, b'{"error": {"message": "too long"}}')
        if refused:
            until(one.server.stopped.is_set)
        return busy()

    with chat_server(refusing) as server:
        one = asker(server, tmp_path, retries=1000, concurrency=2)
        with pytest.raises(UserError, match="too long"):
            ask(one, ["bad", "storm"])
    assert len(server.asked) <= refused[0] + 2  # one that was under way, and one that began before anybody knew


def test_models_that_want_another_limit_get_it_and_are_not_asked_the_other_way_again() -> None:
    def reasoning(asked: Asked) -> Reply:
        if "max_tokens" in asked:
            return Reply(
                400, b'{"error": {"message": "Unsupported parameter: use \'max_completion_tokens\' instead."}}'
            )
        assert asked["max_completion_tokens"] == 8
        return echo(asked)

    with chat_server(reasoning) as server:
        one = asker(server, None, concurrency=4)
        assert ask(one, TEXTS) == TEXTS
        assert 1 <= sum("max_tokens" in asked for asked in server.asked) <= 4  # those that were under way
        assert ask(one, ["x"]) == ["x"]
        assert "max_tokens" not in server.asked[-1]


@pytest.mark.parametrize("top_logprobs", [0, 5])
def test_an_answer_may_be_none(top_logprobs: int) -> None:
    """As where a filter has removed it."""
    with chat_server(lambda asked: completion([None])) as server, SILENT.task("", 1) as bar:
        (answer,) = asker(server, None).ask([(request("x", top_logprobs), 0)], bar)
        assert answer.text == ""


def test_machines_that_share_a_storage_pay_for_each_answer_once(tmp_path: Path) -> None:
    storage = Storage((tmp_path / "shared").as_uri())

    def on(machine: str, budget: Budget | None = None) -> Asker:
        return replace(asker(server, tmp_path / machine, budget), storage=storage)

    with chat_server(echo) as server:
        with pytest.raises(UserError, match=r"budget\.requests"):
            ask(on("one", Budget(requests=5)))
        with pytest.raises(UserError, match=r"budget\.requests"):
            ask(on("other", Budget(requests=5)))  # what another has spent counts
        assert len(server.asked) == 5
        assert ask(on("other")) == TEXTS
        again = on("one")
        assert ask(again, [*TEXTS, "x"]) == [*TEXTS, "x"]
        assert len(server.asked) == len(TEXTS) + 1
        assert again.answers.spent.requests == len(TEXTS) + 1
        assert on("third").kept(request("x"), 0) is not None
        (tmp_path / "shared" / "store" / "answers" / answers_file(tmp_path, "m").stem / "x.jsonl").write_bytes(b"{}\n[")
        assert ask(on("third")) == TEXTS
    assert len(server.asked) == len(TEXTS) + 1


def test_a_server_that_gives_no_likelihoods_is_told_by_one_answer_which_is_kept_for_votes(tmp_path: Path) -> None:
    with chat_server(echo) as server:
        with SILENT.task("", 1) as bar, pytest.raises(ModelError, match="set read: votes"):
            asker(server, tmp_path).ask([(request(text, top_logprobs=5), 0) for text in TEXTS], bar)
        assert said(server) == TEXTS[:1]
        assert ask(asker(server, tmp_path)) == TEXTS
        assert said(server) == sorted(TEXTS)
        assert asker(server, tmp_path).answers.spent.requests == len(TEXTS)


@pytest.mark.parametrize("budget", [Budget(requests=5), Budget(tokens=600), Budget(max_cost=0.06)], ids=str)
def test_a_budget_is_never_exceeded_and_raised_it_goes_on(tmp_path: Path, budget: Budget) -> None:
    """A request takes 100 tokens at the most that can be known before, and 12 in the end: 0.006 at 500 the million."""
    prices = Prices(input=500.0, output=500.0)
    with chat_server(echo) as server:
        with pytest.raises(UserError, match=r"budget\..*raise the budget"):
            ask(asker(server, tmp_path, budget, prices), [*TEXTS, *(f"ещё {number}" for number in range(60))])
        assert 0 < len(server.asked) <= 50
        spent = asker(server, tmp_path).answers.spent
        assert spent.requests == len(server.asked)
        assert spent.requests <= (budget.requests or 10**6)
        assert spent.tokens <= (budget.tokens or 10**6)
        assert spent.tokens * 500 / 1e6 <= (budget.max_cost or 10**6)
        before = len(server.asked)
        assert ask(asker(server, tmp_path)) == TEXTS
        assert len(server.asked) <= before + len(TEXTS)
        assert len(set(said(server))) == len(server.asked)


def test_a_budget_lasts_over_runs(tmp_path: Path) -> None:
    with chat_server(echo) as server:
        ask(asker(server, tmp_path, Budget(requests=3)), TEXTS[:3])
        with pytest.raises(UserError, match=r"budget.requests of the chat teacher m is 3"):
            ask(asker(server, tmp_path, Budget(requests=3)), TEXTS[3:4])
        assert ask(asker(server, tmp_path, Budget(requests=3)), TEXTS[:3]) == TEXTS[:3]  # which is paid for


def test_a_server_that_does_not_count_is_taken_at_its_most(tmp_path: Path) -> None:
    with chat_server(lambda asked: completion(["a"], usage=None)) as server:
        ask(asker(server, tmp_path), ["текст"])
        spent = asker(server, tmp_path).answers.spent
        assert spent.input_tokens >= len("текст".encode())
        assert spent.output_tokens == 8


def test_the_key_comes_from_the_environment_and_reaches_nothing_but_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    caplog.set_level("DEBUG")
    replies = {
        "good": completion(["you said sk-secret"], tokens=[("sk-secret", -0.1, {"my sk-secret": -3.0})]),
        "bad": Reply(401, b'{"error": {"message": "wrong key sk-secret"}}'),
    }
    with chat_server(lambda asked: replies[asked["messages"][-1]["content"]]) as server:
        one = asker(server, tmp_path, key_env="MY_KEY")
        assert ask(one, ["good"]) == ["you said ***"]
        with pytest.raises(UserError, match="MY_KEY") as found:
            ask(one, ["bad"])
        assert {headers["authorization"] for headers in server.headers} == {"Bearer sk-secret"}
        assert not any("org-secret" in str(headers) for headers in server.headers)
    assert "sk-secret" not in str(found.value) + caplog.text
    assert not any(b"sk-secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, json.dumps({"error": {"message": "sk-secret" * 60}}).encode()),
        Reply(429, b"{}", {"Retry-After": "sk-secret" * 20}),
        Reply(200, b"{}", {"Content-Encoding": "sk-secret" * 80}),
        completion(["a"], "sk-secret" * 40),
    ],
    ids=["refused", "later", "packed", "other model"],
)
def test_not_even_a_part_of_a_key_is_shown_where_words_are_cut(monkeypatch: pytest.MonkeyPatch, reply: Reply) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    with chat_server(lambda asked: reply) as server, pytest.raises(DistilError, match=r"\*\*\*") as found:
        ask(asker(server, None, key_env="MY_KEY", retries=0))
    assert "sk-" not in str(found.value)


def test_no_key_of_another_server_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    with chat_server(echo) as server:
        ask(asker(server, None), ["x"])
        assert "sk-other" not in str(server.headers)


def test_a_key_that_is_not_there_is_missed_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with chat_server(echo) as server:
        with pytest.raises(UserError, match="the environment has no MY_KEY"):
            ask(asker(server, None, key_env="MY_KEY"))
        assert server.asked == []


def test_the_url_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with chat_server(echo) as server:
        monkeypatch.setenv("MY_URL", server.url)
        assert ask(asker(server, None, url=None, url_env="MY_URL"), ["x"]) == ["x"]
        for value, words in (("", "the environment has no MY_URL"), ("https://me:sk-secret@host/v1", "key_env")):
            monkeypatch.setenv("MY_URL", value)
            with pytest.raises(UserError, match=words) as found:
                ask(asker(server, None, url=None, url_env="MY_URL"), ["x"])
            assert "sk-secret" not in str(found.value)


@pytest.mark.parametrize("storms", [0, 2])
def test_requests_begin_one_after_the_other_where_a_minute_has_few(
    storms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are sent again, too: by a clock that stands still, each a second after the one before."""
    waits: list[float] = []
    monkeypatch.setattr("distil.framework.chat.client.time", SimpleNamespace(monotonic=lambda: 7.0))

    class Noting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            return False

    with chat_server(counting(lambda number, asked: busy() if number < storms else echo(asked))) as server:
        one = asker(server, None, per_minute=60)
        one.server.stopped = Noting()
        with SILENT.task("", 1) as bar:
            found = one.ask([(request(text), 0) for text in TEXTS[: 4 - storms]], bar)
    assert len(waits) == len(server.asked) == 4
    assert sorted(waits) == [0.0, 1.0, 2.0, 3.0]
    assert all(0 < answer.seconds < 300 for answer in found)


def test_who_is_asked_over_plain_http_elsewhere_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    from distil.framework.chat.endpoint import Server as Client

    Client(Endpoint(url="http://llm.example.org/v1", model="m"))
    assert "can be read on its way" in caplog.text
    caplog.clear()
    for url in ("https://llm.example.org/v1", "http://127.0.0.1:8000/v1", "http://[::1]:8000/v1"):
        Client(Endpoint(url=url, model="m"))
    assert not [record for record in caplog.records if record.name.startswith("distil.")]
