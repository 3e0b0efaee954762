import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "train"), str(ROOT / "bench" / "peers")]
sys.path.append(str(ROOT / "build" / "peers" / "python"))  # where bench/peers/setup.sh has been run
