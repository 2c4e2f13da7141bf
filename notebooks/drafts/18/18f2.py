# %% [markdown]
# ## 10. DPO on stories
#
# The pairs of section 2 are all that is needed: no reward model, no new answers. What the reference says of them never changes and is computed once.
