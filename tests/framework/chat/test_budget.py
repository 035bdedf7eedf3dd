"""What a request takes at most."""

import json
from dataclasses import replace

from distil.framework.chat.budget import at_most
from distil.framework.chat.messages import Message, Request


def test_all_that_a_server_may_show_the_model_counts() -> None:
    """A token stands for a byte or more."""
    asked = Request((Message("user", "Где 🙂?"),), 0.0, 8, 0, {})
    schema = {"type": "object", "properties": {"тип": {"type": "string"}}}
    plain, structured = at_most(asked, 3), at_most(replace(asked, schema=schema), 3)
    assert plain.input_tokens > len("Где 🙂?".encode())
    assert structured.input_tokens >= plain.input_tokens + len(json.dumps(schema, ensure_ascii=False).encode())
    assert (plain.requests, plain.output_tokens) == (1, 24)
