// What the drivers of the peers share: products read from standard input, a line each,
//
//     DTYPE M N K COPIES
//
// of which a driver times those whose type it has, dst (M, N) = x (M, K)·w (N, K)ᵀ, by the rule of bench/kernels/timing.go:
// samples of as many calls as last at least sample_ms, of which the median counts. A JSON object a line is printed.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double sample_ms = 20;
static int samples = 5;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void die(const char *what, long value) {
    fprintf(stderr, "products: %s: %ld\n", what, value);
    exit(1);
}

static void options(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--sample-ms")) sample_ms = atof(argv[i + 1]);
        else if (!strcmp(argv[i], "--samples")) samples = atoi(argv[i + 1]);
        else die("unknown option, the argument number is", i);
    }
    if (argc % 2 == 0 || samples < 1 || samples > 99 || !(sample_ms > 0)) die("samples, want 1 to 99 and a length above 0", samples);
}

static void *room(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) die("no memory, bytes", (long)bytes);
    return p;
}

static double lasts(long calls, void (*work)(void *), void *state) {
    double start = now();
    for (long i = 0; i < calls; i++) work(state);
    return now() - start;
}

static int ascending(const void *a, const void *b) { return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b); }

// seconds of one call of work, after one that warms up.
static double seconds(void (*work)(void *), void *state) {
    double want = sample_ms / 1e3, times[99];
    long calls = 1;
    work(state);
    for (double took = lasts(calls, work, state); took < want; took = lasts(calls, work, state)) {
        double more = 1.1 * calls * want / (took > 1e-9 ? took : 1e-9) + 1;
        calls = more < 10.0 * calls ? (long)more : 10 * calls;
    }
    for (int i = 0; i < samples; i++) times[i] = lasts(calls, work, state);
    qsort(times, samples, sizeof *times, ascending);
    return times[samples / 2] / calls;
}

// A value between -1 and 1 that depends on the seed alone.
static float value(uint32_t seed) {
    seed = (seed ^ 61) ^ (seed >> 16), seed *= 9, seed ^= seed >> 4, seed *= 0x27d4eb2d, seed ^= seed >> 15;
    return (float)(int32_t)seed / 2147483648.0f;
}

static void print_product(const char *library, const char *dtype, const char *form, long m, long n, long k, long copies, double took) {
    printf("{\"library\": \"%s\", \"dtype\": \"%s\", \"form\": \"%s\", \"m\": %ld, \"n\": %ld, \"k\": %ld, \"copies\": %ld, \"seconds\": %.9g}\n",
           library, dtype, form, m, n, k, copies, took);
    fflush(stdout);
}
