/* What durable_load.c and shapes_load.c stand on: time, bytes, sets of numbers, samples, and the outside of a packet. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef NAME
#define NAME "durable_load"
#endif

typedef struct { uint8_t *data; size_t size, capacity; } buffer;
typedef struct { uint8_t *bits; uint64_t size; } bitset;
typedef struct { double *values; size_t size, capacity; } samples;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, NAME ": %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

static void *grown(void *old, size_t *capacity, size_t needed, size_t item) {
  if (needed <= *capacity) return old;
  size_t wanted = *capacity ? *capacity : 4096;
  while (wanted < needed) wanted *= 2;
  if (!(old = realloc(old, wanted * item))) fail("out of memory");
  *capacity = wanted;
  return old;
}

static void put(buffer *b, const void *data, size_t size) {
  b->data = grown(b->data, &b->capacity, b->size + size, 1);
  memcpy(b->data + b->size, data, size);
  b->size += size;
}

static void sample(samples *s, double value) {
  s->values = grown(s->values, &s->capacity, s->size + 1, sizeof value);
  s->values[s->size++] = value;
}

static int rank(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double quantile(const samples *s, double q) { return s->size ? s->values[(size_t)((s->size - 1) * q)] : 0; }

static int has(const bitset *s, uint64_t n) { return n / 8 < s->size && s->bits[n / 8] >> n % 8 & 1; }

static int add(bitset *s, uint64_t n) { /* whether it is new */
  if (has(s, n)) return 0;
  if (n / 8 >= s->size) {
    uint64_t wanted = (n / 8 + 1) * 2;
    if (!(s->bits = realloc(s->bits, wanted))) fail("out of memory");
    memset(s->bits + s->size, 0, wanted - s->size);
    s->size = wanted;
  }
  s->bits[n / 8] |= 1 << n % 8;
  return 1;
}

static void put_packet(buffer *b, int first, const uint8_t *body, size_t size) {
  uint8_t head[5];
  size_t n = 0, left = size;
  head[n++] = first;
  do {
    head[n] = left & 127;
    left >>= 7;
    if (left) head[n] |= 128;
    n++;
  } while (left);
  put(b, head, n);
  put(b, body, size);
}

static size_t put_string(uint8_t *at, const char *s) {
  size_t n = strlen(s);
  at[0] = n >> 8;
  at[1] = n;
  memcpy(at + 2, s, n);
  return n + 2;
}
