"""`python -m nepforge` is the same as `nepforge`."""

from nepforge.cli import main

main()
