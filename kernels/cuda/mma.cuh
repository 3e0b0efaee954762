// Tensor core products in bfloat16 that are as exact as float32 ones. A float32 is the sum of three bfloat16, each cut off, not
// rounded, from what the ones before leave over: 8 + 8 + 8 bits. A bfloat16 or int8 weight is a bfloat16 by itself, so the
// products of the parts with it are exact, and only their sums are rounded, as in float32. Two parts leave an error of 2⁻¹⁶
// of each input, the tolerance of int8 weights, which are no better known than that.

#pragma once

#include "weight.cuh"

// mma: c (16, 8) += w (16, 16) · x (16, 8), spread over the warp: lane 4·g + t has outputs g and g + 8 of w and, of x, row g.
DEVICE void mma(float (&c)[4], const uint32_t (&w)[4], const uint32_t (&x)[2]) {
#ifdef MM_EMU
	emu::mma_bf16(c, w, x);
#else
	asm volatile(
	    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
	    : "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3]), "r"(x[0]), "r"(x[1]));
#endif
}

// cut_pair packs the leading bfloat16 of two floats, the first in the lower half, and leaves in them what is left over.
DEVICE uint32_t cut_pair(float &low, float &high) {
	uint32_t u = __float_as_uint(low), v = __float_as_uint(high);
	low -= __uint_as_float(u & 0xffff0000u);
	high -= __uint_as_float(v & 0xffff0000u);
	return __byte_perm(u, v, 0x7632);
}

// widen turns four int8, packed in w, into bfloat16 pairs. A byte b + 128 under the exponent of 2²³ is the float 2²³ + 128 + b.
DEVICE void widen(uint32_t w, uint32_t &low, uint32_t &high) {
	uint32_t biased = w ^ 0x80808080u;
	float f[4];
#pragma unroll
	for (int i = 0; i < 4; i++) f[i] = __uint_as_float(__byte_perm(biased, 0x4b000000u, 0x7540 + i)) - 8388736.0f;
	low = __byte_perm(__float_as_uint(f[0]), __float_as_uint(f[1]), 0x7632);
	high = __byte_perm(__float_as_uint(f[2]), __float_as_uint(f[3]), 0x7632);
}

// LaneWeights are a lane's weights of a tile: outputs g and g + 8, 16 inputs each, as they were loaded.
template <int TYPE>
struct LaneWeights;

template <>
struct LaneWeights<WEIGHT_I8> {
	static constexpr int PARTS = 2;
	uint4 half[2];

	DEVICE void load(const void *data, int64_t tile) {
		const uint4 *from = static_cast<const uint4 *>(data) + tile * 2 * WARP + lane_id();
		half[0] = __ldg(from);
		half[1] = __ldg(from + WARP);
	}
	// operand is the left operand of multiplication s of four.
	DEVICE void operand(int s, uint32_t (&w)[4]) const {
#pragma unroll
		for (int h = 0; h < 2; h++) widen(s == 0 ? half[h].x : s == 1 ? half[h].y : s == 2 ? half[h].z : half[h].w, w[h], w[h + 2]);
	}
};

template <>
struct LaneWeights<WEIGHT_BF16> {
	static constexpr int PARTS = 3;
	uint2 four[2][4];  // of each output, for each multiplication

	DEVICE void load(const void *data, int64_t tile) {
		int g = lane_id() / 4, t = lane_id() % 4;
		const uint2 *from = static_cast<const uint2 *>(data) + tile * 8 * WARP + t / 2 * 16 + g * 2 + t % 2;
#pragma unroll
		for (int i = 0; i < 8; i++) four[i / 4][i % 4] = __ldg(from + i * WARP);
	}
	DEVICE void operand(int s, uint32_t (&w)[4]) const {
#pragma unroll
		for (int h = 0; h < 2; h++) {
			w[h] = four[h][s].x;
			w[h + 2] = four[h][s].y;
		}
	}
};
