// Times OpenBLAS at f32 products: cblas_sgemm, and cblas_sgemv for one row, where that is the faster of the two.
#include "products.h"

#include <cblas.h>

// The wheel scipy-openblas32 puts a prefix in front of every name.
void scipy_cblas_sgemm(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint, blasint, float, const float *,
                       blasint, const float *, blasint, float, float *, blasint);
void scipy_cblas_sgemv(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, blasint, blasint, float, const float *, blasint, const float *, blasint,
                       float, float *, blasint);
char *scipy_openblas_get_config(void);

struct product {
    long m, n, k, copies, next;
    float *x, *w, *dst;
};

static const float *weight(struct product *p) {
    const float *w = p->w + p->next * p->n * p->k;
    p->next = (p->next + 1) % p->copies;
    return w;
}

static void sgemm(void *state) {
    struct product *p = state;
    scipy_cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->m, p->n, p->k, 1, p->x, p->k, weight(p), p->k, 0, p->dst, p->n);
}

static void sgemv(void *state) {
    struct product *p = state;
    scipy_cblas_sgemv(CblasRowMajor, CblasNoTrans, p->n, p->k, 1, weight(p), p->k, p->x, 1, 0, p->dst, 1);
}

static void check(struct product *p) {
    for (long at = 0; at < p->m * p->n; at += p->m * p->n / 3 + 1) {
        double sum = 0;
        for (long i = 0; i < p->k; i++) sum += (double)p->x[at / p->n * p->k + i] * p->w[at % p->n * p->k + i];
        if (!(fabs(p->dst[at] - sum) <= 1e-5 * p->k)) die("wrong element", at);
    }
}

int main(int argc, char **argv) {
    options(argc, argv);
    fprintf(stderr, "%s\n", scipy_openblas_get_config());
    char type[16];
    struct product p = {0};
    while (scanf("%15s %ld %ld %ld %ld", type, &p.m, &p.n, &p.k, &p.copies) == 5) {
        if (strcmp(type, "f32")) continue;
        p.next = 0, p.x = room(4 * p.m * p.k), p.w = room(4 * p.copies * p.n * p.k), p.dst = room(4 * p.m * p.n);
        for (long i = 0; i < p.m * p.k; i++) p.x[i] = value(i);
        for (long i = 0; i < p.copies * p.n * p.k; i++) p.w[i] = value(7 * (i % (p.n * p.k)) + 1);
        sgemm(&p), check(&p);
        print_product("OpenBLAS", "f32", "sgemm", p.m, p.n, p.k, p.copies, seconds(sgemm, &p));
        if (p.m == 1) {
            memset(p.dst, 0, 4 * p.n);
            sgemv(&p), check(&p);
            print_product("OpenBLAS", "f32", "sgemv", p.m, p.n, p.k, p.copies, seconds(sgemv, &p));
        }
        free(p.x), free(p.w), free(p.dst);
    }
    return 0;
}
