"""The shared helpers of the course. One module, one idea; imports go downward only, which the tests hold it to.

    cli            the command line, `python -m utils ...`; it starts with the standard library alone
    small_models   how the models of data/models are made
    experiments    what a lesson's experiment needs besides models and training: words to fill, tasks to start from
    course         what a lesson runs on and shows: start, scorecard, exercises, figures, widgets, recorded runs
    alignment      preferences: log-probabilities of answers, Bradley-Terry, DPO, IPO, KTO, SimPO, ORPO; policy: REINFORCE, PPO;
                   grpo: groups, advantages, the loss of GRPO, Dr. GRPO and DAPO
    export         gguf: a Llama as a file for other engines; engine: llama.cpp; ollama: Modelfiles; server: the course's own
    pretraining    the training loop as a Lightning module: packed files, callbacks, exact resume, several processes
    isolated       environments of their own for tools that need other versions: AutoTrain, LitGPT
    models         whole models from the parts: transformer (encoder-decoder, encoder-only, decoder-only), bert, t5, gpt,
                   llama, deepseek, classifier
    quantization   numbers in eight bits, four and fewer: scales, zero points, blocks, NF4, FP8; layers that keep them so
    lora           LoRA, rsLoRA and DoRA: adapters beside frozen layers; merged, switched, saved alone in PEFT's format
    summarization  extracts by sentence vectors, ROUGE, oracle, windows, invented names and numbers
    distillation   a student's losses from a teacher: softened answers, features, relations
    fine_tuning    rates by layer, unfreezing, range test, batches of like length, weights between, class weights
    speculative    several tokens a pass: a draft proposes, the model checks and keeps its distribution
    generation     the next token: temperature, top-k, top-p, min-p, repetition; greedy, sampled and beam search, by the cache
    optimizers     Muon and AdamW as one
    training       the training loop: warm-up and cosine, early stopping, history, checkpoints and exact resume
    metrics        scores with their intervals, comparisons of two models, calibration
    layers         embedding, normalization, feed-forward, residual, output head
    attention      scaled dot-product and multi-head attention, masks, the key-value cache
    positions      sinusoids, learned, relative (Shaw, T5), ALiBi, RoPE
    tokenization   byte-level BPE in PyTorch tensors
    data           what a lesson loads: the same call with and without the Hub
    worlds         stories, programs and arithmetic without end and from a seed, each with its judge
    sizes          a decoder's weights, FLOP, memory, cache and cost, from its configuration
    device         the machine side of a computation: device, number type, threads, random numbers
    lessons        the table of the lessons
    io             the course's folder, whole files, messages

What a student comes to study lies at the top of the package, what runs the course lies in rooms of its own.
"""
