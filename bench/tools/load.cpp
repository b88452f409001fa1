// rload: light single-threaded epoll RTMP load tool (players / publishers / idle / raw sink).
// build: g++ -O2 -o rload rload.cpp
#include <algorithm>
#include <arpa/inet.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <vector>
using namespace std;
typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;
static u64 now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static string optS(int c, char **v, const char *k, const char *d) {
  for (int i = 2; i < c - 1; i++)
    if (!strcmp(v[i], k)) return v[i + 1];
  return d;
}
static double optD(int c, char **v, const char *k, double d) {
  for (int i = 2; i < c - 1; i++)
    if (!strcmp(v[i], k)) return atof(v[i + 1]);
  return d;
}
static bool optF(int c, char **v, const char *k) {
  for (int i = 2; i < c; i++)
    if (!strcmp(v[i], k)) return true;
  return false;
}

enum Mode { PLAY, PUB, IDLE, SINK };
static Mode mode;
static string host, app, stream, path;
static int port, N, nstreams, batch, probes;
static double warm, dur, stopAfter;
static u32 outChunk;
static bool copyread = false, rawpub = false, unpaced = false, tagging = false, discard = false;
static double speed = 1;

// ---------- AMF0 / chunk building
static void pnum(string &s, double d) {
  u64 x;
  memcpy(&x, &d, 8);
  s.push_back(0);
  for (int i = 7; i >= 0; i--) s.push_back((x >> (8 * i)) & 255);
}
static void praw(string &s, const string &t) {
  s.push_back(t.size() >> 8);
  s.push_back(t.size() & 255);
  s += t;
}
static void pstr(string &s, const string &t) {
  s.push_back(2);
  praw(s, t);
}
static void pnull(string &s) { s.push_back(5); }
static void b24(string &s, u32 v) {
  s.push_back(v >> 16);
  s.push_back(v >> 8);
  s.push_back(v);
}
static void b32(string &s, u32 v) {
  s.push_back(v >> 24);
  b24(s, v & 0xffffff);
}
static void chunk(string &o, int fmt, int csid, u32 ts, int type, u32 msid, const char *p, size_t n, u32 cs) {
  o.push_back((fmt << 6) | csid);
  b24(o, ts);
  b24(o, n);
  o.push_back(type);
  if (fmt == 0) {
    o.push_back(msid);
    o.push_back(msid >> 8);
    o.push_back(msid >> 16);
    o.push_back(msid >> 24);
  }
  size_t i = 0;
  for (;;) {
    size_t k = min<size_t>(cs, n - i);
    o.append(p + i, k);
    i += k;
    if (i >= n) break;
    o.push_back(0xC0 | csid);
  }
}
static void chunk(string &o, int fmt, int csid, u32 ts, int type, u32 msid, const string &p, u32 cs) {
  chunk(o, fmt, csid, ts, type, msid, p.data(), p.size(), cs);
}

// ---------- media
struct Tag {
  size_t off;
  double t;
  long sei;
};
static vector<Tag> tags;
static string body;
static string seqMeta, seqV, seqA;
static double loopMs;
static double bytesPerSec;
static const u8 UUID[16] = {0x9a, 0x21, 0xf3, 0xbe, 0x31, 0xf0, 0x4b, 0x78,
                            0xb0, 0xbe, 0xc7, 0xf7, 0xdb, 0xb9, 0x72, 0x64};
