import { type Duplex, Duplex as NodeDuplex, PassThrough, type Readable, type Writable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import {
  BatchChunks,
  ClientHandshake,
  type Command,
  commandMessage,
  createCommand,
  Layer,
  LiveStream,
  type Message,
  MessageBatch,
  type MessageWire,
  messageWire,
  NetConnection,
  type Play,
  stage
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { video, word } from '../support/media.ts'
import { Peer, ServerPeer } from '../support/peer.ts'
import { holdsLater } from '../support/property.ts'

/** What has the fast path: an item is taken within the call, or is to be written. */
type Inlet = Writable & { takeNow(item: unknown): boolean }

/** One of those that have it, what goes in, and what is seen of that at the far end. */
interface Bench {
  inlet: Inlet
  /** The items that `write` takes, by number. */
  item: (at: number) => unknown
  /** Those that it does not take, or that end the stream. */
  wrong: readonly unknown[]
  /** Stops whatever it depends on, or lets it go on. */
  jam: (isOn: boolean) => void
  /** What came out so far. */
  out: unknown[]
  /** Called at the end, for what lies at the far end. */
  finish?: () => Promise<void>
}

const batchOf = (at: number, size = 100) => new MessageBatch([video.keyframe(at, size), video.frame(at + 1, size)])

/** A Duplex that passes what is written on to `out`, and takes nothing while it is stopped. */
class Lower extends NodeDuplex {
  readonly out: unknown[]
  #isStopped = false
  #go: (() => void) | undefined

  constructor(out: unknown[], isOfObjects: boolean) {
    super({ objectMode: isOfObjects, writableHighWaterMark: isOfObjects ? 3 : 1000 })
    this.out = out
  }

  stop(isOn: boolean): void {
    this.#isStopped = isOn
    const go = this.#go
    if (isOn || go === undefined) return
    this.#go = undefined
    go()
  }

  override _read(): void {}

  override _write(item: unknown, _encoding: string, done: () => void): void {
    const go = () => {
      this.out.push(Buffer.isBuffer(item) ? item.toString('latin1') : item)
      done()
    }
    if (this.#isStopped) this.#go = go
    else go()
  }
}

/** A stage in front of a reader that can be stopped. */
function stageBench(turn: (item: number, push: (item: number) => boolean) => unknown): Bench {
  const inlet = stage<number, number>(turn as never)() as unknown as Inlet & Readable
  const out: unknown[] = []
  inlet.on('data', item => out.push(item))
  return {
    inlet,
    item: at => at,
    wrong: [null, 'throw'],
    jam: isOn => void (isOn ? inlet.pause() : inlet.resume()),
    out
  }
}

const refuse = (item: unknown) => {
  if (item === 'throw') throw new Error('thrown inside')
}

/** Numbers go down as they are; once it has heard something it is open. */
class Through extends Layer<unknown> {
  protected override inbound(): void {
    this.open()
  }
  protected override outbound(item: unknown): boolean {
    refuse(item)
    return this.down(item)
  }
}

function layerBench(opens: boolean): Bench {
  const out: unknown[] = []
  const lower = new Lower(out, true)
  const inlet = new Through(lower, { opens }) as unknown as Inlet
  ;(inlet as unknown as Readable).resume()
  return {
    inlet,
    item: at => at,
    wrong: [null, 'throw'],
    jam: isOn => {
      lower.stop(isOn)
      if (!isOn) lower.push('open')
    },
    out
  }
}

/** What it hears takes until the jam is over. */
class Slow extends NetConnection {
  readonly out: unknown[] = []
  readonly #gos: (() => void)[] = []
  isStopped = false
  protected override get due() {
    return 'nothing' as const
  }
  stop(isOn: boolean): void {
    this.isStopped = isOn
    if (!isOn) for (const go of this.#gos.splice(0)) go()
  }
  protected override command(asked: Command): void | Promise<void> {
    refuse(asked.name)
    this.out.push(asked.name)
    return this.isStopped ? new Promise(resolve => this.#gos.push(resolve)) : undefined
  }
  protected override async media(message: Message): Promise<void> {
    await this.command(createCommand(word(message), 0, []))
    this.out.push(`done ${word(message)}`)
  }
  protected override get streams(): never[] {
    return []
  }
  protected override userControl(): boolean {
    return true
  }
  protected override over(): void {
    this.out.push('over')
  }
}

const benches: Record<string, () => Bench | Promise<Bench>> = {
  'a stage': () =>
    stageBench((item, push) => {
      refuse(item)
      push(item)
    }),
  'a stage that gives an iterable': () =>
    stageBench(function* (item) {
      refuse(item)
      for (let i = 0; i < 30; i++) yield item + i / 100
    }),
  'a stage that gives a promise now and then': () =>
    stageBench(async (item, push) => {
      refuse(item)
      if (item % 3 === 0) await turnOfTheLoop()
      push(item)
    }),
  'a stage of bytes': () => {
    const bench = stageBench(() => {})
    const inlet = stage<Buffer, unknown>((bytes, push) => push(bytes.toString('latin1')), { from: 'bytes' })()
    const out: unknown[] = []
    inlet.on('data', item => out.push(item))
    return {
      ...bench,
      inlet: inlet as unknown as Inlet,
      item: at => (at % 4 === 3 ? `text ${at}` : at % 4 === 2 ? '' : Buffer.alloc(9000, at)),
      wrong: [null, 7],
      jam: isOn => void (isOn ? inlet.pause() : inlet.resume()),
      out
    }
  },
  'a layer': () => layerBench(false),
  'a layer that opens': () => layerBench(true),
  'a wire': () => {
    const out: unknown[] = []
    const lower = new Lower(out, false)
    const random = (length: number) => Buffer.alloc(length, 7)
    const inlet = messageWire(lower, { random, clock: new TestClock() })
    ;(inlet as unknown as Readable).resume()
    let isOpen = false
    return {
      inlet: inlet as unknown as Inlet,
      item: at => {
        if (at % 3 === 0) return { batch: batchOf(at, 400), messageStreamId: at }
        return at % 3 === 1 ? video.frame(at, 300) : { ...video.frame(at), type: 20 }
      },
      wrong: [null, {}, { batch: {}, messageStreamId: 1 }],
      jam: isOn => {
        lower.stop(isOn)
        if (!isOpen) lower.push(Buffer.concat([new ClientHandshake({ random }).hello(), Buffer.alloc(1536)]))
        isOpen = true
      },
      out,
      // how the bytes are cut into writes is the lower's matter
      finish: async () => void out.splice(0, out.length, out.join(''))
    }
  },
  'a session': () => {
    const inlet = new Slow()
    inlet.resume()
    return {
      inlet: inlet as unknown as Inlet,
      item: at => (at % 2 === 0 ? video.frame(at) : createCommand(`call ${at}`, at, [])),
      wrong: [null, createCommand('throw', 1, []), commandMessage(createCommand('throw', 1, [])), {}],
      jam: isOn => inlet.stop(isOn),
      out: inlet.out
    }
  },
  'what a server sends to a player': async () => {
    const peer = new Peer()
    let play: Play | undefined
    peer.session.on('play', asked => {
      play = asked
    })
    await peer.begins()
    await peer.asks('play', 0, [null, 'a'], 1)
    const out: unknown[] = []
    return {
      inlet: play!.accept() as unknown as Inlet,
      item: at => (at % 2 === 0 ? batchOf(at, 9000) : video.keyframe(at, 9000)),
      wrong: [null, {}],
      jam: isOn => void (isOn ? peer.wire.pause() : peer.wire.resume()),
      out,
      finish: async () => void out.push(...(await peer.hears()))
    }
  },
  'what a client publishes': async () => {
    const peer = await new ServerPeer().begins()
    const asked = peer.session.publish('a')
    await peer.hears()
    await peer.answers(4, null, 1)
    await peer.says('NetStream.Publish.Start')
    const out: unknown[] = []
    return {
      inlet: (await asked) as unknown as Inlet,
      item: at => (at % 2 === 0 ? batchOf(at, 9000) : video.keyframe(at, 9000)),
      wrong: [null, {}],
      jam: isOn => void (isOn ? peer.wire.pause() : peer.wire.resume()),
      out,
      finish: async () => void out.push(...(await peer.hears()))
    }
  },
  'the input of a live stream': () => {
    const live = new LiveStream({ mergeMs: 0, holdMs: 0 })
    const reader = live.subscribe({ wait: true })
    const out: unknown[] = []
    reader.on('data', message => out.push(word(message)))
    return {
      inlet: live.input() as unknown as Inlet,
      item: at => video.keyframe(at * 40),
      wrong: [null, {}],
      jam: isOn => void (isOn ? reader.pause() : reader.resume()),
      out,
      finish: async () => void live.end()
    }
  }
}

type Step = { put: boolean } | { wrong: number; isFast: boolean } | { jam: boolean } | 'turn' | 'end' | 'destroy'

const steps: fc.Arbitrary<readonly Step[]> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.record({ put: fc.boolean() }) },
        { weight: 2, arbitrary: fc.record({ jam: fc.boolean() }) },
        { weight: 2, arbitrary: fc.constant('turn' as const) }
      ),
      { maxLength: 40 }
    ),
    fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant('end' as const) },
        { weight: 1, arbitrary: fc.constant('destroy' as const) },
        { weight: 2, arbitrary: fc.record({ wrong: fc.nat(3), isFast: fc.boolean() }) }
      ),
      { maxLength: 1 }
    ),
    fc.array(fc.record({ put: fc.boolean() }), { maxLength: 3 })
  )
  .map(parts => parts.flat() as Step[])

