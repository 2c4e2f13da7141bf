"""What a lesson's experiment needs besides models, training and metrics.

gaps           lesson 7's small pretraining: words filled, the table to beat, the head start
starts         lesson 7's tasks with few labels: what a start from other weights is worth
kept_steps     lesson 12's learning curve: which step of a training is kept, and what stands beside it
old_skill      lesson 12's measure of what is forgotten: a search over passages
adapters       lesson 13's answers in a log, baselines, chats and a choice of answers
step_memory    lesson 13's training step in a process of its own: what it holds in memory
continuations  continuations of stories (lessons 16, 17), judged by a program; repetition; documents
byte_grams     lesson 16's baseline of a language model: counted bytes, smoothed
in_context     lesson 16's tasks to be learned from a prompt, and a trivial program for them
removals       lesson 16's plans for taking heads out, with controls that are as large
ngrams         lesson 17's baseline: n-grams of tokens, smoothed, that also write
written        lesson 17's measures of what is written: shares of accepted sentences, bits a byte
tastes         lesson 18's programs beside a reward model, the best of n answers
middles        lesson 19's task, a story's missing middle, and its judge, which does not look at length
autotrain      what lesson 15's AutoTrain runs need where the Hub cannot be reached
medical        what lesson 22 asks of answers to questions on health, and LitGPT's adapter in the course's LoRA
served         lesson 25's measurements: files against PyTorch on the same texts, and speeds
"""