static void loadFlv(const string &path) {
  FILE *f = fopen(path.c_str(), "rb");
  if (!f) {
    perror(path.c_str());
    exit(1);
  }
  string d;
  char b[65536];
  size_t n;
  while ((n = fread(b, 1, sizeof b, f)) > 0) d.append(b, n);
  fclose(f);
  struct T {
    int type;
    u32 ts;
    string p;
  };
  vector<T> v;
  size_t p = 9 + 4;
  while (p + 11 <= d.size()) {
    int ty = (u8)d[p];
    u32 len = ((u8)d[p + 1] << 16) | ((u8)d[p + 2] << 8) | (u8)d[p + 3];
    u32 ts = ((u8)d[p + 4] << 16) | ((u8)d[p + 5] << 8) | (u8)d[p + 6] | ((u8)d[p + 7] << 24);
    if (p + 11 + len > d.size()) break;
    T t{ty, ts, d.substr(p + 11, len)};
    p += 11 + len + 4;
    if (ty == 18) {
      string s;
      pstr(s, "@setDataFrame");
      s += t.p;
      seqMeta = s;
      continue;
    }
    if (ty == 9 && len > 1 && (t.p[0] & 15) == 7 && t.p[1] == 0) {
      seqV = t.p;
      continue;
    }
    if (ty == 9 && len > 1 && (t.p[0] & 15) == 7 && t.p[1] == 2) continue;
    if (ty == 8 && len > 1 && ((u8)t.p[0] >> 4) == 10 && t.p[1] == 0) {
      seqA = t.p;
      continue;
    }
    v.push_back(t);
  }
  u32 first = v[0].ts, last = 0;
  for (auto &t : v) {
    first = min(first, t.ts);
    last = max(last, t.ts);
  }
  loopMs = last - first + 33;
  long pv = -1, pa = -1;
  u32 lv = 0, la = 0, fv = 0, fa = 0;
  for (auto &t : v) {
    if (t.type == 9) {
      if (pv < 0) {
        pv = 0;
        fv = t.ts;
      }
      lv = t.ts;
    } else {
      if (pa < 0) {
        pa = 0;
        fa = t.ts;
      }
      la = t.ts;
    }
  }
  bool fV = true, fA = true;
  u32 prevV = 0, prevA = 0;
  for (auto &t : v) {
    u32 delta;
    if (t.type == 9) {
      delta = fV ? (u32)(loopMs - (lv - fv)) : t.ts - prevV;
      fV = false;
      prevV = t.ts;
    } else {
      delta = fA ? (u32)(loopMs - (la - fa)) : t.ts - prevA;
      fA = false;
      prevA = t.ts;
    }
    Tag g;
    g.off = body.size();
    g.t = t.ts - first;
    g.sei = -1;
    string pl = t.p;
    if (t.type == 9) {
      string sei;
      b32(sei, 2 + 1 + 16 + 16 + 1);
      sei.push_back(6);
      sei.push_back(5);
      sei.push_back(32);
      sei.append((char *)UUID, 16);
      sei.append(16, '0');
      sei.push_back((char)0x80);
      if (tagging) {
        pl.insert(5, sei);
        size_t inpl = 5 + 4 + 3 + 16;
        g.sei = inpl;
      }
    }
    int csid = t.type == 9 ? 6 : 4;
    size_t before = body.size();
    chunk(body, 1, csid, delta, t.type, 1, pl, outChunk);
    if (g.sei >= 0) { // 8 byte fmt1 header; tag lies in the first chunk when outChunk>=44
      g.sei = before + 8 + g.sei;
    }
    tags.push_back(g);
  }
  bytesPerSec = body.size() / (loopMs / 1000.0);
}

