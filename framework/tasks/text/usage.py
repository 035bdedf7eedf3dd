"""What the card of an exported model of texts says."""

from distil.framework.tasks.reports import CardParts
from distil.framework.tasks.text.settings import TextSettings

EXAMPLES = {"en": "Question: What is a fjord?\nAnswer:", "ru": "Вопрос: что такое фьорд?\nОтвет:"}

_TRANSFORMERS = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForCausalLM.from_pretrained(".")  # this folder
{given}
written = model.generate(**given, max_new_tokens={most}, do_sample=False)
print(tokenizer.decode(written[0, given["input_ids"].shape[1] :], skip_special_tokens=True))
```"""

_PROMPT = """given = tokenizer({prompt!r}, add_special_tokens=False, return_tensors="pt")"""

_CHAT = """turns = [{{"role": "user", "content": {prompt!r}}}]
given = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True, return_tensors="pt")"""

_DISTIL = """```sh
distil answer . --prompt '{prompt}'
distil serve .
```"""

_GGUF = """```sh
python llama.cpp/convert_hf_to_gguf.py . --outfile model.gguf --outtype q8_0
```"""

_ONNX = (
    "`{file}` gives the same logits with ONNX Runtime. It takes `input_ids`, `attention_mask`, where the model counts by them `position_ids`, and what "
    "has been read before as `past_key_values.N.key` and `.value`, empty at first; `present.N.key` and `.value` are these with what has been read since. "
    "Those are the names that optimum and transformers.js ask for."
)


def card_parts(settings: TextSettings, max_length: int, onnx: str | None, language: str) -> CardParts:
    """max_length: tokens of a text; onnx: an ONNX file, if there is one; language: in which it is asked."""
    most, prompt = settings.generation.max_new_tokens, EXAMPLES[language]
    given = (_CHAT if settings.as_chat else _PROMPT).format(prompt=settings.wording.text(prompt))
    return CardParts(
        pipeline_tag="text-generation",
        introduction="A language model: it goes on with a prompt.",
        results="Bits per byte are those that the completions and their ends take, by the model's own "
        f"tokens, over their bytes in UTF-8, and can be compared between models with other tokenizers; what it writes are the likeliest tokens, {most} at most. "
        "Tokens a second are those written, the time to read the prompt included.",
        limits=(
            f"It has learnt texts of {max_length} tokens, prompt included.",
            "What it writes need not be true, and may repeat what it was trained on.",
        ),
        usage=(
            "With transformers alone; a T5, a BART or another encoder-decoder is an `AutoModelForSeq2SeqLM`, its prompt has `tokenizer.eos_token` behind it, and all "
            "of `written[0]` is its text:",
            _TRANSFORMERS.format(given=given, most=most),
            *(() if onnx is None else (_ONNX.format(file=onnx),)),
            "With distil, which prints what is written as it comes, and serves a page:",
            _DISTIL.format(prompt=prompt),
            "For llama.cpp its own script makes a GGUF file, of models and tokenizers that it knows, as `distil export --gguf` has it do:",
            _GGUF,
        ),
    )
