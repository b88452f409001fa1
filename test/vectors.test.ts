import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  Amf0Reader,
  Amf3Reader,
  AmfDate,
  type AmfValue,
  type AudioTag,
  ChunkReader,
  ClientHandshake,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  FlvReader,
  isCommandType,
  isDataType,
  isKeyframe,
  type Message,
  MessageReader,
  MessageTypeId,
  readAggregate,
  readAmf0,
  readAmf3,
  readAudioTag,
  readCommand,
  readData,
  readUserControlEvent,
  readVideoTag,
  ServerHandshake,
  TypedObject,
  unsupported,
  Vector,
  type VideoTag,
  writeAmf0,
  writeAmf3,
  writeAudioTag,
  writeVideoTag,
  Xml,
  XmlDocument
} from 'rtmpipe'
import t from 'tap'
import { ByteReader } from '../lib/bytes/byte-reader.ts'
import { bytewise, cut } from './support/chop.ts'

/**
 * Bytes that none of us wrote, from public projects, with a neutral decode beside them. They are not part of this repository:
 * the folder is named by RTMPIPE_VECTORS.
 */
const root = process.env.RTMPIPE_VECTORS
const skip = root === undefined || !existsSync(root) ? 'RTMPIPE_VECTORS names no folder' : false

type Expected = { value?: unknown; error?: string; amf?: number | 'packet' }
const bytesOf = (...path: string[]) => readFileSync(join(root!, ...path))
const expectedIn = (...folder: string[]): [string, Expected & Record<string, unknown>][] =>
  Object.entries<Expected & Record<string, unknown>>(JSON.parse(bytesOf(...folder, 'expected.json').toString())).filter(
    ([name]) => existsSync(join(root!, ...folder, name))
  )

/** A value in the vectors' own words. In AMF3 dates, texts and bytes can be referred to as well. */
function neutral(value: AmfValue, amf: 0 | 3 = 0, seen: object[] = []): unknown {
  if (value === undefined) return { $type: 'undefined' }
  if (value === unsupported) return { $type: 'unsupported' }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $double: `${value}` }
  if (typeof value !== 'object' || value === null) return value
  const index = seen.indexOf(value)
  if (index >= 0) return { $ref: index }
  if (amf === 3 || !(value instanceof AmfDate || value instanceof XmlDocument)) seen.push(value)
  const inner = (each: AmfValue) => neutral(each, amf, seen)
  const entries = (properties: object) => Object.entries(properties).map(([key, each]) => [key, inner(each)])
  if (value instanceof AmfDate) return { $type: 'date', millis: value.milliseconds, tz: value.timeZone }
  if (value instanceof XmlDocument) return { $type: 'xml-document', text: value.text }
  if (value instanceof Xml) return { $type: 'xml', text: value.text }
  if (value instanceof Uint8Array) return { $type: 'byte-array', hex: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return { $type: 'strict-array', items: value.map(inner) }
  if (value instanceof EcmaArray) return { $type: 'ecma-array', count: value.count, entries: entries(value.properties) }
  if (value instanceof TypedObject)
    return { $type: 'typed-object', class: value.className, entries: entries(value.properties) }
  if (value instanceof ExternalizableObject)
    return { $type: 'externalizable', class: value.className, value: inner(value.value) }
  if (value instanceof Dictionary) {
    const items = value.entries.map(([key, each]) => [inner(key), inner(each)])
    return { $type: 'dictionary', weak: value.hasWeakKeys, items }
  }
  if (value instanceof Vector) {
    const { items, isFixed, className } = value
    if (Array.isArray(items)) return { $type: 'vector', fixed: isFixed, items: items.map(inner), class: className }
    return { $type: 'vector', fixed: isFixed, items: [...(items as Int32Array)] }
  }
  return { $type: 'object', entries: entries(value) }
}

/** What the vectors tell apart and we do not: an integer and a double, a value of AMF3 and one of AMF0. */
function alike(expected: unknown): unknown {
  if (Array.isArray(expected)) return expected.map(alike)
  if (typeof expected !== 'object' || expected === null) return expected
  if ('$int' in expected) return expected.$int
  const told = Object.fromEntries(Object.entries(expected).map(([key, value]) => [key, alike(value)])) as {
    $type?: string
  } & Record<string, unknown[]>
  const { $type, assoc = [], items = [], sealed = [], dynamic = [] } = told
  if ($type === 'avmplus') return told.value
  if ($type === 'date') return { tz: 0, ...told }
  if ($type === 'dictionary') return { $type, weak: told.weak, items: told.entries }
  if ($type?.startsWith('vector')) return { ...told, $type: 'vector' }
  if ($type === 'array') {
    if (assoc.length === 0) return { $type: 'strict-array', items }
    return { $type: 'ecma-array', count: items.length, entries: [...assoc, ...items.map((item, i) => [`${i}`, item])] }
  }
  if ($type === 'object' && told.class !== undefined) {
    const entries = [...sealed, ...dynamic]
    const isAnonymous = `${told.class}` === '' && sealed.length === 0
    return isAnonymous ? { $type, entries } : { $type: 'typed-object', class: told.class, entries }
  }
  return told
}

