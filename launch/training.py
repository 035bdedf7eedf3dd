"""Which trainer a training gets: this process for one worker, Ray for several."""

from framework.progress import Progress
from framework.training.job import ReportTo, Trainer, TrainingJob, TrainingSummary


def trainer_for(progress: Progress) -> Trainer:
    """A trainer that looks at each job's number of workers."""

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        if job.workers == 1 and not _ray_shares_out_gpus():
            from framework.training.in_process import train_in_process

            return train_in_process(job, report)
        from launch.ray_training import train_on_ray

        return train_on_ray(job, report, progress)

    return train


def _ray_shares_out_gpus() -> bool:
    """Whether streaming teachers may hold GPUs of this machine: then Ray has to say which one is the worker's."""
    from launch.ray_cluster import gpu_count

    if gpu_count() == 0:
        return False
    import ray

    return bool(ray.is_initialized())
