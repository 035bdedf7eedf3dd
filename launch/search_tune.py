"""The search as Ray Tune sees it: what to try next, when to stop a trial, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ray import cloudpickle
from ray.tune import Callback
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler
from ray.tune.search import Searcher

from distil.framework.errors import causes, first_line
from distil.framework.files import Json
from distil.framework.search.log import SearchLog
from distil.framework.search.recipes import most_epochs
from distil.framework.search.section import ASHA, Median
from distil.framework.search.study import study_of
from distil.framework.store import Store
from distil.launch.interrupt import Interrupt
from distil.launch.search_table import SearchTable
from distil.launch.search_trial import EPOCH, GOES_ON, OUTCOME, REASON, SCORE, order


class OutOfTime(BaseException):
    """The search's minutes are over. Not an Exception: at those, Tune waits until every trial has reported once more."""


class Trials:
    """Which trials run, and what became of them; between the log on disk, Optuna and the table."""

    def __init__(
        self, log: SearchLog, store: Store, table: SearchTable, concurrent: Callable[[], int], interrupt: Interrupt
    ) -> None:
        """concurrent: how many may run at once, now."""
        self._log, self._store, self._table = log, store, table
        self._concurrent, self._interrupt = concurrent, interrupt
        self._study = study_of(log.search, log.goal, log.trials)
        self._again = log.unfinished
        self._running: set[int] = set()

    def __getstate__(self) -> dict[str, object]:
        """Nothing: Tune writes its settings to disk, where everything is in search.json."""
        return {}

    def check(self) -> None:
        """Raise KeyboardInterrupt or OutOfTime when the search has to end."""
        self._interrupt.check()
        if self._log.out_of_time:
            raise OutOfTime

    @property
    def left(self) -> bool:
        """Whether there is anything to try."""
        return bool(self._again) or self._study.size is None or len(self._log.trials) < self._study.size

    def next(self) -> Json | None:
        """The configuration of the next trial, which counts as running; None while as many as may be do."""
        places = self._concurrent()
        if len(self._running) >= places:
            return None
        self._log.places = max(self._log.places, places)
        if self._again:
            number = self._again.pop(0)
        else:
            number = len(self._log.trials)
            self._log.add(*self._study.ask(number))
        self._running.add(number)
        trial = self._log.trials[number]
        return order(number, trial["values"], trial["epochs"])

    def begin(self, number: int) -> None:
        """A trial is running."""
        self._log.begin(number)
        self._table.show(number)

    def hear(self, number: int, result: Json) -> None:
        """What a trial has reported."""
        if OUTCOME in result:
            for student in result[OUTCOME]["seeds"]:
                self._store.bring((self._store.root.parent / student["folder"]).parent)
            self._log.finish_trial(number, result[OUTCOME])
        elif GOES_ON in result:
            self._table.say(f"trial {number} {result[GOES_ON]}")
        elif REASON in result:
            self._log.fail(number, result[REASON])
        elif self._log.epoch(number, result["row"]):
            self._table.show(number)

    def end(self, number: int) -> None:
        """A trial has ended; one that has not said how was stopped by the scheduler."""
        if self._log.trials[number]["state"] == "running":
            self._log.prune(number)
        self._leave(number)

    def lose(self, number: int, error: BaseException | None) -> None:
        """A trial's process was lost, or failed in a way that is not its values' fault, more often than allowed."""
        found = f" ({type(error).__name__}: {first_line(error)})" if error is not None else ""
        self._log.lose(number, f"its process was lost or failed{found}; the search tries it again when it goes on")
        self._leave(number)

    def _leave(self, number: int) -> None:
        trial = self._log.trials[number]
        self._running.discard(number)
        self._study.tell(trial)
        self._table.show(number)


class NextTrial(Searcher):  # type: ignore[misc]
    """Tune asks it what to try next."""

    def __init__(self, trials: Trials, mode: str) -> None:
        super().__init__(metric=SCORE, mode=mode)
        self._trials = trials

    def suggest(self, trial_id: str) -> object:
        """See Searcher."""
        return self._trials.next() if self._trials.left else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: object = None, error: bool = False) -> None:
        """See Searcher; Listener hears of it too, and knows more."""

    def save(self, checkpoint_path: str) -> None:
        """See Searcher; everything is in search.json."""

    def restore(self, checkpoint_path: str) -> None:
        """See Searcher."""


class Listener(Callback):  # type: ignore[misc]
    """Tune tells it what happens. It also ends the search when it is time, or when someone asked for it."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def on_step_begin(self, iteration: int, trials: object, **info: object) -> None:
        """See Callback."""
        self._trials.check()

    def on_trial_start(self, iteration: int, trials: object, trial: Any, **info: object) -> None:
        """See Callback."""
        self._trials.begin(trial.config["number"])

    def on_trial_result(self, iteration: int, trials: object, trial: Any, result: Json, **info: object) -> None:
        """See Callback."""
        self._trials.hear(trial.config["number"], result)

    def on_trial_complete(self, iteration: int, trials: object, trial: Any, **info: object) -> None:
        """See Callback."""
        self._trials.end(trial.config["number"])

    def on_trial_error(self, iteration: int, trials: object, trial: Any, **info: object) -> None:
        """See Callback."""
        self._trials.lose(trial.config["number"], _cause(trial.pickled_error_file))


def _cause(path: str) -> BaseException | None:
    """What a trial raised that Tune has just written to this file, without what Ray has put around it; None if that cannot be known."""
    try:
        with open(path, "rb") as file:
            return causes(cloudpickle.load(file))[0]
    except Exception:  # of a class that is not here, or that cannot be built from what is kept of it
        return None


@dataclass(frozen=True)
class _Past:
    """A trial that has ended, as schedulers know it."""

    trial_id: str


def scheduler_for(log: SearchLog) -> TrialScheduler:
    """The recipe's scheduler, which knows how the trials went that have ended."""
    settings = log.search.scheduler
    common: Json = {"time_attr": EPOCH, "metric": SCORE, "mode": log.goal.mode}
    scheduler: TrialScheduler
    if isinstance(settings, ASHA):
        scheduler = ASHAScheduler(
            **common,
            max_t=most_epochs(log.recipe),
            grace_period=settings.grace,
            reduction_factor=settings.reduction,
            stop_last_trials=False,  # who has come to the last epoch is done
        )
    elif isinstance(settings, Median):
        scheduler = MedianStoppingRule(
            **common,
            grace_period=settings.grace,
            min_samples_required=settings.samples,
            min_time_slice=float("inf"),  # no trial is paused in favour of another
        )
    else:
        return FIFOScheduler()
    for trial in log.trials:
        if trial["state"] in ("finished", "pruned") and trial["epochs"]:
            past = _Past(f"past-{trial['number']}")
            rows = [{EPOCH: row["epoch"], SCORE: row[log.goal.metric.name]} for row in trial["epochs"]]
            scheduler.on_trial_add(None, past)
            for row in rows:
                scheduler.on_trial_result(None, past, row)
            scheduler.on_trial_complete(None, past, rows[-1])
    return scheduler
