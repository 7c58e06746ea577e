"""The small version of training and of the test of the prediction that a run includes."""

from dataclasses import dataclass, replace

from spicebuf.errors import InputError
from spicebuf.system import System
from spicebuf.workflow.prediction_plan import bundled_plan, load_plan
from spicebuf.workflow.predictions import SystemPrediction, predict_system
from spicebuf.workflow.settings import Progress, Settings, require_between
from spicebuf.workflow.trainings import MAX_RUNS, SystemTraining, train_system


@dataclass(frozen=True)
class SmallTest:
    """A few runs of the headline arm of the bundled plan.

    Attributes
    ----------
    training : SystemTraining or None
    prediction : SystemPrediction or None
    why_not : str
        Why one of the two is missing; empty if none is.
    """

    training: SystemTraining | None
    prediction: SystemPrediction | None
    why_not: str = ""


def small_test(system: System, settings: Settings, n_runs: int, on_progress: Progress) -> SmallTest:
    """Train a system `n_runs` times and hold where it ended against its log volumes.

    What cannot be trained or tested is no error of the run that this is a part of.
    """
    require_between("runs", n_runs, 0, MAX_RUNS)
    if not n_runs:
        return SmallTest(None, None, "no training runs were asked for")
    plan = load_plan(bundled_plan())
    arm = replace(plan.arms[0], n_runs=n_runs)
    try:
        prediction = predict_system(system, settings, replace(plan, arms=(arm,)), on_progress)
    except InputError as error:
        why_not = str(error)
    else:
        return SmallTest(prediction.arms[0].training, prediction)
    try:
        return SmallTest(train_system(system, settings, arm, on_progress), None, why_not)
    except InputError as error:
        return SmallTest(None, None, str(error))
