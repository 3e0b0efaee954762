"""Constituency trees as token sequences, after Vinyals et al. 2015 ("Grammar as a Foreign Language").

A tree is written left to right as decisions, with the words copied in between:

    w1 (S (NP DT w2 NN w3 ) (VP VBD w4 ) . )

The pieces of the first word stand at the start, and each tag is followed by the pieces of the *next* word, so the
decoder always sees the word that it is about to place (one word of look-ahead). Only brackets and tags are decisions;
words are forced by the grammar automaton (decoders/tree in Go) and carry no loss.
"""
import re

TOKEN = re.compile(r"\(|\)|[^ \t\r\n()]+")
ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "``": '"', "''": '"'}


def read(line):
    """Parse one PTB-style bracketing into nested lists [label, child, ...] with (tag, word) tuples as leaves."""
    tokens = TOKEN.findall(line)
    stack, i = [[]], 0
    while i < len(tokens):
        t = tokens[i]
        if t == "(":
            label = tokens[i + 1]
            if label == "(":  # an unlabelled outer bracket
                stack.append(["ROOT"])
                i += 1
            elif tokens[i + 2] not in "()":
                if tokens[i + 3] != ")":
                    raise ValueError(f"tree: leaf {label} {tokens[i + 2]} is not closed: {line[:80]!r}")
                stack[-1].append((label, tokens[i + 2]))
                i += 4
            else:
                stack.append([label])
                i += 2
        elif t == ")":
            node = stack.pop()
            if not stack:
                raise ValueError(f"tree: unbalanced brackets: {line[:80]!r}")
            stack[-1].append(node)
            i += 1
        else:
            raise ValueError(f"tree: stray token {t!r}: {line[:80]!r}")
    if len(stack) != 1 or len(stack[0]) != 1:
        raise ValueError(f"tree: want one balanced tree: {line[:80]!r}")
    root = stack[0][0]
    return root if isinstance(root, list) and root[0] == "ROOT" else ["ROOT", root]


def clean(label):
    """Strip function tags: NP-SBJ -> NP; -LRB- and the like stay."""
    return label if label.startswith("-") else re.split(r"[-=|]", label)[0]


def surface(word):
    """The text that a PTB leaf stands for: -LRB- is an opening parenthesis."""
    return ESCAPES.get(word, word)


def escape(word):
    """The word as a leaf can hold it: brackets by their Penn Treebank names."""
    return word.replace("(", "-LRB-").replace(")", "-RRB-")


def words(tree):
    return [surface(w) for _, w in leaves(tree)]


def leaves(node):
    if isinstance(node, tuple):
        yield node
        return
    for child in node[1:]:
        yield from leaves(child)


def decisions(tree):
    """The decision sequence of a ROOT tree, ROOT itself left out: ("(", label) | ("tag", tag) | (")", None)."""
    out = []

    def walk(node):
        if isinstance(node, tuple):
            out.append(("tag", node[0]))
            return
        out.append(("(", clean(node[0])))
        for child in node[1:]:
            walk(child)
        out.append((")", None))

    for child in tree[1:]:
        walk(child)
    return out
