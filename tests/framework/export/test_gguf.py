"""GGUF files: llama.cpp's converter is found or missed, says why it makes none, and what it makes is the model within 8 bits."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from distil.framework.errors import ModelError, UserError
from distil.framework.export.gguf import FILE, converter_of, open_gguf, write_gguf
from tests.framework.tasks.text.writers import writer

_NAMES = ("convert_hf_to_gguf.py", "convert-hf-to-gguf")  # llama.cpp's script, and a package of it
_HERE = [name for name in _NAMES if shutil.which(name) or (Path(sys.executable).parent / name).is_file()]


def script(folder: Path, text: str) -> Path:
    path = folder / "convert_hf_to_gguf.py"
    path.write_text(text)
    return path


def test_a_converter_that_is_not_there_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("no_such_converter.py", str(tmp_path / "convert_hf_to_gguf.py")):
        with pytest.raises(UserError, match=r"--gguf: there is no .*a clone of llama\.cpp"):
            converter_of(given)
    made = script(tmp_path, "")
    monkeypatch.setattr("distil.framework.export.gguf.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install gguf"):
        converter_of(str(made))


def test_what_a_converter_says_is_told(tmp_path: Path) -> None:
    refusing = script(tmp_path, "raise NotImplementedError('BPE pre-tokenizer was not recognized')")
    with pytest.raises(ModelError, match=r"makes no GGUF file of this model.*pre-tokenizer was not recognized"):
        write_gguf(refusing, tmp_path, tmp_path / FILE)
    other = script(tmp_path, "import sys; open(sys.argv[sys.argv.index('--outfile') + 1], 'wb').write(b'GGUF?')")
    write_gguf(other, tmp_path, tmp_path / FILE)
    with pytest.raises(ModelError, match="transformers cannot read it"):
        open_gguf(tmp_path / FILE)
    with pytest.raises(ModelError, match=r"convert is no program that can be run"):
        write_gguf(refusing.rename(tmp_path / "convert"), tmp_path, tmp_path / FILE)


@pytest.mark.skipif(not _HERE or find_spec("gguf") is None, reason="llama.cpp's converter is not here")
def test_what_is_made_is_the_model_within_8_bits(tmp_path: Path) -> None:
    made = writer("llama")
    made.model.save_pretrained(tmp_path)
    made.prompter.tokenizer.save_pretrained(tmp_path)
    write_gguf(converter_of(_HERE[0]), tmp_path, tmp_path / FILE)
    found = open_gguf(tmp_path / FILE)
    ids = torch.arange(1, 40)[None]
    with torch.inference_mode():
        logits, read = made.model(ids).logits, found(ids).logits
    assert (logits - read).abs().max() < 0.05 * logits.abs().max()
