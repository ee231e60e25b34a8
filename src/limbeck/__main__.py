"""`python -m limbeck` is `limbeck`."""

from limbeck.cli import main

main()