// ---------- connection
struct CS {
  int id;
  u32 ts = 0, len = 0, msid = 0;
  u8 type = 0;
  bool ext = false;
  u32 got = 0;
  u8 pre[64];
  string bodybuf;
};
enum St { CONNECTING, HS, WAITCONN, WAITCREATE, WAITSTART, RUN, DEAD };
struct Conn {
  int fd = -1, idx = 0;
  St st = DEAD;
  string out;
  size_t outpos = 0;
  u32 hsgot = 0;
  u32 inChunk = 128;
  u8 hb[20];
  int hlen = 0;
  bool inPayload = false;
  CS *cur = 0;
  u32 chunkLeft = 0;
  vector<CS *> cs;
  u32 msid = 1;
  u64 bytes = 0, win0 = 0;
  u64 ackWin = 0, ackSent = 0;
  u64 v = 0, a = 0, v0 = 0, a0 = 0;
  bool raw = false;
  // publisher
  size_t pos = 0, idxTag = 0;
  u64 loop = 0;
  u64 t0 = 0;
  u64 sent = 0, sent0 = 0;
  u64 stalls = 0;
  double maxLagMs = 0;
  string pre;
  size_t prepos = 0;
  bool wantOut = false;
};
static vector<Conn *> conns;
static int ep;
static u64 nconn = 0, nrun = 0, ndead = 0;
static bool inWin = false;
static vector<float> lats;
static u64 startedCount = 0;
static int inflight = 0;
static string firstErr;
static void mod(Conn *c, bool w) {
  if (c->wantOut == w) return;
  c->wantOut = w;
  epoll_event e;
  e.events = EPOLLIN | (w ? EPOLLOUT : 0);
  e.data.ptr = c;
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static void die(Conn *c, const char *why) {
  if (c->st == DEAD) return;
  if (c->st != RUN) inflight--;
  else nrun--;
  if (firstErr.empty()) firstErr = string(why) + " state " + to_string(c->st) + " errno " + strerror(errno);
  c->st = DEAD;
  ndead++;
  close(c->fd);
  c->fd = -1;
}
static void flush(Conn *c) {
  while (c->outpos < c->out.size()) {
    ssize_t n = send(c->fd, c->out.data() + c->outpos, c->out.size() - c->outpos, MSG_NOSIGNAL);
    if (n > 0) {
      c->outpos += n;
    } else if (n < 0 && (errno == EAGAIN)) {
      mod(c, true);
      return;
    } else {
      die(c, "send");
      return;
    }
  }
  c->out.clear();
  c->outpos = 0;
  if (!(c->st == RUN && mode == PUB && unpaced)) mod(c, false);
}
static string sname(Conn *c) {
  char b[256];
  int k = nstreams > 0 ? c->idx % nstreams : c->idx;
  if (stream.find('%') != string::npos) snprintf(b, sizeof b, stream.c_str(), k);
  else snprintf(b, sizeof b, "%s", stream.c_str());
  return b;
}
static void becomeRun(Conn *c) {
  c->st = RUN;
  inflight--;
  nrun++;
  c->t0 = now_ns();
}
static void sendConnect(Conn *c) {
  string s;
  string o;
  string cz;
  b32(cz, outChunk);
  if (mode == PUB) chunk(o, 0, 2, 0, 1, 0, cz, 128);
  pstr(s, "connect");
  pnum(s, 1);
  s.push_back(3);
  praw(s, "app");
  pstr(s, app);
  praw(s, "type");
  pstr(s, "nonprivate");
  praw(s, "flashVer");
  pstr(s, "FMLE/3.0 (compatible; rload)");
  praw(s, "tcUrl");
  pstr(s, "rtmp://" + host + ":" + to_string(port) + "/" + app);
  if (mode != PUB) {
    praw(s, "fpad");
    s.push_back(1);
    s.push_back(0);
    praw(s, "audioCodecs");
    pnum(s, 4071);
    praw(s, "videoCodecs");
    pnum(s, 252);
  }
  s.push_back(0);
  s.push_back(0);
  s.push_back(9);
  chunk(o, 0, 3, 0, 20, 0, s, mode == PUB ? outChunk : 128);
  c->out += o;
  c->st = WAITCONN;
  flush(c);
}
static void onCmd(Conn *c, const string &b) {
  if (b.size() < 3 || b[0] != 2) return;
  size_t l = ((u8)b[1] << 8) | (u8)b[2];
  if (3 + l > b.size()) return;
  string name = b.substr(3, l);
  double txn = 0;
  if (3 + l + 9 <= b.size() && b[3 + l] == 0) {
    u64 x = 0;
    for (int i = 0; i < 8; i++) x = (x << 8) | (u8)b[3 + l + 1 + i];
    memcpy(&txn, &x, 8);
  }
  u32 cs = mode == PUB ? outChunk : 128;
  if (name == "_error") {
    die(c, "_error");
    return;
  }
  if (name == "_result" && c->st == WAITCONN && txn == 1) {
    string o, s;
    if (mode == PUB) {
      pstr(s, "releaseStream");
      pnum(s, 2);
      pnull(s);
      pstr(s, sname(c));
      chunk(o, 0, 3, 0, 20, 0, s, cs);
      s.clear();
      pstr(s, "FCPublish");
      pnum(s, 3);
      pnull(s);
      pstr(s, sname(c));
      chunk(o, 0, 3, 0, 20, 0, s, cs);
      s.clear();
    } else {
      string w;
      b32(w, 2500000);
      chunk(o, 0, 2, 0, 5, 0, w, 128);
    }
    pstr(s, "createStream");
    pnum(s, 4);
    pnull(s);
    chunk(o, 0, 3, 0, 20, 0, s, cs);
    c->out += o;
    c->st = WAITCREATE;
    flush(c);
  } else if (name == "_result" && c->st == WAITCREATE && txn == 4) {
    u64 x = 0;
    for (int i = 0; i < 8; i++) x = (x << 8) | (u8)b[b.size() - 8 + i];
    double d;
    memcpy(&d, &x, 8);
    c->msid = (u32)d;
    string o, s;
    if (mode == IDLE) {
      becomeRun(c);
      return;
    }
    if (mode == PUB) {
      pstr(s, "publish");
      pnum(s, 5);
      pnull(s);
      pstr(s, sname(c));
      pstr(s, "live");
      chunk(o, 0, 4, 0, 20, c->msid, s, cs);
      c->st = WAITSTART;
    } else {
      pstr(s, "play");
      pnum(s, 5);
      pnull(s);
      pstr(s, sname(c));
      pnum(s, -2000);
      chunk(o, 0, 8, 0, 20, c->msid, s, cs);
      string u;
      u.push_back(0);
      u.push_back(3);
      b32(u, c->msid);
      b32(u, 3000);
      chunk(o, 0, 2, 0, 4, 0, u, 128);
      becomeRun(c);
    }
    c->out += o;
    flush(c);
  } else if (name == "onStatus") {
    if (b.find("error") != string::npos && b.find("Failed") != string::npos) {
      die(c, "onStatus error");
      return;
    }
    if (mode == PUB && c->st == WAITSTART) {
      string o;
      if (seqMeta.size()) chunk(o, 0, 4, 0, 18, c->msid, seqMeta, cs);
      if (seqV.size()) chunk(o, 0, 6, 0, 9, c->msid, seqV, cs);
      if (seqA.size()) chunk(o, 0, 4, 0, 8, c->msid, seqA, cs);
      c->out += o;
      becomeRun(c);
      if (!unpaced) { c->t0 = now_ns() + (u64)(N > 1 ? (u64)c->idx * 2000000000ull / N : 0); }
      flush(c);
      if (unpaced && c->st == RUN) mod(c, true);
    }
  }
}
static void onMsg(Conn *c, CS *s, u64 t) {
  switch (s->type) {
  case 9:
    c->v++;
    if (inWin && s->got > 60 && !memcmp(s->pre + 12, UUID, 16)) {
      u64 x = 0;
      for (int i = 0; i < 16; i++) {
        int h = s->pre[28 + i];
        x = (x << 4) | (h <= '9' ? h - '0' : h - 'a' + 10);
      }
      if (x && t > x) lats.push_back((t - x) / 1e6f);
    }
    break;
  case 8:
    c->a++;
    break;
  case 1:
    if (s->bodybuf.size() >= 4)
      c->inChunk = ((u8)s->bodybuf[0] << 24) | ((u8)s->bodybuf[1] << 16) | ((u8)s->bodybuf[2] << 8) | (u8)s->bodybuf[3];
    break;
  case 5:
    if (s->bodybuf.size() >= 4)
      c->ackWin = ((u8)s->bodybuf[0] << 24) | ((u8)s->bodybuf[1] << 16) | ((u8)s->bodybuf[2] << 8) | (u8)s->bodybuf[3];
    break;
  case 4:
    if (s->bodybuf.size() >= 6 && s->bodybuf[1] == 6) {
      string u;
      u.push_back(0);
      u.push_back(7);
      u += s->bodybuf.substr(2, 4);
      chunk(c->out, 0, 2, 0, 4, 0, u, 128);
      flush(c);
    }
    break;
  case 20:
    onCmd(c, s->bodybuf);
    break;
  case 17:
    if (s->bodybuf.size() > 1) onCmd(c, s->bodybuf.substr(1));
    break;
  }
  s->bodybuf.clear();
  s->got = 0;
}
static void parse(Conn *c, const u8 *p, size_t n, u64 t) {
  size_t i = 0;
  while (i < n && c->st != DEAD) {
    if (!c->inPayload) { // header
      c->hb[c->hlen++] = p[i++];
      int b0 = c->hb[0];
      int fmt = b0 >> 6;
      int bl = (b0 & 63) == 0 ? 2 : (b0 & 63) == 1 ? 3 : 1;
      if (c->hlen < bl) continue;
      static const int ML[4] = {11, 7, 3, 0};
      int need = bl + ML[fmt];
      if (c->hlen < need) {
        size_t k = min<size_t>(need - c->hlen, n - i);
        memcpy(c->hb + c->hlen, p + i, k);
        c->hlen += k;
        i += k;
        if (c->hlen < need) continue;
      }
      int id = bl == 1 ? b0 & 63 : bl == 2 ? 64 + c->hb[1] : 64 + c->hb[1] + 256 * c->hb[2];
      CS *s = 0;
      for (CS *q : c->cs)
        if (q->id == id) {
          s = q;
          break;
        }
      if (!s) {
        s = new CS;
        s->id = id;
        c->cs.push_back(s);
      }
      u8 *m = c->hb + bl;
      bool ext;
      u32 ts = 0;
      if (fmt < 3) {
        ts = (m[0] << 16) | (m[1] << 8) | m[2];
        ext = ts == 0xffffff;
      } else ext = s->ext;
      int tot = need + (ext ? 4 : 0);
      if (c->hlen < tot) {
        size_t k = min<size_t>(tot - c->hlen, n - i);
        memcpy(c->hb + c->hlen, p + i, k);
        c->hlen += k;
        i += k;
        if (c->hlen < tot) {
          if (i < n) abort();
          continue;
        }
      }
      if (fmt < 3) s->ext = ext;
      if (fmt <= 1) {
        s->len = (m[3] << 16) | (m[4] << 8) | m[5];
        s->type = m[6];
      }
      c->cur = s;
      c->hlen = 0;
      c->inPayload = true;
      c->chunkLeft = min(c->inChunk, s->len - s->got);
      if (s->len == 0) {
        onMsg(c, s, t);
        c->inPayload = false;
      }
    } else {
      CS *s = c->cur;
      size_t k = min<size_t>(c->chunkLeft, n - i);
      if (s->type == 8 || s->type == 9) {
        if (s->got < 64) memcpy(s->pre + s->got, p + i, min<size_t>(64 - s->got, k));
      } else if (s->bodybuf.size() < 8192) s->bodybuf.append((const char *)p + i, k);
      s->got += k;
      c->chunkLeft -= k;
      i += k;
      if (c->chunkLeft == 0) {
        c->inPayload = false;
        if (s->got >= s->len) onMsg(c, s, t);
      }
    }
  }
}
static void startOne(int idx) {
  Conn *c = conns[idx];
  c->idx = idx;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    perror("socket");
    exit(1);
  }
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in sa{};
  sa.sin_family = AF_INET;
  sa.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &sa.sin_addr);
  c->fd = fd;
  c->st = CONNECTING;
  inflight++;
  epoll_event e;
  e.events = EPOLLIN | EPOLLOUT;
  e.data.ptr = c;
  c->wantOut = true;
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
  int r = connect(fd, (sockaddr *)&sa, sizeof sa);
  if (r < 0 && errno != EINPROGRESS) die(c, "connect");
}
static void onConnected(Conn *c) {
  nconn++;
  if (mode == SINK) {
    becomeRun(c);
    mod(c, false);
    if (path.size()) {
      c->out = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
      flush(c);
    }
    return;
  }
  if (mode == PUB && rawpub) {
    becomeRun(c);
    mod(c, unpaced);
    c->t0 = now_ns() + (u64)(N > 1 ? (u64)c->idx * 2000000000ull / N : 0);
    return;
  }
  c->st = HS;
  c->out.push_back(3);
  c->out.append(8, 0);
  for (int i = 0; i < 1528; i++) c->out.push_back((char)(i * 7 + c->idx));
  flush(c);
}
static u8 rb[1 << 18];
static void onRead(Conn *c) {
  if (c->st == RUN && ((mode == SINK && !copyread) || (discard && c->idx >= probes))) {
    ssize_t n = recv(c->fd, 0, 1 << 22, MSG_TRUNC);
    if (n == 0) {
      die(c, "eof");
      return;
    }
    if (n < 0) {
      if (errno != EAGAIN) die(c, "recv");
      return;
    }
    c->bytes += n;
    if (mode != SINK && c->bytes - c->ackSent >= 2500000) {
      c->ackSent = c->bytes;
      string u;
      b32(u, (u32)c->bytes);
      chunk(c->out, 0, 2, 0, 3, 0, u, 128);
      flush(c);
    }
    return;
  }
  ssize_t n = recv(c->fd, rb, sizeof rb, 0);
  if (n == 0) {
    die(c, "eof");
    return;
  }
  if (n < 0) {
    if (errno != EAGAIN) die(c, "recv");
    return;
  }
  u64 t = now_ns();
  c->bytes += n;
  size_t i = 0;
  if (mode == SINK) return;
  if (c->st == HS) { // S0 S1 S2 = 3073
    static thread_local vector<string> dummy;
    size_t k = min<size_t>(3073 - c->hsgot, n);
    c->hsgot += k;
    i = k;
    c->pre.append((char *)rb, k);
    if (c->hsgot >= 3073) {
      c->out += c->pre.substr(1, 1536);
      c->pre.clear();
      c->pre.shrink_to_fit();
      sendConnect(c);
    } else return;
  }
  parse(c, rb + i, n - i, t);
  if (c->st != DEAD && mode == PLAY && c->bytes - c->ackSent >= 2500000) {
    c->ackSent = c->bytes;
    string u;
    b32(u, (u32)c->bytes);
    chunk(c->out, 0, 2, 0, 3, 0, u, 128);
    flush(c);
  }
}
static void pubTick(Conn *c, u64 t) { // paced
  if (c->outpos < c->out.size()) {
    flush(c);
    if (c->st != RUN || c->out.size()) return;
  }
  double el = t > c->t0 ? (t - c->t0) / 1e6 * speed : -1;
  if (el < 0) return;
  for (int guard = 0; guard < 200; guard++) {
    double base = c->loop * loopMs;
    while (c->idxTag < tags.size() && base + tags[c->idxTag].t <= el) {
      Tag &g = tags[c->idxTag];
      if (tagging && g.sei >= 0 && N == 1) {
        char h[17];
        snprintf(h, 17, "%016llx", (unsigned long long)now_ns());
        memcpy(&body[g.sei], h, 16);
      }
      double lag = el - (base + g.t);
      if (lag > c->maxLagMs) c->maxLagMs = lag;
      c->idxTag++;
    }
    size_t end = c->idxTag < tags.size() ? tags[c->idxTag].off : body.size();
    while (c->pos < end) {
      ssize_t n = send(c->fd, body.data() + c->pos, end - c->pos, MSG_NOSIGNAL);
      if (n > 0) {
        c->pos += n;
        c->sent += n;
      } else {
        if (n < 0 && errno == EAGAIN) {
          c->stalls++;
          return;
        }
        die(c, "pubsend");
        return;
      }
    }
    if (c->idxTag >= tags.size()) {
      c->loop++;
      c->idxTag = 0;
      c->pos = 0;
    } else break;
  }
}
static void pubBlast(Conn *c) {
  if (c->outpos < c->out.size()) {
    flush(c);
    if (c->st != RUN || c->out.size()) return;
  }
  for (int k = 0; k < 8; k++) {
    size_t n = min<size_t>(262144, body.size() - c->pos);
    ssize_t r = send(c->fd, body.data() + c->pos, n, MSG_NOSIGNAL);
    if (r <= 0) {
      if (r < 0 && errno == EAGAIN) return;
      die(c, "blast");
      return;
    }
    c->pos += r;
    c->sent += r;
    if (c->pos >= body.size()) {
      c->pos = 0;
      c->loop++;
    }
  }
  mod(c, true);
}
static volatile bool stop = false;
static void onsig(int) { stop = true; }
int main(int ac, char **av) {
  setvbuf(stdout, 0, _IOLBF, 0);
  if (ac < 2) {
    fprintf(stderr, "rload play|pub|idle|sink --host H --port P --app A --stream S[%%d] [--streams K] --n N --warm s "
                    "--dur s [--flv f --chunk n --unpaced --speed x --tag] [--discard --probes k] [--get PATH] [--batch b]\n");
    return 1;
  }
  string m = av[1];
  mode = m == "pub" ? PUB : m == "idle" ? IDLE : m == "sink" ? SINK : PLAY;
  host = optS(ac, av, "--host", "127.0.0.1");
  port = optD(ac, av, "--port", 29350);
  app = optS(ac, av, "--app", "live");
  stream = optS(ac, av, "--stream", "s%d");
  path = optS(ac, av, "--get", "");
  N = optD(ac, av, "--n", 1);
  nstreams = optD(ac, av, "--streams", 0);
  warm = optD(ac, av, "--warm", 3);
  dur = optD(ac, av, "--dur", 10);
  outChunk = optD(ac, av, "--chunk", 4096);
  unpaced = optF(ac, av, "--unpaced");
  tagging = optF(ac, av, "--tag");
  discard = optF(ac, av, "--discard");
  copyread = optF(ac, av, "--copy");
  rawpub = optF(ac, av, "--raw");
  probes = optD(ac, av, "--probes", 0);
  speed = optD(ac, av, "--speed", 1);
  batch = optD(ac, av, "--batch", 64);
  double tmo = optD(ac, av, "--timeout", 60);
  double hold = optD(ac, av, "--hold", 0);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, onsig);
  signal(SIGINT, onsig);
  rlimit rl;
  getrlimit(RLIMIT_NOFILE, &rl);
  rl.rlim_cur = rl.rlim_max = max<rlim_t>(rl.rlim_max, 65536);
  setrlimit(RLIMIT_NOFILE, &rl);
  if (mode == PUB) loadFlv(optS(ac, av, "--flv", "media/m2500.flv"));
  ep = epoll_create1(0);
  for (int i = 0; i < N; i++) conns.push_back(new Conn);
  int next = 0;
  u64 tStart = now_ns(), tAll = 0, tB = 0, tE = 0;
  rusage r0{}, r1{};
  vector<epoll_event> ev(4096);
  u64 w0 = 0;
  while (!stop) {
    while (next < N && inflight < batch) startOne(next++);
    int to = mode == PUB && !unpaced ? 1 : 20;
    int k = epoll_wait(ep, ev.data(), ev.size(), to);
    u64 t = 0;
    for (int i = 0; i < k; i++) {
      Conn *c = (Conn *)ev[i].data.ptr;
      if (c->st == DEAD) continue;
      if (c->st == CONNECTING) {
        int er = 0;
        socklen_t l = sizeof er;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &er, &l);
        if (er) {
          errno = er;
          die(c, "connect");
          continue;
        }
        if (ev[i].events & EPOLLOUT) onConnected(c);
        continue;
      }
      if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) onRead(c);
      if (c->st == DEAD) continue;
      if (ev[i].events & EPOLLOUT) {
        if (mode == PUB && unpaced && c->st == RUN) pubBlast(c);
        else flush(c);
      }
    }
    t = now_ns();
    if (mode == PUB && !unpaced)
      for (Conn *c : conns)
        if (c->st == RUN) pubTick(c, t);
    if (!tAll && next >= N && inflight <= 0) {
      tAll = t;
      printf("ALL run=%llu dead=%llu setup_s=%.2f err=%s\n", (unsigned long long)nrun, (unsigned long long)ndead,
             (t - tStart) / 1e9, firstErr.c_str());
    }
    if (tAll && !tB && (t - tAll) / 1e9 >= warm) {
      tB = t;
      inWin = true;
      getrusage(RUSAGE_SELF, &r0);
      for (Conn *c : conns) {
        c->win0 = c->bytes;
        c->v0 = c->v;
        c->a0 = c->a;
        c->sent0 = c->sent;
        c->maxLagMs = 0;
        c->stalls = 0;
      }
      printf("BEGIN\n");
    }
    if (tB && !tE && (t - tB) / 1e9 >= dur) {
      tE = t;
      inWin = false;
      getrusage(RUSAGE_SELF, &r1);
      printf("END\n");
      double W = (tE - tB) / 1e9;
      vector<double> per;
      u64 tot = 0, v = 0, a = 0, sent = 0, st = 0;
      double lag = 0;
      for (Conn *c : conns) {
        u64 b = c->bytes - c->win0;
        tot += b;
        per.push_back(mode == PUB ? (double)(c->sent - c->sent0) : (double)b);
        v += c->v - c->v0;
        a += c->a - c->a0;
        sent += c->sent - c->sent0;
        st += c->stalls;
        lag = max(lag, c->maxLagMs);
      }
      sort(per.begin(), per.end());
      sort(lats.begin(), lats.end());
      auto q = [&](double f) {
        return lats.empty() ? -1.0 : (double)lats[min(lats.size() - 1, (size_t)(f * lats.size()))];
      };
      double cpu = (r1.ru_utime.tv_sec - r0.ru_utime.tv_sec) + (r1.ru_stime.tv_sec - r0.ru_stime.tv_sec) +
                   ((r1.ru_utime.tv_usec - r0.ru_utime.tv_usec) + (r1.ru_stime.tv_usec - r0.ru_stime.tv_usec)) / 1e6;
      printf("{\"mode\":\"%s\",\"n\":%d,\"run\":%llu,\"dead\":%llu,\"win_s\":%.3f,\"rx_bytes\":%llu,\"tx_bytes\":%llu,"
             "\"per_min\":%.0f,\"per_p50\":%.0f,\"per_max\":%.0f,\"v\":%llu,\"a\":%llu,\"lat_n\":%zu,\"lat_p50\":%.3f,"
             "\"lat_p90\":%.3f,\"lat_p99\":%.3f,\"lat_max\":%.3f,\"tool_cpu_s\":%.3f,\"stalls\":%llu,\"max_lag_ms\":%."
             "1f,\"media_Bps\":%.0f,\"err\":\"%s\"}\n",
             m.c_str(), N, (unsigned long long)nrun, (unsigned long long)ndead, W, (unsigned long long)tot,
             (unsigned long long)sent, per[0], per[per.size() / 2], per.back(), (unsigned long long)v,
             (unsigned long long)a, lats.size(), q(.5), q(.9), q(.99), lats.empty() ? -1 : lats.back(), cpu,
             (unsigned long long)st, lag, bytesPerSec, firstErr.c_str());
    }
    if (tE && (t - tE) / 1e9 >= hold) break;
    if (!tAll && (t - tStart) / 1e9 > tmo) {
      {
        int h[8] = {0};
        u64 by = 0;
        for (Conn *c : conns) {
          h[c->st]++;
          if (c->st > CONNECTING && c->st < RUN) by += c->bytes;
        }
        fprintf(
            stderr,
            "states CONNECTING %d HS %d WAITCONN %d WAITCREATE %d WAITSTART %d RUN %d DEAD %d stuck_rx_bytes %llu\n",
            h[0], h[1], h[2], h[3], h[4], h[5], h[6], (unsigned long long)by);
      }
      printf("TIMEOUT run=%llu dead=%llu inflight=%d err=%s\n", (unsigned long long)nrun, (unsigned long long)ndead,
             inflight, firstErr.c_str());
      return 2;
    }
  }
  return 0;
}
