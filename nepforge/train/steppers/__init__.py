"""One training step of each optimizer behind one door."""

from nepforge.train.steppers.adam import AdamSettings, AdamStepper, Schedule
from nepforge.train.steppers.lkf import LKFSettings, LKFStepper
from nepforge.train.steppers.snes import SNESSettings, SNESStepper
from nepforge.train.steppers.stepper import Stepper

__all__ = [
    "AdamSettings",
    "AdamStepper",
    "LKFSettings",
    "LKFStepper",
    "SNESSettings",
    "SNESStepper",
    "Schedule",
    "Stepper",
]
