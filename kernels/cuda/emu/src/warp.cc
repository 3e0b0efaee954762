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

typedef double Eight __attribute__((vector_size(64)));

// multiply adds a (16, 16) · b (16, 8) to the sums (16, 8), each in the order of k. Who calls it rounds them once for each
// instruction: all products have the same bits.
void multiply(Eight *sums, const double (*a)[16], const Eight *b) {
	for (int row = 0; row < 16; row++) {
		Eight sum = sums[row];
		for (int k = 0; k < 16; k++) sum += a[row][k] * b[k];
		sums[row] = sum;
	}
}

// left puts a lane's four registers of the left operand to their places.
void left(double (*to)[16], int lane, const uint32_t *a) {
	for (int i = 0; i < 4; i++) {
		for (int half = 0; half < 2; half++) to[lane / 4 + i % 2 * 8][lane % 4 * 2 + half + i / 2 * 8] = bf16(a[i], half);
	}
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
		double rows[16][16];
		Eight right[16], sums[16];
		for (int lane = 0; lane < 32; lane++) {
			auto *p = static_cast<Product *>(lanes[lane]);
			int group = lane / 4, pair = lane % 4 * 2;
			left(rows, lane, p->a);
			for (int half = 0; half < 2; half++) {
				for (int i = 0; i < 2; i++) right[pair + half + i * 8][group] = bf16(p->b[i], half);
				for (int i = 0; i < 2; i++) sums[group + i * 8][pair + half] = p->c[2 * i + half];
			}
		}
		multiply(sums, rows, right);
		for (int lane = 0; lane < 32; lane++) {
			auto *p = static_cast<Product *>(lanes[lane]);
			for (int i = 0; i < 4; i++) p->c[i] = float(sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
		}
	};
	meet(&p);
}

namespace {

// Matrix is what a descriptor describes: 16 columns of bfloat16, in core matrices of 8 rows × 16 bytes that lie together.
struct Matrix {
	const char *data;
	size_t leading, stride;  // bytes from a core matrix to the next along a row, and to that of the next 8 rows

	bool operator==(const Matrix &m) const { return data == m.data && leading == m.leading && stride == m.stride; }

	// read writes half of a row as 8 numbers, step apart.
	void read(double *to, size_t step, int row, int half) const {
		uint16_t bits[8];
		memcpy(bits, data + size_t(row / 8) * stride + size_t(half) * leading + size_t(row % 8) * 16, sizeof bits);
		for (size_t i = 0; i < 8; i++) to[i * step] = bf16(bits[i], 0);
	}
};

// matrix reads the descriptor of a matrix with so many rows.
Matrix matrix(uint64_t descriptor, int rows) {
	if (descriptor >> 62) fail("descriptor %#llx of a swizzled matrix", (unsigned long long)descriptor);
	if (descriptor >> 49 & 7) fail("descriptor %#llx with a base offset", (unsigned long long)descriptor);
	if (descriptor & ~0x00003fff3fff3fffu) fail("descriptor %#llx with unknown bits", (unsigned long long)descriptor);
	auto field = [&](int at) { return uint32_t(descriptor >> at & 0x3fff) << 4; };
	uint32_t address = field(0);
	Matrix m = {nullptr, field(16), field(32)};
	m.data = at_address(address, size_t(rows / 8 - 1) * m.stride + m.leading + 128);
	if (!m.data) fail("descriptor %#llx of %d rows outside of dynamic shared memory", (unsigned long long)descriptor, rows);
	return m;
}

struct WideProduct : Meeting {
	float *c;
	const uint32_t *a;
	Matrix left, right;
	int n, warp;
	bool add;

	bool agrees(const WideProduct &p) const {
		return n == p.n && add == p.add && !a == !p.a && left == p.left && right == p.right;
	}
};

}  // namespace

void wgmma_bf16(float *c, int n, const uint32_t *a, uint64_t a_descriptor, uint64_t b_descriptor, bool add) {
	if (n < 8 || n > 256 || n % 8) fail("wgmma with %d columns, want a multiple of 8 up to 256", n);
	unsigned thread = (current->index.z * block_shape.y + current->index.y) * block_shape.x + current->index.x;
	unsigned count = block_shape.x * block_shape.y * block_shape.z;
	if (thread / 128 == count / 128) fail("wgmma in fewer than four warps (thread %u of %u)", thread, count);
	WideProduct p;
	p.mask = 0xffffffffu;
	p.c = c, p.a = a, p.n = n, p.add = add, p.warp = int(thread / warp_size % 4);
	p.left = a ? Matrix{} : matrix(a_descriptor, 64);
	p.right = matrix(b_descriptor, n);
	p.complete = [](Meeting **lanes) {
		const auto &first = *static_cast<WideProduct *>(lanes[0]);
		double rows[16][16];
		for (int lane = 0; lane < 32; lane++) {
			const auto &p = *static_cast<WideProduct *>(lanes[lane]);
			if (!first.agrees(p)) return report("lanes 0 and %d make different products together", lane);
			if (p.a) left(rows, lane, p.a);
			else p.left.read(&rows[lane / 2][lane % 2 * 8], 1, p.warp * 16 + lane / 2, lane % 2);
		}
		for (int j = 0; j < first.n / 8; j++) {
			Eight right[16], sums[16] = {};
			for (int i = 0; i < 16; i++) {
				first.right.read(reinterpret_cast<double *>(&right[i / 8 * 8]) + i % 8, 8, 8 * j + i % 8, i / 8);
			}
			for (int lane = 0; lane < 32 && first.add; lane++) {
				const float *c = static_cast<WideProduct *>(lanes[lane])->c + 4 * j;
				for (int i = 0; i < 4; i++) sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2] = c[i];
			}
			multiply(sums, rows, right);
			for (int lane = 0; lane < 32; lane++) {
				float *c = static_cast<WideProduct *>(lanes[lane])->c + 4 * j;
				for (int i = 0; i < 4; i++) c[i] = float(sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
			}
		}
	};
	meet(&p);
}

}  // namespace emu
