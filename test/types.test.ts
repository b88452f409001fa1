import { once } from 'node:events'
import type net from 'node:net'
import { addAbortSignal, Duplex, finished, PassThrough, pipeline, Readable, type Writable } from 'node:stream'
import { pipeline as finishes } from 'node:stream/promises'
import {
  type AmfCommandParser,
  type AmfObject,
  amfCommandParser,
  amfCommandSerializer,
  type Capabilities,
  type Chunk,
  type ClientSession,
  type Command,
  type Connect,
  chain,
  chunkDecoder,
  chunkEncoder,
  commandRewriter,
  createServer,
  createWireServer,
  type DuplexOf,
  dial,
  duplex,
  type EmitterOf,
  type FlvTracks,
  flvDecoder,
  flvEncoder,
  flvFile,
  type Gap,
  handshakeStream,
  isMessage,
  joinTracks,
  keyframeGate,
  Layer,
  type LiveStream,
  type Message,
  MessageBatch,
  type MessageWire,
  messageAssembler,
  messageChunker,
  messageWire,
  mirror,
  type Peer,
  type PeerSource,
  type Play,
  type Playing,
  type Publish,
  proxy,
  type ReadableOf,
  type ReconnectRequest,
  type Relay,
  type Repair,
  type Retry,
  type RtmfpServerOptions,
  type Server,
  type ServerOptions,
  type ServerSession,
  type ServerSessionEvents,
  Stage,
  type StreamEvents,
  splitTracks,
  stage,
  type TapGap,
  type Truncated,
  tap,
  timestampRepair,
  type Wire,
  type WireServer,
  type WireSource,
  type WritableOf,
  windowAcknowledger
} from 'rtmpipe'
import t from 'tap'

/**
 * What the types say, and what they refuse: the compiler checks it, in the build. Nothing of it runs, but for the classes at the end.
 */

/** Two types are the same, in both directions, `any` and `never` told apart. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function equal<A, B>(_same: Equal<A, B>): void {}
/** What a Readable gives. */
declare function item<Item>(from: AsyncIterable<Item>): Item

declare const server: Server
declare const wires: WireServer
declare const session: ServerSession
declare const client: ClientSession
declare const wire: MessageWire
declare const socket: net.Socket
declare const live: LiveStream
declare const relay: Relay
declare const message: Message
declare const chunk: Chunk

export function misspelt(publish: Publish, play: Play): void {
  // @ts-expect-error: no such event
  session.on('publihs', () => {})
  // @ts-expect-error: no such event
  session.once('publihs', () => {})
  // @ts-expect-error: no such event
  session.off('publihs', () => {})
  // @ts-expect-error: no such event
  session.addListener('publihs', () => {})
  // @ts-expect-error: no such event
  session.removeListener('publihs', () => {})
  // @ts-expect-error: no such event
  session.prependListener('publihs', () => {})
  // @ts-expect-error: no such event
  session.prependOnceListener('publihs', () => {})
  // @ts-expect-error: no such event
  session.emit('publihs')
  // @ts-expect-error: no such event
  session.listenerCount('publihs')
  // @ts-expect-error: no such event
  server.on('sesion', () => {})
  // @ts-expect-error: no such event
  live.on('gone', () => {})
  // @ts-expect-error: no such event
  relay.on('connected', () => {})
  // @ts-expect-error: no such method
  publish.acept()
  // @ts-expect-error: a Readable of Messages, which have no such field
  publish.accept().on('data', each => each.wrong)
  // @ts-expect-error: another argument
  play.emit('pause', 'yes')
  // @ts-expect-error: no argument
  play.emit('pause')
  // @ts-expect-error: no such argument
  session.on('publish', (_publish: Play) => {})
}

export async function misread(): Promise<void> {
  for await (const each of await client.play('film')) {
    // @ts-expect-error: a Message has no such field
    each.no.such.thing
  }
}

export function capabilities(connect: Connect, client: ClientSession, session: ServerSession): void {
  equal<typeof connect.capabilities, Capabilities>(true)
  equal<typeof client.capabilities, Capabilities>(true)
  connect.accept({}, { video: { hvc1: ['decode'] }, reconnect: true })
  // @ts-expect-error
  connect.accept({}, { video: { hvc1: ['play'] } })
  // @ts-expect-error
  connect.capabilities.can('decode', 'data', 'hvc1')
  client.on('reconnectRequest', request => equal<typeof request, ReconnectRequest>(true))
  equal<ReturnType<typeof session.requestReconnect>, boolean>(true)
}

