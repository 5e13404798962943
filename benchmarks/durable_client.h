/* One client of durable_load.c: how it connects, subscribes and leaves, each step awaited, and how its bytes get out. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "durable_load.h"

enum { CONNECT = 1, CONNACK, PUBLISH, PUBACK, SUBSCRIBE = 8, SUBACK, DISCONNECT = 14 };
enum { PATIENCE = 60 }; /* seconds */

typedef struct {
  int fd, index, is_publisher, wants_out;
  struct pair *pair;
  buffer in, out;
  size_t written; /* of out */
} connection;

static int port, version = 4, qos, durable, poller;
static const char *prefix = "load";

static void say(connection *c) {
  if (send(c->fd, c->out.data, c->out.size, MSG_NOSIGNAL) != (ssize_t)c->out.size) fail("a client can't speak");
  c->out.size = 0;
}

static const uint8_t *hear(connection *c, int kind) { /* the body of a short packet */
  static uint8_t packet[130];
  errno = 0;
  if (recv(c->fd, packet, 2, MSG_WAITALL) != 2 || packet[0] >> 4 != kind || packet[1] > 127) fail("not the answer awaited");
  if (recv(c->fd, packet + 2, packet[1], MSG_WAITALL) != packet[1]) fail("half an answer");
  return packet + 2;
}

static int dial(connection *c) { /* -1: nobody listens */
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timeval patience = {PATIENCE, 0};
  int one = 1, keeps = durable && !c->is_publisher;
  if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) fail("no socket");
  if (connect(c->fd, (void *)&address, sizeof address)) {
    close(c->fd);
    return c->fd = -1;
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  uint8_t body[160] = {0, 4, 'M', 'Q', 'T', 'T', version, keeps ? 0 : 2, 0, 0};
  size_t n = 10;
  if (version == 5 && keeps) {
    memcpy(body + n, (uint8_t[]){5, 0x11, 0, 0, 0x0e, 0x10}, 6); /* a session expiry of an hour */
    n += 6;
  } else if (version == 5) {
    body[n++] = 0;
  }
  char id[96];
  sprintf(id, "%s-%c%d", prefix, c->is_publisher ? 'p' : 's', c->index);
  n += put_string(body + n, id);
  put_packet(&c->out, CONNECT << 4, body, n);
  say(c);
  if (hear(c, CONNACK)[1]) fail("a client was refused");
  return 0;
}

static void subscribe(connection *c) {
  uint8_t body[160] = {0, 1};
  char topic[96];
  size_t n = 2;
  sprintf(topic, "%s/%d", prefix, c->index);
  if (version == 5) body[n++] = 0;
  n += put_string(body + n, topic);
  body[n++] = qos;
  put_packet(&c->out, SUBSCRIBE << 4 | 2, body, n);
  say(c);
  if (hear(c, SUBACK)[version == 5 ? 3 : 2] != qos) fail("a subscription was refused");
}

static void hang_up(connection *c) {
  close(c->fd);
  c->fd = -1;
  c->in.size = c->out.size = c->written = c->wants_out = 0;
}

static void leave(connection *c) {
  put_packet(&c->out, DISCONNECT << 4, NULL, 0);
  say(c);
  uint8_t byte;
  while (recv(c->fd, &byte, 1, MSG_WAITALL) > 0) continue;
  hang_up(c);
}

static void watch(connection *c) {
  struct epoll_event e = {EPOLLIN, {.ptr = c}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e)) fail("epoll_ctl");
}

static void flush(connection *c) {
  int blocked = 0;
  while (!blocked && c->written < c->out.size) {
    ssize_t n = send(c->fd, c->out.data + c->written, c->out.size - c->written, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) c->written += n;
    else if (errno == EAGAIN) blocked = 1;
    else c->written = c->out.size; /* that it is closed is read, and counted, where it is read */
  }
  if (!blocked) c->written = c->out.size = 0;
  if (blocked == c->wants_out) return;
  c->wants_out = blocked;
  struct epoll_event e = {EPOLLIN | (blocked ? EPOLLOUT : 0), {.ptr = c}};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}
