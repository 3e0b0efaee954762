// What the lanes of a warp do together, beyond shuffles: each has a meeting for it (emu.h).

#include "run.h"

namespace emu {

unsigned ballot(unsigned mask, bool vote) {
	struct Ballot : Meeting {
		bool vote;
		unsigned result;
	} b;
	b.mask = mask;
	b.vote = vote;
	b.complete = [](Meeting **lanes) {
		unsigned result = 0;
		for (unsigned i = 0; i < warp_size; i++) {
			if (lanes[i] && static_cast<Ballot *>(lanes[i])->vote) result |= 1u << i;
		}
		for (unsigned i = 0; i < warp_size; i++) {
			if (lanes[i]) static_cast<Ballot *>(lanes[i])->result = result;
		}
	};
	meet(&b);
	return b.result;
}

void sync_warp(unsigned mask) {
	Meeting m;
	m.mask = mask;
	m.complete = [](Meeting **) {};
	meet(&m);
}

namespace {

float bf16(uint32_t pair, int half) {
	uint32_t bits = half ? pair & 0xffff0000u : pair << 16;
	float v;
	memcpy(&v, &bits, 4);
	return v;
}

struct Product : Meeting {
	float *c;
	const uint32_t *a, *b;
};

}  // namespace

void mma_bf16(float *c, const uint32_t *a, const uint32_t *b) {
	Product p;
	p.mask = 0xffffffffu;
	p.c = c, p.a = a, p.b = b;
	p.complete = [](Meeting **lanes) {
		typedef double Eight __attribute__((vector_size(64)));
		double left[16][16];
		Eight right[16], sums[16];
		for (int lane = 0; lane < 32; lane++) {
			auto *p = static_cast<Product *>(lanes[lane]);
			int group = lane / 4, pair = lane % 4 * 2;
			for (int half = 0; half < 2; half++) {
				for (int i = 0; i < 4; i++) left[group + i % 2 * 8][pair + half + i / 2 * 8] = bf16(p->a[i], half);
				for (int i = 0; i < 2; i++) right[pair + half + i * 8][group] = bf16(p->b[i], half);
				for (int i = 0; i < 2; i++) sums[group + i * 8][pair + half] = p->c[2 * i + half];
			}
		}
		for (int row = 0; row < 16; row++) {
			Eight sum = sums[row];
			for (int k = 0; k < 16; k++) sum += left[row][k] * right[k];
			sums[row] = sum;
		}
		for (int lane = 0; lane < 32; lane++) {
			auto *p = static_cast<Product *>(lanes[lane]);
			for (int i = 0; i < 4; i++) p->c[i] = float(sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
		}
	};
	meet(&p);
}

}  // namespace emu
