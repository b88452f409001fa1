import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  AmfDate,
  type AmfValue,
  ChunkReader,
  chooseTracks,
  commandMessage,
  createCommand,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  flvEncoder,
  isAudio,
  isVideo,
  LiveStreams,
  type Message,
  messageWire,
  readAudioTag,
  readCodecConfig,
  readVideoTag,
  serverSession,
  TypedObject,
  Vector,
  Xml,
  XmlDocument
} from 'rtmpipe'
import { captureNames, readCapture } from '../support/captures.ts'
import { TestClock } from '../support/clock.ts'
import { chunks, connected, publishing } from '../support/hostile.ts'

const HANDSHAKE = 3073
/** Of a capture so much is used: what is said, and the first frames. */
const LENGTH = 48 * 1024

/** What a client sent, and where the headers of its chunks are. */
export interface Sample {
  readonly name: string
  readonly bytes: Buffer
  readonly headers: readonly number[]
}

/** Every kind of value of AMF3, which no capture has: nothing that is still made sends it. */
const amf3: readonly AmfValue[] = [
  [1, -1, 0.5, 'text', 'text', new AmfDate(0), new Xml('<x/>'), new XmlDocument('<x/>'), Buffer.alloc(9)],
  [new EcmaArray({ 0: 'a', b: 'c' }), new TypedObject('A', { b: 1 }), new TypedObject('A', { b: { c: 2 } })],
  [new Vector(Int32Array.of(1, 2)), new Vector(Float64Array.of(1)), new Vector(['a', 1])],
  new Dictionary([[{ a: 1 }, 'b']]),
  new ExternalizableObject('flex.messaging.io.ArrayCollection', [1])
]
const keeping = commandMessage(createCommand('keep', 3, [null, new Vector(amf3), new Vector(amf3)], { encoding: 3 }))

/** Every form of audio and video, which no capture has: nothing sends most of them. */
const tags: readonly [type: number, payload: string][] = [
  [9, '1700000000014d401e'],
  [9, '17010000006588'],
  [9, '5701'],
  [9, 'd000'],
  [9, '1c000000000101'],
  [9, `90${word('hvc1')}0101`],
  [9, `a1${word('hvc1')}00002126`],
  [9, `93${word('avc1')}65`],
  [9, `d4${word('hvc1')}020009${Buffer.from('colorInfo').toString('hex')}03000009`],
  [9, `95${word('av01')}80`],
  [9, `97020f423f01${word('av01')}12`],
  [9, `97ff00ff${'01'.repeat(256)}00${word('vp09')}01`],
  [9, `9600${word('hvc1')}010102`],
  [9, `9611${word('hvc1')}00000004000000aa01000003000021`],
  [9, `9620${word('hvc1')}00000001aa${word('av01')}01000000`],
  [8, 'af001210'],
  [8, 'af0121'],
  [8, '2aff'],
  [8, ''],
  [8, `90${word('Opus')}${Buffer.from('OpusHead').toString('hex')}0102380180bb0000000000`],
  [8, `94${word('fLaC')}02020100`],
  [8, `9504${word('Opus')}01010100000004`],
  [8, `9700000001${word('ac-3')}0b77`]
]

function word(text: string): string {
  return Buffer.from(text).toString('hex')
}

/** All captures, AMF3, tags, and of RTMPIPE_VECTORS what others have found by fuzzing, behind a handshake and a connect. */
export function corpus(): Sample[] {
  const captured = captureNames.map(name => sample(name, readCapture(name).client.bytes.subarray(0, LENGTH)))
  captured.push(sample('amf3', Buffer.concat([connected, chunks(keeping.type, keeping.payload)])))
  const media = tags.map(([type, hex]) => chunks(type, Buffer.from(hex, 'hex'), { messageStreamId: 1 }))
  captured.push(sample('tags', Buffer.concat([publishing(), ...media])))
  const folder = join(process.env.RTMPIPE_VECTORS ?? '', 'fuzz')
  if (process.env.RTMPIPE_VECTORS === undefined || !existsSync(folder)) return captured
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    statSync(join(folder, name)).isFile()
  )
  const found = files.map(name => sample(name, Buffer.concat([connected, readFileSync(join(folder, name))])))
  return [...captured, ...found.filter(({ bytes }) => bytes.length <= LENGTH)]
}

