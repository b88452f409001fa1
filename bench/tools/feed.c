// feed PORT MODE(frame|msg) : connects and sends a 2.5 Mbps byte stream. frame: 10500 B each 33.33 ms. msg: 10000 B
// video each 33.33ms + 279 B audio each 23.2ms
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static double now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
int main(int c, char **v) {
  signal(SIGPIPE, SIG_IGN);
  int port = atoi(v[1]);
  int msg = !strcmp(v[2], "msg");
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {0};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
  if (connect(fd, (void *)&a, sizeof a)) {
    perror("connect");
    return 1;
  }
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  static char b[65536];
  memset(b, 7, sizeof b);
  double t0 = now();
  long nv = 0, na = 0;
  for (;;) {
    double tv = t0 + nv / 30.0, ta = msg ? t0 + na * 1024 / 44100.0 : 1e18;
    double t = tv < ta ? tv : ta;
    double d = t - now();
    if (d > 0) usleep(d * 1e6);
    int n;
    if (tv <= ta) {
      nv++;
      n = msg ? 10000 : 10500;
    } else {
      na++;
      n = 279;
    }
    if (send(fd, b, n, 0) < 0) return 0;
  }
}
