"""Tokenizers that are trained on the run's own text."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from distil.framework.errors import ModelError
from distil.framework.models.section import TrainedTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast

_LONG_RUN = re.compile(r"\S{1000}|\s{1000}")
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_PAD, _END = "<|pad|>", "<|endoftext|>"  # of tokenizers of models that write
# Their numbers in every tokenizer that is trained here, as configurations name them.
TRAINED = {f"{part}_token_id": _SPECIAL.index(f"[{part.upper()}]") for part in ("cls", "sep", "mask")}


def train_tokenizer(settings: TrainedTokenizer, texts: Iterable[str]) -> "PreTrainedTokenizerFast":
    """A tokenizer of at most `vocab_size` tokens learnt from `texts`, with BERT's special tokens and pair format.

    Raises ModelError if the letters of the texts alone are more than that.
    """
    from transformers import PreTrainedTokenizerFast

    tokenizer = _TRAINERS[settings.kind](settings, [piece for text in texts for piece in pieces_of(text)])
    if tokenizer.get_vocab_size() > settings.vocab_size:
        raise _too_small(settings, f"needs {tokenizer.get_vocab_size()} tokens")
    _set_pair_format(tokenizer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def train_writing_tokenizer(settings: TrainedTokenizer, texts: Iterable[str]) -> "PreTrainedTokenizerFast":
    """A byte-level BPE of at most `vocab_size` tokens that gives back every text as it was, with a token that ends one.

    Raises ModelError for another kind, or fewer tokens than there are bytes.
    """
    from transformers import PreTrainedTokenizerFast

    if settings.kind != "bpe":
        raise ModelError(f"a {settings.kind} tokenizer does not give back the text that it has read: take kind bpe")
    pieces = [piece for text in texts for piece in pieces_of(text)]
    tokenizer = _train_bpe(settings, pieces, [_PAD, _END], prefix=False)
    if tokenizer.get_vocab_size() > settings.vocab_size:
        raise _too_small(settings, f"needs {tokenizer.get_vocab_size()} tokens")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=_PAD, eos_token=_END)


def pieces_of(text: str) -> Iterator[str]:
    """The text, cut after every 1,000 characters that go on without a change between words and space.

    Trainers that merge letters take a time that grows with the square of a word's length.
    """
    begin = 0
    for run in _LONG_RUN.finditer(text):
        yield text[begin : run.end()]
        begin = run.end()
    yield text[begin:]


def _train_wordpiece(settings: TrainedTokenizer, texts: list[str]) -> "Tokenizer":
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    normalizer = normalizers.BertNormalizer(lowercase=settings.lower_case, strip_accents=settings.strip_accents)
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = {word for text in texts for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))}
    # The trainer numbers letters inside words as it meets them, in a random order that decides ties between merges.
    # Listed as special they have fixed numbers; the vocabulary is then taken over without their being special.
    inside = sorted({f"##{letter}" for word in words for letter in word[1:]})
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer, trained.pre_tokenizer = normalizer, pre_tokenizer
    trainer = trainers.WordPieceTrainer(
        vocab_size=settings.vocab_size, special_tokens=[*_SPECIAL, *inside], show_progress=False
    )
    trained.train_from_iterator(texts, trainer)
    tokenizer = Tokenizer(models.WordPiece(vocab=trained.get_vocab(), unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _train_bpe(
    settings: TrainedTokenizer, texts: list[str], special: Sequence[str] = _SPECIAL, prefix: bool = True
) -> "Tokenizer":
    """prefix: whether a text's first word is cut as those behind a space are."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        special_tokens=list(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _train_unigram(settings: TrainedTokenizer, texts: list[str]) -> "Tokenizer":
    """SentencePiece's own trainer: unlike that of `tokenizers`, it gives the same result every time."""
    import sentencepiece
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    casing = [normalizers.Lowercase()] if settings.lower_case else []
    accents = [normalizers.NFD(), normalizers.StripAccents()] if settings.strip_accents else []
    one_space = normalizers.Replace(Regex(r"\s+"), " ")
    normalizer = normalizers.Sequence([normalizers.NFKC(), one_space, *casing, *accents])
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(normalizer.normalize_str(text) for text in texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=settings.vocab_size - len(_SPECIAL),
            hard_vocab_limit=False,
            normalization_rule_name="identity",
            max_sentence_length=2**30,  # by default it leaves out texts of more than 4192 bytes
            num_threads=1,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).split("] ")[-1].split(". ")[0]
        raise _too_small(settings, f"does not train ({reason})") from None
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    # SentencePiece's own first piece is the unknown one, for which [UNK] stands here.
    learnt = [(pieces.id_to_piece(number), pieces.get_score(number)) for number in range(1, len(pieces))]
    vocab = [*((token, 0.0) for token in _SPECIAL), *learnt]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=_SPECIAL.index("[UNK]")))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(_SPECIAL)
    return tokenizer


def _too_small(settings: TrainedTokenizer, found: str) -> ModelError:
    return ModelError(
        f"a {settings.kind} tokenizer with vocab_size {settings.vocab_size} {found}; raise vocab_size above the number of "
        "different letters in the text (bytes for bpe)"
    )


_TRAINERS = {"wordpiece": _train_wordpiece, "bpe": _train_bpe, "unigram": _train_unigram}


def separate(tokenizer: "PreTrainedTokenizerFast", config: "PreTrainedConfig") -> None:
    """Put between question and context what a model of this configuration wants there, if that is not one [SEP]."""
    # Longformer finds the question, whose tokens see all of the context, by three separators.
    if config.model_type == "longformer" and tokenizer.sep_token_id is not None:
        _set_pair_format(tokenizer.backend_tokenizer, between="[SEP] [SEP]")


def _set_pair_format(tokenizer: "Tokenizer", between: str = "[SEP]") -> None:
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair=f"[CLS] $A {between} $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
