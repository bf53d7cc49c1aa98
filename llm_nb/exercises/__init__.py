"""Exercises: checks that teach, and what is made from the master notebooks.

``check("11.2", my_function)`` (``check``) judges an answer anywhere; ``exercise`` says what an
exercise is, ``chapters`` finds them, and one module a chapter (``c11_gpt2``) holds them.
"""
