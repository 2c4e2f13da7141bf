"""Positions: the ways to tell attention, which is blind to order, where a token stands.

    sinusoidal          a fixed vector for each place, added to the embeddings       Vaswani et al. 2017, 1706.03762
    LearnedPositions    a learned vector for each place, added to the embeddings     Gehring et al. 2017, 1705.03122; BERT
    ShawBias            a learned vector for each distance, met by the query         Shaw et al. 2018, 1803.02155
    relative_position_bucket, RelativeBias   a learned number for each bucket of distances   Raffel et al. 2020, 1910.10683 (T5)
    alibi_slopes, alibi_bias                 a fixed number for each distance                Press et al. 2022, 2108.12409
    RotaryPositions     turns queries and keys by angles that grow with the place    Su et al. 2021, 2104.09864
    linear_frequencies, ntk_frequencies, yarn_frequencies, llama3_frequencies, rope_frequencies
                        lower frequencies for RoPE, for texts longer than those of training: lesson 11

The first two go where the embeddings are made. Those that give a bias go into MultiHeadAttention's forward (bias=...),
RotaryPositions into its making (rotate=...).

A distance is the key's place minus the query's, so it is negative for what came before. Where there are fewer queries than
keys, the queries are the last of the places, as when a cache holds the others.
"""

import math

import torch
from torch import Tensor, nn

BASE = 10000.0  # the base of the wave lengths, in the papers of the sinusoids and of RoPE


def distances(queries: int, keys: int, device: torch.device | str | None = None) -> Tensor:
    """The place of each key minus the place of each query: whole numbers (T, S), below zero for what came before.

    queries: T, the number of queries; they stand at the last T of the S places. keys: S.
    Raises ValueError where there are more queries than keys or fewer than none.
    """
    if not 0 <= queries <= keys:
        raise ValueError(
            f"{queries} queries cannot stand at the last of {keys} places. Distances are for self-attention: give as many "
            "keys as queries, or more where a cache holds the earlier ones."
        )
    places = torch.arange(keys, device=device)
    return places - places[keys - queries :, None]  # (S,) - (T, 1) -> (T, S)


def places_from(start: int | Tensor, length: int, device: torch.device | str | None = None) -> Tensor:
    """The places start, ..., start + length - 1: (T,), or (B, T) where each row of a batch has its own start (B,).

    A start below zero is that of a row which begins with padding: places before the first count as the first.
    """
    places = torch.arange(length, device=device)
    return (places + start[:, None]).clamp(min=0) if isinstance(start, Tensor) else places + start


def frequencies(size: int, base: float = BASE, device: torch.device | str | None = None) -> Tensor:
    """base^(-2i / size) for i = 0, 1, ...: how far each pair turns from one place to the next, in radians.

    size: the number of coordinates, even; two of them make a pair. Returns (size / 2,), from 1 downward.
    Raises ValueError for a size that is odd or below two, or a base that is not above zero.
    """
    if size < 2 or size % 2:
        raise ValueError(f"Each frequency needs two coordinates, a sine and a cosine, so {size} must be even and at least 2.")
    if base <= 0:
        raise ValueError(f"The base is raised to powers, so it must be above zero, not {base}. The papers use {BASE:.0f}.")
    return base ** (-torch.arange(0, size, 2, dtype=torch.float32, device=device) / size)


def sinusoidal(length: int, width: int, base: float = BASE, device: torch.device | str | None = None) -> Tensor:
    """The paper's position vectors (T, C): sines in the even coordinates, cosines in the odd ones.

        P[t, 2i] = sin(t / base^(2i / C))        P[t, 2i + 1] = cos(t / base^(2i / C))

    length: T. width: C, even. Raises ValueError for an odd width or a length below zero.
    Source: Attention Is All You Need, section 3.5. (Its own code puts all sines first, a different order of the same.)
    """
    if length < 0:
        raise ValueError(f"The length counts places, so it cannot be {length}.")
    places = torch.arange(length, dtype=torch.float32, device=device)
    angles = torch.outer(places, frequencies(width, base, device))  # (T,) x (C / 2,) -> (T, C / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)  # (T, C / 2, 2) -> (T, C)


