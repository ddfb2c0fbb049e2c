"""The harness, the same for every method.

Packages import downwards only:

    runs > evaluation > protocol, training > preparation > cohorts, devices > settings > core

The docstring of each describes its purpose and its allowed imports; a test checks them.
"""

from longibench import be_one_object

be_one_object(__name__)
