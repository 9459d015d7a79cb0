"""Broken and hostile bytes for every parser of what comes from outside.

A parser either answers or refuses in the way that it documents; it never ends in another
exception, takes long or needs much memory. `test_parsers` looks at each for a moment; for longer::

    python -m tests.fuzz --seconds 600 [TARGET...]
"""
