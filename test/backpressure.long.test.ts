import type net from 'node:net'
import { pipeline as pipe, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  connect,
  createServer,
  type Gap,
  isKeyframe,
  isMetadata,
  isSequenceHeader,
  isVideo,
  LiveStream,
  type Message,
  pushLive,
  type Server
} from 'rtmpipe'
import t from 'tap'
import { metadata, video } from './support/media.ts'
import { alive } from './support/memory.ts'

/** What is slow, from end to end: over sockets, for seconds. */
const seconds = 10
const FRAME_MS = 40
const FRAME_BYTES = 20_000
const MIB = 2 ** 20

async function listen(t: { teardown(end: () => unknown): unknown }, server: Server): Promise<string> {
  server.on('sessionError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.listening && new Promise(resolve => server.close(resolve)))
  return `rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live`
}

/** A keyframe every second, 25 frames a second. */
const frame = (i: number): Message =>
  i % 25 === 0 ? video.keyframe(i * FRAME_MS, FRAME_BYTES) : video.frame(i * FRAME_MS, FRAME_BYTES)

/** Publishes in real time, until told to end. */
async function publish(live: LiveStream, isOver: () => boolean): Promise<number> {
  const input = live.input()
  for (const message of [metadata(), video.header()]) input.write(message)
  const begun = performance.now()
  let i = 0
  for (; !isOver(); i++) {
    input.write(frame(i))
    await sleep(Math.max(0, begun + i * FRAME_MS - performance.now()))
  }
  input.end()
  return i
}

/** Takes a message each `ms`, and keeps none. */
const slow = (ms: number, taken: { count: number }) =>
  new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(_message, _encoding, done) {
      taken.count++
      setTimeout(done, ms)
    }
  })

t.test('a player at a tenth of the rate holds a file back', async t => {
  let sent = 0
  const film = function* () {
    for (let i = 0; ; i++) {
      sent += FRAME_BYTES
      yield frame(i)
    }
  }
  const server = createServer(session => {
    session.on('play', play => pipe(Readable.from(film()), play.accept({ recorded: true }), () => {}))
  })
  const session = await connect(await listen(t, server))
  const taken = { count: 0 }
  const before = alive()
  const playing = await session.play('film')
  const ended = pipeline(playing, slow(FRAME_MS * 10, taken)).catch(() => {})
  const ahead = () => sent - taken.count * FRAME_BYTES
  // until what lies between them is full
  let early = -1
  while (ahead() > early) {
    early = ahead()
    await sleep(1000)
  }
  const { count } = taken
  while (taken.count < count + 2 * seconds) await sleep(50)
  t.ok(ahead() < 24 * MIB, `${(ahead() / MIB).toFixed(1)} MiB are on their way, most of them in sockets`)
  t.ok(ahead() - early < MIB, 'and no more come to them')
  t.ok(alive() - before < 24 * MIB, `${((alive() - before) / MIB).toFixed(1)} MiB of memory`)
  playing.destroy()
  await ended
  await session.close()
})

t.test(
  'one of three destinations reads nothing, one refuses and later accepts: the third gets every frame',
  async t => {
    const live = new LiveStream({ holdMs: 50 })
    const got: Record<string, Message[]> = { good: [], late: [] }
    let refuses = true
    let over = false
    const server = createServer(session => {
      session.on('publish', publish => {
        if (publish.name === 'stalled') publish.accept()
        else if (publish.name === 'late' && refuses) publish.reject('NetStream.Publish.BadName', 'not yet')
        else publish.accept().on('data', (message: Message) => got[publish.name]!.push(message))
      })
    })
    const url = await listen(t, server)
    const quick = { retryMs: 100, maxRetryMs: 400, limits: { stallMs: (seconds * 1000) / 2 } }
    const relays = ['good', 'stalled', 'late'].map(name => pushLive(live, `${url}/${name}`, quick))
    const [good, stalled, late] = relays as [(typeof relays)[0], (typeof relays)[0], (typeof relays)[0]]
    const reasons: string[] = []
    stalled.on('retrying', ({ error }) => reasons.push(error?.code ?? ''))
    const before = alive()
    const published = publish(live, () => over)
    await sleep(seconds * 500)
    refuses = false
    await sleep(seconds * 500)
    over = true
    const frames = await published
    await Promise.all(
      [good, late].map(relay => relay.state === 'ended' || new Promise(end => relay.once('ended', end)))
    )
    const grown = alive() - before - [...got.good!, ...got.late!].reduce((sum, { payload }) => sum + payload.length, 0)
    stalled.close()
    for (const session of server.sessions) session.destroy()
    const moments = (messages: Message[]) => messages.filter(each => isVideo(each) && !isSequenceHeader(each))
    t.equal(moments(got.good!).length, frames, 'every frame')
    const [first] = moments(got.late!)
    t.ok(first !== undefined && isKeyframe(first) && isMetadata(got.late![0]!), 'the late one begins at a keyframe')
    t.ok(grown < 24 * MIB, `${(grown / MIB).toFixed(1)} MiB more`)
    t.comment(`stalled: ${reasons.join()}`)
  }
)

t.test('a player at a tenth of the rate of a live stream: whole groups are left out', async t => {
  const live = new LiveStream({ holdMs: 50 })
  const gaps: Gap[] = []
  const server = createServer(session => {
    session.on('play', play => {
      const player = live.player({ maxLagMs: 1000 })
      player.on('gap', (gap: Gap) => gaps.push(gap))
      pipe(player, play.accept(), () => {})
    })
  })
  const session = await connect(await listen(t, server))
  const taken = { count: 0 }
  const playing = await session.play('film')
  const ended = pipeline(playing, slow(100, taken)).catch(() => {})
  let over = false
  const before = alive()
  // 100 frames a second, large enough to fill the sockets
  const flood = (async () => {
    const input = live.input()
    input.write(video.header())
    for (let i = 0; !over; i++) {
      input.write({ ...frame(i), payload: Buffer.concat([frame(i).payload, Buffer.alloc(200_000)]) })
      await sleep(10)
    }
    input.end()
  })()
  await sleep(seconds * 1000)
  while (gaps.length === 0) await sleep(50)
  over = true
  await flood
  t.ok(gaps.length > 0, `${gaps.length} gaps, of ${gaps.map(({ messages }) => messages).join()} messages`)
  t.ok(live.byteLength <= 16 * MIB, `the ring holds ${(live.byteLength / MIB).toFixed(1)} MiB`)
  t.ok(alive() - before < 48 * MIB, `${((alive() - before) / MIB).toFixed(1)} MiB of memory`)
  playing.destroy()
  await ended
  await session.close()
})
