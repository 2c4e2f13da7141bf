"""Whole models, made from the parts in utils.attention and utils.layers.

transformer    encoder-decoder, encoder-only and decoder-only from one block; pre- and post-norm
bert           BERT and RoBERTa: the encoder, both heads, masks, weights from Transformers
t5             T5, 1.1 and Flan: relative bias, gated feed-forward, greedy and beam search, span corruption
classifier     a text classifier from scratch, from text to an answer, with saving and loading
"""
