import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  Amf0Reader,
  AmfDate,
  type AmfValue,
  ChunkReader,
  ClientHandshake,
  EcmaArray,
  FlvReader,
  isCommandType,
  isDataType,
  isKeyframe,
  type Message,
  MessageReader,
  MessageTypeId,
  readAggregate,
  readAmf0,
  readCommand,
  readData,
  readUserControlEvent,
  ServerHandshake,
  TypedObject,
  unsupported,
  writeAmf0,
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

/** A value in the vectors' own words. */
function neutral(value: AmfValue, seen: object[] = []): unknown {
  if (value === undefined) return { $type: 'undefined' }
  if (value === unsupported) return { $type: 'unsupported' }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $double: `${value}` }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof AmfDate) return { $type: 'date', millis: value.milliseconds, tz: value.timeZone }
  if (value instanceof XmlDocument) return { $type: 'xml-document', text: value.text }
  const index = seen.indexOf(value)
  if (index >= 0) return { $ref: index }
  seen.push(value)
  const entries = (properties: object) => Object.entries(properties).map(([key, inner]) => [key, neutral(inner, seen)])
  if (Array.isArray(value)) return { $type: 'strict-array', items: value.map(inner => neutral(inner, seen)) }
  if (value instanceof EcmaArray) return { $type: 'ecma-array', count: value.count, entries: entries(value.properties) }
  if (value instanceof TypedObject)
    return { $type: 'typed-object', class: value.className, entries: entries(value.properties) }
  return { $type: 'object', entries: entries(value) }
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

t.test('AMF0 values', { skip }, async t => {
  for (const folder of ['sile-amf', 'rocketamf']) {
    for (const [name, { amf, value, error }] of expectedIn('amf', folder)) {
      if (amf !== 0) continue
      const bytes = bytesOf('amf', folder, name)
      if (error !== undefined) {
        t.throws(() => readAmf0(bytes), { name: 'ProtocolError', layer: 'amf' }, `${folder}/${name}: ${error}`)
        continue
      }
      const read = readAmf0(bytes)
      t.same(
        read.map(each => neutral(each)),
        [value],
        `${folder}/${name}`
      )
      t.same(writeAmf0(...read), bytes, `${folder}/${name}, written`)
    }
  }
})

/** An AMF packet (AMF0, 4.1): headers and messages, each value with a table of references of its own. */
function readPacket(bytes: Buffer): unknown {
  const reader = new ByteReader(bytes, 'amf')
  const version = reader.u16()
  const value = () => {
    const amf = new Amf0Reader(bytes.subarray(reader.offset))
    const read = amf.read()
    const again = writeAmf0(read)
    if (!again.equals(bytes.subarray(reader.offset, reader.offset + amf.offset))) throw new Error('written otherwise')
    reader.offset += amf.offset
    return neutral(read)
  }
  const list = <Item>(one: () => Item) => Array.from({ length: reader.u16() }, one)
  const text = () => reader.utf8(reader.u16())
  const length = () => reader.u32() | 0
  const headers = list(() => ({ name: text(), mustUnderstand: reader.u8() !== 0, length: length(), value: value() }))
  const messages = list(() => ({ target: text(), response: text(), length: length(), value: value() }))
  return { version, headers, messages }
}

t.test('AMF0 in remoting packets; those that switch to AMF3 say so', { skip }, async t => {
  for (const folder of ['zendamf', 'rocketamf-request', 'packet']) {
    for (const [name, { value }] of expectedIn('amf', folder)) {
      const bytes = bytesOf('amf', folder, name)
      if (JSON.stringify(value).includes('"avmplus"')) {
        t.throws(() => readPacket(bytes), { code: 'ERR_RTMP_AMF3_UNSUPPORTED' }, `${folder}/${name}`)
      } else t.same(sorted(readPacket(bytes)), sorted(value), `${folder}/${name}`)
    }
  }
})

/** A local shared object: a header, and named AMF0 values with a zero byte behind each. */
function readSol(bytes: Buffer): [string, AmfValue][] {
  const reader = new ByteReader(bytes, 'amf', 16)
  reader.utf8(reader.u16())
  reader.u32()
  const body: [string, AmfValue][] = []
  while (reader.left > 0) {
    const name = reader.utf8(reader.u16())
    const amf = new Amf0Reader(bytes.subarray(reader.offset))
    body.push([name, amf.read()])
    reader.offset += amf.offset + 1
  }
  return body
}

t.test('AMF0 in local shared objects', { skip }, async t => {
  for (const [name, { value }] of expectedIn('lso')) {
    const expected = value as { amf: number; body: [string, unknown][] } | undefined
    if (expected?.amf !== 0 || JSON.stringify(expected).includes('$ref')) continue
    const body = readSol(bytesOf('lso', name)).map(([key, each]) => [key, neutral(each)])
    t.same(sorted(body), sorted(expected.body), name)
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

t.test('FLV files', { skip }, async t => {
  for (const [name, expected] of expectedIn('flv')) {
    const bytes = bytesOf('flv', name)
    const { audio, video, script, pts0bad, maxTs } = expected as unknown as Record<string, number>
    for (const pieces of [[bytes], cut(bytes, 1)]) {
      let mismatches = 0
      const reader = new FlvReader({ onPreviousTagSize: () => mismatches++ })
      const messages = [...pieces].flatMap(piece => [...reader.messages(piece)])
      const count = (type: number) => messages.filter(message => message.type === type).length
      t.same([count(8), count(9), count(18), reader.cut()], [audio, video, script, undefined], name)
      t.same(
        [mismatches, Math.max(...messages.map(({ timestamp }) => timestamp))],
        [pts0bad, maxTs],
        `${name}, tag sizes that lie`
      )
      t.equal(messages.some(isKeyframe), count(9) > 0, `${name}, a place to begin`)
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
