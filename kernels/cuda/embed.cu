// embed: dst[r] = scale · table[ids[r]], a warp for 512 columns of a row.

#include "weight.cuh"

struct EmbedArgs {
	View dst;
	Weight table;
	const int *ids;
	float scale;
	int unused;
};

KERNEL(embed, EmbedArgs, 256) {
	int r = element_row(), cols = a.dst.cols, end = end_col(cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	int id = a.ids[r];
	for (int c = int(blockIdx.y) * COLS_PER_WARP + lane_id(); c < end; c += WARP) to[c] = a.scale * element(a.table, id, c);
}