class LearnedPositions(nn.Module):
    """A learned vector for each place, as in BERT and GPT-2.

    longest: the number of places there is a vector for. width: C. The vectors start with the standard deviation 0.02.
    """

    def __init__(self, longest: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(longest, width))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, length: int, start: int | Tensor = 0) -> Tensor:
        """The vectors (T, C) of the places start, ..., start + length - 1; (B, T, C) for a start of each row, (B,).

        Raises ValueError beyond the last place.
        """
        end = length + (int(start.max()) if isinstance(start, Tensor) else start)
        if end > len(self.weight):
            raise ValueError(
                f"There are learned vectors for {len(self.weight)} places, but place {end - 1} was asked for. "
                "Cut the text, or train with longest set to the greatest length you will need."
            )
        if isinstance(start, Tensor):
            return self.weight[places_from(start, length, start.device)]
        return self.weight[start:end]


class ShawBias(nn.Module):
    """Shaw's relative positions: a learned vector for each distance up to a limit, multiplied by the query.

    score(t, s) = q_t (k_s + a[clip(s - t)]) / sqrt(D), and this module gives the second term. The paper adds such vectors
    to the values too, and finds (its table 3) that they bring nothing more; they are left out here.

    head_size: D. limit: k, the distance from which on all are treated alike. The heads share the vectors, as in the paper.
    Source: equations 2 and 4, section 3.2.
    """

    def __init__(self, head_size: int, limit: int = 16):
        super().__init__()
        if limit < 0:
            raise ValueError(f"The limit is the largest distance that is told apart, so it cannot be {limit}.")
        self.limit = limit
        self.weight = nn.Parameter(torch.empty(2 * limit + 1, head_size))
        nn.init.normal_(self.weight, std=head_size**-0.5)

    def forward(self, query: Tensor, keys: int) -> Tensor:
        """query (B, H, T, D) -> the bias (B, H, T, S), where keys is S."""
        places = distances(query.shape[-2], keys, query.device).clamp(-self.limit, self.limit) + self.limit  # (T, S)
        # One product a distance, then a look-up: the vectors need not be copied out to (T, S, D).
        products = query @ self.weight.T / math.sqrt(query.shape[-1])  # (B, H, T, 2k + 1)
        return products.gather(-1, places.expand(*products.shape[:-1], keys))


def relative_position_bucket(
    distance: Tensor, bidirectional: bool = True, buckets: int = 32, max_distance: int = 128
) -> Tensor:
    """T5's bucket of each distance: near ones have a bucket each, far ones share, the farther the more.

    distance: whole numbers of any shape, the key's place minus the query's.
    bidirectional: half of the buckets are for keys that come later; without it, all later keys fall into bucket 0.
    buckets: their number. max_distance: from here on everything falls into the last bucket.

    Returns whole numbers of the same shape, 0 to buckets - 1.
    Raises ValueError where there are too few buckets, or max_distance does not exceed the distances with their own.
    Source: T5 section 2.1, and T5Attention._relative_position_bucket of Transformers, which it equals.
    """
    share = buckets // 2 if bidirectional else buckets
    exact = share // 2  # this many of the nearest distances have a bucket of their own
    if exact < 1 or max_distance <= exact:
        raise ValueError(
            f"{buckets} buckets and max_distance={max_distance} do not fit: at least {4 if bidirectional else 2} buckets are "
            f"needed, and max_distance must be above {exact}, the distances that have a bucket each."
        )
    size = distance.abs() if bidirectional else (-distance).clamp_min(0)
    logarithm = (size.float().clamp_min(1) / exact).log() / math.log(max_distance / exact)  # 0 at exact, 1 at max_distance
    far = (exact + (logarithm * (share - exact)).long()).clamp_max(share - 1)
    bucket = torch.where(size < exact, size, far)
    return bucket + share * (distance > 0) if bidirectional else bucket


