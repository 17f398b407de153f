// The load of `twobyte bench`, natively: load PORT PATH CONNECTIONS RATE SIZE WARM-UP MILLISECONDS prints JSON.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 5e9
/* As in src/cli/load.ts: who sleeps for less wakes up late, and would tell of the system. */
#define TIMER_GRAIN 3e6

struct connection { int socket; long answered, unread; double sent_at; };

static double start;

/* Nanoseconds since answers count. */
static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec - start;
}

static int compare(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return (difference > 0) - (difference < 0);
}

static void check(int is_well, const char *what) {
  if (is_well) return;
  perror(what);
  exit(1);
}

static int open_connection(int port, const char *path) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int client = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  check(connect(client, (struct sockaddr *)&address, sizeof address) == 0, "connect");
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  dprintf(client, "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path);
  char head[4096];
  long length = 0;
  for (long count; length < 4 || memcmp(head + length - 4, "\r\n\r\n", 4) != 0; length += count) {
    check((count = read(client, head + length, sizeof head - length)) > 0, "handshake");
  }
  check(memcmp(head, "HTTP/1.1 101 ", 13) == 0, "not 101");
  return client;
}

int main(int count, char **values) {
  check(count == 8, "arguments");
  long connections = atol(values[3]), rate = atol(values[4]), size = atol(values[5]);
  double warm_up = atof(values[6]) * 1e6, duration = atof(values[7]) * 1e6;
  check(size <= 125, "size");
  /* RFC 6455, section 5.2: FIN and text, masked, and a masking key of zeros, which changes nothing. */
  unsigned char frame[131] = { 0x81, 0x80 | size };
  memset(frame + 6, 'x', size);
  long frame_bytes = 6 + size, reply_bytes = 2 + size;
  struct connection *all = calloc(connections, sizeof *all);
  int poll = epoll_create1(0);
  for (long index = 0; index < connections; index++) {
    all[index].socket = open_connection(atoi(values[1]), values[2]);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &all[index] };
    epoll_ctl(poll, EPOLL_CTL_ADD, all[index].socket, &event);
  }
  start = now() + warm_up;
  long first = rate * warm_up / 1e9, total = first + rate * duration / 1e9;
  long sent = 0, received = 0, answered = 0, in_time = 0, room = 1 << 20;
  double *latencies = malloc(room * sizeof *latencies), time;
  for (; rate == 0 && sent < connections; sent++) {
    all[sent].sent_at = now();
    check(write(all[sent].socket, frame, frame_bytes) == frame_bytes, "write");
  }
  while ((time = now()) < duration + PATIENCE && (time < duration || received < sent)) {
    for (; sent < total && (sent - first) * 1e9 / rate <= time; sent++) {
      check(write(all[sent % connections].socket, frame, frame_bytes) == frame_bytes, "write");
    }
    double next = sent < total ? (sent - first) * 1e9 / rate : time < duration ? duration : duration + PATIENCE;
    double left = next - now();
    struct epoll_event events[64];
    int ready = epoll_wait(poll, events, 64, left > TIMER_GRAIN ? (left - TIMER_GRAIN) / 1e6 + 1 : 0);
    for (int index = 0; index < ready; index++) {
      struct connection *own = events[index].data.ptr;
      char bytes[65536];
      long length = read(own->socket, bytes, sizeof bytes);
      check(length > 0, "read");
      time = now();
      for (own->unread += length; own->unread >= reply_bytes; own->unread -= reply_bytes) {
        long number = own->answered++ * connections + (own - all);
        double due = rate == 0 ? own->sent_at : (number - first) * 1e9 / rate;
        received++;
        if (due >= 0) {
          if (answered == room) latencies = realloc(latencies, (room *= 2) * sizeof *latencies);
          latencies[answered++] = (time - due) / 1e6;
          if (time <= duration) in_time++;
        }
        if (rate != 0 || time >= duration) continue;
        own->sent_at = now();
        check(write(own->socket, frame, frame_bytes) == frame_bytes, "write");
        sent++;
      }
    }
  }
  qsort(latencies, answered, sizeof *latencies, compare);
  printf("{\"answered\": %ld, \"perSecond\": %f, \"latency\": {", answered, in_time * 1e9 / duration);
  const char *names[] = { "p50", "p90", "p99", "p99.9" };
  const double parts[] = { 0.5, 0.9, 0.99, 0.999 };
  for (int index = 0; index < 4; index++) {
    printf("%s\"%s\": %f", index ? ", " : "", names[index], latencies[(long)(parts[index] * (answered - 1))]);
  }
  printf("}}\n");
}
