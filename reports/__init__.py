"""Renderers of the score table.

Packages import downwards only: cohorts > pages > figures > tables > model.
"""

from longibench import be_one_object

be_one_object(__name__)
