"""`python -m hgm` is `hgm`."""

from hgm.cli import main

main()
