"""Wrong answers to the exercises of lesson 3, each with a fragment of the message that is meant for it."""

MISTAKES = {
    "3.1": [
        (
            "def bytes_per_token(text, ids):\n    return len(ids) / len(text.encode()) if text else 0.0\n",
            "Divide the other way round",
        ),
        ("def bytes_per_token(text, ids):\n    return len(text) / len(ids) if ids else 0.0\n", "did you take len(text)"),
        ("def bytes_per_token(text, ids):\n    return len(text.encode()) / len(ids)\n", "ZeroDivisionError"),
        ("def bytes_per_token(text, ids):\n    len(text.encode()) / max(1, len(ids))\n", "Does it end with `return`"),
    ],
    "3.2": [
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
    ],
    "3.4": [
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
    ],
}
