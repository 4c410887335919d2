"""The data doctor: problems of labelled structures, found before training.

Begin at `examine`, the table of checks.
"""

from nepforge.data.doctor.examine import examine
from nepforge.data.doctor.finding import DataSet, Finding

__all__ = ["DataSet", "Finding", "examine"]
