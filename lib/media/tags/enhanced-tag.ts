import { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import type { ModEx, TagTrack } from './tag-forms.ts'
import { FOUR_CC_LENGTH, MAX_MOD_EX, MAX_TRACKS, MOD_EX, MultitrackType, modExEnd, modExStart } from './tag-header.ts'

const MAX_24_BITS = 0xffffff

/** What audio and video have in common behind the first four bits (Enhanced RTMP v2): ModEx, and the packet type. */
export interface EnhancedStart {
  readonly modEx: readonly ModEx[]
  /** Of the payload: Multitrack is not entered. */
  readonly packetType: number
  /** Behind the packet type. */
  readonly reader: ByteReader
}

/** @throws ProtocolError `ERR_RTMP_TRUNCATED`, `ERR_RTMP_TAG`. */
export function readEnhancedStart(payload: Buffer): EnhancedStart {
  const modEx: ModEx[] = []
  let at = 0
  while ((payload[at]! & 0x0f) === MOD_EX) {
    const end = modExEnd(payload, at)
    if (!(end < payload.length)) throw cut(at)
    if (modEx.length === MAX_MOD_EX) throw invalid(at, `more than ${MAX_MOD_EX} ModEx`)
    modEx.push({ type: payload[end]! >> 4, data: payload.subarray(modExStart(payload, at), end) })
    at = end
  }
  return { modEx, packetType: payload[at]! & 0x0f, reader: new ByteReader(payload, 'media', at + 1) }
}

export const readFourCc = (reader: ByteReader): string => reader.view(FOUR_CC_LENGTH).toString('latin1')

/** The tracks behind the packet type of Multitrack. `read` is given the packet type and the FourCC of a track, and its bytes. */
export function readTracks<Packet extends object>(
  reader: ByteReader,
  multitrack: number,
  read: (packetType: number, fourCc: string, body: ByteReader) => Packet
): { multitrackType: 0 | 1 | 2; tracks: (TagTrack & Packet)[] } {
  const start = reader.offset
  const first = reader.u8()
  const [multitrackType, packetType] = [first >> 4, first & 0x0f]
  if (!isMultitrackType(multitrackType)) throw invalid(start, `multitrack type ${multitrackType}`)
  if (packetType === multitrack || packetType === MOD_EX)
    throw invalid(start, `packet type ${packetType} in Multitrack`)
  let fourCc = multitrackType === MultitrackType.ManyTracksManyCodecs ? '' : readFourCc(reader)
  const tracks: (TagTrack & Packet)[] = []
  do {
    if (tracks.length === MAX_TRACKS) throw invalid(reader.offset, `more than ${MAX_TRACKS} tracks`)
    if (multitrackType === MultitrackType.ManyTracksManyCodecs) fourCc = readFourCc(reader)
    const trackId = reader.u8()
    const size = multitrackType === MultitrackType.OneTrack ? reader.left : reader.u24()
    const body = reader.offset
    reader.view(size)
    const track = new ByteReader(reader.bytes.subarray(0, body + size), 'media', body)
    tracks.push({ trackId, fourCc, ...read(packetType, fourCc, track) })
  } while (reader.left > 0)
  return { multitrackType, tracks }
}

const isMultitrackType = (type: number): type is 0 | 1 | 2 => type <= MultitrackType.ManyTracksManyCodecs

/** What is left. */
export const rest = (reader: ByteReader): Buffer => reader.view(reader.left)

export const invalid = (offset: number, detail: string): ProtocolError =>
  new ProtocolError('ERR_RTMP_TAG', { layer: 'media', offset, detail })

/** What `read` returns; undefined if the payload cannot be read. */
export function unlessInvalid<Read>(read: () => Read): Read | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

const cut = (offset: number): ProtocolError =>
  new ProtocolError('ERR_RTMP_TRUNCATED', { layer: 'media', offset, detail: 'ModEx' })

/**
 * The first byte, whose upper four bits are given, ModEx and the packet type.
 * @throws RangeError for what the form cannot express.
 */
export function writeEnhancedStart(writer: ByteWriter, upper: number, modEx: readonly ModEx[], type: number): void {
  checkRange('number of ModEx', modEx.length, 0, MAX_MOD_EX)
  let high = upper
  for (const { type: modExType, data } of modEx) {
    checkRange('type of ModEx', modExType, 0, 0x0f)
    checkRange('length of ModEx', data.length, 1, 0x10000)
    writer.u8((high << 4) | MOD_EX)
    // 256 bytes would read as the announcement of a 16-bit size
    if (data.length < 256) writer.u8(data.length - 1)
    else writer.u8(0xff).u16(data.length - 1)
    writer.raw(data)
    high = modExType
  }
  writer.u8((high << 4) | type)
}

/** @throws RangeError for a FourCC that has not four characters of 8 bits. */
export function writeFourCc(writer: ByteWriter, fourCc: string): void {
  const bytes = Buffer.from(fourCc, 'latin1')
  if (fourCc.length !== FOUR_CC_LENGTH || bytes.toString('latin1') !== fourCc)
    throw new RangeError(`a FourCC has four characters, not ${JSON.stringify(fourCc)}`)
  writer.raw(bytes)
}

/**
 * The tracks behind the packet type of Multitrack.
 * @throws RangeError for what the form cannot express.
 */
export function writeTracks<Track extends TagTrack & { readonly packetType: number }>(
  writer: ByteWriter,
  multitrack: number,
  multitrackType: number,
  tracks: readonly Track[],
  body: (track: Track) => Buffer
): void {
  checkRange('multitrackType', multitrackType, 0, 2)
  const [first] = tracks
  const isOne = multitrackType === MultitrackType.OneTrack
  const hasCodecs = multitrackType === MultitrackType.ManyTracksManyCodecs
  checkRange('number of tracks', tracks.length, 1, isOne ? 1 : MAX_TRACKS)
  if (tracks.some(({ packetType }) => packetType !== first!.packetType))
    throw new RangeError('all tracks of a payload have the same packet type')
  if (!hasCodecs && tracks.some(({ fourCc }) => fourCc !== first!.fourCc))
    throw new RangeError('tracks with different codecs are ManyTracksManyCodecs')
  checkPacketType(first!.packetType, multitrack)
  writer.u8((multitrackType << 4) | first!.packetType)
  if (!hasCodecs) writeFourCc(writer, first!.fourCc)
  for (const track of tracks) {
    if (hasCodecs) writeFourCc(writer, track.fourCc)
    checkRange('trackId', track.trackId, 0, 0xff)
    writer.u8(track.trackId)
    const bytes = body(track)
    checkRange('length of a track', bytes.length, 0, MAX_24_BITS)
    if (!isOne) writer.u24(bytes.length)
    writer.raw(bytes)
  }
}

/** @throws RangeError for a packet type that is none, as it announces something else. */
export function checkPacketType(packetType: number, multitrack: number): void {
  checkRange('packetType', packetType, 0, 0x0f)
  if (packetType === multitrack || packetType === MOD_EX) throw new RangeError(`packetType must not be ${packetType}`)
}

/** @throws RangeError for a value that is not an integer in the range. */
export function checkRange(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    throw new RangeError(`${name} must be an integer from ${from} to ${to}, not ${value}`)
}
