"""The figures of a lesson whose drawing would bury its code: one module a lesson, one function a figure.

A function gets numbers that the lesson computed, draws them and returns the figure; `plots.show` displays it with its
alternative text.
"""