const said = (error: unknown) => {
  const { code, message } = error as NodeJS.ErrnoException
  return `${code ?? message}`
}

/** Goes through the steps, and tells what came of it. */
async function walk(make: () => Bench | Promise<Bench>, script: readonly Step[], mayTake: boolean) {
  const { inlet, item, wrong, jam, out, finish } = await make()
  const errors: unknown[] = []
  inlet.on('error', error => errors.push(said(error)))
  const put = (given: unknown, isFast: boolean) => {
    try {
      if (!(mayTake && isFast && inlet.takeNow(given))) inlet.write(given)
    } catch (error) {
      errors.push(`thrown ${said(error)}`)
    }
  }
  for (const [at, step] of script.entries()) {
    if (step === 'turn') await turnOfTheLoop()
    else if (step === 'end') inlet.end()
    else if (step === 'destroy') inlet.destroy()
    else if ('put' in step) put(item(at), step.put)
    else if ('jam' in step) jam(step.jam)
    else put(wrong[step.wrong % wrong.length], step.isFast)
  }
  jam(false)
  for (let i = 0; i < 60; i++) await turnOfTheLoop()
  await finish?.()
  for (let i = 0; i < 10; i++) await turnOfTheLoop()
  const { writableFinished, writableLength, destroyed } = inlet
  inlet.destroy()
  // what a stream that is destroyed does with what it holds is nobody's business
  return { out, errors, destroyed, ...(!destroyed && { writableFinished, writableLength }) }
}

