"""What ran where: the processor, its caches and instructions, the commit, the versions."""
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLAGS = ("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8",
         "amx_bf16")


def said(*command):
    return subprocess.run(command, cwd=HERE, encoding="utf-8", capture_output=True, check=True).stdout.strip()


def processor():
    """(name, the flags of FLAGS that it has)."""
    info = Path("/proc/cpuinfo")
    lines = [line.split(":", 1) for line in info.read_text().splitlines() if ":" in line] if info.exists() else []
    facts = {key.strip(): value.strip() for key, value in reversed(lines)}
    name = facts.get("model name", platform.processor() or platform.machine())
    kind = f"family {facts['cpu family']} model {facts['model']}" if "cpu family" in facts else ""
    flags = facts.get("flags", "").split()
    return f"{name} ({kind})" if kind else name, [f for f in FLAGS if f in flags]


def caches():
    """{"L1d": "32K", …} of the first core."""
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = ((folder / f).read_text().strip() for f in ("type", "level", "size"))
        if kind != "Instruction":
            found[f"L{level}{'d' if kind == 'Data' else ''}"] = size
    return found


def version(package, folder=None):
    """Of an installed package, or of one in a folder; None where it is missing."""
    paths = [str(folder)] if folder else sys.path
    for d in importlib.metadata.distributions(name=package, path=paths):
        return d.version
    return None


def machine(peers=None):
    name, flags = processor()
    changed = "+" if said("git", "status", "--porcelain", "--untracked-files=no") else ""
    versions = {p: version(p) for p in ("torch", "numpy", "sacrebleu", "matplotlib")}
    if peers:
        versions |= {p: version(p, peers / "python") for p in ("onnxruntime", "onnx", "ctranslate2")}
    return {"cpu": name, "flags": flags, "caches": caches(), "cores": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0], "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "commit": said("git", "rev-parse", "--short", "HEAD") + changed, "go": said("go", "env", "GOVERSION"),
            "python": platform.python_version(), **{k: v for k, v in versions.items() if v}}


def described(m):
    """The machine in a paragraph."""
    versions = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "ctranslate2": "CTranslate2",
                "sacrebleu": "sacrebleu"}
    said_ = [f"{name} {m[key]}" for key, name in versions.items() if key in m]
    cache = ", ".join(f"{k} {v}" for k, v in m["caches"].items())
    return (f"{m['cpu']}, {m['cores']} cores ({cache}; {' '.join(m['flags'])}), {m['system']}; load {m['load']:.1f} at "
            f"the start; commit {m['commit']}, {m['go']}, Python {m['python']}, {', '.join(said_)}.")