export function events(connect: Connect): void {
  session.on('connect', asked => equal<typeof asked, Connect>(true))
  session.on('publish', publish => equal<typeof publish, Publish>(true))
  session.once('play', play => equal<typeof play, Play>(true))
  session.prependOnceListener('handlerError', error => equal<typeof error, Error>(true))
  session.on('data', each => equal<typeof each, Message>(true))
  session.on('error', error => equal<typeof error, NodeJS.ErrnoException>(true))
  session
    .on('close', () => {})
    .on('finish', () => {})
    .on('publish', () => {})
  session.emit('connect', connect)
  // an async listener, and one that takes fewer arguments
  session.on('publish', async () => {})
  client.on('status', information => equal<typeof information, AmfObject>(true))
  client.on('command', command => equal<typeof command, Command>(true))
  server.on('session', each => equal<typeof each, ServerSession>(true))
  server.on('sessionError', (error, each) =>
    equal<[typeof error, typeof each], [NodeJS.ErrnoException, ServerSession | undefined]>(true)
  )
  server.on('wire', (each, source) => equal<[typeof each, typeof source], [Wire, WireSource]>(true))
  server
    .on('listening', () => {})
    .listen(1935)
    .on('session', () => {})
  server.emit('connection', new PassThrough())
  wires.on('wireError', error => error.code)
  wire.on('handshake', () => {}).on('truncated', cut => equal<typeof cut, Truncated>(true))
  live.on('repair', repair => equal<typeof repair, Repair>(true)).on('over', () => {})
  live.player().on('gap', gap => equal<typeof gap, Gap>(true))
  live.subscribe().on('gap', gap => gap.messages)
  relay.on('live', () => {}).on('retrying', retry => equal<typeof retry, Retry>(true))
  keyframeGate().on('gap', gap => equal<typeof gap, Gap>(true))
  timestampRepair().on('repair', repair => equal<typeof repair, Repair>(true))
  tap(flvFile('film.flv')).on('gap', (branch, gap) => equal<[typeof branch, typeof gap], [Writable, TapGap]>(true))
  flvDecoder().on('header', tracks => equal<typeof tracks, FlvTracks>(true))
  flvFile('film.flv').on('finish', () => {})
}

export function peers(friend: Peer, { peers }: Wire): void {
  client.on('peerPlay', (play, peerId) => equal<[typeof play, typeof peerId], [Play, string]>(true))
  equal<[typeof client.ownPeerId, typeof session.peerId], [string | undefined, string | undefined]>(true)
  equal<ReturnType<typeof client.peer>, Peer>(true)
  equal<ReturnType<typeof friend.play>, Promise<Playing>>(true)
  const introduces = (asker: ServerSession | undefined, asked: ServerSession) => asker !== asked
  equal<ServerOptions['rtmfp'], boolean | RtmfpServerOptions<ServerSession> | undefined>(true)
  createServer({ rtmfp: { introduces } })
  // @ts-expect-error: a server of wires knows no sessions
  createWireServer({ rtmfp: { introduces } })
  createWireServer({ rtmfp: { introduces: (asker, asked) => asker?.peerId !== asked.peerId } })
  peers?.listen(
    () => true,
    (each, source) => equal<[typeof each, typeof source], [Wire, PeerSource]>(true)
  )
}

export async function waits(play: Play): Promise<void> {
  // Node's own declarations of events.once give any[]; the events of a class are the tuples to name
  const [publish] = (await once(session, 'publish')) as ServerSessionEvents['publish']
  equal<typeof publish, Publish>(true)
  await new Promise(resolve => play.once('pause', resolve))
  await new Promise(resolve => session.once('close', resolve))
  await new Promise<void>(resolve => session.once('close', resolve))
  // an emitter of some events, for a function that wants no others
  const closes = (emitter: EmitterOf<StreamEvents>) => emitter.once('close', () => {})
  for (const each of [session, wire, live.player(), live.input()]) closes(each)
  // @ts-expect-error: it has no 'close'
  closes(relay)
}

