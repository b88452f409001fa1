import type { AmfValue, CodecConfig, ProtocolControl, Truncated, UserControlEvent } from '../index.ts'
import { AmfText, hexText, numeral, word } from './amf-text.ts'
import { escaped } from './escaped.ts'
import type { ChunkEntry, Fault, LedgerEntry, MessageEntry, Place, TagEntry } from './ledger.ts'
import type { VideoSays } from './media-says.ts'

/** Characters per line. */
const WIDTH = 160
/** Messages of an aggregate that are listed. */
const SHOWN_PARTS = 16
/** The video packet types whose frame type matters. */
const FRAMES = ['NALU', 'CodedFrames', 'CodedFramesX']

/**
 * An entry as one readable line of at most 160 characters; a longer one is cut, with an ellipsis. Its columns: seconds
 * since the start of the connection and the connection's number, or the offset in a file; `->` from the client, `<-`
 * from the server; then for a message its chunk stream, message stream, timestamp, length, chunks and the format of the
 * first, its type, and its content. `#1` is transaction 1.
 *
 * @example
 * ```ts
 * for (const entry of await inspectFile('film.flv')) console.log(textLine(entry))
 * ```
 */
export function textLine(entry: LedgerEntry): string {
  return shortened(escaped(gathered(pieces(entry))))
}

/** As many pieces as a line can need; the rest is never computed. */
function gathered(pieces: Iterable<string>): string {
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length > WIDTH) break
  }
  return text
}

/** A line of at most WIDTH characters. A cut removes half a surrogate pair at the end. */
export const shortened = (text: string): string =>
  text.length <= WIDTH ? text : `${text.slice(0, WIDTH - 1).replace(/[\ud800-\udbff]$/, '')}…`

function* pieces(entry: LedgerEntry): Generator<string, void> {
  if (entry.kind === 'connection') {
    const { connection, client, server, began, protocol, whole } = entry
    yield `connection ${connection}: ${client} -> ${server}${began === undefined ? '' : ` at ${began}`}, ${protocol}`
    if (!whole) yield ', beginning not in the capture'
    return
  }
  if (entry.kind === 'note') {
    yield entry.text
    return
  }
  yield placeOf(entry)
  switch (entry.kind) {
    case 'message':
    case 'tag':
      yield columns(entry)
      yield* saying(entry)
      return
    case 'chunk':
      yield columns(entry)
      yield `, ${entry.payloadLength} of ${entry.length} B${entry.last ? ', last' : ''}`
      return
    case 'handshake':
      yield `handshake, version ${entry.version}, `
      yield entry.digest === 'simple' ? 'simple' : `digest scheme ${entry.digest}`
      return
    case 'flv':
      yield `FLV, audio ${entry.audio ? 'yes' : 'no'}, video ${entry.video ? 'yes' : 'no'}`
      return
    case 'previousTagSize':
      yield `PreviousTagSize is ${entry.found}, expected ${entry.expected}`
      return
    case 'resync':
      yield `${entry.bytes} damaged bytes skipped`
      return
    case 'end':
      yield `${ends[entry.how]}${entry.cut === undefined ? '' : `, ${short(entry.cut)}`}`
      return
    case 'missing':
      yield `${entry.bytes} bytes missing in the capture; decoding stops`
      return
    case 'error':
      yield `${faultText(entry)}; decoding stops`
  }
}

const ends = { FIN: 'FIN', RST: 'RST', capture: 'end of capture', file: 'end of file' } as const

const short = ({ layer, missing }: Truncated): string => `truncated, at least ${missing} bytes missing (${layer} layer)`

export const faultText = ({ code, message }: Fault): string => `${code}: ${message}`

const arrows = { client: '->', server: '<-' } as const

function placeOf({ time, connection, from, offset }: Place): string {
  if (time === undefined && offset !== undefined) return `${offset}`.padStart(10).concat(' ')
  const parts = [time?.toFixed(3).padStart(8), connection, from && arrows[from]]
  const told = parts.filter(part => part !== undefined).join(' ')
  return told === '' ? '' : `${told} `
}