function sample(name: string, bytes: Buffer): Sample {
  const headers: number[] = []
  const reader = new ChunkReader()
  try {
    let at = HANDSHAKE
    for (const { byteLength } of reader.chunks(bytes.subarray(HANDSHAKE))) {
      headers.push(at)
      at += byteLength
    }
  } catch {
    // what others have found is often no chunk stream to its end
  }
  return { name, bytes, headers }
}

/** Random numbers that a seed repeats (xorshift32). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0 || 1
  }

  /** A whole number from 0, below `sides`. */
  below(sides: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state = (this.#state ^ (this.#state << 5)) >>> 0
    return this.#state % sides
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }
}

const TELLING = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff]
/** AMF0 markers, and the types of messages. */
const NAMES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0a, 0x0b, 0x0c, 0x0d, 0x0f, 0x10, 0x11, 0x12, 0x14, 0x16]

type Mutation = (bytes: Buffer, dice: Dice, { headers }: Sample, others: readonly Sample[]) => Buffer

/** A place behind the handshake, or, one time in sixteen, in it. */
const place = (bytes: Buffer, dice: Dice): number =>
  dice.below(16) === 0 || bytes.length <= HANDSHAKE
    ? dice.below(bytes.length)
    : HANDSHAKE + dice.below(Math.min(bytes.length - HANDSHAKE, dice.of([400, 4000, LENGTH])))

function edited(bytes: Buffer, at: number, ...values: number[]): Buffer {
  const copy = Buffer.from(bytes)
  for (const [i, value] of values.entries()) if (at + i < copy.length) copy[at + i] = value
  return copy
}

/** The headers that are still where they were, if nothing has moved. */
const header = (dice: Dice, headers: readonly number[]): number => dice.of(headers.length > 0 ? headers : [HANDSHAKE])

const mutations: readonly Mutation[] = [
  (bytes, dice) => edited(bytes, place(bytes, dice), dice.below(256)),
  (bytes, dice) => edited(bytes, place(bytes, dice), dice.of(TELLING), dice.of(TELLING)),
  (bytes, dice) => edited(bytes, place(bytes, dice), dice.of(NAMES)),
  (bytes, dice) => edited(bytes, place(bytes, dice), 0xff, 0xff, 0xff, 0xff),
  (bytes, dice) => {
    const [at, to] = [place(bytes, dice), place(bytes, dice)].sort((a, b) => a - b) as [number, number]
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
  },
  (bytes, dice) => {
    const at = place(bytes, dice)
    const run = bytes.subarray(at, at + 1 + dice.below(600))
    return Buffer.concat([
      bytes.subarray(0, at),
      ...Array.from({ length: 1 + dice.below(8) }, () => run),
      bytes.subarray(at)
    ])
  },
  (bytes, dice, _, others) => {
    const other = dice.of(others)
    const from = header(dice, other.headers)
    const run = other.bytes.subarray(from, from + 1 + dice.below(2000))
    const at = place(bytes, dice)
    return Buffer.concat([bytes.subarray(0, at), run, bytes.subarray(at)])
  },
  // those that know where headers are: format and chunk stream, timestamp, length, type
  (bytes, dice, { headers }) => edited(bytes, header(dice, headers), (dice.below(4) << 6) | dice.below(8)),
  (bytes, dice, { headers }) =>
    edited(
      bytes,
      header(dice, headers) + 1,
      ...dice.of([
        [255, 255, 255],
        [127, 255, 255],
        [0, 0, 0]
      ])
    ),
  (bytes, dice, { headers }) =>
    edited(bytes, header(dice, headers) + 4, dice.of(TELLING), dice.of(TELLING), dice.of(TELLING)),
  (bytes, dice, { headers }) => edited(bytes, header(dice, headers) + 7, dice.of(NAMES)),
  (bytes, dice, { headers }) => edited(bytes, header(dice, headers) + 8, dice.below(4), 0, 0, dice.of(TELLING)),
  (bytes, dice, { headers }) => {
    const at = header(dice, headers)
    const control = [0x02, 0, 0, 0, 0, 0, 4, dice.of([1, 2, 3, 4, 5, 6]), 0, 0, 0, 0]
    const body = [dice.of(TELLING), 0, dice.of(TELLING), dice.of(TELLING)]
    return Buffer.concat([bytes.subarray(0, at), Buffer.from([...control, ...body]), bytes.subarray(at)])
  }
]