class RelativeBias(nn.Module):
    """T5's relative bias: for each head and bucket of distances one learned number, added to the score.

    Make one, call it once, and pass its tensor to all layers: that is how T5 shares it. T5 also leaves out the root under
    the scores; this module says nothing on that.

    Raises ValueError as relative_position_bucket does.
    """

    def __init__(self, heads: int, bidirectional: bool = True, buckets: int = 32, max_distance: int = 128):
        super().__init__()
        self.bidirectional, self.buckets, self.max_distance = bidirectional, buckets, max_distance
        relative_position_bucket(torch.zeros(1), bidirectional, buckets, max_distance)  # do the numbers fit together?
        self.weight = nn.Parameter(torch.zeros(buckets, heads))

    def forward(self, queries: int, keys: int) -> Tensor:
        """The bias (H, T, S) for the last T = queries of S = keys places."""
        distance = distances(queries, keys, self.weight.device)
        bucket = relative_position_bucket(distance, self.bidirectional, self.buckets, self.max_distance)
        return self.weight[bucket].permute(2, 0, 1)  # (T, S, H) -> (H, T, S)


def alibi_slopes(heads: int, device: torch.device | str | None = None) -> Tensor:
    """ALiBi's slope of each head (H,): 2^(-8/H), 2^(-16/H), ... down to 2^-8 where H is a power of two.

    For other H the slopes of the next smaller power of two, then every second one of twice that power.
    Raises ValueError for fewer heads than one. Source: section 3 of the paper, and its code.
    """
    if heads < 1:
        raise ValueError(f"There must be at least one head, not {heads}.")
    power = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (head + 1) / power) for head in range(power)]
    between = [2 ** (-4 * (head + 1) / power) for head in range(0, 2 * power, 2)]
    return torch.tensor((slopes + between)[:heads], dtype=torch.float32, device=device)


def alibi_bias(heads: int, queries: int, keys: int, device: torch.device | str | None = None) -> Tensor:
    """ALiBi's bias (H, T, S): minus the slope of the head times the distance, whichever side the key is on.

    The paper has causal attention only, and says nothing of later keys. Distance without its side cannot tell left from
    right: a bidirectional model with nothing else gives a text and its mirror image the same, mirrored.

    Bloom's build_alibi_tensor adds slope * place of the key instead. Under a causal mask that differs from this by the same
    number for all keys of a query, so the weights are the same. Raises ValueError as alibi_slopes and distances do.
    """
    return -alibi_slopes(heads, device)[:, None, None] * distances(queries, keys, device).abs()  # (H, 1, 1) * (T, S)


_plain_frequencies = frequencies  # RotaryPositions has an argument of that name


