"""`distil push`: a run's model on the Hugging Face hub."""

import tempfile
from pathlib import Path

from distil.framework.errors import UserError
from distil.framework.language.words import count_of
from distil.launch.console import console_progress
from distil.launch.quiet import be_quiet


def push(source: Path, id: str, model: str | None, with_onnx: bool, public: bool, dry_run: bool) -> None:
    """Put an exported model, or one of a run, which is exported for it, on the hub as `id`; dry_run: only say what would be there.

    Raises ExportError for a model whose ONNX files cannot be used, UserError.
    """
    be_quiet()
    from distil.framework.export.push import check_id, check_token

    check_id(id)
    if not dry_run:
        check_token()  # before an export, which takes long
    if (source / "export.json").is_file():
        if model is not None or not with_onnx:
            raise UserError(f"{source} is exported already: drop --model and --no-onnx, or name the run")
        _push(source, id, public, dry_run)
        return
    from distil.launch.export import export_measured

    with tempfile.TemporaryDirectory(prefix="distil-push-") as scratch:
        folder = Path(scratch) / "model"
        export_measured(source, folder, model, with_onnx)
        _push(folder, id, public, dry_run)


def _push(folder: Path, id: str, public: bool, dry_run: bool) -> None:
    from distil.framework.export.push import files_of, push_folder

    files = files_of(folder)
    for name, size in files:
        print(f"  {size / 1e6:8.2f} MB  {name}")
    total = f"{count_of(len(files), 'file')}, {sum(size for _, size in files) / 1e6:.1f} MB"
    seen = "for everybody" if public else "private"
    if dry_run:
        print(f"{id}, {seen}, would have these {total}; nothing was sent")
        return
    console_progress().say(f"putting {total} on the hub")
    print(f"{push_folder(folder, id, public)}, {seen}")
