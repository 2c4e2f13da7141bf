"""Wrong answers to the exercises of lesson 21, each with a fragment of the message that is meant for it."""


def norm(result: str) -> str:
    """An answer to exercise 21.1."""
    return f"import torch\n\n\ndef rms_norm(x, weight, epsilon):\n    wide = x.float()\n    return {result}\n"


def repeated(result: str) -> str:
    """An answer to exercise 21.2."""
    return f"import torch\n\n\ndef repeat_kv(x, heads):\n    return {result}\n"


def sizes(
    D: str = "config.head_dim",
    groups: str = "config.num_key_value_heads",
    matrices: str = "1 if config.tie_word_embeddings else 2",
    swiglu: str = "3",
    norms: str = "+ 2 * C",
    last: str = "+ C",
    outer: str = "config.num_attention_heads * D",
    cache: str = "2 * config.num_hidden_layers * config.num_key_value_heads * D * 2",
) -> str:
    """An answer to exercise 21.3 with some of its parts replaced."""
    return (
        f"def sizes_of(config):\n    C = config.hidden_size\n    D = {D}\n"
        f"    block = 2 * C * ({outer} + {groups} * D) + {swiglu} * C * config.intermediate_size {norms}\n"
        f"    matrices = {matrices}\n"
        f"    return config.num_hidden_layers * block + matrices * config.vocab_size * C {last}, {cache}\n"
    )


def moved(result: str) -> str:
    """An answer to exercise 21.4."""
    return (
        "import torch\n\n\ndef from_meta(weight, heads):\n    rows, width = weight.shape\n    D = rows // heads\n"
        f"    return {result}\n"
    )


SCALE = "torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)"
IN_X_TYPE = "torch.rsqrt(wide.square().mean(-1, keepdim=True).to(x.dtype) + epsilon)"
MISTAKES = {
    "21.1": [
        (norm("x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight"), "both in 32 bits"),
        (norm(f"wide * {SCALE} * weight.float()"), "back to the type of x"),
        (norm(f"(wide * {SCALE}).to(x.dtype)"), "The weight is missing"),
        (norm("(wide / (wide.square().mean(-1, keepdim=True).sqrt() + epsilon)).to(x.dtype) * weight"), "inside the root"),
        (norm("torch.nn.functional.layer_norm(wide, wide.shape[-1:], eps=epsilon).to(x.dtype) * weight"), "that is LayerNorm"),
        (norm("(wide * torch.rsqrt(wide.square().sum(-1, keepdim=True) + epsilon)).to(x.dtype) * weight"), "and not their sum"),
        (norm("(wide * torch.rsqrt(wide.square().mean() + epsilon)).to(x.dtype) * weight"), "a mean of its own"),
        (norm(f"(wide * {SCALE}).half() * weight.half()"), "From bfloat16 comes"),
        (norm(f"(wide * {SCALE} * weight.float()).to(x.dtype)"), "only then the weight"),
        (norm(f"wide.to(x.dtype) * {SCALE}.to(x.dtype) * weight"), "The last bits are off"),
        (norm(f"(wide * {IN_X_TYPE}).to(x.dtype) * weight"), "both in 32 bits"),
    ],
    "21.2": [
        (repeated("x.repeat(1, heads // x.shape[1], 1, 1)"), "repeated in place"),
        (repeated("x.repeat_interleave(heads, 1)"), "and not how often"),
        (repeated("x.repeat_interleave(heads // x.shape[1], 2)"), "it is the heads"),
        (repeated("x.repeat_interleave(2, 1) if heads != x.shape[1] else x"), "comes 3 times"),
    ],
    "21.3": [
        (sizes(matrices="2"), "A tied head has no matrix"),
        (sizes(matrices="1"), "This head is untied"),
        (sizes(last=""), "The norm above the last block"),
        (sizes(norms="", last=""), "The norms are missing"),
        (sizes(norms="+ C"), "A block has two norms"),
        (sizes(outer="C"), "and not C x C"),
        (sizes(groups="config.num_attention_heads"), "Keys and values have"),
        (sizes(swiglu="2"), "three matrices"),
        (sizes(D="C // config.num_attention_heads"), "head_dim is given"),
        (sizes(cache="config.num_hidden_layers * config.num_key_value_heads * D * 2"), "Half of it"),
        (sizes(cache="2 * config.num_hidden_layers * config.num_attention_heads * D * 2"), "has the heads of keys"),
        (sizes().replace("return ", "return (").rstrip() + ")[::-1]\n", "The weights come first"),
    ],
    "21.4": [
        (moved("weight.view(heads, 2, D // 2, width).transpose(1, 2).reshape(rows, width)"), "the way back"),
        (moved("torch.cat([weight[0::2], weight[1::2]])"), "Within each head"),
        (moved("weight.clone()"), "Nothing was moved"),
        (
            moved("torch.cat([torch.cat([head[0::2], head[1::2]]) for head in weight.split(8)])"),
            "the size of a head is rows // heads",
        ),
        (
            moved("weight.view(heads, D // 2, 2, width).transpose(1, 2).reshape(rows, width).flip(1)"),
            "the columns stay in their order",
        ),
    ],
}
