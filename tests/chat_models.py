"""A chat model of two layers that knows nothing, and a server that runs such a model by transformers alone."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.built_tokenizers import byte_level
from tests.chat_server import Asked, Reply, completion

TEMPLATE = (
    "{% for m in messages %}{{ '<s>' + m.role + '\\n' + m.content + '</s>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant\\n' }}{% endif %}"
)


def chat_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = byte_level(prefix=False)
    tokenizer.chat_template = TEMPLATE
    tokenizer.eos_token = "</s>"
    return tokenizer


def chat_folder(folder: Path, template: bool = True, wide: float = 1.0) -> Path:
    """A model with random weights. wide: by which its head's are multiplied, so that it is surer of what it says."""
    tokenizer = chat_tokenizer()
    if not template:
        tokenizer.chat_template = None
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
    )
    with torch.no_grad():
        model.lm_head.weight *= wide
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Answering:
    """Answers requests as servers do that run a model with transformers: greedily, with the likeliest tokens in each place."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def __call__(self, asked: Asked) -> Reply:
        prompt = self.tokenizer.apply_chat_template(asked["messages"], tokenize=False, add_generation_prompt=True)
        ids = self.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            found = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=asked["max_tokens"],
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
            )
        new = found.sequences[0, ids.shape[1] :].tolist()
        top = asked.get("top_logprobs", 1)
        tokens = []
        for id, logits in zip(new, found.logits, strict=True):
            log_p = logits[0].log_softmax(-1)
            best = log_p.topk(min(top, len(log_p)))
            others = {self._text(one): p for one, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)}
            tokens.append((self._text(id), log_p[id].item(), others))
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        finish = "stop" if new[-1] == self.tokenizer.eos_token_id else "length"
        given = tokens if asked.get("logprobs") else None
        return completion([text], asked["model"], (ids.shape[1], len(new)), given, finish)

    def _text(self, id: int) -> str:
        return str(self.tokenizer.decode([id]))
