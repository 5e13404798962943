/* Clients that come, stay, subscribe and go, and one pair that shows what that does to others; one thread, MQTT 3.1.1.
 *
 *   cc -O2 -w -o growth_load growth_load.c
 *   growth_load -p PORT -n CLIENTS [-w WINDOW] [-o START]
 *       so many connect and subscribe to a topic of their own, WINDOW of them at a time; it prints how many seconds that
 *       took, and they stay until the end of the input
 *   growth_load -p PORT -t SECONDS [-r RATE] [-T TOPICS] [-s SUBSCRIBES] [-c CONNECTS]
 *       one publishes RATE messages a second, in turn to so many topics, and one receives them all, while others
 *       subscribe and unsubscribe, or connect and leave, so many times a second; it prints how many messages came, the
 *       median and the 99th percentile of their ways, microseconds, and how often others were answered
 */
#define _GNU_SOURCE
#define NAME "growth_load"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "durable_load.h"

enum { CONNECT = 1, CONNACK, PUBLISH, SUBSCRIBE = 8, SUBACK, UNSUBSCRIBE, UNSUBACK, DISCONNECT = 14 };
enum { RESIDENT, RECEIVER, PUBLISHER, CHURNER, VISITOR };
enum { FIRST_HOST = 0x7f000001, FROM_ONE_HOST = 20000 };

typedef struct {
  int fd, role, number;
  uint8_t in[512];
  size_t size;
} client;

static int port, clients, window = 1, start, topics = 1000, poller;
static double seconds, rate = 2000, subscribes, connects;
static long arrived, answered;
static samples ways;

static void say(client *c, int first, const uint8_t *body, size_t size) {
  static buffer out;
  out.size = 0;
  put_packet(&out, first, body, size);
  if (send(c->fd, out.data, out.size, MSG_NOSIGNAL) != (ssize_t)out.size) fail("a client can't speak");
}

static client *dial(int role, int number) {
  client *c = calloc(1, sizeof *c);
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(FIRST_HOST + number / FROM_ONE_HOST)};
  struct epoll_event e = {EPOLLIN, {.ptr = c}};
  uint8_t body[64] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0};
  char id[32];
  int one = 1;
  c->role = role;
  c->number = number;
  if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) fail("no socket");
  if (number >= FROM_ONE_HOST && bind(c->fd, (void *)&here, sizeof here)) fail("no address");
  if (connect(c->fd, (void *)&there, sizeof there)) fail("nobody listens");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sprintf(id, "growth-%d-%d", role, number);
  say(c, CONNECT << 4, body, 10 + put_string(body + 10, id));
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e)) fail("epoll_ctl");
  return c;
}

static void subscribe(client *c, const char *filter, int yes) {
  uint8_t body[64] = {0, 1};
  size_t n = 2 + put_string(body + 2, filter);
  if (yes) body[n++] = 0;
  say(c, (yes ? SUBSCRIBE : UNSUBSCRIBE) << 4 | 2, body, n);
}

static void welcomed(client *c) {
  char filter[32];
  if (c->role == RESIDENT) sprintf(filter, "growth/%d", c->number);
  else if (c->role == RECEIVER) strcpy(filter, "home/+/state");
  if (c->role == RESIDENT || c->role == RECEIVER) subscribe(c, filter, 1);
  else arrived++;
}

static int on_packet(client *c, int kind, const uint8_t *body, size_t size) { /* whether the client is still there */
  double sent;
  switch (kind) {
    case CONNACK:
      if (body[1]) fail("a client was refused");
      if (c->role != VISITOR) return welcomed(c), 1;
      arrived++;
      say(c, DISCONNECT << 4, NULL, 0);
      close(c->fd);
      free(c);
      return 0;
    case PUBLISH:
      if (c->role != RECEIVER) return 1; /* somebody who churns is sent it too, now and then */
      memcpy(&sent, body + size - sizeof sent, sizeof sent);
      sample(&ways, (now() - sent) * 1e6);
      return 1;
    case SUBACK:
      if (body[size - 1]) fail("a subscription was refused");
      if (c->role != CHURNER) arrived++;
    case UNSUBACK: answered++;
  }
  return 1;
}

