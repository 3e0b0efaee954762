// Times oneDNN's matmul with weights in the layout that it likes best: f32, bf16 with f32 results, and u8 times s8 both with
// the bare s32 sums and with f32 results scaled by row and column, which is what a layer needs.
#include "products.h"

#include <oneapi/dnnl/dnnl.h>

#define TRY(call) \
    do { \
        dnnl_status_t status = (call); \
        if (status != dnnl_success) die("line " #call " failed with status", status); \
    } while (0)

static dnnl_engine_t engine;
static dnnl_stream_t stream;

struct form {
    const char *dtype, *name;
    dnnl_data_type_t x, w, dst;
    int scaled;
};

static const struct form forms[] = {
    {"f32", "f32", dnnl_f32, dnnl_f32, dnnl_f32, 0},
    {"bf16", "bf16 to f32", dnnl_bf16, dnnl_bf16, dnnl_f32, 0},
    {"i8", "u8 s8 to s32", dnnl_u8, dnnl_s8, dnnl_s32, 0},
    {"i8", "u8 s8 to f32, scaled", dnnl_u8, dnnl_s8, dnnl_f32, 1},
};

struct product {
    long m, n, k, copies, next;
    dnnl_primitive_t matmul;
    dnnl_memory_t x, *w, dst, x_scale, w_scale;
};

static dnnl_memory_desc_t desc(long rows, long cols, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t d;
    TRY(dnnl_memory_desc_create_with_tag(&d, 2, (dnnl_dims_t){rows, cols}, type, tag));
    return d;
}

static dnnl_memory_t memory(const_dnnl_memory_desc_t d) {
    dnnl_memory_t m;
    TRY(dnnl_memory_create(&m, d, engine, DNNL_MEMORY_ALLOCATE));
    return m;
}

static void *handle(dnnl_memory_t m) {
    void *p;
    TRY(dnnl_memory_get_data_handle(m, &p));
    return p;
}

static uint16_t bf16(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return (uint16_t)(u >> 16);
}

static float from_bf16(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

// Values that every type can hold: whole numbers for those of 8 bits. u8 gets 7 bits: without VNNI instructions oneDNN adds pairs of
// products in 16 bits, which those of 8 bits overflow (its documentation, "Nuances of int8 computations").
static float set(void *data, dnnl_data_type_t type, long i, float v) {
    switch (type) {
    case dnnl_bf16: return from_bf16(((uint16_t *)data)[i] = bf16(v));
    case dnnl_u8: return ((uint8_t *)data)[i] = (uint8_t)(64 + 63 * v);
    case dnnl_s8: return ((int8_t *)data)[i] = (int8_t)(127 * v);
    default: return ((float *)data)[i] = v;
    }
}

static dnnl_memory_t ones(long n) {
    dnnl_memory_desc_t d;
    TRY(dnnl_memory_desc_create_with_tag(&d, 1, (dnnl_dims_t){n}, dnnl_f32, dnnl_a));
    dnnl_memory_t m = memory(d);
    for (long i = 0; i < n; i++) ((float *)handle(m))[i] = 1;
    return m;
}

static void run(void *state) {
    struct product *p = state;
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, p->x}, {DNNL_ARG_WEIGHTS, p->w[p->next]}, {DNNL_ARG_DST, p->dst},
                              {DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, p->x_scale}, {DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, p->w_scale}};
    p->next = (p->next + 1) % p->copies;
    TRY(dnnl_primitive_execute(p->matmul, stream, p->x_scale ? 5 : 3, args));
    TRY(dnnl_stream_wait(stream));
}

// Copies of the weights w (N, K) in the layout of the primitive.
static void pack(struct product *p, dnnl_memory_t w, const_dnnl_memory_desc_t from, const_dnnl_memory_desc_t to) {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t reorder;
    TRY(dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL));
    TRY(dnnl_primitive_create(&reorder, pd));
    p->w = room(p->copies * sizeof *p->w);
    for (long i = 0; i < p->copies; i++) {
        p->w[i] = memory(to);
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, w}, {DNNL_ARG_TO, p->w[i]}};
        TRY(dnnl_primitive_execute(reorder, stream, 2, args));
        TRY(dnnl_stream_wait(stream));
    }
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(pd);
}

