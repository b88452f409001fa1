/**
 * What lies below fails at every step there is: at the first read, the second, the first write ... of a session that publishes and
 * of one that plays, on the server's side and on the client's; by an error, an end, a close without a word, or by standing still.
 * Whatever it is, everything closes once, errs once at most, leaves no timer, and what was recorded can be played.
 */
import { Duplex, duplexPair, finished, pipeline, Writable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { clientSession, FlvReader, flvEncoder, LiveStream, messageWire, serverSession } from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { video } from '../support/media.ts'

const faults = ['error', 'end', 'close', 'stall'] as const
type Fault = (typeof faults)[number]

/** Passes bytes both ways, until its step has come. */
class Faulty extends Duplex {
  readonly #lower: Duplex
  readonly #at: number
  readonly #fault: Fault
  #isStill = false
  steps = 0

  constructor(lower: Duplex, at: number, fault: Fault) {
    super({ allowHalfOpen: true })
    this.#lower = lower
    this.#at = at
    this.#fault = fault
    lower.on('data', bytes => {
      if (this.#goesOn()) this.push(bytes)
    })
    lower.on('end', () => {
      if (this.#goesOn()) this.push(null)
    })
    lower.on('error', () => this.destroy())
    lower.on('close', () => {
      if (!this.#isStill) this.destroy()
    })
  }

  #goesOn(): boolean {
    if (this.#isStill || this.destroyed) return false
    if (++this.steps !== this.#at) return true
    if (this.#fault === 'error') this.destroy(Object.assign(new Error('it broke'), { code: 'EIO' }))
    else if (this.#fault === 'close') this.destroy()
    else this.#isStill = true
    if (this.#fault === 'end') this.push(null)
    return false
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#goesOn()) this.#lower.write(bytes, done)
    else if (this.#fault === 'end') done()
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#goesOn()) this.#lower.end(done)
    else if (this.#fault === 'end') done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#lower.destroy()
    done(error)
  }
}

/** Counts what a stream says of its end. */
function watched<Stream extends NodeJS.EventEmitter>(
  stream: Stream,
  name: string,
  ends: Map<string, [errors: number, closes: number]>
): Stream {
  const counts: [number, number] = [0, 0]
  ends.set(name, counts)
  stream.on('error', () => counts[0]++)
  stream.on('close', () => counts[1]++)
  return stream
}

/** A recording in memory. */
class Tape extends Writable {
  readonly #pieces: Buffer[] = []

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#pieces.push(bytes)
    done()
  }

  /** What does not belong to a whole file. */
  get wrong(): string | undefined {
    const reader = new FlvReader()
    const frames = [...reader.messages(Buffer.concat(this.#pieces))]
    return this.#pieces.length > 0 && reader.cut() !== undefined ? `cut behind ${frames.length} frames` : undefined
  }
}

const FRAMES = 4
/** Else a peer that stands still, and has never answered a ping, stays. */
const limits = { idleMs: 60_000 }

/** One session from its beginning to its end; what was wrong, and how many steps there were. */
async function played(
  kind: 'publish' | 'play',
  side: 'server' | 'client',
  at: number,
  fault: Fault
): Promise<{ steps: number; wrong: string[] }> {
  const [clock, liveClock] = [new TestClock(), new TestClock()]
  const ends = new Map<string, [number, number]>()
  const live = new LiveStream({ clock: liveClock })
  const tape = new Tape()
  const [one, other] = duplexPair() as [Duplex, Duplex]
  const faulty = new Faulty(side === 'server' ? one : other, at, fault)
  const near = side === 'server' ? faulty : one
  const far = side === 'client' ? faulty : other
  const wires = [
    watched(messageWire(near, { clock }), 'server wire', ends),
    watched(messageWire(far, { clock, role: 'client' }), 'client wire', ends)
  ] as const
  const server = watched(serverSession({ clock, limits }), 'server session', ends)
  const client = watched(clientSession({ clock, limits }), 'client session', ends)
  server.on('publish', publish => {
    pipeline(publish.accept(), live.input(), () => {})
    pipeline(live.subscribe(), flvEncoder(), tape, () => {})
  })
  server.on('play', play => pipeline(live.player(), play.accept(), () => {}))
  pipeline([wires[0], server, wires[0]], () => {})
  pipeline([wires[1], client, wires[1]], () => {})
  if (kind === 'play') {
    const source = live.input()
    for (let i = 0; i < FRAMES; i++) source.write(video.keyframe(i * 40))
    server.once('play', () => setImmediate(() => source.end(video.keyframe(FRAMES * 40))))
    finished(server, () => source.end())
  }
  const script = (async () => {
    await client.connect({ app: 'live' })
    if (kind === 'play') {
      for await (const _ of await client.play('film')) {
        // it is the end that matters
      }
    } else {
      const publishing = await client.publish('film')
      publishing.on('error', () => {})
      for (let i = 0; i < FRAMES; i++) publishing.write(video.keyframe(i * 40))
      await new Promise(resolve => finished(publishing.end(), resolve))
    }
  })().catch(() => {})
  let isDone = false
  void script.then(() => {
    isDone = true
    client.close()
  })
  const isOver = () => isDone && [server, client, ...wires].every(({ closed }) => closed)
  for (let turn = 0; turn < 600 && !isOver(); turn++) {
    await turnOfTheLoop()
    if (turn > 60) for (const each of [clock, liveClock]) each.pass(1000)
  }
  for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
  const { timers } = clock
  // the publisher has its time to come back, and then all is over
  liveClock.pass(10_000)
  for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
  const wrong = [...ends]
    .filter(([, [errors, closes]]) => errors > 1 || closes !== 1)
    .map(([name, [errors, closes]]) => `${name}: ${errors} errors, ${closes} closes`)
  if (!isDone) wrong.push('a promise is not settled')
  if (timers + liveClock.timers > 0) wrong.push(`${timers} and ${liveClock.timers} timers are left`)
  if (live.isPublished || live.readers > 0) wrong.push(`the stream has ${live.readers} readers`)
  if (tape.wrong !== undefined) wrong.push(tape.wrong)
  return { steps: faulty.steps, wrong }
}

const rejections: unknown[] = []
process.on('unhandledRejection', thrown => rejections.push(thrown))

for (const kind of ['publish', 'play'] as const) {
  for (const side of ['server', 'client'] as const) {
    t.test(`${kind}: what lies below fails on the ${side}'s side`, async t => {
      const whole = await played(kind, side, Number.POSITIVE_INFINITY, 'error')
      t.same(whole.wrong, [], 'without a fault all is well')
      t.comment(`${whole.steps} steps, each with ${faults.length} faults`)
      t.ok(whole.steps > 10, `${whole.steps} steps`)
      for (const fault of faults) {
        for (let at = 1; at <= whole.steps; at++)
          t.same((await played(kind, side, at, fault)).wrong, [], `${fault} at step ${at}`)
      }
      t.same(rejections, [], 'no rejection goes unheard')
    })
  }
}
