"""Wrong answers to the exercises of lesson 3, each with a fragment of the message that is meant for it."""

# Exercise 3.1, with what is counted and compared left open
COUNTING = """def wordpiece_choice(words):
    from collections import Counter

    parts, pairs = Counter(), Counter()
    for word, count in words.items():
        for piece in {pieces}:
            parts[piece] += {piece}
        for pair in zip(word, word[1:]):
            pairs[pair] += {pair}
    return max(pairs, key=lambda p: {score})
"""

MISTAKES = {
    "3.1": [
        (  # the most frequent pair
            COUNTING.format(pieces="word", piece="count", pair="count", score="pairs[p]"),
            "This is BPE's choice",
        ),
        (  # every word once
            COUNTING.format(pieces="word", piece="1", pair="1", score="pairs[p] / (parts[p[0]] * parts[p[1]])"),
            "Each word counts as often as it occurs",
        ),
        (  # the pieces' words once
            COUNTING.format(pieces="word", piece="1", pair="count", score="pairs[p] / (parts[p[0]] * parts[p[1]])"),
            "Each word counts as often as it occurs",
        ),
        (  # the pairs' words once
            COUNTING.format(pieces="word", piece="count", pair="1", score="pairs[p] / (parts[p[0]] * parts[p[1]])"),
            "Each word counts as often as it occurs",
        ),
        (  # a piece once a word
            COUNTING.format(pieces="set(word)", piece="count", pair="count", score="pairs[p] / (parts[p[0]] * parts[p[1]])"),
            "A piece that stands twice in a word counts twice",
        ),
        (
            COUNTING.format(pieces="word", piece="count", pair="count", score="pairs[p] / parts[p[0]]"),
            "Divide by the product of both counts",
        ),
        (
            COUNTING.format(pieces="word", piece="count", pair="count", score="pairs[p] / (parts[p[0]] + parts[p[1]])"),
            "Divide by the product of both counts",
        ),
        (  # by the count of the right part alone
            COUNTING.format(pieces="word", piece="count", pair="count", score="pairs[p] / parts[p[1]]"),
            "Divide by both counts",
        ),
        (  # by the square root, as a cosine would
            COUNTING.format(pieces="word", piece="count", pair="count", score="pairs[p] / (parts[p[0]] * parts[p[1]]) ** 0.5"),
            "Divide by the product of both counts",
        ),
        (  # the lowest score
            COUNTING.format(pieces="word", piece="count", pair="count", score="parts[p[0]] * parts[p[1]] / pairs[p]"),
            "This pair has the lowest score",
        ),
        (  # the parts counted in pairs only: the last piece of a word begins none
            "def wordpiece_choice(words):\n"
            "    from collections import Counter\n"
            "    left, right, pairs = Counter(), Counter(), Counter()\n"
            "    for word, count in words.items():\n"
            "        for a, b in zip(word, word[1:]):\n"
            "            left[a] += count\n"
            "            right[b] += count\n"
            "            pairs[a, b] += count\n"
            "    return max(pairs, key=lambda p: pairs[p] / (left[p[0]] * right[p[1]]))\n",
            "count a and b in the whole text",
        ),
        ("def wordpiece_choice(words):\n    max(words)\n", "Does it end with `return`"),
        ("def wordpiece_choice(words):\n    return 'en'\n", "not the two joined to one text"),
    ],
    "3.2": [
        ("def encode_word(word, ranks):\n    return word\n", "not the pieces joined to one text"),
        (  # the longest known piece from the left
            "def encode_word(word, ranks):\n"
            "    known = {left + right for left, right in ranks} | set(word)\n"
            "    pieces = []\n"
            "    while word:\n"
            "        end = max(n for n in range(1, len(word) + 1) if word[:n] in known)\n"
            "        pieces.append(word[:end])\n"
            "        word = word[end:]\n"
            "    return pieces\n",
            "You took the longest piece from the left",
        ),
        (  # one round only
            "def encode_word(word, ranks):\n"
            "    pieces, merged, place = list(word), [], 0\n"
            "    while place < len(pieces):\n"
            "        taken = 2 if tuple(pieces[place:place + 2]) in ranks else 1\n"
            "        merged.append(''.join(pieces[place:place + taken]))\n"
            "        place += taken\n"
            "    return merged\n",
            "go on until no pair is left",
        ),
        (  # the highest rank first
            "def encode_word(word, ranks):\n"
            "    pieces = list(word)\n"
            "    while True:\n"
            "        pairs = [pair for pair in zip(pieces, pieces[1:]) if pair in ranks]\n"
            "        if not pairs:\n"
            "            return pieces\n"
            "        place = list(zip(pieces, pieces[1:])).index(max(pairs, key=ranks.get))\n"
            "        pieces[place:place + 2] = [pieces[place] + pieces[place + 1]]\n",
            "the highest rank first",
        ),
        (  # a slice of a list never equals a tuple: nothing is merged, and the loop goes on for ever
            "def encode_word(word, ranks):\n"
            "    pieces = list(word)\n"
            "    while pairs := [pair for pair in zip(pieces, pieces[1:]) if pair in ranks]:\n"
            "        best, merged, place = min(pairs, key=ranks.get), [], 0\n"
            "        while place < len(pieces):\n"
            "            taken = 2 if pieces[place:place + 2] == best else 1\n"
            "            merged.append(''.join(pieces[place:place + taken]))\n"
            "            place += taken\n"
            "        pieces = merged\n"
            "    return pieces\n",
            "Is a slice (a list) compared with a tuple?",
        ),
        (  # the leftmost pair first, whatever its rank
            "def encode_word(word, ranks):\n"
            "    pieces = list(word)\n"
            "    while pairs := [pair for pair in zip(pieces, pieces[1:]) if pair in ranks]:\n"
            "        place = list(zip(pieces, pieces[1:])).index(pairs[0])\n"
            "        pieces[place:place + 2] = [''.join(pairs[0])]\n"
            "    return pieces\n",
            "the leftmost pair",
        ),
        (  # from right to left
            "def encode_word(word, ranks):\n"
            "    pieces = list(word)\n"
            "    while pairs := [pair for pair in zip(pieces, pieces[1:]) if pair in ranks]:\n"
            "        best, place = min(pairs, key=ranks.get), len(pieces) - 2\n"
            "        while place >= 0:\n"
            "            if (pieces[place], pieces[place + 1]) == best:\n"
            "                pieces[place:place + 2] = [''.join(best)]\n"
            "                place -= 1\n"
            "            place -= 1\n"
            "    return pieces\n",
            "Go from left to right",
        ),
        (  # in the order of the table, whatever the ranks in it
            "def encode_word(word, ranks):\n"
            "    pieces = list(word)\n"
            "    for pair in ranks:\n"
            "        place = 0\n"
            "        while place < len(pieces) - 1:\n"
            "            if (pieces[place], pieces[place + 1]) == pair:\n"
            "                pieces[place:place + 2] = [''.join(pair)]\n"
            "            place += 1\n"
            "    return pieces\n",
            "has the lower rank",
        ),
    ],
    "3.3": [
        (
            "def stream_text(pieces):\n    for piece in pieces:\n        yield piece.decode('utf-8', errors='replace')\n",
            "A replacement sign appeared",
        ),
        (
            "def stream_text(pieces):\n    for piece in pieces:\n        yield piece.decode('utf-8', errors='ignore')\n",
            "keep the unfinished bytes",
        ),
        (
            "def stream_text(pieces):\n    return [b''.join(pieces).decode('utf-8', errors='ignore')]\n",
            "Yield once for each piece",
        ),
        (  # holds whole characters back with the unfinished one
            "def stream_text(pieces):\n"
            "    buffer = b''\n"
            "    for piece in pieces:\n"
            "        buffer += piece\n"
            "        try:\n"
            "            yield buffer.decode()\n"
            "            buffer = b''\n"
            "        except UnicodeDecodeError:\n"
            "            yield ''\n",
            "You hold 'hi ' back",
        ),
        (  # holds everything back until the last piece has come
            "def stream_text(pieces):\n"
            "    import codecs\n"
            "    decoder = codecs.getincrementaldecoder('utf-8')()\n"
            "    return [decoder.decode(piece) for piece in pieces]\n",
            "You read all pieces before the first text is shown",
        ),
        ("def stream_text(pieces):\n    for piece in pieces:\n        yield piece\n", "Yield text (str)"),
        (  # leaves off two bytes at most: an unfinished character may have three
            "def stream_text(pieces):\n"
            "    buffer = b''\n"
            "    for piece in pieces:\n"
            "        buffer += piece\n"
            "        for end in range(len(buffer), len(buffer) - 3, -1):\n"
            "            try:\n"
            "                text = buffer[:end].decode()\n"
            "            except UnicodeDecodeError:\n"
            "                continue\n"
            "            buffer = buffer[end:]\n"
            "            yield text\n"
            "            break\n"
            "        else:\n"
            "            yield ''\n",
            "up to three bytes of an unfinished character",
        ),
    ],
    "3.4": [
        (  # a text for an unknown word
            "def wordpiece_encode(word, vocabulary):\n"
            "    pieces, start = [], 0\n"
            "    while start < len(word):\n"
            "        for end in range(len(word), start, -1):\n"
            "            piece = ('##' if start else '') + word[start:end]\n"
            "            if piece in vocabulary:\n"
            "                break\n"
            "        else:\n"
            "            return '[UNK]'\n"
            "        pieces.append(piece)\n"
            "        start = end\n"
            "    return pieces\n",
            "Return a list for an unknown word, too",
        ),
        (  # no ## on later pieces
            "def wordpiece_encode(word, vocabulary):\n"
            "    pieces, start = [], 0\n"
            "    while start < len(word):\n"
            "        for end in range(len(word), start, -1):\n"
            "            if word[start:end] in vocabulary:\n"
            "                break\n"
            "        else:\n"
            "            return ['[UNK]']\n"
            "        pieces.append(word[start:end])\n"
            "        start = end\n"
            "    return pieces\n",
            "Pieces after the first carry ##",
        ),
        (  # the shortest piece first, except at the beginning
            "def wordpiece_encode(word, vocabulary):\n"
            "    pieces, start = [], 0\n"
            "    while start < len(word):\n"
            "        ends = range(start + 1, len(word) + 1) if start else range(len(word), 0, -1)\n"
            "        for end in ends:\n"
            "            piece = ('##' if start else '') + word[start:end]\n"
            "            if piece in vocabulary:\n"
            "                break\n"
            "        else:\n"
            "            return ['[UNK]']\n"
            "        pieces.append(piece)\n"
            "        start = end\n"
            "    return pieces\n",
            "not the shortest",
        ),
        (  # the shortest piece first, at the beginning too
            "def wordpiece_encode(word, vocabulary):\n"
            "    pieces, start = [], 0\n"
            "    while start < len(word):\n"
            "        mark = '##' if start else ''\n"
            "        ends = range(start + 1, len(word) + 1)\n"
            "        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)\n"
            "        if end is None:\n"
            "            return ['[UNK]']\n"
            "        pieces.append(mark + word[start:end])\n"
            "        start = end\n"
            "    return pieces\n",
            "You gave 'undo' up",
        ),
        (  # only the rest becomes [UNK]
            "def wordpiece_encode(word, vocabulary):\n"
            "    pieces, start = [], 0\n"
            "    while start < len(word):\n"
            "        for end in range(len(word), start, -1):\n"
            "            piece = ('##' if start else '') + word[start:end]\n"
            "            if piece in vocabulary:\n"
            "                break\n"
            "        else:\n"
            "            return pieces + ['[UNK]']\n"
            "        pieces.append(piece)\n"
            "        start = end\n"
            "    return pieces\n",
            "the whole word becomes [UNK]",
        ),
        (  # never tries the whole word: the end stops one short
            "def wordpiece_encode(word, vocabulary):\n"
            "    pieces, start = [], 0\n"
            "    while start < len(word):\n"
            "        mark = '##' if start else ''\n"
            "        ends = range(len(word) - (start == 0), start, -1)\n"
            "        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)\n"
            "        if end is None:\n"
            "            return ['[UNK]']\n"
            "        pieces.append(mark + word[start:end])\n"
            "        start = end\n"
            "    return pieces\n",
            "try the whole word first",
        ),
    ],
}
