import { Refused } from '../errors.ts'
import { onStatus } from '../message/command.ts'
import type { Message } from '../message/message.ts'
import type { PublishStatus } from '../status.ts'
import type { ReadableOf } from '../stream/typed.ts'
import { Incoming } from './incoming.ts'
import type { NetStream } from './net-stream.ts'
import { Request } from './request.ts'
import { namedPath, type StreamPath } from './stream-path.ts'

/** A peer wants to publish (RTMP 1.0, 7.2.2.6). */
export class Publish extends Request implements StreamPath {
  /** What it says it wants: `live`, `record` or `append`. */
  readonly kind: string
  readonly #stream: NetStream
  readonly #messages: Incoming
  #where: StreamPath
  readonly #asked: string

  constructor(stream: NetStream, where: StreamPath, kind: string) {
    super()
    this.#stream = stream
    this.#where = where
    this.#asked = where.name
    this.kind = kind
    this.#messages = new Incoming(() => stream.letGo(this))
  }

  get app(): string {
    return this.#where.app
  }
  get name(): string {
    return this.#where.name
  }
  get path(): string {
    return this.#where.path
  }
  get query(): URLSearchParams {
    return this.#where.query
  }
  get rawQuery(): string {
    return this.#where.rawQuery
  }

  /** Whether the peer calls it so, whatever it is called here; a query is not part of the name. */
  wasNamed(name: string): boolean {
    return name.replace(/\?.*/s, '') === this.#asked
  }

  /** Gives it another name, so that a key it was published by stays hidden. */
  rename(name: string): void {
    this.#where = namedPath(this.#where, name)
  }

  /**
   * Lets it publish: a Readable of its audio, video and data, as they come. It ends with the publishing, however that ends. Full,
   * it holds the peer back; destroyed, it ends the publishing.
   * @throws RtmpError `ERR_RTMP_PREMATURE_CLOSE` when the peer has gone, TypeError when it is decided already.
   */
  accept(): ReadableOf<Message> {
    this.take()
    return this.#messages
  }

  /**
   * Refuses it: `NetStream.Publish.Denied` unless told, or `NetStream.Publish.BadName`.
   * @throws TypeError when it is decided already.
   */
  reject(status: PublishStatus = 'NetStream.Publish.Denied', description = 'refused'): void {
    if (!this.refuse(new Refused(status, description))) throw new TypeError('request is already decided')
  }

  protected override granted(): void {
    this.#stream.begin('publishing', this)
    this.#stream.say(onStatus(this.#stream.id, 'NetStream.Publish.Start', `${this.#where.name} is now published`))
  }

  protected override refused({ status, description }: Refused): void {
    this.#stream.say(onStatus(this.#stream.id, status, description, 'error'))
    this.#messages.end()
  }

  /** Takes a message; a promise, while there is no room for more. */
  deliver(message: Message): Promise<void> | undefined {
    return this.#messages.deliver(message)
  }

  /** The publishing is over: what was read so far is still there to be read. */
  over(): void {
    this.abandon()
    this.#messages.end()
  }
}
