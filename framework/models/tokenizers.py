"""Tokenizers: loaded from files, fitted to their models, and the special tokens of generators."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.errors import ModelError, first_line
from distil.framework.files import read_json
from distil.framework.manifest import check_saved
from distil.framework.models.configuration import read_config
from distil.framework.models.kind import decodes_only
from distil.framework.models.locate import check_tokenizer_file
from distil.framework.models.section import PretrainedTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_USUAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def load_tokenizer(folder: Path, settings: PretrainedTokenizer | None = None) -> "PreTrainedTokenizerFast":
    """The tokenizer in `folder`, with the settings' overrides.

    Raises ModelError if it is missing, slow or without measure, StoreError for files that are not as distil wrote them.
    """
    check_saved(folder)
    if (folder / "tokenizer.json").is_file():
        check_tokenizer_file(folder / "tokenizer.json")
    lower_case = settings.lower_case if settings is not None else None
    options = {} if lower_case is None else {"do_lower_case": lower_case}
    try:
        tokenizer = _class_for(folder).from_pretrained(str(folder), trust_remote_code=False, **options)
    except Exception as error:  # transformers raises whatever its parsers raise
        raise ModelError(f"no usable tokenizer in {folder}: {first_line(error)}") from None
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what transformers makes of no files at all
        raise ModelError(f"no tokenizer in {folder}; save the model's own there, or name another folder or id")
    check_fast(tokenizer, f"in {folder}")
    if lower_case is not None:
        _set_lower_case(tokenizer, lower_case, folder)
    _cut_alike(tokenizer)
    _check_reads_pairs(tokenizer, folder)
    vars(tokenizer)["named_ends"] = ends_in(folder)
    return tokenizer


def ends_in(folder: Path) -> tuple[int, ...]:
    """The tokens that end what the model in `folder` writes, by its own settings, which may be several."""
    path = folder / "generation_config.json"
    try:
        named = read_json(path).get("eos_token_id") if path.is_file() else None
    except (ValueError, AttributeError):  # whoever loads the model says so
        return ()
    return tuple(one for one in (named if isinstance(named, list) else [named]) if isinstance(one, int))


def further_ends(folder: Path, tokenizer: "PreTrainedTokenizerFast") -> list[int]:
    """The special tokens that end what the model in `folder` writes, by its own settings, where a tokenizer from elsewhere ends texts by none of
    them: those that it has by the same names as the model's own tokenizer, if that is there. Raises ModelError without an end."""
    named = ends_in(folder)
    if not named or end_of_text(tokenizer) in named:
        return []
    try:
        own = load_tokenizer(folder)
    except ModelError:
        own = tokenizer
    known = _special_of(tokenizer, named)
    return [one for one in known if own.convert_ids_to_tokens(one) == tokenizer.convert_ids_to_tokens(one)]


def named_ends(tokenizer: "PreTrainedTokenizerFast") -> list[int]:
    """The special tokens that end what the model writes beside which the tokenizer was loaded, by that model's own settings."""
    return _special_of(tokenizer, vars(tokenizer).get("named_ends", ()))


def _special_of(tokenizer: "PreTrainedTokenizerFast", numbers: Sequence[int]) -> list[int]:
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return [one for one in numbers if one in special.union(tokenizer.all_special_ids)]


def check_fast(tokenizer: "PreTrainedTokenizerFast", whose: str) -> None:
    """Refuse a tokenizer without offsets. whose: where it lies, or of which model it is. Raises ModelError."""
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} {whose} is a slow one: it cannot tell which characters its tokens cover; "
            "use a model with a fast tokenizer (a tokenizer.json)"
        )


def _cut_alike(tokenizer: "PreTrainedTokenizerFast") -> None:
    """Turn off BPE's dropout, which a tokenizer.json may bring along from training: it cuts a text otherwise each time."""
    model = tokenizer.backend_tokenizer.model
    if getattr(model, "dropout", None) is not None:
        model.dropout = None


