// How weights lie in device memory. F32 matrices are row-major. BF16 and I8 ones are cut into tiles of 16 outputs × 64 inputs,
// zeros past the last, for a warp's lanes that hold them as the left operand of mma.sync.m16n8k16: lane 4·g + t has outputs g
// and g + 8, and of each the 16 inputs from 16·t on. That the four multiplications of a tile see its inputs in an order of their
// own does not matter, as the rows' inputs come in the same order; that a lane's inputs are neighbours does: it loads weights
// and rows 16 bytes at a time.
//
// I8 tiles lie in the lanes' order. BF16 ones are core matrices of 8 outputs × 8 inputs, an output's 16 bytes behind those of the
// output before, two for each multiplication of a tile: the first has the four inputs of lanes 0 and 1, the other those of 2 and
// 3. So wgmma takes a tile from shared memory as it is, and what the lanes load, 8 bytes each, still fills whole lines.

#pragma once

#include "common.cuh"

constexpr int TILE_OUT = 16;
constexpr int TILE_IN = 64;
constexpr int LANE_IN = 16;  // of a tile, for each of two outputs

enum WeightType { WEIGHT_F32, WEIGHT_BF16, WEIGHT_I8 };

struct Weight {
	const void *data;
	const float *scales;  // of I8, one an output
	int type, out, in, tiles_in;  // tiles_in: tiles along the inputs

	// tiles_out is the tiles along the outputs of one group.
	DEVICE int tiles_out() const { return (out + TILE_OUT - 1) / TILE_OUT; }
};

// tile_element is the place of element (o, i) of a group in units of elements.
DEVICE int64_t tile_element(const Weight &w, int o, int i) {
	int64_t tile = int64_t(o / TILE_OUT) * w.tiles_in + i / TILE_IN;
	int half = o % TILE_OUT / 8, t = i % TILE_IN / LANE_IN, at = i % LANE_IN;
	if (w.type == WEIGHT_I8) return ((tile * 2 + half) * WARP + o % 8 * 4 + t) * LANE_IN + at;
	int matrix = at / 4 * 2 + t / 2;
	return ((tile * 2 + half) * 8 + matrix) * 64 + o % 8 * 8 + t % 2 * 4 + i % 4;
}

DEVICE float bf16_value(unsigned short bits) { return __uint_as_float(unsigned(bits) << 16); }

// element is weight (o, i) of a weight of one group, its scale included.
DEVICE float element(const Weight &w, int o, int i) {
	switch (w.type) {
	case WEIGHT_BF16: return bf16_value(static_cast<const unsigned short *>(w.data)[tile_element(w, o, i)]);
	case WEIGHT_I8: return float(static_cast<const signed char *>(w.data)[tile_element(w, o, i)]) * w.scales[o];
	}
	return static_cast<const float *>(w.data)[int64_t(o) * w.in + i];
}
