import { readAggregate } from '../message/aggregate.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { DirectReadable } from '../stream/direct.ts'

/**
 * The inbound media of a message stream: a Readable of audio, video and data. When it is full, the session stops
 * reading the wire.
 */
export class Incoming<Own = unknown> extends DirectReadable<Message, Own> {
  readonly #letGo: () => void
  #room: (() => void) | undefined
  #over = false
  #failure: Error | undefined

  /** @param letGo called when the application destroys it before its end */
  constructor(letGo: () => void) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#letGo = letGo
  }

  /** Delivers a message, or the messages of an Aggregate. Returns a promise while the buffer is full. @internal */
  deliver(message: Message): Promise<void> | undefined {
    if (message.type === MessageTypeId.Aggregate) return this.#deliverAll(readAggregate(message))
    if (this.#over || this.push(message)) return undefined
    return new Promise(resolve => {
      this.#room = resolve
    })
  }

  async #deliverAll(parts: Iterable<Message>): Promise<void> {
    for (const part of parts) {
      const room = this.deliver(part)
      if (room !== undefined) await room
    }
  }

  /** Ends it. Messages delivered before can still be read. @internal */
  end(): void {
    if (!this.#finish()) return
    this.push(null)
  }

  /** Ends it with an error, after the messages delivered before have been read. @internal */
  fail(error: Error): void {
    if (!this.#finish()) return
    this.#failure = error
    if (this.readableLength === 0) this.destroy(error)
  }

  // the first as ReadableOf has it, for Node's own declarations
  override read(size: never): never
  override read(size?: number): Message | null
  override read(size?: number): Message | null {
    const item = super.read(size)
    if (this.#failure !== undefined && this.readableLength === 0) setImmediate(() => this.destroy(this.#failure))
    return item
  }

  override _read(): void {
    this.#room?.()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#finish()) this.#letGo()
    done(error)
  }

  /** Whether it had not ended yet. */
  #finish(): boolean {
    this.#room?.()
    const wasOver = this.#over
    this.#over = true
    return !wasOver
  }
}
