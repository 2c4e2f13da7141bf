"""The small models of `data/models`: what they read, how they are made, what they can do.

trainer            `python -m utils train NAME`: from a recipe to a folder with the model
recipes            a model's recipe, from data/models/NAME/recipe.toml
texts              what causal and masked models read: stories, documentation, arithmetic, in windows of tokens
sequence_pairs     what `t5-mini` and the chat model learn: pairs of a source and a target
vocabulary         the tokenizers
initial_values     where the weights begin
optimizer          Muon and AdamW
samples            what a model writes for an input
scores             what the models can do, measured on held-out inputs
fine_tuning_gain   what a pretrained encoder is worth to another task
heads              three heads on a pretrained encoder: sentiment, topic, named entities
rated              the teacher of lessons 9 and 10: MiniLM fine-tuned by LoRA on film sentences
rewarded           GRPO: a model that goes on from another, with rewards by a program
cards              the cards in the models' folders
"""
