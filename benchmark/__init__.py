"""The harness, the same for every method.

Packages import downwards only:

    runs > evaluation > protocol, training > preparation > cohorts, devices > settings > core

The docstring of each says what it is for and what it may import; a test holds it.
"""

from longibench import be_one_object

be_one_object(__name__)
