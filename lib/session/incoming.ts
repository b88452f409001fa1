import { readAggregate } from '../message/aggregate.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { DirectReadable } from '../stream/direct.ts'

/** What comes in on a message stream: a Readable of audio, video and data. Full, it holds the peer back. */
export class Incoming<Own = unknown> extends DirectReadable<Message, Own> {
  readonly #letGo: () => void
  #room: (() => void) | undefined
  #over = false
  #failure: Error | undefined

  /** `letGo` is called when the application destroys it before its end. */
  constructor(letGo: () => void) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#letGo = letGo
  }

  /** Takes a message, or what an Aggregate holds; a promise, while there is no room for more. */
  deliver(message: Message): Promise<void> | undefined {
    if (message.type !== MessageTypeId.Aggregate) return this.#take(message)
    return this.#takeAll(readAggregate(message))
  }

  async #takeAll(parts: Iterable<Message>): Promise<void> {
    for (const part of parts) {
      const room = this.#take(part)
      if (room !== undefined) await room
    }
  }

  /** It is over: what came so far is still there to be read. */
  end(): void {
    if (!this.#finish()) return
    this.push(null)
  }

  /** It has failed: what came so far is still there to be read, and then comes the error. */
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

  #take(message: Message): Promise<void> | undefined {
    if (this.#over || this.push(message)) return undefined
    return new Promise(resolve => {
      this.#room = resolve
    })
  }

  /** Whether it was not over yet. */
  #finish(): boolean {
    this.#room?.()
    const wasOver = this.#over
    this.#over = true
    return !wasOver
  }
}