export async function carries(publish: Publish, play: Play): Promise<void> {
  for await (const each of await client.play('film')) equal<typeof each, Message>(true)
  for await (const each of publish.accept()) equal<typeof each, Message>(true)
  for await (const each of live.player()) equal<typeof each, MessageBatch>(true)
  for await (const each of live.subscribe()) equal<typeof each, Message>(true)
  for await (const each of wire) equal<typeof each, Message>(true)
  for await (const each of chunkDecoder()) equal<typeof each, Chunk>(true)
  for await (const each of handshakeStream(socket)) equal<typeof each, Buffer>(true)
  for await (const each of windowAcknowledger(new PassThrough())) equal<typeof each, Chunk>(true)
  for await (const each of live.subscribe().filter(isMessage).take(2)) equal<typeof each, Message>(true)
  for await (const each of live.subscribe().map(({ timestamp }) => timestamp)) equal<typeof each, number>(true)
  const parsed = item(amfCommandParser())
  equal<typeof parsed, Message | Command>(true)
  equal<ReturnType<AmfCommandParser['read']>, (Message | Command) | null>(true)
  equal<Awaited<ReturnType<ReadableOf<Message>['toArray']>>, Message[]>(true)
  const next = await live.subscribe()[Symbol.asyncIterator]().next()
  if (!next.done) equal<typeof next.value, Message>(true)

  play.accept().write(message)
  play.accept().write(new MessageBatch([message], 0))
  play.accept().end(message, () => {})
  live.input().write(message)
  ;(await client.publish('film')).write(message)
  wire.write({ batch: new MessageBatch([message], 0), messageStreamId: 1 })
  chunkDecoder().write(Buffer.alloc(1))
  // where Buffers are wanted Node makes them of these
  chunkDecoder().write('žluť')
  chunkDecoder().end(new Uint8Array(1))
  // @ts-expect-error: it takes bytes
  chunkDecoder().write(message)
  // @ts-expect-error: it takes Messages
  live.input().write(new MessageBatch([message], 0))
  // @ts-expect-error: it takes Messages
  live.input().end(Buffer.alloc(1))
  // @ts-expect-error: it takes Messages
  wire.write(chunk)
  // @ts-expect-error: it gives Chunks
  chunkDecoder().push(message)
}

export function fits(play: Play, publish: Publish): void {
  socket.pipe(chunkDecoder()).pipe(messageAssembler()).pipe(flvEncoder()).pipe(process.stdout)
  chunkEncoder().pipe(socket)
  publish.accept().pipe(live.input())
  live.player().pipe(play.accept())
  live.subscribe().pipe(play.accept())
  live
    .subscribe()
    .pipe(new PassThrough({ objectMode: true }))
    .pipe(flvEncoder())
  live
    .subscribe()
    .pipe(tap(flvFile('film.flv')))
    .pipe(keyframeGate())
  // @ts-expect-error: Chunks, where bytes are wanted
  chunkDecoder().pipe(chunkDecoder())
  // @ts-expect-error: Messages, where Chunks are wanted
  messageAssembler().pipe(chunkEncoder())
  // @ts-expect-error: Messages, where bytes are wanted
  messageAssembler().pipe(socket)
  // @ts-expect-error: batches, where Messages are wanted
  live.player().pipe(flvEncoder())
  // @ts-expect-error: batches, where Messages are wanted
  live.player().pipe(live.input())
}

export async function tracks(publish: Publish): Promise<void> {
  for await (const { stream, height, trackId } of publish.accept().pipe(splitTracks())) {
    equal<typeof height, number | undefined>(true)
    equal<typeof trackId, number>(true)
    pipeline(stream, live.input(), () => {})
  }
  splitTracks({ by: 'audio', video: 1 })
  // @ts-expect-error: by 'audio' takes no audio id, because each stream has another audio track
  splitTracks({ by: 'audio', audio: 1 })
  joinTracks([
    { source: live.subscribe(), video: 0 },
    { source: publish.accept(), audio: 1 },
    { source: Readable.from([message]), video: 1 }
  ]).pipe(live.input())
  // @ts-expect-error: a source is a Readable
  joinTracks([{ source: live.input(), video: 0 }])
}

export function chains(): void {
  const reader = chain(chunkDecoder(), messageAssembler(), amfCommandParser())
  const gives = item(reader)
  equal<typeof gives, Message | Command>(true)
  reader.write(Buffer.alloc(1))
  // @ts-expect-error: the first takes bytes
  reader.write(chunk)
  equal<ReturnType<typeof chain<[AmfCommandParser]>>, AmfCommandParser>(true)
  const bytes = item(chain(live.subscribe(), flvEncoder()))
  equal<typeof bytes, Buffer>(true)
  chain(amfCommandSerializer(), flvFile('film.flv')).write(message)
  chain(...[timestampRepair(), keyframeGate()])
  chain(socket, chunkDecoder())
  // @ts-expect-error: an impossible order
  chain(messageAssembler(), chunkDecoder())
  // @ts-expect-error: the second does not take what the first gives
  chain(chunkDecoder(), flvEncoder(), socket)
  // @ts-expect-error: the third does not take what the second gives
  chain(chunkDecoder(), messageAssembler(), chunkEncoder())
}