def _class_for(folder: Path) -> Any:
    """The class that reads the tokenizer in `folder`.

    One that names no family's class is read as its tokenizer.json has it. AutoTokenizer would rebuild it for some model
    types, such as Qwen2's, by the class of that family, and lose whatever that does not know.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    settings = folder / "tokenizer_config.json"
    if not (settings.is_file() and (folder / "tokenizer.json").is_file()):
        return AutoTokenizer
    named = json.loads(settings.read_text(encoding="utf-8")).get("tokenizer_class")
    return PreTrainedTokenizerFast if named in ("TokenizersBackend", "PreTrainedTokenizerFast") else AutoTokenizer


def _check_reads_pairs(tokenizer: "PreTrainedTokenizerFast", folder: Path) -> None:
    try:
        more = set(tokenizer("a", "a")) - {"input_ids", "token_type_ids", "attention_mask"}
    except Exception as error:  # whatever else its class wants, such as places on a page
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} in {folder} does not take a question and a context alone "
            f"({first_line(error)}); use a model that reads text"
        ) from None
    if more:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} in {folder} does not take a question and a context alone: it gives "
            f"{', '.join(sorted(more))} too, which plain text has not; use a model that reads text"
        )


def load_model_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer saved beside a model, giving the inputs that this model takes. Raises ModelError."""
    tokenizer = load_tokenizer(folder)
    fit_to_model(tokenizer, read_config(folder))
    return tokenizer


def within_rows(tokenizer: "PreTrainedTokenizerFast", config: "PreTrainedConfig") -> "PreTrainedTokenizerFast":
    """The tokenizer without special tokens beyond the rows of its model's embedding; usual ones of its vocabulary take
    their parts.

    GPT-2's class adds <|endoftext|> to a vocabulary that lacks it. ruGPT-3's has <s>, </s>, <pad> and <unk> instead.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    rows = _rows(config)
    if rows is None:
        return tokenizer
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    kept = [token for token in state["added_tokens"] if token["id"] < rows or not token["special"]]
    if len(kept) == len(state["added_tokens"]):
        return tokenizer
    backend = Tokenizer.from_str(json.dumps({**state, "added_tokens": kept}))
    there = backend.get_vocab()
    parts = {part: token if token in there else _USUAL.get(part) for part, token in _parts(tokenizer)}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        chat_template=tokenizer.chat_template,
        **{part: token for part, token in parts.items() if token in there},
    )


def _parts(tokenizer: "PreTrainedTokenizerFast") -> list[tuple[str, str]]:
    """What its special tokens are, such as ``eos_token``, and which they are."""
    return [(part, str(token)) for part, token in tokenizer.special_tokens_map.items() if isinstance(token, str)]


def fit_to_model(tokenizer: "PreTrainedTokenizerFast", config: "PreTrainedConfig") -> None:
    """Let the tokenizer give token types only to models that have them, and pad for decoders, whose own may have no token
    for that. Raises ModelError if the two do not fit."""
    rows = _rows(config)
    if rows is not None and len(tokenizer) > rows:
        raise ModelError(
            f"the tokenizer has {len(tokenizer)} tokens and the {config.model_type} model only {rows}; use the tokenizer that "
            "the model was trained with"
        )
    if tokenizer.pad_token_id is None and decodes_only(config.model_type):
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise ModelError(f"the tokenizer of the {config.model_type} model has no padding token; use one that has")
    types = ["token_type_ids"] if takes_token_types(config) else []
    tokenizer.model_input_names = ["input_ids", *types, "attention_mask"]
    tokenizer.init_kwargs["model_input_names"] = tokenizer.model_input_names  # which is what is saved
    if config.is_encoder_decoder:
        start = getattr(config, "decoder_start_token_id", None)
        vars(tokenizer)["decoder_start"] = (int(tokenizer.pad_token_id if start is None else start),)
        vars(tokenizer)["decoder_config"] = config  # for `most_completed`


def decoder_start(tokenizer: "PreTrainedTokenizerFast") -> tuple[int, ...]:
    """The tokens that the decoder begins with of the encoder-decoder to which a tokenizer was fitted; none of another model's."""
    start: tuple[int, ...] = vars(tokenizer).get("decoder_start", ())
    return start


