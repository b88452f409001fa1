import { pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type AddressedBatch,
  type ClientSession,
  clientSession,
  LiveStream,
  type Message,
  type MessageBatch,
  type MessageStreamId,
  type ServerSession,
  serverSession,
  type Wire,
  type WireCounters
} from 'rtmpipe'
import t from 'tap'
import { TypedDuplex } from '../lib/stream/typed.ts'
import { TestClock } from './support/clock.ts'
import { audio, video, word } from './support/media.ts'

/** A wire of another kind, in memory, as flows would carry messages: whole, and on no chunk stream. */
class FlowWire extends TypedDuplex<Message | AddressedBatch, Message> implements Wire {
  readonly takesBatches = true
  readonly isStalled = false
  readonly owesAcknowledgement = false
  heardAt = 0
  far: FlowWire | undefined
  /** How each item came that was written. */
  readonly came: string[] = []
  readonly #clock: TestClock
  readonly #counters = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0 }

  constructor(clock: TestClock) {
    super({ objectMode: true })
    this.#clock = clock
  }

  get isHeldBack(): boolean {
    return this.isPaused()
  }

  get counters(): WireCounters {
    return { ...this.#counters }
  }

  heldBytes(): number {
    return 0
  }

  takeNow(item: Message | AddressedBatch): boolean {
    if (this.writableLength > 0 || this.writableEnded || this.destroyed) return false
    this.#send(item)
    return true
  }

  takeBatchNow(batch: MessageBatch, messageStreamId: MessageStreamId): boolean {
    return this.takeNow({ batch, messageStreamId })
  }

  override _write(item: Message | AddressedBatch, _encoding: string, done: () => void): void {
    this.#send(item)
    done()
  }

  override _final(done: () => void): void {
    setImmediate(() => this.far!.push(null))
    done()
  }

  override _read(): void {}

  #send(item: Message | AddressedBatch): void {
    if ('batch' in item) {
      const { batch, messageStreamId } = item
      this.came.push(`[${batch.messages.map(word).join(' ')}]`)
      for (const message of batch.messages) this.#carry(message, messageStreamId)
    } else this.#carry(item)
  }

  #carry({ type, payload, timestamp, ...fields }: Message, messageStreamId = fields.messageStreamId): void {
    this.#counters.messagesOut++
    this.#counters.bytesOut += payload.length
    // it takes its time, as a network does
    setImmediate(() => this.far!.hear({ type, messageStreamId, timestamp, payload }))
  }

  hear(message: Message): void {
    this.heardAt = this.#clock.now()
    this.#counters.messagesIn++
    this.#counters.bytesIn += message.payload.length
    this.push(message)
  }
}

const settle = async () => {
  for (let i = 0; i < 10; i++) await turnOfTheLoop()
}

/** A server's and a client's session, and the two ends of the flows between them. */
async function connected(clock: TestClock, prepare: (session: ServerSession) => void) {
  const [near, far] = [new FlowWire(clock), new FlowWire(clock)]
  near.far = far
  far.far = near
  const [server, client] = [serverSession({ clock }), clientSession({ clock })]
  prepare(server)
  const join = (wire: FlowWire, session: ServerSession | ClientSession) => pipeline([wire, session, wire], () => {})
  join(near, server)
  join(far, client)
  await client.connect({ app: 'live', tcUrl: 'rtmp://host/live' })
  return { near, far, server, client }
}

t.test('sessions publish and play over a wire that is no chunk stream, and batches go to it whole', async t => {
  const clock = new TestClock()
  const live = new LiveStream({ clock })
  const prepare = (session: ServerSession) => {
    session.on('publish', publish => pipeline(publish.accept(), live.input(), () => {}))
    session.on('play', play => pipeline(live.player(), play.accept(), () => {}))
  }
  const [encoder, viewer] = [await connected(clock, prepare), await connected(clock, prepare)]
  const publishing = await encoder.client.publish('film')
  const messages: Message[] = []
  const playing = await viewer.client.play('film')
  playing.on('data', message => messages.push(message))
  for (const message of [video.header(), audio.frame(0), video.keyframe(0), audio.frame(23), video.frame(40)])
    publishing.write(message)
  await settle()
  t.same(viewer.near.came.join(' ').match(/\[/g)?.length, viewer.near.came.length, 'as batches')
  t.match(viewer.near.came.at(-1), 'v@40')
  t.same(messages.map(word), ['v header@0', 'a@0', 'v key@0', 'a@23', 'v@40'])
  t.ok(messages.every(message => message.chunkStreamId === undefined))
  t.equal(viewer.near.counters.messagesOut, viewer.far.counters.messagesIn)
  encoder.client.close()
  viewer.client.close()
  await settle()
  t.same([encoder.server.closeReason, viewer.server.closeReason], ['left', 'left'])
})

t.test('its signs of life are what a session ends an idle peer by', async t => {
  const clock = new TestClock()
  const { near, far, server, client } = await connected(clock, session => {
    session.on('publish', publish => publish.accept().resume())
  })
  const publishing = await client.publish('film')
  // pings find nobody
  far.hear = () => {}
  clock.pass(30_000)
  near.hear(audio.frame(0))
  await settle()
  clock.pass(59_000)
  t.equal(server.closeReason, undefined)
  clock.pass(1000)
  t.match(server.closeReason, { code: 'ERR_RTMP_IDLE' })
  await settle()
  t.equal(near.destroyed, true)
  publishing.on('error', () => {})
  client.destroy()
})
