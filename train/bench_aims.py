"""What speed on a GPU is aimed for, beside what came out."""

MISSING = "not measured"


def fastest(rows, task, way, batch):
    """Seconds of PyTorch's faster type of weights, None where there is none."""
    return min((r["seconds"] for r in rows if (r["task"], r["way"], r["batch"]) == (task, way, batch)), default=None)


def ratios(kernels, kind):
    """{shape: (times as fast as PyTorch's, name)} of our fastest kernel for each shape."""
    found = {}
    for k in kernels:
        *rest, shape = k["name"].split("/")
        if kind in rest[0] and "ratio" in k:
            found[shape] = max(found.get(shape, (0.0, "")), (k["ratio"], k["name"]))
    return found


def kernel(found, shapes, least):
    """(aim, what came out, reached) of the kernels for some shapes, of which the slowest counts."""
    found = [found[s] for s in shapes if s in found]
    if not found:
        return f"≥ {least:.1f}", MISSING, None
    worst, best = min(found), max(found)
    spread = f" to {best[0]:.2f}, least at `{worst[1]}`" if len(found) > 1 else f", `{worst[1]}`"
    return f"≥ {least:.1f}", f"{worst[0]:.2f}{spread}", worst[0] >= least


def times(ours, theirs, least):
    """The same of seconds for equal work."""
    if not (ours and theirs):
        return f"≥ {least}", MISSING, None
    return f"≥ {least}", f"{theirs / ours:.1f}", theirs / ours >= least


def rows(r, target):
    """[what, aim, what came out, reached or None] of the results; PyTorch's translations are of target tokens."""
    ours, pytorch = r.get("ours", {}), r.get("pytorch", [])
    decode = {name: d["µs/token"] / 1e6 for name, d in ours.get("mm", {}).items() if "µs/token" in d}
    one, many = decode.get("translate/1"), decode.get("translate/256")

    def step(way, batch):
        took = fastest(pytorch, "translate", way, batch)
        return took and took / target / batch

    products, attention = ratios(ours.get("kernels", []), "matmul"), ratios(ours.get("kernels", []), "attention")
    cubes = [s for s in products if len(set(s.split("x"))) == 1]
    wide = [s for s in attention if s.startswith("1x16384x")]
    return [
        ["one greedy translation, µs a token", "≤ 80", f"{1e6 * one:.0f}" if one else MISSING, one and one <= 80e-6],
        ["… times as fast as PyTorch, eager", *times(one, step("eager", 1), 10)],
        ["… times as fast as PyTorch, compiled", *times(one, step("compiled", 1), 3)],
        ["256 at once, times as many tokens/s as PyTorch, compiled", *times(many, step("compiled", 256), 2)],
        ["products of the model's shapes, times as fast as cuBLAS bf16", *kernel(products, [s for s in products if s not in cubes], 1.0)],
        *([f"products of {n}³, times as fast as cuBLAS bf16", *kernel(products, [f"{n}x{n}x{n}"], 0.9)] for n in (4096, 8192)),
        ["attention of the model's shapes, times as fast as PyTorch's best",
         *kernel(attention, [s for s in attention if s not in wide], 1.0)],
        ["attention of 16k × 128, times as fast as PyTorch's best", *kernel(attention, wide, 0.8)]]


def markdown(r, target, table):
    return table(["what", "aimed for", "came out", "reached"],
                 [[*row, {None: "–", True: "yes", False: "no"}[reached]] for *row, reached in rows(r, target)])
