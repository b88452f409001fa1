import { type AmfObject, type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { PRIMARY, type TrackChoice } from '../media/tracks/choose-tracks.ts'

/** What a program can do with a codec (Enhanced RTMP v2, FourCcInfoMask). */
export type CodecAbility = 'decode' | 'encode' | 'forward'

/** Abilities by FourCC, such as `{ hvc1: ['decode'], '*': ['forward'] }`; `*` is any codec. */
export type CodecAbilities = Readonly<Record<string, readonly CodecAbility[]>>

/** The capabilities of Enhanced RTMP v2 that one side states; none by default. */
export interface CapabilitiesOptions {
  /** Abilities by FourCC of a video codec: `avc1`, `hvc1`, `vvc1`, `av01`, `vp08`, `vp09`. */
  readonly video?: CodecAbilities
  /** Abilities by FourCC of an audio codec: `mp4a`, `Opus`, `fLaC`, `ac-3`, `ec-3`, `.mp3`. */
  readonly audio?: CodecAbilities
  /** Follows a request to reconnect; at a server, may send one. */
  readonly reconnect?: boolean
  /** Takes several tracks of a kind. */
  readonly multitrack?: boolean
  /** Parses the ModEx signal. */
  readonly modEx?: boolean
  /** Heeds the nanoseconds that ModEx adds to a timestamp. */
  readonly timestampNanoOffset?: boolean
  /** Seeks to an exact frame (videoFunction, as the three that follow). */
  readonly seek?: boolean
  /** Shows HDR, so it heeds colorInfo. */
  readonly hdr?: boolean
  /** Reads metadata frames of video. */
  readonly videoMetadata?: boolean
  /** Decodes a part of an AV1 frame of large scale tiles. */
  readonly largeScaleTile?: boolean
}

const ABILITIES = { decode: 1, encode: 2, forward: 4 } as const
/** CapsExMask. */
const EXTENDED = { reconnect: 1, multitrack: 2, modEx: 4, timestampNanoOffset: 8 } as const
/** Flags of videoFunction. */
const FUNCTIONS = { seek: 1, hdr: 2, videoMetadata: 4, largeScaleTile: 8 } as const
const ANY = '*'

/**
 * The capabilities that a peer states, in its `connect` or in the answer to one (Enhanced RTMP v2, "Enhancing
 * NetConnection connect Command"). OBS, GStreamer and a publishing FFmpeg state nothing, whatever they send, so media is
 * never refused for a missing capability.
 *
 * @example
 * ```ts
 * function decodesHevc({ capabilities }: Connect): boolean | undefined {
 *   return capabilities.isStated ? capabilities.can('decode', 'video', 'hvc1') : undefined
 * }
 * ```
 */
export class Capabilities {
  /** Whether the peer states any capability of Enhanced RTMP. One that states none may still have them. */
  readonly isStated: boolean
  /** Follows a request to reconnect; at a server, may send one. */
  readonly reconnect: boolean
  /** Takes several tracks of a kind. */
  readonly multitrack: boolean
  /** Parses the ModEx signal. */
  readonly modEx: boolean
  /** Heeds the nanoseconds that ModEx adds to a timestamp. */
  readonly timestampNanoOffset: boolean
  /** Seeks to an exact frame: a client of RTMP 1.0 may state this too. */
  readonly seek: boolean
  /** Shows HDR, so it heeds colorInfo. */
  readonly hdr: boolean
  /** Reads metadata frames of video. */
  readonly videoMetadata: boolean
  /** Decodes a part of an AV1 frame of large scale tiles. */
  readonly largeScaleTile: boolean
  /** The FourCCs that the peer names, each once; `*` is any codec. */
  readonly fourCcs: readonly string[]
  readonly #flags: { readonly video: AmfObject; readonly audio: AmfObject; readonly listed: readonly AmfValue[] }

  /** Reads the command object of a `connect`, or the information object of its answer; a value of a wrong type counts as absent. */
  constructor({ fourCcList, videoFourCcInfoMap, audioFourCcInfoMap, capsEx, videoFunction }: AmfObject = {}) {
    const video = propertiesOf(videoFourCcInfoMap) ?? {}
    const audio = propertiesOf(audioFourCcInfoMap) ?? {}
    const listed = Array.isArray(fourCcList) ? fourCcList : []
    this.#flags = { video, audio, listed }
    this.fourCcs = [...new Set([...listed.filter(isText), ...Object.keys(video), ...Object.keys(audio)])]
    this.isStated = this.fourCcs.length > 0 || typeof capsEx === 'number' || bits(videoFunction) > FUNCTIONS.seek
    const extended = bits(capsEx)
    this.reconnect = (extended & EXTENDED.reconnect) !== 0
    this.multitrack = (extended & EXTENDED.multitrack) !== 0
    this.modEx = (extended & EXTENDED.modEx) !== 0
    this.timestampNanoOffset = (extended & EXTENDED.timestampNanoOffset) !== 0
    const functions = bits(videoFunction)
    this.seek = (functions & FUNCTIONS.seek) !== 0
    this.hdr = (functions & FUNCTIONS.hdr) !== 0
    this.videoMetadata = (functions & FUNCTIONS.videoMetadata) !== 0
    this.largeScaleTile = (functions & FUNCTIONS.largeScaleTile) !== 0
  }

  /**
   * Whether the peer states that it can decode, encode or forward a codec, by its name or by `*`. In the fourCcList of version 1,
   * which has no abilities, a name is one to decode, and `*` is to forward any.
   */
  can(ability: CodecAbility, track: 'video' | 'audio', fourCc: string): boolean {
    const { [track]: map, listed } = this.#flags
    const flags = flagsOf(map, fourCc) | flagsOf(map, ANY)
    if ((flags & ABILITIES[ability]) !== 0) return true
    return (ability === 'decode' && listed.includes(fourCc)) || (ability === 'forward' && listed.includes(ANY))
  }
}

/** The capabilities of a program that forwards media: every codec, and every extension of messages. */
export const FORWARDS_ALL: CapabilitiesOptions = {
  video: { '*': ['forward'] },
  audio: { '*': ['forward'] },
  multitrack: true,
  modEx: true,
  timestampNanoOffset: true
}

/** The tracks for a peer that states this: extra ones crash decoders that do not know Multitrack. */
export const tracksFor = (capabilities: Capabilities | undefined): TrackChoice =>
  capabilities?.multitrack ? 'all' : PRIMARY

/**
 * The properties of a `connect` or of its answer that state capabilities. Of a flag that is not given, nothing is stated.
 * @throws TypeError for a FourCC that does not have four characters, or an unknown ability.
 */
export function statedBy(options: CapabilitiesOptions): AmfObject {
  const { video, audio } = options
  const capsEx = sum(options, EXTENDED)
  const videoFunction = sum(options, FUNCTIONS)
  return {
    ...(video && { videoFourCcInfoMap: mapOf(video) }),
    ...(audio && { audioFourCcInfoMap: mapOf(audio) }),
    ...(capsEx > 0 && { capsEx }),
    ...(videoFunction > 0 && { videoFunction })
  }
}

/** The same of a client, with fourCcList for a server of version 1. */
export function statedByClient(options: CapabilitiesOptions): AmfObject {
  const fourCcList = [...new Set([...Object.keys(options.video ?? {}), ...Object.keys(options.audio ?? {})])]
  return { ...(fourCcList.length > 0 && { fourCcList }), ...statedBy(options) }
}

function mapOf(abilities: CodecAbilities): AmfObject {
  return Object.fromEntries(
    Object.entries(abilities).map(([fourCc, can]) => {
      if (fourCc !== ANY && !/^[\x20-\x7e]{4}$/.test(fourCc))
        throw new TypeError(`a FourCC has four characters, or is *; not ${fourCc}`)
      return [fourCc, can.reduce((flags, ability) => flags | flagOf(ability), 0)]
    })
  )
}

function flagOf(ability: CodecAbility): number {
  if (!Object.hasOwn(ABILITIES, ability))
    throw new TypeError(`ability must be decode, encode or forward, not ${ability}`)
  return ABILITIES[ability]
}

const sum = <Name extends keyof CapabilitiesOptions>(
  options: CapabilitiesOptions,
  masks: Record<Name, number>
): number =>
  (Object.keys(masks) as Name[]).reduce((flags, name) => flags | (options[name] === true ? masks[name] : 0), 0)

const bits = (value: AmfValue): number => (typeof value === 'number' ? value : 0)
const isText = (value: AmfValue): value is string => typeof value === 'string'
const flagsOf = (map: AmfObject, fourCc: string): number => bits(map[fourCc])
