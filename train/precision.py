"""Which numbers products are computed with: bfloat16 where the processor multiplies it, float32 where it would be emulated."""
import torch


def fast(device):
    """torch.bfloat16 on GPUs and on processors with AVX512-BF16 or AMX, else torch.float32."""
    if torch.device(device).type != "cpu" or torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def autocast(device):
    """A context that computes products with fast(device)."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=fast(device) == torch.bfloat16)
