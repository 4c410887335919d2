"""One run as one zip file that others can read, check and repeat without anything else."""
