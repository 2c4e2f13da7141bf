"""What a lesson's experiment needs besides models, training and metrics.

gaps      lesson 7's small pretraining: words filled, the table to beat, the head start
starts    lesson 7's tasks with few labels: what a start from other weights is worth
adapters  lesson 13's answers in a log, baselines, chats and a choice of answers
step_memory  lesson 13's training step in a process of its own: what it holds in memory
"""
