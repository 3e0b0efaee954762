"""Where the graphs of onnx_export.py lie."""
import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def exported(model, scratch, int8, packages=""):
    """The folder of a model's graphs, which another process makes where they are missing; packages are where that one
    finds what this one lacks."""
    digest = hashlib.sha256(str(int8).encode())
    for path in (model / "model.safetensors", model / "config.json", HERE / "onnx_export.py", HERE / "onnx_graph.py"):
        digest.update(path.read_bytes())
    folder = Path(scratch) / f"onnx-{digest.hexdigest()[:12]}"
    if not folder.exists():
        making = folder.with_suffix(f".{os.getpid()}")
        command = [sys.executable, str(HERE / "onnx_export.py"), "--model", str(model), "--out", str(making)]
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(packages), *sys.path])}
        subprocess.run(command + ["--int8"] * int8, check=True, stdout=subprocess.DEVNULL, env=env)
        making.rename(folder)
    return folder
