/* Pairs of MQTT 3.1.1 clients over TLS 1.3, in a closed loop on one thread.
 *
 * In each pair one client publishes at QoS 0 to a topic of its own and the other receives. Never more than W messages
 * of a pair are under way, so no broker is ever pushed into dropping, and every broker does the same work.
 *
 *   cc -O2 -o tls_load tls_load.c -lssl -lcrypto
 *   tls_load PORT PID PAIRS WINDOW BYTES SECONDS
 *
 * Prints: messages delivered a second, and microseconds of the process PID's processor time for each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM 1.0 /* seconds that do not count */

enum { ROOM = 1 << 18 };

struct client {
  int fd;
  SSL *tls;
  struct pair *pair;
  size_t kept, unsent; /* bytes of a packet that is not whole; bytes that TLS did not take yet */
  uint8_t in[ROOM], out[ROOM];
};

struct pair {
  struct client *from, *to;
  long sent, got;
  uint8_t packet[1024];
  size_t length;
};

static long delivered;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* Processor time of a process so far, seconds. */
static double used(int pid) {
  char path[64], text[1024];
  unsigned long user, kernel;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  text[n] = 0;
  char *rest = strrchr(text, ')'); /* a name may hold anything, and ends here */
  if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2) fail(path);
  fclose(file);
  return (user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void read_whole(SSL *tls, uint8_t *to, int n) {
  for (int have = 0, got; have < n; have += got)
    if ((got = SSL_read(tls, to + have, n - have)) <= 0) fail("a broker closed the connection");
}

static struct client *dial(SSL_CTX *context, int port, const char *name) {
  struct client *c = calloc(1, sizeof *c);
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1;
  if (!c) fail("calloc");
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&where, sizeof where)) fail("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  c->tls = SSL_new(context);
  SSL_set_fd(c->tls, c->fd);
  if (SSL_connect(c->tls) != 1) fail("the TLS handshake");
  uint8_t hello[64] = {0x10, 12 + strlen(name), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, strlen(name)}, answer[4];
  memcpy(hello + 14, name, strlen(name));
  SSL_write(c->tls, hello, 14 + strlen(name));
  read_whole(c->tls, answer, 4);
  if (answer[0] != 0x20 || answer[3]) fail("a broker refused");
  return c;
}

static void subscribe(struct client *c, const char *topic) {
  uint8_t packet[64] = {0x82, 5 + strlen(topic), 0, 1, 0, strlen(topic)}, answer[5];
  memcpy(packet + 6, topic, strlen(topic)); /* followed by QoS 0 */
  SSL_write(c->tls, packet, 7 + strlen(topic));
  read_whole(c->tls, answer, 5);
}

static void watch(int epoll, struct client *c) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) fail("epoll_ctl");
}

static void push(struct client *c) {
  while (c->unsent) {
    int n = SSL_write(c->tls, c->out, c->unsent);
    if (n <= 0) {
      if (SSL_get_error(c->tls, n) == SSL_ERROR_WANT_WRITE) return;
      fail("SSL_write");
    }
    memmove(c->out, c->out + n, c->unsent -= n);
  }
}

static void fill(struct pair *p, long window) {
  struct client *c = p->from;
  if (c->unsent) return; /* what TLS was offered once must be offered again unchanged */
  for (; p->sent - p->got < window; p->sent++) {
    memcpy(c->out + c->unsent, p->packet, p->length);
    c->unsent += p->length;
  }
  push(c);
}

static void hear(struct client *c, long window) {
  struct pair *p = c->pair;
  for (;;) {
    int n = SSL_read(c->tls, c->in + c->kept, ROOM - c->kept);
    if (n <= 0) {
      if (SSL_get_error(c->tls, n) == SSL_ERROR_WANT_READ) break;
      fail("SSL_read");
    }
    c->kept += n;
    size_t whole = c->kept / p->length; /* what comes is what was sent, byte for byte */
    if (whole && memcmp(c->in, p->packet, p->length)) fail("a packet that nobody sent");
    p->got += whole;
    delivered += whole;
    memmove(c->in, c->in + whole * p->length, c->kept -= whole * p->length);
  }
  fill(p, window);
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  int port = atoi(argv[1]), pid = atoi(argv[2]), pairs = atoi(argv[3]), window = atoi(argv[4]), bytes = atoi(argv[5]);
  double seconds = atof(argv[6]);
  SSL_CTX *context = SSL_CTX_new(TLS_client_method()); /* that nobody checks the certificate costs no broker anything */
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  int epoll = epoll_create1(0);
  if (bytes > 100 || (long)window * 128 > ROOM) return 2;
  struct pair *all = calloc(pairs, sizeof *all);
  for (int i = 0; i < pairs; i++) {
    struct pair *p = &all[i];
    char name[16], topic[16];
    size_t n = snprintf(topic, sizeof topic, "pair/%d", i);
    snprintf(name, sizeof name, "to%d", i);
    p->to = dial(context, port, name);
    subscribe(p->to, topic);
    snprintf(name, sizeof name, "from%d", i);
    p->from = dial(context, port, name);
    p->packet[0] = 0x30, p->packet[1] = 2 + n + bytes, p->packet[3] = n;
    memcpy(p->packet + 4, topic, n);
    memset(p->packet + 4 + n, 'x', bytes);
    p->length = 4 + n + bytes;
    p->from->pair = p->to->pair = p;
    watch(epoll, p->to), watch(epoll, p->from);
  }
  double begun = now(), since = 0, before = 0;
  long counted = 0;
  for (int i = 0; i < pairs; i++) fill(&all[i], window);
  for (;;) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, 64, 100);
    for (int i = 0; i < n; i++) {
      struct client *c = events[i].data.ptr;
      push(c);
      hear(c, window);
    }
    double t = now();
    if (!since && t > begun + WARM) since = t, before = used(pid), counted = delivered;
    if (since && t > since + seconds) {
      double spent = used(pid) - before;
      printf("%.0f %.3f %s\n", (delivered - counted) / (t - since), spent * 1e6 / (delivered - counted),
             SSL_get_cipher(all[0].to->tls));
      return 0;
    }
  }
}
