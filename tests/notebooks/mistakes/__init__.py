"""Wrong answers that students give. One module a lesson, with

    MISTAKES = {"3.1": [(source of the wrong stub cell, fragment of the message meant for it), ...], ...}

at least two for each exercise.
"""
