"""Whole models, made from the parts in utils.attention and utils.layers.

transformer    encoder-decoder, encoder-only and decoder-only from one block; pre- and post-norm
bert           BERT and RoBERTa: the encoder, both heads, masks, weights from Transformers
classifier     a text classifier from scratch, from text to an answer, with saving and loading
"""
