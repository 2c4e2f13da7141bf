"""Generated worlds, without end and from a seed: stories, programs, arithmetic, each with the judge that measures it."""
