import { flvTag } from '../flv/flv-tag.ts'
import { isTag } from '../flv/flv-writer.ts'
import type { BatchEncoder } from '../live/message-batch.ts'
import { unwrapped } from '../message/data.ts'
import type { Message } from '../message/message.ts'
import { inAmf0 } from '../message/metadata.ts'

/**
 * An encoder for `batch.encoded`: the FLV tags of the audio, video and data of a batch, the same for every reader.
 *
 * @example
 * ```ts
 * for await (const batch of live.player()) response.write(batch.encoded(new FlvTags()))
 * ```
 */
export class FlvTags implements BatchEncoder {
  /** The tags, each with its PreviousTagSize (FLV 10.1, E.3); empty if the messages have none. */
  encode(messages: readonly Message[]): Buffer {
    return Buffer.concat(messages.filter(isTag).map(message => flvTag(inAmf0(unwrapped(message)))))
  }

  /** All encoders of this class are equal. */
  equals(other: object): boolean {
    return other instanceof FlvTags
  }
}
