"""Attention: scaled dot-product, masks, many heads, and a cache of keys and values.

    scaled_dot_product_attention   the formula, step by step; gives the weights too
    fused_attention                the same by PyTorch's kernel: faster, less memory, no weights
    tiled_attention                the same tile by tile, as FlashAttention does it, in PyTorch to read: lesson 11
    causal_mask, padding_mask, length_mask   boolean masks; combine them with &
    MultiHeadAttention             self- and cross-attention
    KeyValueCache                  what generation keeps from one token to the next

Source: Vaswani et al., "Attention Is All You Need" (2017, arXiv 1706.03762), section 3.2.

A mask is boolean and says True where a query MAY attend, as in torch.nn.functional.scaled_dot_product_attention.
(The masks of torch.nn.MultiheadAttention say the opposite: True where it may not.)

A bias is a tensor of numbers that are added to the scaled scores before the softmax; positions.py has some that are made
of the distance between query and key.

A query that may attend to nothing, by its mask or by a bias of -inf, gets weights of zero and an output of zero, in both
functions here, and its gradients are zero too.
PyTorch's scaled_dot_product_attention gives zero as well; torch.nn.MultiheadAttention gives NaN when asked for weights.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    scale: float | None = None,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(D)) V: equation 1 of the paper. Gives the output and the weights.

    query (..., T, D), key (..., S, D), value (..., S, E); the leading axes are the same or broadcast.
    mask: boolean, broadcast to (..., T, S), True where the query may attend.
    scale: what the scores are multiplied by; 1 / sqrt(D) where it is not given.
    bias: broadcast to (..., T, S), added to the scaled scores; -inf closes a place as the mask does.

    Returns the output (..., T, E) and the weights (..., T, S). Each row of the weights sums to one,
    or to zero where mask and bias leave the query nothing.

    Raises ValueError for shapes that do not fit together, TypeError for a mask that is not boolean or a bias that is.
    """
    _check_projections(query, key, value)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    # Scaling the query instead of the scores is the same, and T x D multiplications instead of T x S.
    scores = (query * scale) @ key.transpose(-2, -1)  # (..., T, D) @ (..., D, S) -> (..., T, S)
    mask, bias = _allowed(mask, bias, scores.shape)
    if bias is not None:
        scores = scores + bias
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        # The lowest finite number and not -inf: a row with nothing to attend would be NaN, and so its gradient.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1).masked_fill(~mask, 0.0)
    return weights @ value, weights  # (..., T, S) @ (..., S, E) -> (..., T, E)


def fused_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
    bias: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """The output of `scaled_dot_product_attention`, by PyTorch's own kernel, which never stores all the weights.

    query (B, H, T, D), key and value (B, H, S, D).
    mask: boolean, broadcast to (B, H, T, S), True where the query may attend.
    causal: position t sees positions 0..t; only for T = S, without mask and bias. The kernel then skips half of the work.
    dropout: the share of the weights that is dropped; the caller passes 0.0 outside training.
    bias: broadcast to (B, H, T, S), added to the scaled scores; -inf closes a place as the mask does.
    scale: what the scores are multiplied by; 1 / sqrt(D) where it is not given.

    Returns the output (B, H, T, D). Raises as `scaled_dot_product_attention` does.
    """
    _check_projections(query, key, value)
    if causal and (mask is not None or bias is not None):
        given, do = ("mask", "Combine them: mask & causal_mask(T)") if bias is None else ("bias", "Pass mask=causal_mask(T)")
        raise ValueError(f"Both a {given} and causal=True were given. {do}.")
    if causal and query.shape[-2] != key.shape[-2]:
        raise ValueError(
            f"causal=True needs as many queries as keys, but there are {query.shape[-2]} and {key.shape[-2]}: "
            "which of them lies in the past is not known here. Pass mask=causal_mask(T, past) instead."
        )
    kernel = F.scaled_dot_product_attention
    if mask is None and bias is None:
        return kernel(query, key, value, dropout_p=dropout, is_causal=causal, scale=scale)
    mask, bias = _allowed(mask, bias, (*query.shape[:-1], key.shape[-2]))  # (B, H, T, S)
    # What a kernel makes of a row with nothing to attend is its own affair: let it see everything, then say zero.
    nothing = ~mask.any(dim=-1, keepdim=True)  # (B, H, T, 1)
    allowed = mask | nothing
    if bias is not None:
        allowed = bias.to(query.dtype).masked_fill(~allowed, -torch.inf)  # the kernel adds what is not boolean
        allowed = allowed[None] if allowed.dim() == 3 else allowed  # the fast kernel takes two axes or four
    return kernel(query, key, value, allowed, dropout, scale=scale).masked_fill(nothing, 0.0)


