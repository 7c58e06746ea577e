"""The stages joined: system → banks → checks → log volumes → a run folder."""

from spicebuf.workflow.answers import check_answer, entropy_answer, profile_answer, sweep_answer
from spicebuf.workflow.banks import SweptBank, Unsimulated, sweep_system
from spicebuf.workflow.checks import ComponentCheck, SystemCheck, check_system
from spicebuf.workflow.decks import decks_of, words_for_unsimulated
from spicebuf.workflow.discretisation import Basis, Discretisation
from spicebuf.workflow.entropies import SystemEntropy, check_bank, entropy_system
from spicebuf.workflow.findings import SystemSearch, Wanted
from spicebuf.workflow.prediction_answers import predict_answer
from spicebuf.workflow.prediction_plan import PredictionPlan, bundled_plan, load_plan
from spicebuf.workflow.predictions import SystemPrediction, predict_system
from spicebuf.workflow.profiles import LOSSES, Ladder, SystemProfile, profile_system
from spicebuf.workflow.run import Run, run_system
from spicebuf.workflow.search_answers import search_answer
from spicebuf.workflow.searches import search_system
from spicebuf.workflow.settings import METHODS, Progress, Settings
from spicebuf.workflow.training_answers import train_answer
from spicebuf.workflow.trainings import SystemTraining, Training, train_system

__all__ = [
    "LOSSES",
    "METHODS",
    "Basis",
    "ComponentCheck",
    "Discretisation",
    "Ladder",
    "PredictionPlan",
    "Progress",
    "Run",
    "Settings",
    "SweptBank",
    "SystemCheck",
    "SystemEntropy",
    "SystemPrediction",
    "SystemProfile",
    "SystemSearch",
    "SystemTraining",
    "Training",
    "Unsimulated",
    "Wanted",
    "bundled_plan",
    "check_answer",
    "check_bank",
    "check_system",
    "decks_of",
    "entropy_answer",
    "entropy_system",
    "load_plan",
    "predict_answer",
    "predict_system",
    "profile_answer",
    "profile_system",
    "run_system",
    "search_answer",
    "search_system",
    "sweep_answer",
    "sweep_system",
    "train_answer",
    "train_system",
    "words_for_unsimulated",
]
