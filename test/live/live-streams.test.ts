import { pipeline, type Writable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { LiveStream, LiveStreams, type LiveStreamsOptions, MemoryBudget, type Message, type Refused } from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { audio, metadata, video } from '../support/media.ts'

const HOLD_MS = 5000

function table(options: LiveStreamsOptions = {}) {
  const clock = new TestClock()
  const lives = new LiveStreams({ clock, holdMs: HOLD_MS, ...options })
  const events: string[] = []
  for (const event of ['add', 'remove', 'publish', 'unpublish', 'repair'] as const) {
    lives.on(event, (path: string) => events.push(`${event} ${path}`))
  }
  return { clock, lives, events }
}

const opening = [metadata(), video.header(), audio.header()]
const write = (input: Writable, ...messages: Message[]) => {
  for (const message of messages) input.write(message)
}
const closed = (stream: { once(event: 'close', go: () => void): unknown }) =>
  new Promise<void>(resolve => stream.once('close', resolve))

t.test('a stream is there from its first publisher or reader to its last', async t => {
  const { lives, clock, events } = table()
  const input = await lives.publish('live/film')
  const player = await lives.play('live/film')
  t.equal(lives.size, 1)
  t.equal(lives.find('live/film'), lives.get('live/film'))
  t.same(
    [...lives].map(([path, { isPublished, readers }]) => [path, isPublished, readers]),
    [['live/film', true, 1]]
  )
  player.destroy()
  input.end()
  await closed(input)
  await turnOfTheLoop()
  t.equal(lives.size, 1, 'its publisher may come back')
  clock.pass(HOLD_MS)
  t.equal(lives.size, 1, 'this turn somebody may come')
  await turnOfTheLoop()
  t.equal(lives.size, 0)
  t.equal(lives.find('live/film'), undefined)
  t.same(events, ['add live/film', 'publish live/film', 'unpublish live/film', 'remove live/film'])
})

t.test('one that is got in the very turn in which it becomes idle stays, and is the same', async t => {
  const { lives, clock } = table()
  const input = await lives.publish('live/film')
  input.destroy()
  const live = lives.get('live/film')
  clock.pass(HOLD_MS)
  t.equal(live.isIdle, true)
  t.equal(lives.get('live/film'), live)
  const next = live.input()
  await turnOfTheLoop()
  t.equal(lives.find('live/film'), live)
  const batches: unknown[] = []
  const player = await lives.play('live/film')
  player.on('data', batch => batches.push(batch))
  write(next, ...opening, video.keyframe(0))
  await turnOfTheLoop()
  t.ok(batches.length > 0, 'who plays it gets what is published')
})

t.test('one that is joined after it was removed is back in the table', async t => {
  const { lives, events } = table()
  const live = lives.get('live/film')
  await turnOfTheLoop()
  t.equal(lives.size, 0, 'nobody is on it')
  const reader = live.subscribe()
  t.equal(lives.get('live/film'), live)
  reader.destroy()
  await turnOfTheLoop()
  const other = lives.get('live/film')
  t.not(other, live)
  other.input()
  const refusal = { name: 'Refused', status: 'NetStream.Failed', message: /another one has its path/ }
  t.throws(() => live.input(), refusal)
  t.throws(() => live.player(), refusal)
  t.throws(() => live.subscribe(), refusal)
  t.same(
    events,
    ['add', 'remove', 'add', 'remove', 'add', 'publish'].map(event => `${event} live/film`)
  )
})

t.test('a publisher that takes over; a second one is refused', async t => {
  const { lives, events } = table()
  await lives.publish('live/film')
  await t.rejects(lives.publish('live/film'), { name: 'Refused', status: 'NetStream.Publish.BadName' })
  await lives.publish('live/film', { takeover: true })
  t.same(events, ['add live/film', 'publish live/film', 'publish live/film'])
})

t.test('a discontinuity is told with its path', async t => {
  const { lives, events } = table()
  const input = await lives.publish('live/film')
  write(input, video.header(), video.keyframe(0), video.keyframe(3_600_000))
  t.ok(events.includes('repair live/film'))
})

t.test('what its options are wrong for is told at once', async t => {
  t.throws(() => new LiveStreams({ holdMs: -1 }), RangeError)
  t.throws(() => new LiveStreams({ maxStreams: 0 }), RangeError)
  t.throws(() => new LiveStreams({ maxWaiting: Number.NaN }), RangeError)
})

t.test('names that players ask for do not fill it: 100,000 of them, and a publisher finds room', async t => {
  const { lives } = table()
  const refused: string[] = []
  const first = await lives.play('live/0')
  for (let i = 1; i < 100_000; i++) {
    await lives.play(`live/${i}`).catch(({ status }: Refused) => refused.push(status))
  }
  t.equal(lives.size, 1000)
  t.equal(refused.length, 99_000)
  t.same(new Set(refused), new Set(['NetStream.Play.StreamNotFound']))
  await lives.publish('live/film')
  const player = await lives.play('live/film')
  const another = await lives.play('live/0')
  t.ok(player.readable && another.readable, 'what is there is played, and waited for')
  await t.rejects(lives.play('live/another'), { name: 'Refused' })
  for (const each of [first, another]) each.destroy()
  await turnOfTheLoop()
  await turnOfTheLoop()
  await t.resolves(lives.play('live/another'))
})

t.test('names that nobody joins leave it with the turn: 100,000 of them', async t => {
  const { lives } = table({ maxStreams: 5000 })
  const refused: string[] = []
  for (let i = 0; i < 100_000; i++) {
    try {
      lives.get(`live/${i}`)
    } catch (error) {
      refused.push((error as Refused).status)
    }
  }
  t.equal(lives.size, 5000)
  t.equal(refused.length, 95_000)
  t.same(new Set(refused), new Set(['NetStream.Failed']))
  await t.rejects(lives.publish('live/film'), { name: 'Refused', status: 'NetStream.Publish.Denied' })
  await t.rejects(lives.play('live/film'), { name: 'Refused' })
  await turnOfTheLoop()
  t.equal(lives.size, 0)
  await t.resolves(lives.publish('live/film'))
})

t.test('a player need not wait', async t => {
  const { lives, clock } = table()
  await t.rejects(lives.play('live/film', { missing: 'refuse' }), {
    name: 'Refused',
    status: 'NetStream.Play.StreamNotFound'
  })
  t.equal(lives.size, 0)
  const input = await lives.publish('live/film')
  const player = await lives.play('live/film', { missing: 'refuse' })
  await t.rejects(lives.play('live/film', { maxLagMs: -1 }), RangeError)
  input.destroy()
  await t.resolves(lives.play('live/film', { missing: 'refuse' }), 'while its publisher may come back')
  clock.pass(HOLD_MS)
  t.equal(player.destroyed, false, 'it has to read its end')
  await t.rejects(lives.play('live/film', { missing: 'refuse' }), { name: 'Refused' })
})

t.test('closed, it ends publishers and readers, and takes no more', async t => {
  const { lives, clock } = table()
  const input = await lives.publish('live/film')
  const player = await lives.play('live/film')
  const waiting = await lives.play('live/other')
  write(input, ...opening, video.keyframe(0))
  await turnOfTheLoop()
  let isClosed = false
  const closing = lives.close().then(() => {
    isClosed = true
  })
  t.equal(input.destroyed, true)
  await t.rejects(lives.publish('live/film'), { name: 'Refused', status: 'NetStream.Publish.Denied' })
  await t.rejects(lives.play('live/new'), { name: 'Refused' })
  waiting.resume()
  await turnOfTheLoop()
  t.equal(isClosed, false, 'the player has not read what there was')
  const read: unknown[] = await player.toArray()
  t.equal(read.length, 2)
  await closing
  t.equal(lives.size, 0)
  t.equal(clock.timers, 0, 'no publisher is expected back')
  await lives.close()
})

t.test('one that is empty closes at once, and a budget holds nothing of it', async t => {
  const { clock } = table()
  const budget = new MemoryBudget(1e6, { clock })
  const lives = new LiveStreams({ clock, budget })
  const live = lives.get('live/film')
  pipeline(live.player(), live.input(), () => {})
  await lives.close()
  t.equal(clock.timers, 0)
  await new LiveStreams().close()
})

t.test('its list is of plain numbers', async t => {
  const { lives, clock } = table()
  const input = await lives.publish('live/film')
  await lives.play('live/other')
  clock.pass(10)
  write(input, video.frame(0), ...opening, video.keyframe(0, 100))
  await turnOfTheLoop()
  const list = await lives.list()
  t.same(JSON.parse(JSON.stringify(list)), list)
  t.match(list, [
    { path: 'live/film', publishers: 1, readers: 0, messagesIn: 5, drops: { input: 1 }, uptimeMs: 10 },
    { path: 'live/other', publishers: 0, readers: 1, messagesIn: 0 }
  ])
  t.ok(lives.find('live/film') instanceof LiveStream)
})
