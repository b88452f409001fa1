import { readdirSync, readFileSync } from 'node:fs'
import { type Duplex, duplexPair, pipeline } from 'node:stream'
import {
  amfCommandParser,
  amfCommandSerializer,
  ChunkReader,
  ChunkWriter,
  chunkDecoder,
  chunkEncoder,
  commandMessage,
  createCommand,
  defaultLimits,
  errorCodes,
  handshakeStream,
  type LayerName,
  type Message,
  MessageWriter,
  messageAssembler,
  messageChunker,
  messageWire,
  ProtocolError,
  RtmpError,
  type RtmpErrorCode,
  serverSession,
  writeAmf0
} from 'rtmpipe'
import t from 'tap'
import { bytewise, cut } from './support/chop.ts'
import { hex } from './support/hex.ts'

t.test('an error has a stable code, and says in words what it means', async t => {
  const error = new RtmpError('ERR_RTMP_CHUNK_SIZE')
  t.match(error, { name: 'RtmpError', code: 'ERR_RTMP_CHUNK_SIZE', message: errorCodes.ERR_RTMP_CHUNK_SIZE })
  t.type(error, Error)
  const cause = new Error('reset')
  t.equal(new RtmpError('ERR_RTMP_PREMATURE_CLOSE', 'near', { cause }).cause, cause)
})

t.test('a protocol error says its layer and, where a byte is at fault, which', async t => {
  const error = new ProtocolError('ERR_RTMP_CHUNK_SIZE', { layer: 'chunk', offset: 12, detail: 'of all things' })
  t.match(error, { name: 'ProtocolError', layer: 'chunk', offset: 12 })
  t.match(error.message, /of all things, chunk layer, byte 12$/)
  const none = new ProtocolError('ERR_RTMP_SEQUENCE', { layer: 'session' })
  t.notOk('offset' in none)
  t.match(none.message, /: session layer$/)
})

const chunks = (...messages: readonly Message[]): Buffer => {
  const [writer, headers] = [new MessageWriter(), new ChunkWriter()]
  return Buffer.concat(messages.map(message => writer.bytes(message, headers)))
}
const said = (name: string, transactionId: number, rest: readonly (string | null)[], messageStreamId = 0): Message =>
  commandMessage(createCommand(name, transactionId, rest, { messageStreamId }))
/** A command message with a body of one's own. */
const body = (type: 20 | 17, ...parts: readonly Buffer[]): Message => ({
  ...said('', 0, []),
  type,
  payload: Buffer.concat(parts)
})
const handshake = Buffer.concat([Buffer.of(3), Buffer.alloc(3072)])
const connected = chunks(commandMessage(createCommand('connect', 1, [{ app: 'live' }])))
const publishing = Buffer.concat([
  connected,
  chunks(said('createStream', 2, [null]), said('publish', 3, [null, 'a'], 1))
])
const selector = Buffer.of(0)
const noMarker = Buffer.of(0x20)
const aggregate = hex`08 000001 000000 00 000000 ff 0000000c 09 0000ff 000000 00 000000 ff`

/** One fault a row, in the bytes of a client: what comes ahead of it is right, and `offset` is counted from there. */
interface Fault {
  readonly what: string
  readonly ahead: Buffer
  readonly bytes: Buffer
  readonly code: RtmpErrorCode
  readonly layer: LayerName
  /** Bytes of the layer's own input. */
  readonly offset: number | undefined
  readonly strict?: true
}

