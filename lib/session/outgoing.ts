import type { Readable } from 'node:stream'
import type { MessageBatch } from '../live/message-batch.ts'
import type { Message } from '../message/message.ts'
import type { Fed } from '../stream/direct.ts'
import { TypedWritable } from '../stream/typed.ts'

/** Where it goes: media waits there for room, and then `done` is called. */
export interface MediaSink {
  send(item: Message | MessageBatch, done: () => void): void
  /** Sends it within the call, if nothing waits; false if something does. */
  sendNow(item: Message | MessageBatch): boolean
  /** Takes back what waits for this `done`. */
  unsend(done: () => void): void
}

/** What goes out on a message stream: a Writable of Messages, or of the MessageBatches that a LiveStream's player gives. */
export abstract class Outgoing<Own = unknown> extends TypedWritable<Message | MessageBatch, Own> implements Fed {
  _from: Readable | undefined
  readonly #sink: MediaSink
  /** What waits to be let through. */
  #held: (() => void) | undefined
  /** The callback of what has been handed on, and not sent yet. */
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

  /** Whether it lets through what is written; when that changes, `release` is to be called. */
  protected abstract get isOpen(): boolean

  /** What the peer is sent of an item; undefined for nothing. */
  protected abstract wanted(item: Message | MessageBatch): Message | MessageBatch | undefined

  /** All has been sent: a moment for last words. */
  protected abstract bye(): void

  protected release(): void {
    if (!this.isOpen) return
    const go = this.#held
    this.#held = undefined
    go?.()
  }

  /** Takes back what waits to be sent: nobody takes it any more. */
  protected letGo(): void {
    if (this.#done === undefined) return
    this.#sink.unsend(this.#sent)
    this.#sent()
  }

  /** As `write`, within the call, where nothing waits between here and the peer; false where it has to be written. */
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
