import { finished, type Readable } from 'node:stream'
import type { AmfObject } from '../../amf/amf-value.ts'
import { dataMessage, unwrapped } from '../../message/data.ts'
import { type Message, MessageTypeId } from '../../message/message.ts'
import { describedBy } from '../../message/metadata.ts'
import { DirectReadable } from '../../stream/direct.ts'
import type { ReadableOf } from '../../stream/typed.ts'
import { isMetadata } from '../media-state.ts'
import { isBefore } from '../serial.ts'
import { checkRange } from '../tags/enhanced-tag.ts'
import { chooseTracks } from './choose-tracks.ts'
import { joinedMetadata } from './track-metadata.ts'
import { withTrackId } from './with-track-id.ts'

/** A stream whose tracks become tracks of another: see joinTracks. */
export interface TrackSource {
  /** Messages of one video and one audio track. Of Multitrack packets the tracks with id 0 are taken. */
  readonly source: Readable & AsyncIterable<Message>
  /** The id of its video, 0 to 255; without one its video is left out. */
  readonly video?: number
  /** The id of its audio, 0 to 255; without one its audio is left out. */
  readonly audio?: number
}

/**
 * Several streams as one with several tracks (Enhanced RTMP v2, "Multitrack"): renditions of a picture, languages of its sound. The tracks
 * with id 0 stay what they are, and so play everywhere. The others are sent in Multitrack packets of one track each.
 *
 * - Metadata is that of the tracks with id 0, with `videoTrackIdInfoMap` and `audioTrackIdInfoMap` for the others; it is sent again when
 *   that of a source changes. Other data messages are those of the first source.
 * - Of the messages that wait, the one with the lowest timestamp is first; no source waits for another. The sources need
 *   one timeline, as renditions of one encoder have it; files are read through pace().
 * - It ends when all sources have ended. An error of one destroys it and the others, and so does one that closes before its end.
 *   A reader of a LiveStream stays while a publisher is replaced by another.
 * - A payload that no track can have, such as one of a codec without a FourCC where the id is not 0, is dropped.
 *
 * @throws RangeError for an id that is not an integer from 0 to 255; TypeError for two tracks of a kind with one id, a source without
 *   an id, one source twice, or none.
 *
 * @example
 * ```ts
 * const joined = joinTracks([
 *   { source: lives.get('show/480p').subscribe(), video: 0, audio: 0 },
 *   { source: lives.get('show/1080p').subscribe(), video: 1 },
 *   { source: lives.get('show/german').subscribe(), audio: 1 }
 * ])
 * pipeline(joined, await lives.publish('show/all'), report)
 * ```
 */
export function joinTracks(sources: readonly TrackSource[]): ReadableOf<Message> {
  check(sources)
  return new JoinedTracks(sources)
}

function check(sources: readonly TrackSource[]): void {
  if (sources.length === 0) throw new TypeError('joinTracks needs a source')
  if (new Set(sources.map(({ source }) => source)).size < sources.length)
    throw new TypeError('a source of joinTracks is there twice: it may have a video and an audio id')
  for (const { video, audio } of sources) {
    if (video === undefined && audio === undefined)
      throw new TypeError('a source of joinTracks needs a video or an audio id')
  }
  for (const kind of ['video', 'audio'] as const) {
    const ids = sources.flatMap(each => each[kind] ?? [])
    for (const id of ids) checkRange(`${kind} id`, id, 0, 0xff)
    if (new Set(ids).size < ids.length) throw new TypeError(`two sources of joinTracks have the same ${kind} id`)
  }
}

interface Joining extends TrackSource {
  /** What has been read of it, and not been given. */
  head: Message | null
  hasEnded: boolean
  properties: AmfObject
}

class JoinedTracks extends DirectReadable<Message> {
  readonly #sources: readonly Joining[]
  #isWanted = false

  constructor(sources: readonly TrackSource[]) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#sources = sources.map(each => ({ ...each, head: null, hasEnded: false, properties: {} }))
    for (const each of this.#sources) {
      each.source.on('readable', () => this.#give())
      finished(each.source, { writable: false }, error => {
        if (error) this.destroy(error)
        each.hasEnded = true
        this.#give()
      })
    }
  }

  override _read(): void {
    this.#isWanted = true
    this.#give()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    for (const { source } of this.#sources) source.destroy()
    done(error)
  }

  #give(): void {
    while (this.#isWanted && !this.destroyed) {
      const source = this.#next()
      if (source === undefined) break
      const message = this.#turned(source, source.head!)
      source.head = null
      if (message !== undefined) this.#isWanted = this.push(message)
    }
    if (this.#sources.every(({ head, hasEnded }) => hasEnded && head === null)) this.push(null)
  }

  /** The source whose message is first. */
  #next(): Joining | undefined {
    let first: Joining | undefined
    for (const each of this.#sources) {
      each.head ??= each.source.read()
      if (each.head !== null && (first === undefined || isBefore(each.head.timestamp, first.head!.timestamp)))
        first = each
    }
    return first
  }

  #turned(source: Joining, whole: Message): Message | undefined {
    const message = chooseTracks(whole)
    if (message === undefined) return undefined
    if (message.type === MessageTypeId.Video) return onTrack(message, source.video)
    if (message.type === MessageTypeId.Audio) return onTrack(message, source.audio)
    if (!isMetadata(message)) return source === this.#sources[0] ? message : undefined
    source.properties = describedBy(unwrapped(message)) ?? {}
    const { messageStreamId, timestamp } = message
    return dataMessage(['onMetaData', joinedMetadata(this.#sources)], { messageStreamId, timestamp })
  }
}

/** Undefined for a kind of track that is left out. */
function onTrack(message: Message, id: number | undefined): Message | undefined {
  if (id === undefined) return undefined
  return id === 0 ? message : withTrackId(message, id)
}
