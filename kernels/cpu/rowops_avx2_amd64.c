//go:build cgo

#include "rowops_amd64.h"
#include "simd_avx2.h"
#include "simd_left.h"

#include "rowops_body.h"
#include "rowops_attention.h"
#include "rowops_conv.h"