def tiled_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    tile: int = 128,
) -> Tensor:
    """The output of `scaled_dot_product_attention` by tiles, with an online softmax: memory grows with T, and not with T S.

    query (..., T, D), key (..., S, D), value (..., S, E), with the same leading axes.
    causal: position t sees positions 0..t; only for T = S.
    window: position t sees the last `window` positions only, itself included; only with causal. Tiles in which nobody sees
        anything are skipped.
    scale: what the scores are multiplied by; 1 / sqrt(D) where it is not given.
    tile: how many queries and how many keys are worked on at once.

    Returns the output (..., T, E). The backward pass computes the weights anew from a number kept for each query. There is
    neither mask nor bias here (fused_attention has them), and no second derivative.

    Raises ValueError for shapes that do not fit together, no keys, a tile or window below one, a window without causal.
    Source: FlashAttention, Dao et al. 2022, arXiv 2205.14135; order of the loops as in FlashAttention-2, Dao 2023, 2307.08691.
    """
    _check_projections(query, key, value)
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2] or not key.shape[-2]:
        raise ValueError(
            f"tiled_attention needs at least one key, and the same leading axes: query {_shape(query)}, key {_shape(key)}, "
            f"value {_shape(value)}. Expand them first."
        )
    if causal and query.shape[-2] != key.shape[-2]:
        raise ValueError(f"causal=True needs as many queries as keys, not {query.shape[-2]} and {key.shape[-2]}.")
    if tile < 1 or (window is not None and (window < 1 or not causal)):
        raise ValueError(f"tile={tile} and window={window} must be 1 or more, and a window needs causal=True.")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return _Tiled.apply(query, key, value, causal, window, scale, tile)


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, key, value, causal, window, scale, tile):
        output = value.new_empty(*query.shape[:-1], value.shape[-1])  # (..., T, E)
        normalizer = query.new_empty(query.shape[:-1], dtype=_wide(query))  # (..., T): log of the sum of exp(score)
        for rows, columns_of in _tiles(query.shape[-2], key.shape[-2], causal, window, tile):
            q = query[..., rows, :].to(_wide(query)) * scale  # (..., t, D)
            highest = q.new_full((*q.shape[:-1], 1), torch.finfo(q.dtype).min)  # finite: a row may see nothing of a tile
            total, mixed = torch.zeros_like(highest), q.new_zeros(*q.shape[:-1], value.shape[-1])
            for columns in columns_of:
                scores = _scores(q, key[..., columns, :].to(q.dtype), rows, columns, causal, window)  # (..., t, s)
                higher = torch.maximum(highest, scores.amax(-1, keepdim=True))
                weights, shrink = (scores - higher).exp(), (highest - higher).exp()
                total = total * shrink + weights.sum(-1, keepdim=True)
                mixed = mixed * shrink + weights @ value[..., columns, :].to(q.dtype)
                highest = higher
            output[..., rows, :] = mixed / total
            normalizer[..., rows] = (highest + total.log()).squeeze(-1)
        ctx.save_for_backward(query, key, value, output, normalizer)
        ctx.options = causal, window, scale, tile
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        query, key, value, output, normalizer = ctx.saved_tensors
        causal, window, scale, tile = ctx.options
        wide = _wide(query)
        to_query, to_key, to_value = (torch.zeros_like(each, dtype=wide) for each in (query, key, value))
        for rows, columns_of in _tiles(query.shape[-2], key.shape[-2], causal, window, tile):
            q, into = query[..., rows, :].to(wide) * scale, gradient[..., rows, :].to(wide)
            share = (into * output[..., rows, :]).sum(-1, keepdim=True)  # (..., t, 1)
            for columns in columns_of:
                k, v = key[..., columns, :].to(wide), value[..., columns, :].to(wide)
                scores = _scores(q, k, rows, columns, causal, window)
                weights = (scores - normalizer[..., rows, None]).exp()  # (..., t, s), anew
                to_value[..., columns, :] += weights.transpose(-2, -1) @ into
                to_scores = weights * (into @ v.transpose(-2, -1) - share)
                to_query[..., rows, :] += to_scores @ k * scale
                to_key[..., columns, :] += to_scores.transpose(-2, -1) @ q  # q has the scale in it
        gradients = (each.to(like.dtype) for each, like in zip((to_query, to_key, to_value), (query, key, value)))
        return *gradients, None, None, None, None


