class Question: pass
def dialogue(s): pass
entities=questions=dialogue
