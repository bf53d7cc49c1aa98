"""Grading a class, safely: nbgrader's machinery with the answers in a sandbox.

``batch.grade(submissions, out, master)`` is the whole of it. What a student wrote runs in a
process (``runner``) that ``isolation`` cuts off from everything; the instructor's tests run in
another (``examiner``) and see only plain data that ``codec`` rebuilds.
"""
