import type { Readable } from 'node:stream'
import type { MessageBatch } from '../live/message-batch.ts'
import type { Message } from '../message/message.ts'
import type { Fed } from '../stream/direct.ts'
import { TypedWritable } from '../stream/typed.ts'

/** Where the media goes: it waits there for room, then `done` is called. */
export interface MediaSink {
  send(item: Message | MessageBatch, done: () => void): void
  /** The fast path of `send`: sends it in this call if nothing waits, otherwise returns false. */
  sendNow(item: Message | MessageBatch): boolean
  /** Removes the queued item of this `done`. */
  unsend(done: () => void): void
}

/** What goes out on a message stream: a Writable of Messages, or of the MessageBatches that a LiveStream's player gives. */
export abstract class Outgoing<Own = unknown> extends TypedWritable<Message | MessageBatch, Own> implements Fed {
  _from: Readable | undefined
  readonly #sink: MediaSink
  /** An item that waits until the stream is open. */
  #held: (() => void) | undefined
  /** The callback of the item that was passed on and is not sent yet. */
  #done: ((error?: Error | null) => void) | undefined
  readonly #sent = (): void => {
    const done = this.#done
    this.#done = undefined
    done?.()
  }

  constructor(sink: MediaSink) {
    super({ objectMode: true, highWaterMark: 4 })
    this.#sink = sink
  }

  /** Whether written items pass. Call `release` when this changes. */
  protected abstract get isOpen(): boolean

  /** The part of an item that is sent to the peer; undefined for none. */
  protected abstract wanted(item: Message | MessageBatch): Message | MessageBatch | undefined

  /** Called after everything has been sent, for the last messages. */
  protected abstract bye(): void

  protected release(): void {
    if (!this.isOpen) return
    const go = this.#held
    this.#held = undefined
    go?.()
  }

  /** Removes the item that waits to be sent. */
  protected letGo(): void {
    if (this.#done === undefined) return
    this.#sink.unsend(this.#sent)
    this.#sent()
  }

  /**
   * The fast path of `write`: sends the item in this call if nothing waits between here and the peer, otherwise returns
   * false.
   */
  takeNow(item: Message | MessageBatch): boolean {
    if (!this.isOpen || this.#done !== undefined || this.writableLength > 0) return false
    if (this.writableEnded || this.destroyed) return false
    const wanted = this.wanted(item)
    return wanted === undefined || this.#sink.sendNow(wanted)
  }

  override _write(item: Message | MessageBatch, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.isOpen) this.#send(item, done)
    else this.#held = () => this.#send(item, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#held = () => {
      this.bye()
      done()
    }
    this.release()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#held = undefined
    if (this.#done !== undefined) this.#sink.unsend(this.#sent)
    done(error)
  }

  #send(item: Message | MessageBatch, done: (error?: Error | null) => void): void {
    const wanted = this.wanted(item)
    if (wanted === undefined) {
      done()
      return
    }
    this.#done = done
    this.#sink.send(wanted, this.#sent)
  }
}