const faults: readonly Fault[] = [
  {
    what: 'HTTP where the handshake was to come',
    ahead: Buffer.alloc(0),
    bytes: Buffer.from('GET / HTTP/1.1'),
    code: 'ERR_RTMP_HANDSHAKE_VERSION',
    layer: 'handshake',
    offset: 0
  },
  {
    what: 'RTMPE without a digest',
    ahead: Buffer.of(6),
    bytes: Buffer.alloc(1536),
    code: 'ERR_RTMP_HANDSHAKE_DIGEST',
    layer: 'handshake',
    offset: 1
  },
  {
    what: 'a message that is too long',
    ahead: Buffer.concat([handshake, connected]),
    bytes: hex`04 000000 ffffff 14 00000000`,
    code: 'ERR_RTMP_MESSAGE_TOO_LONG',
    layer: 'chunk',
    offset: connected.length
  },
  {
    what: 'Set Chunk Size 0',
    ahead: Buffer.concat([handshake, connected]),
    bytes: hex`02 000000 000004 01 00000000 00000000`,
    code: 'ERR_RTMP_CHUNK_SIZE',
    layer: 'chunk',
    offset: connected.length
  },
  {
    what: 'the last byte of a Set Chunk Size 0 in a chunk of its own',
    ahead: Buffer.concat([handshake, hex`02 000000 000004 01 00000000 00000003 02 000000 000004 01 00000000 000000`]),
    bytes: hex`c2 00`,
    code: 'ERR_RTMP_CHUNK_SIZE',
    layer: 'chunk',
    offset: 31
  },
  {
    what: 'a chunk stream that opens with format 1, where that is strict',
    ahead: Buffer.concat([handshake, connected]),
    bytes: hex`45 000000 000001 08`,
    code: 'ERR_RTMP_CHUNK_FORMAT_UNKNOWN_STREAM',
    layer: 'chunk',
    offset: connected.length,
    strict: true
  },
  {
    what: 'a command named by a number',
    ahead: Buffer.concat([handshake, connected]),
    bytes: chunks(body(20, writeAmf0(7), writeAmf0(1))),
    code: 'ERR_RTMP_COMMAND',
    layer: 'message',
    offset: 0
  },
  {
    what: 'a command of type 17 whose transaction is text',
    ahead: Buffer.concat([handshake, connected]),
    bytes: chunks(body(17, selector, writeAmf0('call'), writeAmf0('1'))),
    code: 'ERR_RTMP_COMMAND',
    layer: 'message',
    offset: 1 + 3 + 4
  },
  {
    what: 'an Aggregate whose second part is longer than what is left of it',
    ahead: Buffer.concat([handshake, publishing]),
    bytes: chunks({ type: 22, messageStreamId: 1, chunkStreamId: 6, timestamp: 0, payload: aggregate }),
    code: 'ERR_RTMP_AGGREGATE',
    layer: 'message',
    offset: 16
  },
  {
    what: 'a byte that is no AMF0 marker',
    ahead: Buffer.concat([handshake, connected]),
    bytes: chunks(body(20, writeAmf0('call'), writeAmf0(2), noMarker)),
    code: 'ERR_RTMP_AMF_MARKER',
    layer: 'amf',
    offset: 7 + 9
  },
  {
    what: 'a byte that is no AMF3 marker, in a message of type 17',
    ahead: Buffer.concat([handshake, connected]),
    bytes: chunks(body(17, selector, writeAmf0('call'), writeAmf0(2), hex`11`, noMarker)),
    code: 'ERR_RTMP_AMF_MARKER',
    layer: 'amf',
    offset: 1 + 7 + 9 + 1
  },
  {
    what: 'text that is longer than its message',
    ahead: Buffer.concat([handshake, connected]),
    bytes: chunks(body(20, writeAmf0('call'), writeAmf0(2), hex`02 0009 61`)),
    code: 'ERR_RTMP_TRUNCATED',
    layer: 'amf',
    offset: 7 + 9 + 3
  },
  {
    what: 'createStream ahead of connect',
    ahead: handshake,
    bytes: chunks(said('createStream', 1, [null])),
    code: 'ERR_RTMP_SEQUENCE',
    layer: 'session',
    offset: undefined
  }
]

/** A session at the end of whatever stands between it and the bytes; what ends it. */
function errorOf(pieces: Iterable<Buffer>, stands: (lower: Duplex) => readonly Duplex[]): Promise<unknown> {
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const [first, ...rest] = stands(near)
  const session = serverSession()
  session.on('publish', publish =>
    publish
      .accept()
      .on('error', () => {})
      .resume()
  )
  const [inward, outward] = rest.length === 0 ? [[], []] : [rest.slice(0, 3), rest.slice(3)]
  far.resume().on('error', () => {})
  return new Promise(resolve => {
    pipeline([first!, ...inward, session as unknown as Duplex, ...outward, first!], resolve)
    for (const piece of pieces) far.write(piece)
  })
}

t.test('layer and offset point at the bytes that are wrong, folded and stage by stage, however they come', async t => {
  for (const { what, ahead, bytes, code, layer, offset, strict = false } of faults) {
    const all = Buffer.concat([ahead, bytes])
    const wire = (lower: Duplex) => [messageWire(lower, { strict })] as unknown as Duplex[]
    const stages = (lower: Duplex) =>
      [
        handshakeStream(lower),
        chunkDecoder({ strict }),
        messageAssembler(),
        amfCommandParser(),
        amfCommandSerializer(),
        messageChunker(),
        chunkEncoder()
      ] as unknown as Duplex[]
    for (const stands of [wire, stages]) {
      for (const pieces of [[all], bytewise(all), cut(all, 7, 20), [ahead, bytes]]) {
        const error = await errorOf(pieces, stands)
        t.match(error, { name: 'ProtocolError', code, layer }, what)
        t.equal((error as ProtocolError).offset, offset, what)
        t.notOk('by' in (error as object))
      }
    }
  }
})

t.test('every code is used, and none that is not in the table', async t => {
  const lib = new URL('../../lib/', import.meta.url)
  const source = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => readFileSync(new URL(path, lib), 'utf8'))
    .join('\n')
  for (const code of Object.keys(errorCodes)) t.ok(source.includes(`'${code}'`), code)
})

t.test('limits are laid over the defaults, and checked at once', async t => {
  t.throws(() => new ChunkReader({ limits: { messageBytes: 0 } }), RangeError)
  t.throws(() => new ChunkReader({ limits: { messageBytes: Number.NaN } }), RangeError)
  t.throws(() => new ChunkReader({ limits: { messageByte: 1 } as never }), {
    name: 'TypeError',
    message: /messageByte/
  })
  t.doesNotThrow(() => new ChunkReader({ limits: { messageBytes: undefined } as never }))
  t.throws(() => Object.assign(defaultLimits, { messageBytes: 1 }), TypeError, 'the defaults are nobody’s to change')
})