static void check(struct product *p, const struct form *f, const float *x, const float *w) {
    const void *dst = handle(p->dst);
    for (long at = 0; at < p->m * p->n; at += p->m * p->n / 3 + 1) {
        double sum = 0, size = 0, got = f->dst == dnnl_s32 ? ((const int32_t *)dst)[at] : ((const float *)dst)[at];
        for (long i = 0; i < p->k; i++) {
            double term = (double)x[at / p->n * p->k + i] * w[at % p->n * p->k + i];
            sum += term, size += fabs(term);
        }
        if (!(fabs(got - sum) <= 1e-5 * size)) die("wrong element", at);
    }
}

static dnnl_primitive_attr_t attributes(struct product *p, const struct form *f) {
    dnnl_primitive_attr_t attr;
    TRY(dnnl_primitive_attr_create(&attr));
    p->x_scale = p->w_scale = NULL;
    if (f->scaled) {
        TRY(dnnl_primitive_attr_set_scales_mask(attr, DNNL_ARG_SRC, 0));
        TRY(dnnl_primitive_attr_set_scales_mask(attr, DNNL_ARG_WEIGHTS, 2));
        p->x_scale = ones(1), p->w_scale = ones(p->n);
    }
    return attr;
}

// Returns 0 where this machine cannot.
static int time_product(struct product *p, const struct form *f) {
    dnnl_memory_desc_t xd = desc(p->m, p->k, f->x, dnnl_ab), wd = desc(p->k, p->n, f->w, dnnl_ba), dd = desc(p->m, p->n, f->dst, dnnl_ab);
    dnnl_memory_desc_t any = desc(p->k, p->n, f->w, dnnl_format_tag_any);
    dnnl_primitive_attr_t attr = attributes(p, f);
    dnnl_primitive_desc_t pd;
    if (dnnl_matmul_primitive_desc_create(&pd, engine, xd, any, NULL, dd, attr) != dnnl_success) return 0;
    TRY(dnnl_primitive_create(&p->matmul, pd));

    p->x = memory(xd), p->dst = memory(dd), p->next = 0;
    dnnl_memory_t plain = memory(wd);
    float *x = room(4 * p->m * p->k), *w = room(4 * p->n * p->k);
    for (long i = 0; i < p->m * p->k; i++) x[i] = set(handle(p->x), f->x, i, value(i));
    for (long i = 0; i < p->n * p->k; i++) w[i] = set(handle(plain), f->w, i, value(7 * i + 1));
    pack(p, plain, wd, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0));
    run(p), check(p, f, x, w);
    const dnnl_version_t *v = dnnl_version();
    char library[32];
    snprintf(library, sizeof library, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    print_product(library, f->dtype, f->name, p->m, p->n, p->k, p->copies, seconds(run, p));

    for (long i = 0; i < p->copies; i++) dnnl_memory_destroy(p->w[i]);
    dnnl_memory_t made[] = {p->x, p->dst, plain, p->x_scale, p->w_scale};
    for (int i = 0; i < 5; i++)
        if (made[i]) dnnl_memory_destroy(made[i]);
    dnnl_primitive_destroy(p->matmul), dnnl_primitive_desc_destroy(pd), dnnl_primitive_attr_destroy(attr);
    dnnl_memory_desc_t descs[] = {xd, wd, dd, any};
    for (int i = 0; i < 4; i++) dnnl_memory_desc_destroy(descs[i]);
    free(x), free(w), free(p->w);
    return 1;
}

int main(int argc, char **argv) {
    options(argc, argv);
    TRY(dnnl_engine_create(&engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    char type[16];
    struct product p = {0};
    while (scanf("%15s %ld %ld %ld %ld", type, &p.m, &p.n, &p.k, &p.copies) == 5)
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
            if (!strcmp(type, forms[i].dtype) && !time_product(&p, &forms[i]))
                fprintf(stderr, "onednn: no %s on this machine\n", forms[i].name);
    return 0;
}