export function joints(child: { stdin: Writable; stdout: Readable }): void {
  const chunks = mirror(chunkEncoder(), socket, chunkDecoder())
  const messages = mirror(messageChunker(), windowAcknowledger(chunks), messageAssembler())
  const given = item(messages)
  equal<typeof given, Message>(true)
  messages.write(message)
  // @ts-expect-error: it takes Messages
  messages.write(chunk)
  // @ts-expect-error: the wire is one of Chunks
  mirror(chunkEncoder(), chunks, chunkDecoder())
  // @ts-expect-error: what comes from it is Chunks
  mirror(messageChunker(), chunks, amfCommandParser())
  duplex(child.stdin, child.stdout)
  messageWire(socket)
  proxy(wire, dial('rtmp://origin/live'), commandRewriter({}))
  proxy(wire, client, undefined, { back: timestampRepair() })
  // @ts-expect-error: a wire of Messages, where bytes are wanted
  messageWire(wire)
  // @ts-expect-error: a wire of Messages, where bytes are wanted
  handshakeStream(wire)
  // @ts-expect-error: a wire of Messages, where Chunks are wanted
  windowAcknowledger(wire)
  // @ts-expect-error: Commands reach it too
  proxy(wire, wire, timestampRepair())
  // @ts-expect-error: chunks, where Messages are wanted
  proxy(chunks, wire)
  // @ts-expect-error: it takes Chunks, and the line is one of Messages
  tap(chunkEncoder())
  const line = item(tap<Chunk>(chunkEncoder()))
  equal<typeof line, Chunk>(true)
  const both: DuplexOf<Message, Chunk> = duplex(live.input(), chunkDecoder())
  both.write(message)
}

/** Node's own functions take our streams: as they are declared, they cannot tell what a stream carries. */
export async function nodes(publish: Publish, play: Play): Promise<void> {
  pipeline(wire, session, wire, () => {})
  pipeline(socket, chunkDecoder(), messageAssembler(), flvEncoder(), process.stdout, () => {})
  pipeline(publish.accept(), live.input(), () => {})
  pipeline([publish.accept(), keyframeGate(), flvEncoder(), socket], () => {})
  await finishes(live.player(), play.accept())
  await finishes(live.subscribe(), timestampRepair(), flvEncoder(), socket, { signal: AbortSignal.abort() })
  await finishes(
    live.subscribe(),
    async function* (messages) {
      for await (const each of messages) {
        equal<typeof each, Message>(true)
        yield each
      }
    },
    flvFile('film.flv')
  )
  finished(live.subscribe(), () => {})
  finished(live.input(), { readable: false }, () => {})
  addAbortSignal(AbortSignal.abort(), live.subscribe()).on('gap', () => {})
  Readable.toWeb(live.subscribe())
  Readable.from([message]).pipe(messageChunker())
  Readable.from([message]).compose(messageChunker())
  live.subscribe().compose(flvEncoder())
  Duplex.from(live.subscribe())
  for (const each of [wire, chunkDecoder(), session] satisfies Duplex[]) each.destroy()
  const to: Writable = play.accept()
  const from: Readable = publish.accept()
  const node: [NodeJS.ReadWriteStream, NodeJS.ReadableStream, NodeJS.WritableStream] = [wire, from, to]
  node[0].pipe(node[2])
  // what they carry is kept apart
  // @ts-expect-error: a Readable of batches
  const messages: ReadableOf<Message> = live.player()
  // @ts-expect-error: a Writable of bytes
  const input: WritableOf<Message> = chunkEncoder() as WritableOf<Buffer>
  finished(messages, () => {})
  finished(input, () => {})
}

interface MeterEvents {
  /** A second is over: so many messages came. */
  rate: [messages: number, second: number]
}

/** A stage of one's own, with an event of its own. */
class Meter extends Stage<Message, Message, MeterEvents> {
  protected override turn(each: Message) {
    this.emit('rate', 1, 2)
    // @ts-expect-error: no such event
    this.emit('rat', 1)
    // @ts-expect-error: it gives Messages
    if (each === undefined) this.push(1)
    return this.push(each)
  }
}

/** A layer of one's own, generic, with an event of its own. */
class Counted<Item> extends Layer<Item, Item, { counted: [items: number] }> {
  #items = 0
  protected override inbound(each: Item) {
    this.emit('counted', ++this.#items)
    this.up(each)
  }
}

t.test('stages and layers of one’s own have the events that they declare', async t => {
  const meter = new Meter()
  const rates: number[] = []
  meter.on('rate', messages => rates.push(messages)).on('truncated', cut => equal<typeof cut, Truncated>(true))
  // @ts-expect-error: no such event
  meter.on('rat', () => {})
  meter.end({ type: 8, chunkStreamId: 4, messageStreamId: 0, timestamp: 0, payload: Buffer.alloc(1) })
  const [near, far] = [new PassThrough({ objectMode: true }), stage<number, number>((n, push) => push(n))()]
  const counted = new Counted<number>(duplex(near, far) as Duplex)
  const counts: number[] = []
  counted.on('counted', items => counts.push(items)).on('data', n => equal<typeof n, number>(true))
  far.write(1)
  t.equal((await meter.toArray()).length, 1)
  t.same(rates, [1])
  t.same(counts, [1])
  const asStage: Stage<Message, Message> = meter
  const asLayer: Layer<number> = counted
  t.ok(asStage && asLayer)
})
