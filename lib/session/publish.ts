import { Refused } from '../errors.ts'
import { onStatus } from '../message/command.ts'
import type { Message } from '../message/message.ts'
import type { PublishStatus } from '../status.ts'
import type { ReadableOf } from '../stream/typed.ts'
import { Incoming } from './incoming.ts'
import type { NetStream } from './net-stream.ts'
import { Request } from './request.ts'
import { namedPath, type StreamPath } from './stream-path.ts'

/** A request to publish (RTMP 1.0, 7.2.2.6). */
export class Publish extends Request implements StreamPath {
  /** The publishing type: `live`, `record` or `append`. */
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

  /** Whether `name` is the name that the peer used, before any rename; a query is not part of the name. @internal */
  wasNamed(name: string): boolean {
    return name.replace(/\?.*/s, '') === this.#asked
  }

  /** Replaces the name, so that a key stays hidden. */
  rename(name: string): void {
    this.#where = namedPath(this.#where, name)
  }

  /**
   * Accepts the request. Returns a Readable of its audio, video and data, which ends with the publish, however that
   * ends. When the Readable is full the peer is not read; destroying it ends the publish.
   * @throws RtmpError `ERR_RTMP_PREMATURE_CLOSE` when the peer has disconnected, TypeError when it is already decided.
   */
  accept(): ReadableOf<Message> {
    this.take()
    return this.#messages
  }

  /**
   * Refuses it: `NetStream.Publish.Denied` by default, or `NetStream.Publish.BadName`.
   * @throws TypeError when it is already decided.
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

  /** Delivers a message. Returns a promise while the buffer is full. @internal */
  deliver(message: Message): Promise<void> | undefined {
    return this.#messages.deliver(message)
  }

  /** The publish has ended. Messages received before can still be read. @internal */
  over(): void {
    this.abandon()
    this.#messages.end()
  }
}