static void on_readable(client *c) {
  ssize_t got = recv(c->fd, c->in + c->size, sizeof c->in - c->size, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("a client was let go");
  c->size += got;
  size_t at = 0; /* all packets here are short */
  while (c->size - at >= 2 && c->size - at >= 2 + c->in[at + 1]) {
    size_t end = at + 2 + c->in[at + 1];
    if (!on_packet(c, c->in[at] >> 4, c->in + at + 2, c->in[at + 1])) return;
    at = end;
  }
  memmove(c->in, c->in + at, c->size - at);
  c->size -= at;
}

static void turn(double patience) { /* seconds */
  struct epoll_event events[64];
  struct timespec t = {patience, (patience - (long)patience) * 1e9};
  int n = epoll_pwait2(poller, events, 64, &t, NULL);
  for (int i = 0; i < n; i++) on_readable(events[i].data.ptr);
}

static void await(long number) {
  for (double end = now() + 60; arrived < number;) {
    turn(1);
    if (now() > end) fail("not all clients came in");
  }
}

static void come(void) {
  double began = now();
  for (long i = 0; i < clients; i++) {
    while (i - arrived >= window) turn(1);
    dial(RESIDENT, start + i);
  }
  await(clients);
  printf("%.4f\n", now() - began);
  fflush(stdout);
  while (getchar() != EOF) continue;
}

static void publish(client *c, long number) {
  uint8_t body[64];
  char topic[32];
  double moment = now();
  sprintf(topic, "home/%ld/state", number % topics);
  size_t n = put_string(body, topic);
  memcpy(body + n, &moment, sizeof moment);
  say(c, PUBLISH << 4, body, n + sizeof moment);
}

static void churn(client *c, long number) { /* so that one filter in two is new, and the other goes */
  char filter[32];
  sprintf(filter, number / 2 % 2 ? "home/+/%ld" : "home/%ld/+", number / 2 % topics);
  subscribe(c, filter, number % 2 == 0);
}

static void load(void) {
  client *publisher = dial(PUBLISHER, 0), *churner = dial(CHURNER, 0);
  dial(RECEIVER, 0);
  await(3);
  for (int i = 0; i < topics; i++) { /* each is known before it counts */
    publish(publisher, i);
    while (ways.size <= i) turn(1);
  }
  ways.size = answered = 0;
  long sent = 0, churned = 0, came = arrived = 0;
  double began = now(), passed = 0;
  while (passed < seconds) {
    for (; sent < passed * rate; sent++) publish(publisher, sent);
    for (; churned < passed * subscribes; churned++) churn(churner, churned);
    for (; came < passed * connects; came++) dial(VISITOR, came);
    double due = (sent + 1) / rate;
    if (subscribes && (churned + 1) / subscribes < due) due = (churned + 1) / subscribes;
    if (connects && (came + 1) / connects < due) due = (came + 1) / connects;
    passed = now() - began;
    turn(due > passed ? due - passed : 0);
    passed = now() - began;
  }
  for (double end = now() + 5; ways.size < sent && now() < end;) turn(0.1);
  qsort(ways.values, ways.size, sizeof *ways.values, rank);
  printf("%zu %.1f %.1f %ld\n", ways.size, quantile(&ways, 0.5), quantile(&ways, 0.99), answered + arrived);
}

int main(int count, char **words) {
  struct rlimit files;
  for (int o; (o = getopt(count, words, "p:n:w:o:t:r:T:s:c:")) > 0;) switch (o) {
      case 'p': port = atoi(optarg); break;
      case 'n': clients = atoi(optarg); break;
      case 'w': window = atoi(optarg); break;
      case 'o': start = atoi(optarg); break;
      case 't': seconds = atof(optarg); break;
      case 'r': rate = atof(optarg); break;
      case 'T': topics = atoi(optarg); break;
      case 's': subscribes = atof(optarg); break;
      case 'c': connects = atof(optarg); break;
      default: return 2;
    }
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  poller = epoll_create1(0);
  if (clients) come();
  else load();
  return 0;
}
