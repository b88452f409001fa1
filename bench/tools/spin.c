// spin CPU SECONDS : SCHED_IDLE pause-loop so that the vCPU never halts (makes wakeup cost stable in a VM)
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <time.h>
int main(int c, char **v) {
  cpu_set_t s;
  CPU_ZERO(&s);
  CPU_SET(atoi(v[1]), &s);
  sched_setaffinity(0, sizeof s, &s);
  struct sched_param p = {0};
  sched_setscheduler(0, SCHED_IDLE, &p);
  time_t e = time(0) + atoi(v[2]);
  while (time(0) < e)
    for (int i = 0; i < 20000; i++) __builtin_ia32_pause();
  return 0;
}