def _rows(config: "PreTrainedConfig") -> int | None:
    """Tokens that a model has embeddings for; Canine, which hashes their numbers, takes any."""
    rows = getattr(config.get_text_config(), "vocab_size", None)
    return None if rows is None else int(rows)


def takes_token_types(config: "PreTrainedConfig") -> bool:
    """Whether a model tells question and context apart by their token types."""
    # XLNet compares types with each other, and needs no table whose size a configuration could name.
    return config.model_type == "xlnet" or (getattr(config, "type_vocab_size", None) or 0) > 1


def _set_lower_case(tokenizer: "PreTrainedTokenizerFast", lower_case: bool, folder: Path) -> None:
    """Make sure that the normaliser itself does as told: not every tokenizer class passes the option on."""
    from tokenizers import normalizers

    backend = tokenizer.backend_tokenizer
    state = json.loads(backend.normalizer.__getstate__()) if backend.normalizer is not None else {}
    if state.get("type") != "BertNormalizer":
        raise ModelError(
            f"the tokenizer in {folder} has no BERT normaliser whose `lower_case` could be set; drop that option"
        )
    if state["lowercase"] != lower_case:
        del state["type"]
        backend.normalizer = normalizers.BertNormalizer(**{**state, "lowercase": lower_case})


@dataclass(frozen=True)
class SpecialTokens:
    """Numbers of tokens. end: ends an answer; start: those that the decoder of an encoder-decoder begins with."""

    pad: int
    end: int
    start: tuple[int, ...]


def special_tokens(
    tokenizer: "PreTrainedTokenizerFast", config: "PreTrainedConfig", forced: int | None = None
) -> SpecialTokens:
    """[SEP] ends a text where there is no end-of-text token, as in BERT's vocabularies. Raises ModelError without both.

    forced: the token that a model's generation_config.json forces to come first, such as that of mBART-50's language: it
    belongs to the beginning, not to the answer.
    """
    end = end_of_text(tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    start = getattr(config, "decoder_start_token_id", None)
    begin = (int(pad if start is None else start), *([] if forced is None else [int(forced)]))
    return SpecialTokens(int(pad), end, begin)


def end_of_text(tokenizer: "PreTrainedTokenizerFast") -> int:
    """The token that ends a text: [SEP] where there is no end-of-text token, as in BERT's vocabularies. Raises ModelError without both."""
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if end is None:
        raise ModelError(
            "the tokenizer has neither an end-of-text token nor [SEP], one of which has to end an answer; use one that has"
        )
    return int(end)


def named_tokens(tokenizer: "PreTrainedTokenizerFast") -> dict[str, int]:
    """The numbers of [CLS], [SEP] and [MASK], as far as there are such, as configurations name them."""
    names = ("cls_token_id", "sep_token_id", "mask_token_id")
    return {name: number for name in names if (number := getattr(tokenizer, name)) is not None}


def tell_special_tokens(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", ends: Sequence[int] = ()
) -> None:
    """Note the tokenizer's special tokens in a generator's configurations, so that others generate alike with it. ends: tokens that end what it
    writes, as well as the tokenizer's."""
    from huggingface_hub.errors import StrictDataclassError

    found = special_tokens(tokenizer, model.config)
    model.generation_config.pad_token_id = found.pad
    for settings in (model.config, model.generation_config):
        with suppress(StrictDataclassError):  # some architectures have to name one
            settings.bos_token_id = tokenizer.bos_token_id
        named = getattr(settings, "eos_token_id", None)
        if not (isinstance(named, list) and found.end in named):
            settings.eos_token_id = found.end
        if model.config.is_encoder_decoder:
            settings.decoder_start_token_id = found.start[0]
    if further := [one for one in ends if one != found.end]:
        model.generation_config.eos_token_id = [found.end, *further]


@contextmanager
def told_of_panics(tokenizer: "PreTrainedTokenizerFast") -> Iterator[None]:
    """Around the use of a tokenizer. Raises ModelError where the library gives up."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # which is no Exception, and which no module exports
            raise
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} of {tokenizer.name_or_path or 'this run'} cannot read a text "
            f"({first_line(error)}); take another one, or put the patterns of its tokenizer.json right"
        ) from None
