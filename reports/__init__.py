"""Renderers of the score table.

Packages import downwards only: cohorts > pages > figures > tables > model.
"""