function columns(entry: MessageEntry | TagEntry | ChunkEntry): string {
  const told =
    entry.kind === 'tag'
      ? [column('ts', 7, entry.timestamp), bytesColumn(entry.length)]
      : [
          column('csid', 2, entry.chunkStreamId),
          column('msid', 1, entry.messageStreamId),
          column('ts', 7, entry.timestamp),
          bytesColumn(entry.kind === 'chunk' ? entry.byteLength : entry.length),
          entry.kind === 'chunk' ? 'chunk ' : column('in', 3, entry.chunks),
          column('fmt', 1, entry.format)
        ]
  return [...told, entry.name].filter(Boolean).join(' ')
}

const column = (name: string, width: number, value: number | undefined): string =>
  value === undefined ? '' : `${name} ${`${value}`.padStart(width)}`

const bytesColumn = (count: number): string => `${`${count}`.padStart(6)} B`

function* saying({ name, says, payload }: MessageEntry | TagEntry): Generator<string, void> {
  switch (says.kind) {
    case 'command':
      yield ` #${numeral(says.transactionId)} ${word(says.name)}(`
      yield* new AmfText().list(says.args)
      yield ')'
      return
    case 'data':
      yield* dataText(says.values)
      return
    case 'video':
      yield videoText(says)
      return
    case 'audio':
      yield listed([says.codec, says.packetType], says.trackId) + nanosText(says) + configsText(says.configs)
      return
    case 'aggregate':
      yield ` ${says.parts.length} messages: ${says.parts.slice(0, SHOWN_PARTS).map(part => part.name)}`
      return
    case 'error':
      yield ` ${faultText(says)}`
      return
    case 'bytes':
      if (payload.length > 0) yield ` ${hexText(payload)}`
      return
    default:
      if (says.kind !== name) yield ` ${says.kind}`
      yield* fieldsText(says)
  }
}

/** The name and its values, like a function call. */
function* dataText([name, ...values]: readonly AmfValue[]): Generator<string, void> {
  const text = new AmfText()
  yield ' '
  if (typeof name === 'string') yield word(name)
  else yield* text.value(name)
  yield '('
  yield* text.list(values)
  yield ')'
}

/** Fields under their names. */
function* fieldsText({ kind: _, ...fields }: ProtocolControl | UserControlEvent): Generator<string, void> {
  for (const [name, value] of Object.entries(fields))
    yield ` ${name} ${Buffer.isBuffer(value) ? hexText(value) : value}`
}

function videoText(says: VideoSays): string {
  const { codec, frameType, packetType, compositionTime, trackId, configs } = says
  const isFrame = packetType === undefined || FRAMES.includes(packetType)
  const text = listed([codec, isFrame ? frameType : undefined, packetType], trackId)
  const time = compositionTime === undefined ? '' : `, composition time ${compositionTime}`
  return text + time + nanosText(says) + configsText(configs)
}

const nanosText = ({ timestampNanos }: { timestampNanos?: number }): string =>
  timestampNanos === undefined ? '' : `, ${timestampNanos} ns`

/** `, 1920x1080 High level 4.1 25 fps` or `, 44100 Hz 2 channels LC`, of each track. */
function configsText(configs: readonly CodecConfig[] = []): string {
  const texts = configs.map(config => {
    const { profile } = config
    if (config.kind === 'audio') {
      const { sampleRate, channels } = config
      return [sampleRate && `${sampleRate} Hz`, channels && `${channels} channel${channels === 1 ? '' : 's'}`, profile]
    }
    const { width, height, level, frameRate, bitDepth = 8, hdr } = config
    const rate = frameRate && `${Math.round(frameRate * 1000) / 1000} fps`
    return [
      width && `${width}x${height}`,
      profile,
      level && `level ${level}`,
      rate,
      bitDepth > 8 && `${bitDepth} bits`,
      hdr
    ]
  })
  return texts.map(words => `, ${words.filter(Boolean).join(' ')}`).join('')
}

const listed = (words: readonly (string | undefined)[], trackId: number | undefined): string =>
  ['', ...words, trackId === undefined ? undefined : `track ${trackId}`].filter(each => each !== undefined).join(' ')
