// embed: dst[r] = scale · table[ids[r]], a warp for 512 columns of a row.

#pragma once

#include "weight.cuh"

struct EmbedArgs {
	View dst;
	Weight table;
	const int *ids;
	float scale;
	int unused;
};

WORK(embed, EmbedArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	int id = a.ids[r];
	for (int c = team.y * COLS_PER_WARP + lane_id(); c < end; c += WARP) to[c] = a.scale * element(a.table, id, c);
}