/** Entries in any order: JavaScript lists keys that look like indices first, and writes them as they came (see amf-value). */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === 'entries'
        ? [key, (inner as [string, unknown][]).map(sorted).sort((a, b) => `${a}`.localeCompare(`${b}`))]
        : [key, sorted(inner)]
    )
  )
}

for (const [amf, readAmf, writeAmf] of [
  [0, readAmf0, writeAmf0],
  [3, readAmf3, writeAmf3]
] as const) {
  t.test(`AMF${amf} values`, { skip }, async t => {
    for (const folder of ['sile-amf', 'rocketamf', 'cyclic']) {
      for (const [name, expected] of expectedIn('amf', folder)) {
        // its index 2 is there twice, with two values: no array of ActionScript has that
        if (expected.amf !== amf || `${folder}/${name}` === 'sile-amf/amf3-associative-array.bin') continue
        const bytes = bytesOf('amf', folder, name)
        const { value, error } = expected
        if (error !== undefined) {
          t.throws(() => readAmf(bytes), { name: 'ProtocolError', layer: 'amf' }, `${folder}/${name}: ${error}`)
          continue
        }
        const read = readAmf(bytes)
        t.same(
          read.map(each => sorted(neutral(each, amf))),
          [sorted(alike(value))],
          `${folder}/${name}`
        )
        t.same(writeAmf(...read), bytes, `${folder}/${name}, written`)
      }
    }
  })
}

/** An AMF packet (AMF0, 4.1): headers and messages, each value with a table of references of its own. */
function readPacket(bytes: Buffer, hasAmf3: boolean): unknown {
  const reader = new ByteReader(bytes, 'amf')
  const version = reader.u16()
  const value = () => {
    const amf = new Amf0Reader(bytes.subarray(reader.offset))
    const read = amf.read()
    const taken = bytes.subarray(reader.offset, reader.offset + amf.offset)
    if (!hasAmf3 && !writeAmf0(read).equals(taken)) throw new Error('written otherwise')
    reader.offset += amf.offset
    return neutral(read)
  }
  const list = <Item>(one: () => Item) => Array.from({ length: reader.u16() }, one)
  const text = () => reader.utf8(reader.u16())
  const length = () => reader.u32() | 0
  const headers = list(() => {
    const [name, mustUnderstand] = [text(), reader.u8() !== 0]
    length()
    return { name, mustUnderstand, value: value() }
  })
  const messages = list(() => ({ target: text(), response: text(), length: length(), value: value() }))
  return { version, headers, messages }
}

t.test('remoting packets, in AMF0 that may switch to AMF3', { skip }, async t => {
  for (const folder of ['zendamf', 'rocketamf-request', 'packet']) {
    for (const [name, { value }] of expectedIn('amf', folder)) {
      const hasAmf3 = JSON.stringify(value).includes('"avmplus"')
      const packet = readPacket(bytesOf('amf', folder, name), hasAmf3)
      t.same(sorted(packet), sorted(alike(value)), `${folder}/${name}${hasAmf3 ? ', AMF3' : ''}`)
    }
  }
})

/** A local shared object: a header, and named values with a zero byte behind each. */
function readSol(bytes: Buffer): [string, AmfValue][] {
  const reader = new ByteReader(bytes, 'amf', 16)
  reader.utf8(reader.u16())
  const amf3 = reader.u32() === 3 ? new Amf3Reader(reader) : undefined
  const body: [string, AmfValue][] = []
  while (reader.left > 0) {
    if (amf3 === undefined) {
      const name = reader.utf8(reader.u16())
      const amf = new Amf0Reader(bytes.subarray(reader.offset))
      body.push([name, amf.read()])
      reader.offset += amf.offset
    } else {
      // in AMF3 a name is a string without its marker, and may be a reference: in front of it lies a byte that is over
      bytes[--reader.offset] = 0x06
      body.push([amf3.read() as string, amf3.read()])
    }
    reader.offset++
  }
  return body
}

t.test('local shared objects', { skip }, async t => {
  for (const [name, { value }] of expectedIn('lso')) {
    const expected = value as { amf: 0 | 3; body: [string, unknown][] } | undefined
    if (expected === undefined || (expected.amf === 0 && JSON.stringify(expected).includes('$ref'))) continue
    const seen: object[] = []
    const body = readSol(bytesOf('lso', name)).map(([key, each]) => [key, neutral(each, expected.amf, seen)])
    t.same(sorted(body), sorted(alike(expected.body)), `${name}, AMF${expected.amf}`)
  }
})

t.test('handshakes of Flash', { skip }, async t => {
  for (const [name, { clientDigest, serverDigest }] of expectedIn('handshake')) {
    for (const pieces of [[bytesOf('handshake', name)], bytewise(bytesOf('handshake', name))]) {
      const machine = name.includes('c0c1') ? new ServerHandshake() : new ClientHandshake()
      for (const piece of pieces) machine.feed(piece)
      const [found] = [...(clientDigest as { scheme: number }[]), ...(serverDigest as { scheme: number }[])]
      t.equal(machine.scheme, found?.scheme, name)
    }
  }
})

