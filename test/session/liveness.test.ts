import t from 'tap'
import { type Due, Liveness } from '../../lib/session/liveness.ts'
import { TestClock } from '../support/clock.ts'

/** A peer that is watched: what it does is written down with its time. */
class Watched {
  readonly clock: TestClock = new TestClock()
  readonly events: string[] = []
  readonly liveness: Liveness
  heardAt = 0
  isHeldBack = false
  owesAcknowledgement = false
  due: Due

  constructor(due: Due, limits: { pingMs?: number; idleMs?: number } = {}) {
    this.due = due
    this.liveness = new Liveness(
      this.clock,
      { pingMs: 30_000, idleMs: Number.POSITIVE_INFINITY, ...limits },
      {
        signs: () => this,
        due: () => this.due,
        ask: () => this.#note('asked'),
        gone: () => this.#note('gone')
      }
    )
  }

  #note(event: string): void {
    this.events.push(`${event} ${this.clock.now()}`)
  }

  /** Goes on by `ms`; what was asked meanwhile, and whether it is gone. */
  pass(ms: number): string[] {
    this.clock.pass(ms)
    return this.events.splice(0)
  }

  hear(): void {
    this.heardAt = this.clock.now()
  }

  answer(): void {
    this.hear()
    this.liveness.answered()
  }
}

t.test('who is there to send media is asked after an interval of silence, and gone after two', async t => {
  const peer = new Watched('media')
  t.same(peer.pass(29_999), [])
  t.same(peer.pass(1), ['asked 30000'])
  t.same(peer.pass(29_999), [])
  t.same(peer.pass(1), ['gone 60000'], 'though it has never answered anything')
  t.equal(peer.clock.timers, 0)
})

t.test('whoever sends is asked nothing, and an answer is as good as media', async t => {
  const peer = new Watched('media')
  for (let i = 0; i < 10; i++) {
    t.same(peer.pass(29_000), [])
    peer.hear()
  }
  for (let i = 0; i < 10; i++) {
    t.match(peer.pass(45_000), [/^asked/])
    peer.answer()
  }
})

t.test('who plays, or does nothing yet, is held to what it has shown', async t => {
  const peer = new Watched('answers')
  t.same(
    peer.pass(120_000),
    ['asked 30000', 'asked 60000', 'asked 90000', 'asked 120000'],
    'it has shown nothing, and stays'
  )
  peer.answer()
  t.same(peer.pass(59_999), ['asked 150000'])
  t.same(peer.pass(1), ['gone 180000'])
})

t.test('who is published to and has answered before is known to be gone after one interval', async t => {
  const peer = new Watched('prompt answers')
  peer.liveness.ask()
  t.same(peer.pass(0), ['asked 0'])
  peer.answer()
  t.same(peer.pass(29_999), ['asked 15000'])
  t.same(peer.pass(1), ['gone 30000'])
  const mute = new Watched('prompt answers')
  t.equal(mute.pass(3_600_000).length, 240, 'asked as often as that, and it stays')
})

t.test('who keeps acknowledging is expected to go on', async t => {
  const peer = new Watched('prompt answers')
  peer.owesAcknowledgement = true
  t.same(peer.pass(30_000), ['asked 15000', 'gone 30000'])
})

t.test('a player that has paused owes nothing', async t => {
  const peer = new Watched('answers')
  peer.answer()
  peer.due = 'nothing'
  t.same(peer.pass(3_600_000), [])
  peer.due = 'answers'
  peer.answer()
  t.same(peer.pass(60_000), ['asked 3630000', 'gone 3660000'])
})

t.test('idleMs ends whoever says nothing, whatever is due', async t => {
  for (const due of ['media', 'answers', 'prompt answers', 'nothing'] as const)
    t.same(new Watched(due, { idleMs: 10_000 }).pass(60_000), ['gone 10000'], due)
  const peer = new Watched('answers', { idleMs: 70_000 })
  t.same(peer.pass(80_000), ['asked 30000', 'asked 60000', 'gone 70000'])
})

t.test('silence is not counted while we do not read', async t => {
  const peer = new Watched('media')
  peer.isHeldBack = true
  t.same(peer.pass(600_000), [])
  peer.isHeldBack = false
  t.same(peer.pass(59_999), ['asked 630000'])
  t.same(peer.pass(1), ['gone 660000'])
})

t.test('silence is not counted while the process sleeps', async t => {
  const peer = new Watched('media')
  peer.pass(1000)
  const { clock } = peer
  const now = clock.now.bind(clock)
  // the timers run an hour late
  clock.now = () => now() + 3_600_000
  t.same(peer.pass(44_000), ['asked 3645000'])
  t.same(peer.pass(30_000), ['gone 3675000'])
})

t.test('times without an end need no timer of their own', async t => {
  const peer = new Watched('answers', { pingMs: Number.POSITIVE_INFINITY })
  t.same(peer.pass(1e9), [])
  peer.liveness.stop()
  t.equal(peer.clock.timers, 0)
})
