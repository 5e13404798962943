/* A closed-loop MQTT 3.1.1 load of groups, on one thread and epoll: in each, one publisher and some subscribers.
 *
 * No group has more than so many messages under way: published, and not yet received by all its subscribers and (at QoS
 * 1 and 2) acknowledged. So no broker is pushed into dropping, and each does the same work.
 *
 *   cc -O2 -w -o shapes_load shapes_load.c
 *   shapes_load -p PORT -k PID [-g groups] [-S subscribers] [-q QoS] [-w window] [-b payload bytes] [-t seconds]
 *               [-u warm-up seconds]
 *   shapes_load -p PORT -i CLIENTS        they connect, say "idle", and stay until the end of the input
 *
 * It prints how many messages were delivered, and the CPU time of that process for each, microseconds.
 */
#define _GNU_SOURCE
#define NAME "shapes_load"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "durable_load.h"

enum { CONNECT = 1, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK };

typedef struct group group;
typedef struct {
  int fd, wants_out;
  group *group;
  buffer in, out;
  size_t written; /* of out */
} connection;
struct group {
  char topic[32];
  connection publisher;
  long published, acknowledged, delivered;
};

static int port, groups_n = 1, subscribers_n = 1, qos, window = 100, bytes = 64, idle, poller;
static double load_seconds = 1, warm_seconds = 0.3;
static pid_t broker;
static group *groups;
static long delivered;

static double cpu_time(void) { /* what /proc/PID/stat says, in nanoseconds rather than ticks */
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(broker, &clock) || clock_gettime(clock, &t)) fail("no such broker");
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* Each step is awaited until the load begins */

static void say(connection *c) {
  if (send(c->fd, c->out.data, c->out.size, MSG_NOSIGNAL) != (ssize_t)c->out.size) fail("a client can't speak");
  c->out.size = 0;
}

static void hear(connection *c, int kind, int code) {
  uint8_t packet[130];
  if (recv(c->fd, packet, 2, MSG_WAITALL) != 2 || packet[0] >> 4 != kind || packet[1] > 127) fail("not the answer awaited");
  if (recv(c->fd, packet + 2, packet[1], MSG_WAITALL) != packet[1]) fail("half an answer");
  if (packet[1 + packet[1]] != code) fail("a client was refused");
}

static void dial(connection *c, group *g) {
  static int number;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  uint8_t body[64] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0};
  char id[32];
  int one = 1;
  c->group = g;
  if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) fail("no socket");
  if (connect(c->fd, (void *)&address, sizeof address)) fail("nobody listens");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sprintf(id, "load-%d-%d", getpid(), number++);
  put_packet(&c->out, CONNECT << 4, body, 10 + put_string(body + 10, id));
  say(c);
  hear(c, CONNACK, 0);
}

static void subscribe(connection *c) {
  uint8_t body[64] = {0, 1};
  size_t n = 2 + put_string(body + 2, c->group->topic);
  body[n++] = qos;
  put_packet(&c->out, SUBSCRIBE << 4 | 2, body, n);
  say(c);
  hear(c, SUBACK, qos);
}

static void watch(connection *c) {
  struct epoll_event e = {EPOLLIN, {.ptr = c}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e)) fail("epoll_ctl");
}

/* Packets out */

