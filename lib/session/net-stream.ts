import type { MessageBatch } from '../media/message-batch.ts'
import type { Command } from '../message/command.ts'
import type { Message, MessageStreamId } from '../message/message.ts'
import type { Play } from './play.ts'
import type { Publish } from './publish.ts'
import type { StreamState } from './session-states.ts'

/** What a message stream needs of its connection. */
export interface StreamConnection {
  say(item: Message | Command): void
  send(item: Message | MessageBatch, messageStreamId: MessageStreamId, done: () => void): void
  unsend(done: () => void): void
  /** The application has let go of what a peer publishes. */
  evict(): void
}

/** One message stream of a connection (RTMP 1.0, 7.2.2): idle, or at what it was granted. */
export class NetStream {
  readonly id: MessageStreamId
  readonly #connection: StreamConnection
  #at: Publish | Play | undefined
  state: StreamState = 'idle'

  constructor(id: MessageStreamId, connection: StreamConnection) {
    this.id = id
    this.#connection = connection
  }

  /** What is published on it, or is to be. */
  get publish(): Publish | undefined {
    return this.state === 'publishing' ? (this.#at as Publish) : undefined
  }

  get play(): Play | undefined {
    return this.state === 'playing' ? (this.#at as Play) : undefined
  }

  /** A request is being decided on. */
  decide(request: Publish | Play): void {
    this.end()
    this.#at = request
    this.state = 'deciding'
  }

  begin(state: 'publishing' | 'playing', request: Publish | Play): void {
    this.#at = request
    this.state = state
  }

  /** It is idle again, if it was at this. */
  finish(request: Publish | Play): void {
    if (this.#at !== request) return
    this.#at = undefined
    this.state = 'idle'
  }

  /** The application has destroyed what it was given of a publish: the peer has to hear of it. */
  letGo(publish: Publish): void {
    if (this.publish === publish) this.#connection.evict()
  }

  /** Ends what it is at. */
  end(): void {
    const at = this.#at
    this.#at = undefined
    this.state = 'idle'
    at?.end()
  }

  say(item: Message | Command): void {
    this.#connection.say(item)
  }

  send(item: Message | MessageBatch, done: () => void): void {
    this.#connection.send(item, this.id, done)
  }

  unsend(done: () => void): void {
    this.#connection.unsend(done)
  }
}
