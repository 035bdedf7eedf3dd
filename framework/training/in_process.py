"""Training in this process: one worker, no Ray."""

from framework.device import cpu_threads
from framework.errors import RecipeError
from framework.training.job import ReportTo, TrainingJob, TrainingSummary
from framework.training.loop import train


def train_in_process(job: TrainingJob, report: ReportTo) -> TrainingSummary:
    """Run the training here. Raises RecipeError if the recipe asks for several workers."""
    if job.workers != 1:
        raise RecipeError(f"engine.workers is {job.workers}, but a training in one process has one; set it to 1")
    with cpu_threads(job.engine.threads):
        return train(job, rank=0, world_size=1, report=report)