/** One sample after a few mutations. */
export function mutated(samples: readonly Sample[], dice: Dice): Buffer {
  const chosen = dice.of(samples)
  let { bytes } = chosen
  for (let count = 1 + dice.below(4); count > 0; count--) {
    bytes = dice.of(mutations)(bytes, dice, chosen, samples)
    if (bytes.length === 0) return chosen.bytes
  }
  return bytes.subarray(0, 4 * LENGTH)
}

/** What became of one connection. */
export interface Outcome {
  /** The code it ended with, or `goes on`. */
  readonly code: string
  /** What must not be. */
  readonly broken: string | undefined
}

/** How many turns of the loop anything may take that depends on nothing but memory. */
const TURNS = 2000

/** Drives a whole server by these bytes, in pieces of up to so many, on a clock of its own. */
export async function drive(bytes: Buffer, pieces: (bytes: Buffer) => Iterable<Buffer>): Promise<Outcome> {
  const clock = new TestClock()
  const lives = new LiveStreams({ clock })
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const wire = messageWire(near, { clock })
  const session = serverSession({ clock })
  let fault: unknown
  let ended: { error: NodeJS.ErrnoException | null | undefined } | undefined
  session.on('publish', publish => {
    pipeline(publish.accept(), lives.get(publish.path).input(), () => {})
    lives
      .get(publish.path)
      .subscribe()
      .on('error', () => {})
      .on('data', (message: Message) => {
        fault ??= faultOf(message)
      })
    lives
      .get(publish.path)
      .subscribe()
      .on('error', () => {})
      .pipe(flvEncoder())
      .on('error', () => {})
      .resume()
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
  pipeline([wire, session, wire], error => {
    ended = { error }
  })
  far.on('error', () => {}).resume()
  for (const piece of pieces(bytes)) {
    if (far.destroyed || ended !== undefined) break
    if (!far.write(piece)) await turnOfTheLoop()
  }
  for (let turn = 0; turn < 20; turn++) await turnOfTheLoop()
  const code = ended === undefined ? 'goes on' : (ended.error?.code ?? (ended.error ? ended.error.name : 'ended'))
  far.destroy()
  near.destroy()
  let turns = 0
  while ((ended === undefined || lives.size > 0) && turns++ < TURNS) {
    clock.pass(1000)
    await turnOfTheLoop()
  }
  if (fault !== undefined) return { code, broken: `${(fault as Error).stack}` }
  return { code, broken: broken(ended, code, turns, clock) }
}

/** What reading a message whole throws, if that is no ProtocolError. */
function faultOf(message: Message): unknown {
  try {
    readCodecConfig(message)
    for (const id of [0, 1]) chooseTracks(message, { video: id, audio: id })
    if (isVideo(message)) readVideoTag(message.payload, { hasHevcAndAv1: true })
    else if (isAudio(message)) readAudioTag(message.payload)
  } catch (error) {
    if ((error as Error).name !== 'ProtocolError') return error
  }
  return undefined
}

function broken(
  ended: { error: NodeJS.ErrnoException | null | undefined } | undefined,
  code: string,
  turns: number,
  clock: TestClock
): string | undefined {
  if (turns >= TURNS || ended === undefined) return 'hangs'
  if (!/^(goes on|ended|ERR_RTMP_\w+|ERR_STREAM_PREMATURE_CLOSE)$/.test(code)) return `${ended.error?.stack}`
  if (clock.timers > 0) return `${clock.timers} timers left`
  return undefined
}
