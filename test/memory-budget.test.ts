import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { type BudgetHolder, clientSession, createServer, LiveStream, MemoryBudget, messageWire } from 'rtmpipe'
import t from 'tap'
import { TestClock } from './support/clock.ts'
import { playing as asksToPlay, chunks, publishing, setChunkSizeTo } from './support/hostile.ts'
import { video } from './support/media.ts'

const KIB = 1024
const LOOK_MS = 1000

const settle = async () => {
  for (let i = 0; i < 20; i++) await turnOfTheLoop()
}

t.test('the newest viewers go first, then the newest of all others, and who holds nothing is spared', async t => {
  const clock = new TestClock()
  const budget = new MemoryBudget(100, { clock })
  const ended: string[] = []
  const add = (name: string, heldBytes: number, isViewer: boolean): void => {
    const holder: BudgetHolder = {
      heldBytes,
      isViewer,
      shed(error) {
        ended.push(`${name} ${error.code}`)
        budget.remove(holder)
      }
    }
    budget.add(holder)
  }
  const ring = { heldBytes: 90 }
  budget.add(ring)
  add('an old viewer', 10, true)
  clock.pass(LOOK_MS)
  t.same(ended, [], 'it just fits')
  add('a publisher', 20, false)
  add('a viewer', 15, true)
  add('one that holds nothing', 0, true)
  add('a newer viewer', 10, true)
  add('the newest publisher', 5, false)
  clock.pass(LOOK_MS - 1)
  t.same(ended, [], 'not before it looks')
  clock.pass(1)
  t.same(
    ended.splice(0),
    ['a newer viewer', 'a viewer', 'an old viewer', 'the newest publisher', 'a publisher'].map(
      name => `${name} ERR_RTMP_BUDGET`
    )
  )
  t.equal(budget.heldBytes, 90)
  ring.heldBytes = 200
  clock.pass(10 * LOOK_MS)
  t.same(ended, [], 'what cannot be ended is counted and stays')
  budget.remove(ring)
  t.equal(clock.timers, 1, 'somebody is left')
})

t.test('it looks no more when nobody is left', async t => {
  const clock = new TestClock()
  const budget = new MemoryBudget(100, { clock, lookMs: 50 })
  const holder = { heldBytes: 1000 }
  for (let i = 0; i < 3; i++) {
    budget.add(holder)
    t.equal(clock.timers, 1)
    clock.pass(120)
    budget.remove(holder)
    t.equal(clock.timers, 0)
  }
  const gone: BudgetHolder = { heldBytes: 1000, shed: () => budget.remove(gone) }
  budget.add(gone)
  clock.pass(50)
  t.equal(clock.timers, 0, 'all were ended')
  const live = new LiveStream({ clock, budget, holdMs: 10 })
  const [input, reader] = [live.input(), live.subscribe()]
  t.equal(clock.timers, 1)
  input.destroy()
  reader.destroy()
  await settle()
  clock.pass(10)
  t.equal(clock.timers, 0, 'a stream that is idle is counted no more')
  for (const bytes of [0, -1, Number.NaN]) t.throws(() => new MemoryBudget(bytes), RangeError)
  t.throws(() => new MemoryBudget(1, { lookMs: 0 }), RangeError)
})

/** Two servers of one stream and one budget, over pairs of Duplexes; what ends a session is noted. */
function house(bytes: number) {
  const clock = new TestClock()
  const budget = new MemoryBudget(bytes, { clock })
  const live = new LiveStream({ clock, budget })
  const ended: string[] = []
  const servers = ['one', 'two'].map(name => {
    const server = createServer({ clock, budget }, session => {
      session.on('publish', publish => pipeline(publish.accept(), new LiveStream({ clock, budget }).input(), () => {}))
      session.on('play', play => pipeline(live.player(), play.accept(), () => {}))
    })
    server.on('sessionError', error => ended.push(`${name} ${error.code}`))
    return server
  })
  const enter = (server: number, bytes?: Buffer): Duplex => {
    // the same on every Node
    const [near, far] = duplexPair({ highWaterMark: 16 * KIB }) as [Duplex, Duplex]
    servers[server]!.emit('connection', near)
    if (bytes !== undefined) far.write(bytes)
    return far.on('error', () => {})
  }
  return { clock, budget, live, ended, enter }
}

t.test('two servers of one budget: of players that take nothing the newest is ended, wherever it is', async t => {
  const { clock, budget, live, ended, enter } = house(2300 * KIB)
  const input = live.input()
  const wire = messageWire(enter(0), { role: 'client', clock })
  const session = clientSession({ clock })
  pipeline([wire, session, wire], () => {})
  await session.connect({ app: 'live' })
  const got: number[] = []
  const playing = await session.play('film')
  playing.on('data', message => got.push(message.timestamp))
  for (const server of [0, 1]) enter(server, asksToPlay('film'))
  const sent = Array.from({ length: 40 }, (_, i) => i * 40)
  for (const at of sent) {
    input.write(at === 0 ? video.keyframe(at, 50 * KIB) : video.frame(at, 50 * KIB))
    await settle()
  }
  const held = budget.heldBytes - live.heldBytes
  t.ok(held > 300 * KIB && held < 800 * KIB, `some 4 of the 40 for each: ${Math.round(held / KIB)} KiB`)
  t.ok(live.heldBytes > 2000 * KIB, 'the ring has them all')
  clock.pass(LOOK_MS)
  await settle()
  t.same(ended, ['two ERR_RTMP_BUDGET'], 'one is enough, and the elder may stay')
  t.ok(budget.heldBytes <= 2300 * KIB)
  clock.pass(5 * LOOK_MS)
  enter(1, asksToPlay('film')).resume()
  await settle()
  clock.pass(LOOK_MS)
  await settle()
  t.equal(ended.length, 1, 'nor has one to go that came last and reads')
  t.same(got, sent, 'and who reads has lost nothing')
})

t.test('messages that are never whole', async t => {
  const { clock, budget, ended, enter } = house(1000 * KIB)
  const begun = Buffer.concat([
    publishing('film'),
    setChunkSizeTo(600 * KIB),
    chunks(9, Buffer.alloc(600 * KIB), { id: 6, messageStreamId: 1, length: 800 * KIB, chunkSize: 600 * KIB })
  ])
  for (const server of [1, 0]) enter(server, begun).resume()
  await settle()
  t.ok(budget.heldBytes >= 1200 * KIB, `${budget.heldBytes} bytes`)
  clock.pass(LOOK_MS)
  await settle()
  t.same(ended, ['one ERR_RTMP_BUDGET'], 'the newer one')
  clock.pass(LOOK_MS)
  t.ok(budget.heldBytes <= 1000 * KIB)
})
