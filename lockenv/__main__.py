"""``python -m lockenv``."""

from lockenv.cli.entry import main

main()
