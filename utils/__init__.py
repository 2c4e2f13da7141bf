"""The shared helpers of the course. One module, one idea; a module imports only from those above it in this list.

    The commands (standard library only, so that they run before anything is installed)
        environment    .venv or the interpreter at hand, what is missing in it, installation with progress
        lessons        the table of the twenty-five lessons, and the repository's address in its one place
        notebooks      executing a notebook, the form it is saved in, a student's copy
        doctor         what this machine can run
        launcher       `python -m utils ...`: the command line over the four above
        prefetch       fetches what the lessons load from the Hub, for a room without network
        bench          the speed table: the course's implementations beside the reference ones

    What the notebooks stand on
        runtime        device, dtype, threads, seed, Hub, the run card, gates, the scorecard
        hub            downloads from the Hugging Face Hub, watched, into the Hub's own cache
        data           data sets in one form, the Hub's and the course's; Python's documentation
        catalog        what a lesson loads: the same call with and without the Hub

    What the notebooks build
        tokenization   byte-level BPE in PyTorch tensors
        attention      scaled dot-product and multi-head attention, masks, the key-value cache
        positions      sinusoids, learned, relative (Shaw, T5), ALiBi, RoPE
        layers         the other parts of a transformer: embedding, layer norm, feed-forward, residual, output head
        models         whole models from the parts: transformer (encoder-decoder, encoder-only, decoder-only), classifier
        training       the training loop: warm-up and cosine, early stopping, history, checkpoints and exact resume

    What the small models learn from (standard library only, without end, from a seed)
        stories        a small world that tells stories in English and French, and a parser that measures any text
        arithmetic     problems with worked steps, in two habits, and their verifier
        programs       Python functions and their JavaScript twins, checked by running both

    How the small models are made
        small_models   recipes, texts, tokenizers, `python -m utils train`, what the models can do

    What the notebooks show
        metrics        scores with their intervals, comparisons of two models, calibration
        recorded       the logs of runs too long for a class, in data/runs
        plots          one plotting style, figures with alternative text
        widgets        things to play with, each with a static figure beside it
        exercises      checks that name the likely mistake
"""