const tally = (words: readonly (string | undefined)[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const word of words) if (word !== undefined) counts[word] = (counts[word] ?? 0) + 1
  return counts
}
const videoNames: Record<number, string> = { 2: 'h263', 3: 'screen', 4: 'vp6', 7: 'avc' }
const audioNames: Record<number, string> = { 2: 'mp3', 7: 'alaw', 10: 'aac', 11: 'speex' }

/** A tag whole, which is written as it was read. */
function wholeTag({ type, payload }: Message): VideoTag | AudioTag | undefined {
  if (type !== 8 && type !== 9) return undefined
  const tag = type === 9 ? readVideoTag(payload) : readAudioTag(payload)
  const written = type === 9 ? writeVideoTag(tag as VideoTag) : writeAudioTag(tag as AudioTag)
  if (!written.equals(payload)) throw new Error(`written as ${written.toString('hex', 0, 20)}`)
  return tag
}

function codecOf(message: Message): string | undefined {
  const tag = wholeTag(message)
  const kind = message.type === 9 ? 'v' : 'a'
  if (tag?.form === 'enhanced') return `${kind}:ex:${tag.fourCc}`
  if (tag?.form !== 'legacy') return undefined
  return `${kind}:${'codecId' in tag ? videoNames[tag.codecId] : audioNames[tag.soundFormat]}`
}

function packetOf(message: Message): string | undefined {
  const tag = wholeTag(message)
  return tag?.form === 'enhanced' ? `${message.type === 9 ? 'v' : 'a'}.pt${tag.packetType}` : undefined
}

t.test('FLV files', { skip }, async t => {
  for (const [name, expected] of expectedIn('flv')) {
    const bytes = bytesOf('flv', name)
    const { audio, video, script, pts0bad, maxTs } = expected as unknown as Record<string, number>
    for (const pieces of [[bytes], cut(bytes, 1)]) {
      let mismatches = 0
      const reader = new FlvReader({ onPreviousTagSize: () => mismatches++ })
      const messages = [...[...pieces].flatMap(piece => [...reader.messages(piece)]), ...reader.end()]
      const count = (type: number) => messages.filter(message => message.type === type).length
      t.same([count(8), count(9), count(18), reader.cut()], [audio, video, script, undefined], name)
      t.same(
        [mismatches, Math.max(...messages.map(({ timestamp }) => timestamp))],
        [pts0bad, maxTs],
        `${name}, tag sizes that lie`
      )
      t.equal(messages.some(isKeyframe), count(9) > 0, `${name}, a place to begin`)
      const { codecs, ex, keyframes } = expected as unknown as Record<string, object>
      t.same(tally(messages.map(codecOf)), codecs, `${name}, codecs`)
      t.same(tally(messages.map(packetOf)), ex, `${name}, packets of Enhanced RTMP`)
      // the labels count the sequence headers that have the frame type of a keyframe
      const isKey = ({ type, payload }: Message) => type === 9 && ((payload[0] ?? 0) >> 4) % 8 === 1
      t.equal(messages.filter(isKey).length, keyframes, `${name}, keyframes`)
    }
  }
})

/** Opens a message as far as this floor goes. */
function open(message: Message): void {
  if (isCommandType(message.type)) readCommand(message)
  else if (isDataType(message.type)) readData(message)
  else if (message.type === MessageTypeId.UserControl) readUserControlEvent(message.payload)
  else if (message.type === MessageTypeId.Aggregate) for (const _ of readAggregate(message));
}

t.test('inputs that ended other programs', { skip }, async t => {
  for (const target of readdirSync(join(root!, 'fuzz', 'gortmplib'))) {
    for (const name of readdirSync(join(root!, 'fuzz', 'gortmplib', target))) {
      const bytes = bytesOf('fuzz', 'gortmplib', target, name)
      if (target.startsWith('amf0')) {
        t.throws(() => readAmf0(bytes), { name: 'ProtocolError', layer: 'amf' }, `${target}/${name}`)
        continue
      }
      // The labels ask for an error of each. By the specification they are either cut, which is an event, or whole messages
      // whose payload breaks inside a codec's header: they pass the chunk stream, and the codecs of media refuse them.
      const outcome = (pieces: Iterable<Buffer>) => {
        const chunks = new ChunkReader()
        const messages = new MessageReader()
        let opened = 0
        try {
          for (const piece of pieces) {
            for (const { header, payload, last } of chunks.chunks(piece)) {
              const message = messages.add(header, payload, 0, payload.length, last)
              if (message === undefined) continue
              open(message)
              opened++
            }
          }
        } catch (error) {
          if ((error as Error).name !== 'ProtocolError') throw error
          return (error as { code: string }).code
        }
        return chunks.cut() === undefined ? `${opened} messages` : 'truncated'
      }
      const whole = outcome([bytes])
      t.match(whole, /^(truncated|1 messages|ERR_RTMP_MESSAGE_TOO_LONG)$/, `${target}/${name}: ${whole}`)
      t.equal(outcome(bytewise(bytes)), whole, `${target}/${name}, each byte alone`)
    }
  }
})
