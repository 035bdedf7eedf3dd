"""A server that says how likely the tokens of a prompt are, over a tiny model: as vLLM does by `prompt_logprobs`, and as OpenAI's completions do
by `echo`, whose tokens are told by number or as texts."""

import json
from pathlib import Path
from typing import Any, Literal

import torch

from tests.chat_models import Answering
from tests.chat_server import Asked, Reply

Form = Literal["prompt_logprobs", "echo_numbers", "echo_texts", "neither"]


class Prompted(Answering):
    """Answers chat as servers with transformers do, and prompts that are numbers of tokens in one of the forms."""

    def __init__(self, folder: Path, form: Form = "prompt_logprobs") -> None:
        super().__init__(folder)
        self.form = form

    def __call__(self, asked: Asked) -> Reply:
        """Chat has messages, and completions have a prompt."""
        return self._completions(asked) if "prompt" in asked else super().__call__(asked)

    def _completions(self, asked: Asked) -> Reply:
        ids = asked["prompt"]
        with torch.inference_mode():
            log_p = self.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        written = int(log_p[-1].argmax())
        choice: dict[str, Any] = {"index": 0, "text": self._text(written), "logprobs": None, "finish_reason": "length"}
        if self.form == "prompt_logprobs":
            top = asked["prompt_logprobs"]
            choice["prompt_logprobs"] = [None] + [
                self._numbered(id, row, top) for id, row in zip(ids[1:], log_p[:-1], strict=True)
            ]
        elif self.form != "neither":
            choice["logprobs"] = self._echoed([*ids, written], log_p, asked["logprobs"])
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1, "total_tokens": len(ids) + 1}
        body = {"id": "1", "object": "text_completion", "model": asked["model"], "choices": [choice], "usage": usage}
        return Reply(200, json.dumps(body).encode())

    def _numbered(self, id: int, row: torch.Tensor, top: int) -> dict[str, Any]:
        """The token that stands there first, then the likeliest, as vLLM has them."""
        order = row.argsort(descending=True).tolist()
        return {
            str(one): {
                "logprob": float(row[one]),
                "rank": order.index(one) + 1,
                "decoded_token": self.tokenizer.decode([one]),
            }
            for one in [id, *order[:top]]
        }

    def _echoed(self, ids: list[int], log_p: torch.Tensor, top: int) -> dict[str, Any]:
        rows = [None, *log_p]
        texts = [self._named(id) for id in ids]
        return {
            "tokens": texts,
            "token_logprobs": [None if row is None else float(row[id]) for id, row in zip(ids, rows, strict=True)],
            "top_logprobs": [
                None
                if row is None
                else {self._named(one): float(row[one]) for one in row.topk(min(top, len(row))).indices.tolist()}
                for row in rows
            ],
            "text_offset": [sum(map(len, texts[:number])) for number in range(len(texts))],
        }

    def _named(self, id: int) -> str:
        return f"token_id:{id}" if self.form == "echo_numbers" else self._text(id)