def _tiles(queries: int, keys: int, causal: bool, window: int | None, tile: int):
    """For each tile of queries its rows and the columns of the key tiles in which they see anything, as slices."""
    for start in range(0, queries, tile):
        rows = slice(start, min(start + tile, queries))
        first = 0 if window is None else max(0, start - window + 1) // tile * tile
        last = rows.stop if causal else keys
        yield rows, [slice(column, min(column + tile, keys)) for column in range(first, last, tile)]


def _scores(q: Tensor, k: Tensor, rows: slice, columns: slice, causal: bool, window: int | None) -> Tensor:
    """The scores (..., t, s) of one tile, -inf where a query may not look."""
    scores = q @ k.transpose(-2, -1)
    if not causal:
        return scores
    back = torch.arange(rows.start, rows.stop, device=q.device)[:, None] - torch.arange(
        columns.start, columns.stop, device=q.device
    )  # (t, s): how far back the key stands
    return scores.masked_fill((back < 0) | (back >= (window or math.inf)), -torch.inf)


def _wide(tensor: Tensor) -> torch.dtype:
    """Sums are kept in 32 bits where the numbers have 16."""
    return torch.promote_types(tensor.dtype, torch.float32)


def _allowed(mask: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
    """Mask and bias, checked, with what the bias closes by -inf said by the mask, and a bias of finite numbers.

    A row of nothing but -inf would be NaN after the softmax, and so would its gradient.
    """
    if mask is not None:
        check_mask(mask, shape)
    if bias is None:
        return mask, None
    check_bias(bias, shape)
    closed = bias == -torch.inf
    return ~closed if mask is None else mask & ~closed, bias.masked_fill(closed, 0.0)


def causal_mask(size: int, past: int = 0, device: torch.device | str | None = None) -> Tensor:
    """The mask of a sequence that is read from left to right: position t may attend to positions 0..t.

    size: T, the number of new positions. past: how many positions came before them (those in a cache).
    Returns a boolean (T, past + T): row t is True up to column past + t. Raises ValueError for sizes below zero.
    """
    if size < 0 or past < 0:
        raise ValueError(f"causal_mask counts positions, so neither size ({size}) nor past ({past}) can be negative.")
    return torch.ones(size, past + size, dtype=torch.bool, device=device).tril(diagonal=past)


def padding_mask(token_ids: Tensor, pad_id: int) -> Tensor:
    """The mask that hides padding: True where a key is a real token.

    token_ids (B, S) -> boolean (B, 1, 1, S): the same for all heads and all queries.
    Raises ValueError where token_ids has other than two axes.
    """
    if token_ids.dim() != 2:
        raise ValueError(f"padding_mask needs token ids of shape (B, S), not {_shape(token_ids)}. One text: ids[None].")
    return (token_ids != pad_id)[:, None, None, :]


def length_mask(lengths: Tensor, longest: int | None = None) -> Tensor:
    """The same as `padding_mask`, from the number of real tokens of each row, padding at the end.

    lengths (B,) -> boolean (B, 1, 1, S), where S is `longest`, or the greatest length.
    Raises ValueError where lengths has other than one axis, is empty, or exceeds `longest`.
    """
    if lengths.dim() != 1 or len(lengths) == 0:
        raise ValueError(f"length_mask needs one length a row, shape (B,) with B > 0, not {_shape(lengths)}.")
    greatest = int(lengths.max())
    longest = greatest if longest is None else longest
    if greatest > longest:
        raise ValueError(f"A row has {greatest} tokens, but longest={longest}. Cut the rows first, or raise longest.")
    return (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None, None, :]


class KeyValueCache:
    """The keys and values of all positions so far, so that each new token computes only its own.

    capacity: the number of positions there is room for. The memory, (B, H, capacity, D) twice, is taken at the first
    append, with that append's batch, heads, dtype and device. One cache serves one attention layer and one batch.
    It is for inference: nothing is differentiated through it.
    """

    def __init__(self, capacity: int):
        if capacity < 1:
            raise ValueError(f"A cache needs room for at least one position, not for {capacity}.")
        self.capacity = capacity
        self.length = 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    @property
    def keys(self) -> Tensor | None:
        """(B, H, length, D), or None before the first append."""
        return None if self._keys is None else self._keys[:, :, : self.length]

    @property
    def values(self) -> Tensor | None:
        """(B, H, length, D), or None before the first append."""
        return None if self._values is None else self._values[:, :, : self.length]

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Adds (B, H, T, D) keys and values; gives all of them so far, (B, H, length, D) each.

        Raises ValueError where there is no room left or the shapes differ from those before,
        RuntimeError where gradients are being recorded. The cache is unchanged then.
        """
        if torch.is_grad_enabled() and (keys.requires_grad or values.requires_grad):
            raise RuntimeError(
                "A KeyValueCache does not record gradients, and this call would need them. "
                "Generate inside `with torch.no_grad():`; train on whole sequences without a cache."
            )
        end = self.length + keys.shape[-2]
        if end > self.capacity:
            raise ValueError(
                f"The cache has room for {self.capacity} positions and holds {self.length}: {keys.shape[-2]} more do "
                "not fit. Make it with a greater capacity, or generate fewer tokens."
            )
        if self._keys is None:
            self._keys = keys.new_empty(*keys.shape[:2], self.capacity, keys.shape[-1])
            self._values = values.new_empty(*values.shape[:2], self.capacity, values.shape[-1])
        pairs = (("keys", keys, self._keys), ("values", values, self._values))
        for name, new, old in pairs:
            if new.shape[:2] != old.shape[:2] or new.shape[-1] != old.shape[-1]:
                raise ValueError(
                    f"The cache holds {name} for batch {old.shape[0]}, {old.shape[1]} heads of size {old.shape[-1]}, "
                    f"but was given {_shape(new)}. One cache serves one layer and one batch: make a new one for each."
                )
        for _, new, old in pairs:
            old[:, :, self.length : end] = new
        self.length = end
        return self.keys, self.values

    def crop(self, length: int) -> None:
        """Forgets all positions after the first `length`. Raises ValueError where there are not so many."""
        if not 0 <= length <= self.length:
            raise ValueError(f"The cache holds {self.length} positions, and cannot be cut to {length}.")
        self.length = length

    def keep(self, rows: Tensor) -> None:
        """The rows (K,) of the batch, in this order, are the new batch: in a beam search each goes on from one before it."""
        if self._keys is not None:
            self._keys, self._values = self._keys[rows], self._values[rows]


class MultiHeadAttention(nn.Module):
    """Attention with H heads: section 3.2.2 of the paper. Each head looks at its own D numbers of each position.

    width: C, the size of the vectors. heads: H.
    bias: whether the four projections add a bias (the paper's have none, PyTorch's and BERT's have).
    dropout: the share of the attention weights that is dropped in training.
    rotate: rotate(x, start) gives the queries or keys x (B, H, T, D), the first of which stands at place `start`, turned
        by their places: positions.RotaryPositions. For self-attention only.
    key_value_heads: G, which must divide H: H / G heads share their keys and values, and a cache is as much smaller
        (grouped-query attention: Ainslie et al. 2023, arXiv 2305.13245; Llama). None: each head has its own.
    head_size: D; None for C / H, which must be a whole number then. (T5's is 64, whatever C and H.)
    scale: what the scores are multiplied by; None for 1 / sqrt(D). (T5's is 1.)

    Raises ValueError where heads do not divide the width, key_value_heads not the heads, or dropout is not in [0, 1).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        bias: bool = True,
        dropout: float = 0.0,
        rotate: Callable[[Tensor, int], Tensor] | None = None,
        key_value_heads: int | None = None,
        head_size: int | None = None,
        scale: float | None = None,
    ):
        super().__init__()
        if width < 1 or heads < 1 or (head_size is None and width % heads):
            raise ValueError(
                f"{heads} heads cannot share a width of {width}: each head takes width / heads numbers. "
                f"Choose a number of heads that divides the width{_divisors(width)}."
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout is the share of weights that is dropped, from 0 to below 1, not {dropout}.")
        self.width, self.heads, self.dropout, self.rotate, self.scale = width, heads, dropout, rotate, scale
        self.key_value_heads = heads if key_value_heads is None else key_value_heads
        if self.key_value_heads < 1 or heads % self.key_value_heads:
            raise ValueError(
                f"{heads} heads cannot share {key_value_heads} heads of keys and values: each takes as many of them. "
                f"Choose a number that divides the heads{_divisors(heads)}."
            )
        self.head_size = width // heads if head_size is None else head_size
        # Four matrices and not one fused: as fast on a CPU, and each has a name.
        self.query_projection = nn.Linear(width, heads * self.head_size, bias=bias)
        self.key_projection = nn.Linear(width, self.key_value_heads * self.head_size, bias=bias)
        self.value_projection = nn.Linear(width, self.key_value_heads * self.head_size, bias=bias)
        self.output_projection = nn.Linear(heads * self.head_size, width, bias=bias)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
        need_weights: bool = False,
        cache: KeyValueCache | None = None,
        bias: Tensor | Callable[[Tensor, int], Tensor] | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """x (B, T, C) asks; context (B, S, C) answers, or x itself where there is none (self-attention, S = T).

        mask: boolean, True where a query may attend; (T, S), or four axes that broadcast to (B, H, T, S).
        causal: position t sees only positions up to t, and what is in the cache.
        need_weights: gives the weights (B, H, T, S) too, before dropout; slower, since the kernel does not keep them.
        cache: self-attention appends this call's keys and values, and attends to all so far (then S = past + T).
            Cross-attention fills it once from the context, and takes all later calls' keys and values from there.
        bias: added to the scaled scores: a tensor (T, S) or (H, T, S) or (B, H, T, S), or a function of the queries
            (B, H, T, D) and of S that gives one (positions.ShawBias).

        Returns the output (B, T, C), or (output, weights) with need_weights.
        Raises ValueError for shapes that do not fit, TypeError for a mask that is not boolean or a bias that is; for a
        cache see there.
        """
        self._check_inputs(x, context, causal)
        past = 0 if cache is None else cache.length
        query = self._split(self.query_projection(x))  # (B, T, C) -> (B, H, T, D)
        query = query if self.rotate is None else self.rotate(query, past)
        key, value = self._keys_and_values(x, context, cache)  # (B, G, S, D) each
        if self.key_value_heads < self.heads:
            shared = self.heads // self.key_value_heads
            key, value = (each.repeat_interleave(shared, dim=1) for each in (key, value))  # (B, H, S, D)
        shape = (*query.shape[:-1], key.shape[-2])  # (B, H, T, S)
        if mask is not None:
            check_mask(mask, shape, axes=(2, 4))
        if bias is not None and not isinstance(bias, Tensor):
            bias = bias(query, shape[-1])
        causal = causal and x.shape[1] > 1  # the last position alone sees all that is there
        if causal and (mask is not None or bias is not None or past or need_weights):
            mine = causal_mask(x.shape[1], past, device=x.device)
            mask, causal = mine if mask is None else mask & mine, False
        if need_weights:
            mixed, weights = scaled_dot_product_attention(query, key, value, mask, self.scale, bias)
            if self.training and self.dropout:
                mixed = F.dropout(weights, self.dropout) @ value
        else:
            dropout = self.dropout if self.training else 0.0
            mixed = fused_attention(query, key, value, mask, causal, dropout, bias, self.scale)
        output = self.output_projection(mixed.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, H, D) -> (B, T, C)
        return (output, weights) if need_weights else output

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, H D) -> (B, T, H, D) -> (B, H, T, D); of keys and values with G in the place of H"""
        return x.view(*x.shape[:-1], x.shape[-1] // self.head_size, self.head_size).transpose(1, 2)

    def _keys_and_values(self, x: Tensor, context: Tensor | None, cache: KeyValueCache | None) -> tuple[Tensor, Tensor]:
        """(B, G, S, D) each: of x or of the context, after what the cache holds."""
        if context is not None and cache is not None and cache.length:
            held = (cache.keys.shape[0], cache.length)
            if held != tuple(context.shape[:2]):
                raise ValueError(
                    f"The cache holds a context of shape (B, S) = {held}, this one is {tuple(context.shape[:2])}. "
                    "Cross-attention fills its cache once: make a new cache for a new context."
                )
            return cache.keys, cache.values
        source = x if context is None else context
        key, value = self._split(self.key_projection(source)), self._split(self.value_projection(source))
        if self.rotate is not None:  # before the cache: a place never changes, so a key is turned once
            key = self.rotate(key, 0 if cache is None else cache.length)
        return (key, value) if cache is None else cache.append(key, value)

    def _check_inputs(self, x: Tensor, context: Tensor | None, causal: bool) -> None:
        for name, given in (("x", x), ("context", context)):
            if given is None:
                continue
            if given.dim() != 3:
                raise ValueError(
                    f"{name} must have the shape (B, T, {self.width}), but is {_shape(given)}. "
                    f"A single sequence (T, {self.width}) becomes {name}[None]."
                )
            if given.shape[-1] != self.width:
                raise ValueError(
                    f"{name} has vectors of width {given.shape[-1]}, this attention was made for {self.width}. "
                    "Make it with the width of its input, or project the input first."
                )
        if context is None:
            return
        if context.shape[0] != x.shape[0]:
            raise ValueError(
                f"x has {x.shape[0]} sequences, context has {context.shape[0]}: each sequence needs its own context. "
                "Give both the same batch size; one context for all: context.expand(len(x), -1, -1)."
            )
        if self.rotate is not None:
            raise ValueError(
                "Rotated queries and keys with a context: places in two different sequences have no distance. "
                "Make the cross-attention without rotate."
            )
        if causal:
            raise ValueError(
                "causal=True with a context: positions of two different sequences have no before and after. "
                "Leave causal out, or pass a mask that says what may be seen."
            )

    @torch.no_grad()
    def load_from_torch(self, module: nn.MultiheadAttention) -> "MultiHeadAttention":
        """Copies the weights of a torch.nn.MultiheadAttention, so that both compute the same. Gives itself back.

        Raises ValueError where the other has another width, number of heads, or something this class has not.
        """
        if (module.embed_dim, module.num_heads) != (self.width, self.heads):
            raise ValueError(
                f"The weights are of width {module.embed_dim} with {module.num_heads} heads, this attention has width "
                f"{self.width} with {self.heads} heads. Use MultiHeadAttention({module.embed_dim}, {module.num_heads})."
            )
        if (self.key_value_heads, self.heads * self.head_size) != (self.heads, self.width):
            raise ValueError(
                f"torch.nn.MultiheadAttention has keys and values for each head, and C / H numbers a head; this one has "
                f"{self.key_value_heads} heads of them and a head size of {self.head_size}. Leave both to their defaults."
            )
        if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
            raise ValueError(
                "kdim, vdim, add_bias_kv and add_zero_attn of torch.nn.MultiheadAttention have no counterpart here. "
                "Make it without them."
            )
        if (module.in_proj_bias is None) != (self.query_projection.bias is None):
            raise ValueError("One of the two has biases and the other has not. Make both with the same bias=.")
        projections = (self.query_projection, self.key_projection, self.value_projection)
        for mine, weight in zip(projections, module.in_proj_weight.chunk(3), strict=True):
            mine.weight.copy_(weight)
        self.output_projection.weight.copy_(module.out_proj.weight)
        if self.query_projection.bias is not None:
            for mine, bias in zip(projections, module.in_proj_bias.chunk(3), strict=True):
                mine.bias.copy_(bias)
            self.output_projection.bias.copy_(module.out_proj.bias)
        return self

    def extra_repr(self) -> str:
        return f"width={self.width}, heads={self.heads}, dropout={self.dropout}"


def check_mask(mask: Tensor, shape: tuple[int, ...], axes: tuple[int, ...] | None = None) -> None:
    """Raises TypeError for a mask that is not boolean, ValueError for one that does not broadcast to (..., T, S).

    axes: the numbers of axes that are allowed; any where it is not given.
    """
    if mask.dtype != torch.bool:
        raise TypeError(
            f"The mask has dtype {mask.dtype}; expected is torch.bool, True where a query may attend. "
            "From ones and zeros: mask.bool(). From an additive mask of 0 and -inf: mask == 0."
        )
    fits = len(mask.shape) <= len(shape) and all(
        have in (1, want) for have, want in zip(reversed(mask.shape), reversed(shape), strict=False)
    )
    if not fits or (axes is not None and mask.dim() not in axes):
        raise ValueError(
            f"A mask of shape {_shape(mask)} does not fit scores of shape {tuple(shape)}. "
            f"Use (T, S) = {tuple(shape[-2:])} for all sequences, or (B, 1, T, S) for each its own. "
            "A padding mask of shape (B, S) becomes mask[:, None, None, :]."
        )


def check_bias(bias: Tensor, shape: tuple[int, ...]) -> None:
    """Raises TypeError for a bias that holds no floating-point numbers, ValueError where it does not fit (..., T, S)."""
    if not bias.is_floating_point():
        raise TypeError(
            f"The bias has dtype {bias.dtype}; it is added to the scores, so it needs floating-point numbers. "
            "What a query may attend to at all is said by mask=, not by bias=."
        )
    fits = 2 <= bias.dim() <= len(shape) and all(
        have in (1, want) for have, want in zip(reversed(bias.shape), reversed(shape), strict=False)
    )
    if not fits:
        raise ValueError(
            f"A bias of shape {_shape(bias)} does not fit scores of shape {tuple(shape)}. "
            f"Use (T, S) = {tuple(shape[-2:])} for all heads, or (H, T, S) for each its own."
        )


def _check_projections(query: Tensor, key: Tensor, value: Tensor) -> None:
    for name, given in (("query", query), ("key", key), ("value", value)):
        if given.dim() < 2:
            raise ValueError(f"{name} must have at least two axes, (T, D), but is {_shape(given)}.")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"Query and key are multiplied number by number, but are {query.shape[-1]} and {key.shape[-1]} wide. "
            "Project both to the same width."
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"There are {key.shape[-2]} keys but {value.shape[-2]} values, and each key stands for one value. "
            "Compute both from the same positions."
        )
    if query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        return
    try:
        torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except RuntimeError:
        raise ValueError(
            f"The leading axes of query {_shape(query)}, key {_shape(key)} and value {_shape(value)} differ. "
            "They are batch and heads: make them the same, or 1."
        ) from None


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _divisors(width: int) -> str:
    found = [n for n in range(1, width + 1) if width % n == 0]
    return f", such as {', '.join(map(str, found[-8:]))}" if found else ""
