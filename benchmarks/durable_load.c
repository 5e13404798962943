/* A closed-loop MQTT load of pairs, on one thread and epoll: each publisher has a topic and a subscriber of its own.
 *
 * No pair has more than so many messages under way: published, and not yet both acknowledged (at QoS 1) and received
 * (where its subscriber is there). So no broker is pushed into dropping, and each does the same work. Each message bears
 * its number, and whatever is not as it should be is counted: refusals, closed connections, messages that were
 * acknowledged and never came, messages that came twice.
 *
 *   cc -O2 -o durable_load durable_load.c
 *   durable_load -p PORT [-v 4|5] [-g pairs] [-q 0|1] [-w window] [-b payload bytes] [-t seconds] [-u warm-up seconds]
 *                [-f prefix of topics and client ids] [-k pid: whose CPU time to tell] [-d: sessions of subscribers stay]
 *                [-o: subscribers are away until the load is over, then come for what waits for them]
 *                [-K: kill -9 that pid at the end of the load, say "killed", and await its successor on the same port]
 *
 * It says "running" on the other stream when all are connected, and in the end one line of JSON. SIGTERM ends the load early.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>

#include "durable_client.h"

enum { SLOTS = 1024, QUIET = 5 }; /* messages under way of a publisher; seconds */

typedef struct { uint64_t published, acknowledged, received; } counts;
typedef struct { double sent; uint64_t number; } slot;
typedef struct pair {
  connection publisher, subscriber;
  counts so_far;
  bitset was_acknowledged, was_received;
  slot *slots; /* by packet identifier */
} pair;

static int pairs_n = 1, window = 1, bytes = 64, offline, kills;
static double load_seconds = 2, warm_seconds = 0.5;
static pid_t broker;
static pair *pairs;
static volatile sig_atomic_t stopped;
static int publishing, dying; /* the broker is dying: closed connections are expected */
static double progress;       /* when something last came */
static counts total;
static uint64_t refused, unmatched, closed, told_off, duplicates;
static samples ack_times, delivery_times;