class RotaryPositions:
    """RoPE: turns each pair of coordinates of a query or key by an angle that grows with its place.

    A pair is coordinates i and i + D / 2, as in Transformers' Llama; the paper pairs 2i and 2i + 1, which is the same with
    the coordinates in another order. The score of a turned query and a turned key depends on their distance only.

    head_size: D, even. base: of the angles place * base^(-2i / D).
    frequencies: (D / 2,), the angles a place instead of those: the scaled ones below, for texts longer than in training.
    attention_factor: what sines and cosines are multiplied by, and so scores by its square (YaRN).

    Raises ValueError as `frequencies` does, or where as many frequencies as pairs were not given.
    Source: section 3.2 of the paper; apply_rotary_pos_emb of Transformers' Llama, which it equals.
    """

    def __init__(self, head_size: int, base: float = BASE, frequencies: Tensor | None = None, attention_factor: float = 1.0):
        self.head_size, self.attention_factor = head_size, attention_factor
        self.frequencies = _plain_frequencies(head_size, base) if frequencies is None else frequencies
        self._last: tuple | None = None
        if self.frequencies.shape != (head_size // 2,):
            raise ValueError(
                f"A head of size {head_size} has {head_size // 2} pairs, so frequencies must have the shape "
                f"({head_size // 2},), not {tuple(self.frequencies.shape)}. Make them with the same head size."
            )

    def __call__(self, x: Tensor, start: int = 0) -> Tensor:
        """x (..., T, D), whose first vector stands at place `start`, turned; same shape, type and device.

        Raises ValueError where the last axis is not the head size.
        """
        if x.shape[-1] != self.head_size:
            raise ValueError(
                f"These positions are for heads of size {self.head_size}, the vectors have {x.shape[-1]} numbers. "
                "Make RotaryPositions with the head size C / H, not with the width C."
            )
        cosine, sine = self._waves(start, x.shape[-2], x.dtype, x.device)
        first, second = x.chunk(2, dim=-1)  # (..., T, D / 2) each
        return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)

    def _waves(self, start: int, length: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines (T, D / 2) of the angles. The last are kept: queries and keys of all layers ask for them."""
        asked = start, length, dtype, device, torch.is_inference_mode_enabled()
        if self._last is None or self._last[0] != asked:
            places = torch.arange(start, start + length, dtype=torch.float32, device=device)
            angles = torch.outer(places, self.frequencies.to(device))  # (T, D / 2), in 32 bits: 16 cannot count to 3,000
            self._last = asked, *((wave * self.attention_factor).to(dtype) for wave in (angles.cos(), angles.sin()))
        return self._last[1:]


# ---------------------------------------------------------------------------------------------------------------------
# RoPE beyond the training length: lower frequencies
# ---------------------------------------------------------------------------------------------------------------------


def linear_frequencies(size: int, factor: float, base: float = BASE) -> Tensor:
    """All pairs turn `factor` times slower, as if the places were divided by it (D / 2,).

    Raises ValueError for a factor below one. Source: position interpolation, Chen et al. 2023, arXiv 2306.15595.
    """
    return frequencies(size, base) / _checked(factor)


def ntk_frequencies(size: int, factor: float, base: float = BASE) -> Tensor:
    """A larger base, base * factor^(D / (D - 2)): the fastest pair stays, the slowest is `factor` times slower (D / 2,).

    Transformers' "dynamic" scaling recomputes them as a text grows, with factor * length / longest - (factor - 1) in the
    place of factor. Raises ValueError for a factor below one, or a size below four.
    Source: "NTK-aware" scaling, in section 3.1 of YaRN, Peng et al. 2023, arXiv 2309.00071.
    """
    if size < 4:
        raise ValueError(f"With {size} coordinates there is one pair, both fastest and slowest: the size must be 4 or more.")
    return frequencies(size, base * _checked(factor) ** (size / (size - 2)))


def yarn_frequencies(
    size: int, factor: float, trained: int, base: float = BASE, fast: float = 32, slow: float = 1
) -> tuple[Tensor, float]:
    """Hands that turn often in the training length stay, those that hardly turn are `factor` times slower, with a ramp between.

    trained: the training length. fast, slow: with this many turns in it or more a pair stays, with this few or fewer it is
    slowed. The ramp is linear in the number i of the pair, between whole numbers, as in the paper's own code.

    Returns the frequencies (D / 2,) and the attention factor 0.1 ln(factor) + 1.
    Raises ValueError for a factor below one, or a training length below two. Source: sections 3.2 and 3.4 of YaRN.
    """

    def pair(turns: float) -> float:
        """The number, not whole, of the pair that turns this often: trained * base^(-2i / D) / 2 pi = turns."""
        return size * math.log(_length(trained) / (2 * math.pi * turns)) / (2 * math.log(base))

    first, last = max(math.floor(pair(fast)), 0), min(math.ceil(pair(slow)), size - 1)
    ramp = ((torch.arange(size // 2) - first) / max(last - first, 0.001)).clamp(0, 1)  # 0: stays, 1: slowed
    plain = frequencies(size, base)
    return plain * (1 - ramp) + plain / _checked(factor) * ramp, yarn_attention_factor(factor)


def yarn_attention_factor(factor: float, weight: float = 1.0) -> float:
    """What YaRN multiplies sines and cosines by: 0.1 weight ln(factor) + 1. Transformers calls the weight mscale.

    Raises ValueError for a factor below one. Source: section 3.4 of YaRN, with the weight 1.
    """
    return 0.1 * weight * math.log(_checked(factor)) + 1


def llama3_frequencies(size: int, factor: float, trained: int, base: float = BASE, slow: float = 1, fast: float = 4) -> Tensor:
    """As YaRN's, with a ramp that is linear in the number of turns in the training length, and no attention factor (D / 2,).

    trained, slow, fast: as there; Transformers calls the last two low_freq_factor and high_freq_factor.
    Raises ValueError as yarn_frequencies does. Source: Llama 3.1's code (The Llama 3 Herd of Models, 2024, arXiv 2407.21783).
    """
    plain = frequencies(size, base)
    turns = _length(trained) * plain / (2 * math.pi)
    stays = ((turns - slow) / (fast - slow)).clamp(0, 1)  # 1: stays, 0: slowed
    return plain * stays + plain / _checked(factor) * (1 - stays)


def rope_frequencies(
    size: int, parameters: dict, longest: int | None = None, length: int | None = None
) -> tuple[Tensor, float]:
    """What a configuration of Transformers asks for: the frequencies (D / 2,) and the attention factor.

    parameters: its `rope_parameters`, of the type default, linear, dynamic, yarn or llama3.
    longest: its max_position_embeddings, and length: that of the text; for the type dynamic, which needs both.
    Raises ValueError for another type, or an option that is not known here.
    """
    known = {
        "default": (),
        "linear": ("factor",),
        "dynamic": ("factor",),
        "yarn": (
            *("factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "attention_factor"),
            *("mscale", "mscale_all_dim"),
        ),
        "llama3": ("factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"),
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    kind, base = given.pop("rope_type", "default"), given.pop("rope_theta", BASE)
    unknown = set(given) - set(known.get(kind, ()))
    if kind not in known or unknown:
        raise ValueError(
            f"rope_parameters of type {kind!r}{f' with {sorted(unknown)}' if unknown else ''} are not known here: there are "
            f"{', '.join(known)}. Take Transformers' ROPE_INIT_FUNCTIONS for them."
        )
    if kind == "default":
        return frequencies(size, base), 1.0
    factor, trained = given["factor"], given.get("original_max_position_embeddings")
    if kind == "linear":
        return linear_frequencies(size, factor, base), 1.0
    if kind == "dynamic":
        if longest is None:
            raise ValueError("Dynamic scaling grows with the text: give longest (max_position_embeddings) and length.")
        beyond = max(length or 0, longest) / longest - 1  # 0 up to the training length: exactly the plain frequencies
        return ntk_frequencies(size, 1 + factor * beyond, base), 1.0
    if kind == "llama3":
        return llama3_frequencies(size, factor, trained, base, given["low_freq_factor"], given["high_freq_factor"]), 1.0
    found, attention_factor = yarn_frequencies(
        size, factor, trained, base, given.get("beta_fast", 32), given.get("beta_slow", 1)
    )
    weights = given.get("mscale"), given.get("mscale_all_dim")
    if all(weights):  # DeepSeek: the second one goes into the scale of all scores
        attention_factor = yarn_attention_factor(factor, weights[0]) / yarn_attention_factor(factor, weights[1])
    return found, given.get("attention_factor", attention_factor)


def _checked(factor: float) -> float:
    if factor < 1:
        raise ValueError(f"The factor says how many times longer the texts become, so it is 1 or more, not {factor}.")
    return factor


def _length(trained: int) -> int:
    if trained < 2:
        raise ValueError(f"trained is the number of places of the training texts, so it cannot be {trained}.")
    return trained