for (const [name, make] of Object.entries(benches)) {
  t.test(`${name}: what is taken now is what is written, in any order of the two`, async t => {
    const property = fc.asyncProperty(steps, async script => {
      const [fast, written] = [await walk(make, script, true), await walk(make, script, false)]
      if (JSON.stringify(fast) === JSON.stringify(written)) return
      throw new Error(`${JSON.stringify(fast)}\n  instead of ${JSON.stringify(written)}`)
    })
    await holdsLater(t, 'the same comes out, by the same ends', property, { numRuns: 40 })
  })

  t.test(`${name}: in a jam no more wait than are written`, async t => {
    const { inlet, item, jam } = await make()
    inlet.on('error', () => {})
    jam(true)
    let taken = 0
    while (inlet.takeNow(item(taken)) && taken < 1000) taken++
    let written = 1
    while (inlet.write(item(taken + written))) written++
    t.ok(taken < 200, `${taken} taken`)
    const last = inlet.writableObjectMode ? 0 : 9000
    t.ok(inlet.writableLength <= inlet.writableHighWaterMark + last, `${inlet.writableLength} wait`)
    t.equal(inlet.takeNow(item(0)), false, 'and none is taken ahead of them')
    inlet.destroy()
    t.equal(inlet.takeNow(item(0)), false, 'nor when it is destroyed')
  })
}

t.test('a batch for one peer passes a stage into a wire', async t => {
  const out: unknown[] = []
  const lower = new Lower(out, false)
  const wire = messageWire(lower) as MessageWire
  const random = (length: number) => Buffer.alloc(length, 7)
  lower.push(Buffer.concat([new ClientHandshake({ random }).hello(), Buffer.alloc(1536)]))
  const source = new PassThrough({ objectMode: true })
  const errors: unknown[] = []
  wire.on('error', error => errors.push(error))
  source.pipe(stage((item, push) => push(item))() as unknown as Duplex).pipe(wire)
  for (let i = 0; i < 4; i++) await turnOfTheLoop()
  const batch = batchOf(0)
  source.write({ batch, messageStreamId: 7 })
  for (let i = 0; i < 4; i++) await turnOfTheLoop()
  t.same(errors, [])
  t.ok(out.join('').includes(batch.encoded(new BatchChunks(65_536, 7)).toString('latin1')))
  wire.destroy()
})
