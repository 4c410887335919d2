"""The data doctor: what is wrong with labelled structures before anybody trains on them."""

from nepforge.data.doctor.examine import examine
from nepforge.data.doctor.finding import DataSet, Finding

__all__ = ["DataSet", "Finding", "examine"]