static double own_cpu_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_time(void) { /* what /proc/PID/stat says, in nanoseconds rather than ticks */
  clockid_t clock;
  struct timespec t;
  if (!broker || clock_getcpuclockid(broker, &clock) || clock_gettime(clock, &t)) return 0;
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* Packets out */

static void publish(pair *p) {
  static uint8_t body[1 << 16];
  char topic[96];
  uint16_t id = p->so_far.published % 65535 + 1;
  double at = now();
  sprintf(topic, "%s/%d", prefix, p->publisher.index);
  size_t n = put_string(body, topic);
  if (qos) {
    body[n++] = id >> 8;
    body[n++] = id;
    p->slots[id % SLOTS] = (slot){at, p->so_far.published};
  }
  if (version == 5) body[n++] = 0;
  memcpy(body + n, &at, 8);
  memcpy(body + n + 8, &p->so_far.published, 8);
  put_packet(&p->publisher.out, PUBLISH << 4 | qos << 1, body, n + bytes);
  p->so_far.published++;
  total.published++;
}

static int has_room(const pair *p) {
  if (qos && p->so_far.published - p->so_far.acknowledged >= (uint64_t)window) return 0;
  return offline || p->so_far.published - p->so_far.received < (uint64_t)window;
}

static void pump(pair *p) {
  if (!publishing || p->publisher.fd < 0) return;
  while (has_room(p)) publish(p);
  if (p->publisher.out.size && !p->publisher.wants_out) flush(&p->publisher);
}

/* Packets in */

static void on_publish(pair *p, int first, const uint8_t *body) {
  const uint8_t *at = body + 2 + (body[0] << 8 | body[1]);
  if (first >> 1 & 3) {
    put_packet(&p->subscriber.out, PUBACK << 4, at, 2);
    at += 2;
  }
  if (version == 5) at += 1 + at[0]; /* properties; fewer than 128 bytes of them */
  double sent;
  uint64_t number;
  memcpy(&sent, at, 8);
  memcpy(&number, at + 8, 8);
  if (!add(&p->was_received, number)) {
    duplicates++;
    return;
  }
  p->so_far.received++;
  total.received++;
  sample(&delivery_times, now() - sent);
}

static void on_puback(pair *p, const uint8_t *body, size_t size) {
  slot *s = &p->slots[(body[0] << 8 | body[1]) % SLOTS];
  int reason = size > 2 ? body[2] : 0;
  p->so_far.acknowledged++;
  if (reason >= 0x80) {
    refused++;
    return;
  }
  if (reason == 0x10) unmatched++;
  total.acknowledged++;
  add(&p->was_acknowledged, s->number);
  sample(&ack_times, now() - s->sent);
}

static void on_readable(connection *c) {
  pair *p = c->pair;
  c->in.data = grown(c->in.data, &c->in.capacity, c->in.size + (1 << 18), 1);
  ssize_t got = recv(c->fd, c->in.data + c->in.size, 1 << 18, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    if (!dying) closed++;
    hang_up(c);
    return;
  }
  progress = now();
  c->in.size += got;
  size_t at = 0;
  for (;;) {
    size_t body = at + 1, size = 0;
    int shift = 0, whole = 0;
    while (body < c->in.size && !whole) {
      uint8_t b = c->in.data[body++];
      size |= (size_t)(b & 127) << shift;
      shift += 7;
      whole = !(b & 128);
    }
    if (!whole || body + size > c->in.size) break;
    const uint8_t *data = c->in.data + body;
    switch (c->in.data[at] >> 4) {
      case PUBLISH: on_publish(p, c->in.data[at], data); break;
      case PUBACK: on_puback(p, data, size); break;
      case DISCONNECT: told_off++; break;
    }
    at = body + size;
  }
  memmove(c->in.data, c->in.data + at, c->in.size - at);
  c->in.size -= at;
  if (c->out.size && !c->wants_out) flush(c);
  pump(p);
}

static void turn(int milliseconds) {
  struct epoll_event events[512];
  int n = epoll_wait(poller, events, 512, milliseconds);
  for (int i = 0; i < n; i++) {
    connection *c = events[i].data.ptr;
    if (c->fd >= 0 && events[i].events & EPOLLOUT) flush(c);
    if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
  }
}

/* All clients connect, one after the other */

static void arrive(void) {
  for (int i = 0; i < pairs_n; i++) {
    pair *p = &pairs[i];
    p->publisher.index = p->subscriber.index = i;
    p->publisher.pair = p->subscriber.pair = p;
    p->publisher.is_publisher = 1;
    if (qos && !(p->slots = calloc(SLOTS, sizeof(slot)))) fail("out of memory");
    if (dial(&p->subscriber)) fail("nobody listens");
    subscribe(&p->subscriber);
    if (offline) leave(&p->subscriber);
    else watch(&p->subscriber);
    if (dial(&p->publisher)) fail("nobody listens");
    watch(&p->publisher);
  }
}

static void come_back(void) {
  double end = now() + PATIENCE;
  for (int i = 0; i < pairs_n; i++) {
    while (dial(&pairs[i].subscriber)) {
      if (now() > end) fail("nobody listens any more");
      usleep(20000);
    }
    watch(&pairs[i].subscriber);
  }
}

/* The end */

static uint64_t missing(const pair *p) { /* acknowledged and not received; at QoS 0, sent and not received */
  uint64_t n = 0;
  for (uint64_t i = 0; i < p->so_far.published; i++) n += (!qos || has(&p->was_acknowledged, i)) && !has(&p->was_received, i);
  return n;
}

static uint64_t lost(void) {
  uint64_t n = 0;
  for (int i = 0; i < pairs_n; i++) n += missing(&pairs[i]);
  return n;
}

static int all_received(void) { /* cheaper than lost(): exact where everything was acknowledged */
  return total.received >= (qos ? total.acknowledged : total.published) && !lost();
}

static uint64_t unanswered(void) {
  uint64_t n = 0;
  for (int i = 0; i < pairs_n && qos; i++) n += pairs[i].so_far.published - pairs[i].so_far.acknowledged;
  return n;
}

static int still_connected(void) {
  for (int i = 0; i < pairs_n; i++)
    if (pairs[i].publisher.fd >= 0 || pairs[i].subscriber.fd >= 0) return 1;
  return 0;
}

static void settle(void) { /* until everything is answered, or nothing comes any more */
  for (progress = now(); now() < progress + QUIET; turn(10))
    if (!unanswered() && (offline || all_received())) return;
}

static double drain(void) { /* how long it took until everything was there */
  double began = now();
  come_back();
  for (progress = now(); !all_received() && now() < progress + QUIET;) turn(10);
  return progress - began;
}

static void tell(const char *word) { fprintf(stderr, "%s\n", word); }

static void on_term(int number) { stopped = number; }

static void options(int count, char **words) {
  for (int o; (o = getopt(count, words, "p:v:g:q:w:b:t:u:f:k:doK")) > 0;) switch (o) {
      case 'p': port = atoi(optarg); break;
      case 'v': version = atoi(optarg); break;
      case 'g': pairs_n = atoi(optarg); break;
      case 'q': qos = atoi(optarg); break;
      case 'w': window = atoi(optarg); break;
      case 'b': bytes = atoi(optarg); break;
      case 't': load_seconds = atof(optarg); break;
      case 'u': warm_seconds = atof(optarg); break;
      case 'f': prefix = optarg; break;
      case 'k': broker = atoi(optarg); break;
      case 'd': durable = 1; break;
      case 'o': durable = offline = 1; break;
      case 'K': kills = 1; break;
      default: exit(2);
    }
  if (window < 1 || window > 1000 || qos > 1 || bytes < 16 || bytes > 65000 || strlen(prefix) > 40 || (offline && !qos)) {
    errno = 0;
    fail("a window of 1 to 1000, QoS 0 or 1, 16 to 65000 bytes, a prefix of 40 characters, offline only at QoS 1");
  }
}

static counts minus(counts a, counts b) {
  return (counts){a.published - b.published, a.acknowledged - b.acknowledged, a.received - b.received};
}

static void print_times(const char *name, samples *s) {
  qsort(s->values, s->size, sizeof(double), rank);
  printf("\"%s_50\": %.9f, \"%s_99\": %.9f, \"%s_max\": %.9f, ", name, quantile(s, 0.5), name, quantile(s, 0.99), name,
         quantile(s, 1));
}

static void load(void) { /* and the first half of the line of JSON */
  double began = now(), since = 0, cpu = 0, own_cpu = 0;
  counts before = total;
  publishing = 1;
  for (int i = 0; i < pairs_n; i++) pump(&pairs[i]);
  while (!stopped && now() < began + warm_seconds + load_seconds) {
    turn(20);
    if (since || now() < began + warm_seconds) continue;
    since = now();
    cpu = cpu_time(), own_cpu = own_cpu_time();
    before = total;
    ack_times.size = delivery_times.size = 0;
  }
  counts during = minus(total, before);
  double seconds = since ? now() - since : 0;
  cpu = cpu_time() - cpu, own_cpu = own_cpu_time() - own_cpu;
  if (cpu < 0) cpu = 0; /* it ended */
  if (kills && kill(broker, SIGKILL)) fail("the broker can't be killed");
  publishing = 0;
  printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"load_cpu\": %.6f, ", seconds, cpu, own_cpu);
  printf("\"published\": %lu, \"acknowledged\": %lu, \"received\": %lu, ", during.published, during.acknowledged,
         during.received);
  print_times("ack", &ack_times);
  print_times("delivery", &delivery_times);
}

int main(int argc, char **argv) {
  struct rlimit files;
  options(argc, argv);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGTERM, on_term);
  poller = epoll_create1(0);
  if (!(pairs = calloc(pairs_n, sizeof *pairs))) fail("out of memory");
  arrive();
  tell("running");
  load();
  if (kills) {
    for (dying = 1; still_connected();) turn(100); /* what was acknowledged before it died counts */
    dying = 0;
    tell("killed");
  } else {
    settle();
  }
  uint64_t before = total.received;
  double seconds = (offline || kills) ? drain() : 0;
  printf("\"drained\": %lu, \"drain_seconds\": %.6f, ", total.received - before, seconds);
  printf("\"all_acknowledged\": %lu, \"lost\": %lu, \"duplicates\": %lu, ", total.acknowledged,
         lost(), duplicates);
  printf("\"unanswered\": %lu, \"refused\": %lu, ", kills ? 0 : unanswered(), refused);
  printf("\"unmatched\": %lu, \"closed\": %lu, \"told_off\": %lu}\n", unmatched, closed, told_off);
  return 0;
}
