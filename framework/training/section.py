"""How a model is trained: the settings of the optimizer and of the engine."""

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from distil.framework.config import MOST_BATCH, MOST_EPOCHS, MOST_STEPS, NUMBER_OR_WORD, WORD_OR_LIST, Section, Seed

RANDOM_ADAPTED = (
    "`lora` adapts what a model has learnt, and one with random weights has learnt nothing: drop `lora`, or take the model from hub or "
    "folder"
)


class Lora(Section):
    """Low-rank adapters (Hu et al., arXiv 2106.09685): a frozen matrix W becomes W + alpha / rank · B · A, and B, A are trained."""

    rank: int = Field(default=8, ge=1, le=10_000, description="Rows of A, columns of B.")
    alpha: float = Field(default=16.0, gt=0, le=1e6, description="Over `rank`: what B · A is multiplied by.")
    dropout: float = Field(default=0.05, ge=0, lt=1, description="Of what A reads.")
    targets: Annotated[
        Annotated[Literal["auto"], Tag("word")]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=1000), Tag("list")],
        WORD_OR_LIST,
    ] = Field(
        default="auto",
        description="Names of the modules that get adapters, or ends of them, such as q_proj. auto: all linear layers but the head.",
    )


class Training(Section):
    """AdamW with linear warm-up and linear decay to zero (Loshchilov & Hutter, arXiv 1711.05101)."""

    lr: float = Field(default=3e-5, gt=0, le=100, description="Peak learning rate.")
    epochs: int = Field(default=2, ge=1, le=MOST_EPOCHS)
    batch_size: int = Field(default=16, ge=1, le=MOST_BATCH, description="Windows an optimizer step, over all workers.")
    micro_batch: int | None = Field(
        default=None,
        ge=1,
        le=MOST_BATCH,
        description="Windows a forward pass and worker; default: the whole batch in one.",
    )
    warmup: float = Field(default=0.1, ge=0, lt=1, description="Share of the steps in which the rate rises from 0.")
    layer_decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Learning rate of each layer as a share of that of the layer above it; embeddings have the lowest, the head has all. "
        "1: all the same.",
    )
    weight_decay: float = Field(default=0.01, ge=0, le=100, description="Not applied to biases and layer norms.")
    clip: float = Field(default=1.0, ge=0, le=1e6, description="Largest norm of the gradient; 0: no clipping.")
    gradient_checkpointing: bool = Field(
        default=False,
        description="Whether layers keep only their inputs and compute the rest again in the backward pass: less memory, more time.",
    )
    packing: bool = Field(
        default=False,
        description="Whether layers compute with the texts of a batch alone, and attention only with what fills these up.",
    )
    seed: Seed | None = Field(default=None, description="Default: the recipe's seed.")
    lora: Lora | None = Field(
        default=None, description="Trains low-rank adapters and the head, and leaves all other weights as they are."
    )
    checkpoint_every: Annotated[
        Annotated[int, Field(ge=1, le=MOST_STEPS), Tag("number")] | Annotated[Literal["epoch"], Tag("word")],
        NUMBER_OR_WORD,
    ] = Field(default="epoch", description="Steps, or 'epoch'.")
    log_every: Annotated[
        Annotated[int, Field(ge=1, le=MOST_STEPS), Tag("number")] | Annotated[Literal["auto"], Tag("word")],
        NUMBER_OR_WORD,
    ] = Field(
        default="auto",
        description="Steps between two rows of the training history; auto: 20, or fewer in a short training, so that it has 20 rows.",
    )

    validation: str | None = Field(
        default=None,
        description="Labelled split, another than evaluation.split, on which the model is measured while it is trained.",
    )
    evaluate_every: Annotated[
        Annotated[int, Field(ge=1, le=MOST_STEPS), Tag("number")] | Annotated[Literal["epoch"], Tag("word")],
        NUMBER_OR_WORD,
    ] = Field(
        default="epoch",
        description="Steps between two measurements, beside those after each epoch; 'epoch': only those.",
    )
    best: bool = Field(
        default=False,
        description="Whether the weights are kept that were best by the task's primary metric on `validation`, instead of the last.",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        le=MOST_STEPS,
        description="Training ends after so many measurements on `validation` in a row that were no better than one before.",
    )

    def steps_a_row(self, steps: int) -> int:
        """`log_every`, with auto made what it stands for in a training of so many steps."""
        return max(1, min(20, steps // 20)) if isinstance(self.log_every, str) else self.log_every

    @property
    def selects(self) -> bool:
        """Whether measurements decide about the training."""
        return self.best or self.patience is not None

    @model_validator(mode="after")
    def _check(self) -> "Training":
        if self.selects and self.validation is None:
            given = "best" if self.best else "patience"
            raise ValueError(
                f"`{given}` goes by what the model is worth on a split that it is measured on while it is trained: name one as "
                f"`validation`, or drop `{given}`"
            )
        if self.lora is not None and self.layer_decay < 1:
            raise ValueError(
                "`layer_decay` moves lower layers less, so that they keep what they have learnt, and adapters leave it as it is: drop "
                "layer_decay, or lora"
            )
        if self.micro_batch is not None and self.micro_batch > self.batch_size:
            raise ValueError(
                f"micro_batch {self.micro_batch} is larger than batch_size {self.batch_size}; make it at most that"
            )
        return self


class Engine(Section):
    """Where, with what and in which arithmetic training runs."""

    workers: Annotated[
        Annotated[int, Field(ge=1, le=10_000), Tag("number")] | Annotated[Literal["auto"], Tag("word")], NUMBER_OR_WORD
    ] = Field(
        default="auto",
        description="Processes, one a GPU; more than one are Ray workers. auto: as many as GPUs, but so few that each has 16 windows of a "
        "batch; 1 without GPUs.",
    )
    threads: int | None = Field(
        default=None, ge=1, le=10_000, description="CPU threads a worker; default: the cores shared out evenly."
    )
    backend: Literal["auto", "torch", "deepspeed"] = Field(
        default="auto", description="auto: PyTorch by itself at zero_stage 0, DeepSpeed at 1 to 3."
    )
    zero_stage: Literal[0, 1, 2, 3] = Field(
        default=0,
        description="What workers share out (Rajbhandari et al., arXiv 1910.02054): 1 optimizer states, 2 gradients too, 3 weights too.",
    )
    precision: Literal["auto", "fp32", "tf32", "bf16", "fp16"] = Field(
        default="auto",
        description="auto: bf16 on a GPU that has it, fp32 elsewhere. tf32, fp16: on a GPU.",
    )
    compile: bool = Field(
        default=False,
        description="Whether torch.compile makes the layers of what is trained into kernels of their own: with backend torch.",
    )
    cuda_graphs: bool = Field(
        default=False,
        description="Whether a GPU is given a model's forward and backward passes as CUDA graphs, one for each length of a batch: with backend "
        "torch and one worker.",
    )
    worker_failures: int = Field(
        default=2,
        ge=0,
        le=1000,
        description="Lost Ray workers that a training survives by resuming from its checkpoint; also how often each streaming "
        "teacher that is lost is started again.",
    )
    dashboard: bool = Field(
        default=False,
        description="Whether Ray that distil starts has its dashboard, at 127.0.0.1, while a training of several workers, streaming teachers "
        "or a search go on.",
    )
    parallel: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Stages of a run that are made at once where they do not need each other (a baseline beside a teacher, say), in "
        "processes that share out the CPU cores evenly, each with as many threads. `distil run` does so on machines without GPUs, with "
        "one worker.",
    )
    accept_versions: bool = Field(
        default=False,
        description="Whether results are taken that other versions of distil, of the libraries, or another kind of device "
        "have made.",
    )

    @model_validator(mode="after")
    def _check(self) -> "Engine":
        if self.parallel > 1 and self.workers not in (1, "auto"):
            raise ValueError(
                f"parallel is {self.parallel} and workers {self.workers}: stages are made at once where each has one worker; set one of "
                "them to 1"
            )
        if self.backend == "torch" and self.zero_stage > 0:
            raise ValueError(
                f"backend torch shares nothing out, and zero_stage is {self.zero_stage}; set zero_stage: 0, or backend: deepspeed"
            )
        if self.compile and self.backend_here == "deepspeed":
            raise ValueError("compile is for PyTorch by itself: drop it, or set zero_stage: 0 and backend: torch")
        if self.cuda_graphs and self.backend_here == "deepspeed":
            raise ValueError("cuda_graphs is for PyTorch by itself: drop it, or set zero_stage: 0 and backend: torch")
        if self.precision == "fp16" and self.backend == "deepspeed" and self.zero_stage == 0:
            raise ValueError(
                "precision fp16 with backend deepspeed takes a zero_stage of 1, 2 or 3, where DeepSpeed scales the loss (at 0 small "
                "gradients are lost); set zero_stage: 1, which costs one worker nothing, or backend: torch"
            )
        return self

    @property
    def backend_here(self) -> Literal["torch", "deepspeed"]:
        """`backend`, with auto made what it stands for."""
        if self.backend == "auto":
            return "torch" if self.zero_stage == 0 else "deepspeed"
        return self.backend
