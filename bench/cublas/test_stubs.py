import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_calls_reach_the_library_that_is_there(tmp_path):
    """cuInit reaches a libcuda.so.1; what that one lacks, and cuBLAS, which is missing, say 999."""
    headers, libraries = tmp_path / "include", tmp_path / "lib"
    headers.mkdir()
    (headers / "cuda.h").write_text("int cuInit(unsigned flags);\n#define cuNewer cuNewer_v2\nint cuNewer(void);\n")
    (headers / "cublas_v2.h").write_text("int cublasCreate_v2(void **handle);\n")
    subprocess.run([sys.executable, HERE / "stubs.py", "--include", headers, "--out", libraries], check=True)
    (tmp_path / "real.c").write_text("int cuInit(unsigned flags) { return 40 + flags; }\n")
    (tmp_path / "main.c").write_text('#include <cuda.h>\n#include <cublas_v2.h>\n#include <stdio.h>\n'
                                     'int main(void) { printf("%d %d %d\\n", cuInit(2), cuNewer(), cublasCreate_v2(0)); }\n')
    subprocess.run(["gcc", "-shared", "-o", tmp_path / "libcuda.so.1", tmp_path / "real.c"], check=True)
    subprocess.run(["gcc", f"-I{headers}", "-o", tmp_path / "main", tmp_path / "main.c", f"-L{libraries}", "-lcuda", "-lcublas",
                    "-ldl"], check=True)
    said = subprocess.run([tmp_path / "main"], env={"LD_LIBRARY_PATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert said.stdout == "42 999 999\n"
