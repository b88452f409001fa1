import { type AmfObject, propertiesOf } from '../amf/amf-value.ts'
import { isDataType, readData, unwrapped } from '../message/data.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { inAmf0 } from '../message/metadata.ts'
import { type FlvTracks, flvHeader, flvTag } from './flv-tag.ts'

/** Options of FlvWriter and FlvEncoder. */
export interface FlvWriterOptions {
  /** The tracks in the header. By default those of the metadata, if it comes first, otherwise both. */
  tracks?: FlvTracks
}

/** Where nothing tells. */
export const BOTH: FlvTracks = { audio: true, video: true }

/**
 * Writes an FLV file (FLV 10.1, Annex E), the inverse of FlvReader. Messages other than audio, video and data are
 * skipped. Metadata is written without `@setDataFrame`, and data of type 15 in AMF0: FFmpeg and GStreamer skip tags of
 * that type.
 *
 * @example
 * ```ts
 * const writer = new FlvWriter()
 * const file = Buffer.concat(messages.flatMap(message => writer.write(message)))
 * ```
 */
export class FlvWriter {
  #tracks: FlvTracks | undefined
  #begun = false

  constructor({ tracks }: FlvWriterOptions = {}) {
    this.#tracks = tracks
  }

  /** The bytes of `message`, preceded by the file header for the first one. */
  write(message: Message): Buffer[] {
    if (!isTag(message)) return []
    const tag = inAmf0(unwrapped(message))
    return [...this.begin(tag), flvTag(tag)]
  }

  /** The file header, if it is not written yet: a file without messages has one too. */
  begin(first?: Message): Buffer[] {
    if (this.#begun) return []
    this.#begun = true
    return [flvHeader(this.#tracks ?? tracksNamedBy(first) ?? BOTH)]
  }
}

/** Whether the message belongs in a file. */
export const isTag = ({ type }: Message): boolean =>
  type === MessageTypeId.Audio || type === MessageTypeId.Video || isDataType(type)

/** FFmpeg writes metadata first, with a codec id for each track there is. */
function tracksNamedBy(message: Message | undefined): FlvTracks | undefined {
  if (message === undefined || !isDataType(message.type)) return undefined
  try {
    const properties = readData(message).map(propertiesOf).find(Boolean)
    return properties && tracksOf(properties)
  } catch {
    return undefined
  }
}

/** The tracks for which metadata has a codec id; undefined if none. */
export function tracksOf(properties: AmfObject): FlvTracks | undefined {
  const tracks = { audio: 'audiocodecid' in properties, video: 'videocodecid' in properties }
  return tracks.audio || tracks.video ? tracks : undefined
}
