import type { AmfObject } from '../amf/amf-value.ts'
import { MessageBatch } from '../live/message-batch.ts'
import { isMetadata } from '../media/media-state.ts'
import type { TrackChoice } from '../media/tracks/choose-tracks.ts'
import { wrapped } from '../message/data.ts'
import type { Message } from '../message/message.ts'
import { liveMetadata } from '../message/metadata.ts'
import type { Engaged, NetStream } from './net-stream.ts'
import { Outgoing } from './outgoing.ts'

/** Servers keep metadata that is wrapped in `@setDataFrame`, and send it to players that join later. */
const kept = (message: Message): Message => wrapped(liveMetadata(message))

/** Events of Publishing, beside those of a Writable. */
export interface PublishingEvents {
  /** A status of the publish: its information object. */
  status: [information: AmfObject]
}

/**
 * A publish of a client: a Writable of Messages, or of the MessageBatches of a LiveStream's player. It applies
 * backpressure while the peer reads nothing. Its end is announced to the peer. When the peer ends it, it is destroyed
 * with the Refused that the peer sent. Events: see PublishingEvents.
 *
 * @example
 * ```ts
 * const publishing: Publishing = await client.publish('film')
 * publishing.on('status', information => console.log(information))
 * ```
 */
export class Publishing extends Outgoing<PublishingEvents> {
  readonly #bye: () => void
  readonly #letGo: () => void

  constructor(stream: NetStream<Publishing, Engaged>, tracks: TrackChoice, bye: () => void) {
    super(stream, tracks)
    this.#bye = bye
    this.#letGo = () => stream.letGo(this)
  }

  /** The publish has ended, by the peer or with the connection. @internal */
  over(reason?: Error): void {
    this.destroy(reason)
  }

  protected override get isOpen(): boolean {
    return true
  }

  /** Removes metadata that is not true of a live stream. */
  protected override wanted(item: Message | MessageBatch): Message | MessageBatch {
    if (!(item instanceof MessageBatch)) return isMetadata(item) ? kept(item) : item
    if (!item.messages.some(isMetadata)) return item
    return item.with(item.messages.map(each => (isMetadata(each) ? kept(each) : each)))!
  }

  protected override bye(): void {
    this.#bye()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#letGo()
    super._destroy(error, done)
  }
}
