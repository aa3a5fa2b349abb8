"""`python -m probing` is `probe`, for torchrun and the like."""

from probing.cli.main import main

main(prog_name="probe")
