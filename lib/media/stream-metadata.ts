import { type AmfObject, type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { unwrapped } from '../message/data.ts'
import type { Message } from '../message/message.ts'
import { describedBy } from '../message/metadata.ts'
import { fourCcName, isKnownFourCc, soundFormatName, videoCodecName } from './tags/codec.ts'

/** What metadata says of a video track. */
export interface VideoMetadata {
  /** The codec by its name: see videoCodec. */
  readonly codec?: string
  /** Pixels. */
  readonly width?: number
  /** Pixels. */
  readonly height?: number
  /** Frames a second. */
  readonly frameRate?: number
  /** Kilobits a second. */
  readonly dataRate?: number
  /** All its properties, as they were sent; of a track other than 0 those of the stream where it has none of its own. */
  readonly properties: AmfObject
}

/** What metadata says of an audio track. */
export interface AudioMetadata {
  /** The codec by its name: see audioCodec. */
  readonly codec?: string
  /** Hertz. */
  readonly sampleRate?: number
  /** Channels. */
  readonly channels?: number
  /** Kilobits a second. */
  readonly dataRate?: number
  /** As of VideoMetadata. */
  readonly properties: AmfObject
}

/** What metadata says of a stream, by the ids of its tracks; track 0 is what it says of all. */
export interface StreamMetadata {
  /** Its video tracks. */
  readonly video: ReadonlyMap<number, VideoMetadata>
  /** Its audio tracks. */
  readonly audio: ReadonlyMap<number, AudioMetadata>
}

/**
 * What an `onMetaData` message, in `@setDataFrame` or not, says of each track (Enhanced RTMP v2, "Enhancing onMetaData").
 * The tracks of `videoTrackIdInfoMap` and `audioTrackIdInfoMap` have the properties of the stream where they have none
 * of their own. A codec is a number of FLV, a FourCC in either byte order (GStreamer 1.28 sends it reversed), or a text.
 * Undefined for any other message, and for one that cannot be read.
 *
 * @example
 * ```ts
 * for (const [trackId, { codec, width, height }] of readStreamMetadata(message)?.video ?? [])
 *   console.log(trackId, codec, width, height)
 * ```
 */
export function readStreamMetadata(message: Message): StreamMetadata | undefined {
  const described = describedBy(unwrapped(message))
  if (described === undefined) return undefined
  const { videoTrackIdInfoMap, audioTrackIdInfoMap, ...own } = described
  return { video: tracks(own, videoTrackIdInfoMap, videoOf), audio: tracks(own, audioTrackIdInfoMap, audioOf) }
}

function tracks<Track>(own: AmfObject, map: AmfValue, read: (properties: AmfObject) => Track): Map<number, Track> {
  const found = new Map([[0, read(own)]])
  for (const [key, value] of Object.entries(propertiesOf(map) ?? {})) {
    const properties = propertiesOf(value)
    if (/^\d{1,3}$/.test(key) && Number(key) <= MAX_TRACK_ID && properties !== undefined)
      found.set(Number(key), read({ ...own, ...properties }))
  }
  return found
}

const MAX_TRACK_ID = 255

function videoOf(properties: AmfObject): VideoMetadata {
  const { videocodecid, width, height, framerate, videodatarate } = properties
  return {
    ...(videocodecid !== undefined && { codec: codecOf(videocodecid, videoCodecName) }),
    ...numbers({ width, height, frameRate: framerate, dataRate: videodatarate }),
    properties
  }
}

/** A track of the map has `samplerate` and `channels` in the examples of the specification. */
function audioOf(properties: AmfObject): AudioMetadata {
  const { audiocodecid, audiosamplerate, samplerate, audiochannels, channels, stereo, audiodatarate } = properties
  const byStereo = typeof stereo === 'boolean' ? Number(stereo) + 1 : undefined
  return {
    ...(audiocodecid !== undefined && { codec: codecOf(audiocodecid, soundFormatName) }),
    ...numbers({
      sampleRate: samplerate ?? audiosamplerate,
      channels: channels ?? audiochannels ?? byStereo,
      dataRate: audiodatarate
    }),
    properties
  }
}

/** The ids of FLV have four bits. */
const MAX_LEGACY_ID = 15

function codecOf(id: AmfValue, legacyName: (id: number) => string): string {
  if (typeof id === 'string') return fourCcName(id)
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0xffffffff) return `codec ${String(id)}`
  if (id <= MAX_LEGACY_ID) return legacyName(id)
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(id)
  const code = bytes.toString('latin1')
  const reversed = bytes.reverse().toString('latin1')
  return fourCcName(!isKnownFourCc(code) && isKnownFourCc(reversed) ? reversed : code)
}

/** Those that are numbers. */
const numbers = <Name extends string>(values: Record<Name, AmfValue>): Partial<Record<Name, number>> =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => typeof value === 'number' && value > 0 && value < Infinity)
  ) as Partial<Record<Name, number>>
