import t from 'tap'
import { Countdown } from '../lib/clock.ts'
import { TestClock } from './support/clock.ts'

function countdown(isExcused: () => boolean = () => false) {
  const clock = new TestClock()
  const ends: number[] = []
  const made = new Countdown(clock, 100, { expired: () => ends.push(clock.now()), isExcused })
  return { clock, ends, countdown: made }
}

t.test('it is over in time, and once', async t => {
  const { clock, ends, countdown: it } = countdown()
  it.begin()
  clock.pass(99)
  t.same(ends, [])
  clock.pass(500)
  t.same(ends, [100])
})

t.test('it is put off by one timer, however often', async t => {
  const { clock, ends, countdown: it } = countdown()
  for (let at = 0; at < 90; at += 10) {
    it.begin()
    t.equal(clock.timers, 1)
    clock.pass(10)
  }
  clock.pass(89)
  t.same(ends, [], 'the last time was at 80')
  clock.pass(1)
  t.same(ends, [180])
})

t.test('paused it does not count, and leaves no timer once that was due', async t => {
  const { clock, ends, countdown: it } = countdown()
  it.begin()
  clock.pass(50)
  it.pause()
  t.equal(it.isRunning, false)
  clock.pass(50)
  t.equal(clock.timers, 0)
  it.begin()
  clock.pass(99)
  t.same(ends, [])
  clock.pass(1)
  t.same(ends, [200])
})

t.test('time that does not count begins anew; and stopped there is no timer', async t => {
  let isExcused = true
  const { clock, ends, countdown: it } = countdown(() => isExcused)
  it.begin()
  clock.pass(1000)
  isExcused = false
  t.same(ends, [])
  clock.pass(100)
  t.same(ends, [1100])
  it.begin()
  it.stop()
  t.equal(clock.timers, 0)
})