static void flush(connection *c) {
  int blocked = 0;
  while (!blocked && c->written < c->out.size) {
    ssize_t n = send(c->fd, c->out.data + c->written, c->out.size - c->written, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) c->written += n;
    else if (errno == EAGAIN) blocked = 1;
    else fail("a client can't speak any more");
  }
  if (!blocked) c->written = c->out.size = 0;
  if (blocked == c->wants_out) return;
  c->wants_out = blocked;
  struct epoll_event e = {EPOLLIN | (blocked ? EPOLLOUT : 0), {.ptr = c}};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void pump(group *g) {
  static uint8_t body[(1 << 20) + 64]; /* so large may a payload be */
  connection *c = &g->publisher;
  while (g->published * subscribers_n - g->delivered < (long)window * subscribers_n &&
         (!qos || g->published - g->acknowledged < window)) {
    size_t n = put_string(body, g->topic);
    if (qos) {
      uint16_t id = g->published % 65535 + 1;
      body[n++] = id >> 8;
      body[n++] = id;
    }
    put_packet(&c->out, PUBLISH << 4 | qos << 1, body, n + bytes);
    g->published++;
  }
  if (c->out.size && !c->wants_out) flush(c);
}

/* Packets in */

static void answer(connection *c, int first, const uint8_t *id) { put_packet(&c->out, first, id, 2); }

static void on_packet(connection *c, int first, const uint8_t *body) {
  group *g = c->group;
  switch (first >> 4) {
    case PUBLISH:
      if (first >> 1 & 3) answer(c, (first >> 1 & 3) == 1 ? PUBACK << 4 : PUBREC << 4, body + 2 + (body[0] << 8 | body[1]));
      g->delivered++;
      delivered++;
      break;
    case PUBREC: answer(c, PUBREL << 4 | 2, body); break;
    case PUBREL: answer(c, PUBCOMP << 4, body); break;
    case PUBACK:
    case PUBCOMP: g->acknowledged++;
  }
}

static void on_readable(connection *c) {
  c->in.data = grown(c->in.data, &c->in.capacity, c->in.size + (1 << 18), 1);
  ssize_t got = recv(c->fd, c->in.data + c->in.size, 1 << 18, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("a client was let go");
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
    on_packet(c, c->in.data[at], c->in.data + body);
    at = body + size;
  }
  memmove(c->in.data, c->in.data + at, c->in.size - at);
  c->in.size -= at;
  if (c->out.size && !c->wants_out) flush(c);
  pump(c->group);
}

static void turn(int milliseconds) {
  struct epoll_event events[512];
  int n = epoll_wait(poller, events, 512, milliseconds);
  for (int i = 0; i < n; i++) {
    connection *c = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) flush(c);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
  }
}

static void arrive(void) {
  if (!(groups = calloc(groups_n, sizeof *groups))) fail("out of memory");
  for (int i = 0; i < groups_n; i++) {
    group *g = &groups[i];
    connection *subscribers = calloc(subscribers_n, sizeof *subscribers);
    sprintf(g->topic, "bench/%d", i);
    for (int k = 0; k < subscribers_n; k++) {
      dial(&subscribers[k], g);
      subscribe(&subscribers[k]);
      watch(&subscribers[k]);
    }
    dial(&g->publisher, g);
    watch(&g->publisher);
  }
}

static void load(void) {
  for (int i = 0; i < groups_n; i++) pump(&groups[i]);
  for (double end = now() + warm_seconds; now() < end;) turn(20);
  double cpu = cpu_time();
  long before = delivered;
  for (double end = now() + load_seconds; now() < end;) turn(20);
  cpu = cpu_time() - cpu;
  if (delivered == before) fail("nothing was delivered");
  printf("%ld %.4f\n", delivered - before, cpu * 1e6 / (delivered - before));
}

int main(int count, char **words) {
  struct rlimit files;
  for (int o; (o = getopt(count, words, "p:k:g:S:q:w:b:t:u:i:")) > 0;) switch (o) {
      case 'p': port = atoi(optarg); break;
      case 'k': broker = atoi(optarg); break;
      case 'g': groups_n = atoi(optarg); break;
      case 'S': subscribers_n = atoi(optarg); break;
      case 'q': qos = atoi(optarg); break;
      case 'w': window = atoi(optarg); break;
      case 'b': bytes = atoi(optarg); break;
      case 't': load_seconds = atof(optarg); break;
      case 'u': warm_seconds = atof(optarg); break;
      case 'i': idle = atoi(optarg); break;
      default: return 2;
    }
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  poller = epoll_create1(0);
  for (int i = 0; i < idle; i++) dial(&(connection){0}, NULL);
  if (idle) {
    puts("idle");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
  }
  arrive();
  load();
  return 0;
}
