import type { Command } from '../message/command.ts'
import type { Message, MessageStreamId } from '../message/message.ts'
import type { MediaSink, OutgoingStream } from './outgoing.ts'
import type { StreamState } from './session-states.ts'

/** What a message stream needs from its connection. */
export interface StreamConnection {
  say(item: Message | Command): void
  /** Where its media goes, which is its session: that is told what is published and played. */
  readonly media: MediaSink & {
    engaged(kind: 'publish' | 'play', what: 'start' | 'end', stream: Engaged): void
  }
  /** The application has destroyed the Readable or Writable of a message stream. */
  letGo(messageStreamId: MessageStreamId): void
}

/** The activity of a message stream, a publish or a play. It is told when it ends, with the error if there is one. */
export interface Engaged {
  /** @internal */
  over(reason?: Error): void
}

/** One message stream of a connection (RTMP 1.0, 7.2.2), on either side: idle, or publishing, or playing. */
export class NetStream<Publishes extends Engaged = Engaged, Plays extends Engaged = Engaged> implements OutgoingStream {
  /** The id that the peer uses for it: messages are sent on this id. */
  id: MessageStreamId
  readonly #connection: StreamConnection
  #at: Publishes | Plays | undefined
  state: StreamState = 'idle'

  constructor(id: MessageStreamId, connection: StreamConnection) {
    this.id = id
    this.#connection = connection
  }

  get media(): MediaSink {
    return this.#connection.media
  }

  /** The granted publish, if there is one. */
  get publish(): Publishes | undefined {
    return this.state === 'publishing' ? (this.#at as Publishes) : undefined
  }

  /** The granted play, if there is one. */
  get play(): Plays | undefined {
    return this.state === 'playing' ? (this.#at as Plays) : undefined
  }

  /** A request is waiting for its decision. */
  decide(request: Publishes | Plays): void {
    this.end()
    this.#at = request
    this.state = 'deciding'
  }

  begin(state: 'publishing' | 'playing', at: Publishes | Plays): void {
    this.#at = at
    this.state = state
    this.#tell('start')
  }

  /** Makes it idle again, if `activity` is its current one. */
  finish(at: Publishes | Plays): void {
    if (this.#at !== at) return
    this.#tell('end')
    this.#at = undefined
    this.state = 'idle'
  }

  /** The application has destroyed its end: tells the peer, if that was the current activity. */
  letGo(at: Publishes | Plays): void {
    if (this.#at === at && this.state !== 'deciding') this.#connection.letGo(this.id)
  }

  /** Ends the current activity. */
  end(reason?: Error): void {
    const at = this.#at
    this.#tell('end')
    this.#at = undefined
    this.state = 'idle'
    at?.over(reason)
  }

  say(item: Message | Command): void {
    this.#connection.say(item)
  }

  #tell(what: 'start' | 'end'): void {
    const { publish, play } = this
    if (publish !== undefined) this.#connection.media.engaged('publish', what, publish)
    if (play !== undefined) this.#connection.media.engaged('play', what, play)
  }
}
