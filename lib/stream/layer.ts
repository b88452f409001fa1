import { type Duplex as CoreDuplex, finished, type Readable } from 'node:stream'
import { RtmpError, type Truncated } from '../errors.ts'
import { asTaker, DirectDuplex, gather, handOver, handTo, isReady, isTooEarly, type Taker } from './direct.ts'
import { Outlet } from './outlet.ts'
import { type SideOptions, sides } from './sides.ts'
import type { StageEvents } from './stage.ts'
import type { EmitterOf } from './typed.ts'

/** Options of Layer. */
export interface LayerOptions extends SideOptions {
  /** Whether it must first settle something with the peer before anything written goes down; see `open`. */
  opens?: boolean
  /** How much may wait to be written, in bytes or objects: 64 KiB, or 16. */
  writableHighWaterMark?: number
}

/**
 * The second of the two shapes: a Duplex over a Duplex, which reads *and* answers, as TLSSocket does over a socket. What comes
 * from the lower Duplex goes to `inbound`, which hands up with `this.up` (or returns an iterable, drawn as fast as the reader
 * reads) and answers with `this.answer`. What is written above goes to `outbound`.
 *
 * - Until it is open it reads the lower by itself, or a server that only writes would never shake hands; what is written above
 *   waits meanwhile. From then on the reader above sets the pace.
 * - A throw in `inbound` or `outbound` destroys the layer with that error, and the lower without one: an error is named once.
 * - `Own` are further events of one's own, as of a Stage. `Written` is what is written above, where that is not what is read.
 * - The lower's error is the layer's. The lower's end is the layer's end; its other half stays open until it is ended.
 */
export abstract class Layer<Lower = Buffer, Upper = Lower, Own = unknown, Written = Upper> extends DirectDuplex<
  Written,
  Upper,
  StageEvents & Own
> {
  protected readonly lower: CoreDuplex
  /** The lower, if what goes down may be handed over in person. */
  readonly #taker: Taker | undefined
  /** What goes down at once, while it is gathered. */
  #run: unknown[] | undefined
  /** Where it reads: the lower, but for a Duplex of two halves. */
  readonly #source: Readable
  readonly #outlet = new Outlet<Upper>(this, () => this.#full())
  #open: boolean
  /** Whether `inbound` is at work; a lower in memory may bring the peer's answer within a write of ours, and it has to wait. */
  #receiving = false
  readonly #late: Lower[] = []
  #whenUp: (() => void) | undefined
  /** Whether the reader above wants more: said by _read, unsaid by a push that fills its buffer. */
  #wanted = false
  /** What was written before the layer opened, or while the lower is full; called with nothing once there is room. */
  #held: (() => void) | undefined
  /** The write that is under way, to be told if the layer is destroyed before it goes down. */
  #writing: ((error?: Error | null) => void) | undefined

  constructor(
    lower: CoreDuplex,
    { opens = false, writableHighWaterMark, ...options }: LayerOptions = {},
    source: Readable = lower
  ) {
    super({
      allowHalfOpen: true,
      ...sides(options),
      ...(writableHighWaterMark !== undefined && { writableHighWaterMark })
    })
    this.lower = lower
    this.#taker = asTaker(lower)
    this.#source = source
    this.#open = !opens
    source.on('data', item => this.#hear(item))
    handTo(source, {
      takeNow: item => {
        const isTaken = isReady(item, source.readableObjectMode)
        if (isTaken) this.#hear(item as Lower)
        return isTaken
      },
      takeRunNow: items => this.#hearRun(items)
    })
    // it comes behind the last read of a source, paused or not
    source.on('end', () => this.whenUp(() => this.ended()))
    lower.on('drain', () => {
      this.#attempt(() => this.drained())
      this.#release()
    })
    // not 'close': it races our own finish
    const fail = (error?: Error | null) => {
      if (error) this.failed(error)
    }
    if (source === lower) finished(lower, fail)
    else {
      finished(source, { writable: false }, fail)
      finished(lower, { readable: false }, fail)
    }
    lower.once('close', () => this.#abandoned())
    this.once('end', () => this.#abandoned())
    if (this.#open) source.pause()
  }

  /** Takes what came from below. */
  protected abstract inbound(item: Lower): void | Iterable<Upper>

  /** Sends down what was written above; false, as from `down`, asks for a pause until the lower drains. */
  protected outbound(item: Upper): boolean {
    return this.down(item)
  }

  /** Answers the peer, unless our half has ended already. */
  protected answer(item: unknown): void {
    if (!this.lower.writableEnded) this.down(item)
  }

  /** Hands one item to the lower: all that a layer sends goes through here, in this order. */
  protected down(item: unknown): boolean {
    return this.#run === undefined ? this.#give(item) : this.#run.push(item) > 0
  }

  #give(item: unknown): boolean {
    return this.#taker?.takeNow(item) ? !this.lower.writableNeedDrain : this.lower.write(item)
  }

  /** The lower has room again: a moment to send what an answer of ours has waited for, ahead of what is written above. */
  protected drained(): void {}

  /** The lower has ended: the layer ends too, unless it has more to say first. */
  protected ended(): void {
    this.push(null)
  }

  /** The lower has failed, or closed before its end: so has the layer. */
  protected failed(error: Error): void {
    this.destroy(error)
  }

  /** Calls `then` once all that the lower brought has gone up, at the pace of the reader there. */
  protected whenUp(then: () => void): void {
    if (this.#outlet.waits || this.#late.length > 0) this.#whenUp = then
    else this.#attempt(then)
  }

  /** Calls `then` once all has been read above, and the end. */
  protected whenRead(then: () => void): void {
    if (this.readableEnded) then()
    else this.once('end', then)
  }

  /** Whether what is written now would go down within the call: nothing waits ahead of it, and the lower has room. */
  protected get isClear(): boolean {
    return (
      this.#open && this.writableLength === 0 && !this.lower.writableNeedDrain && !this.writableEnded && !this.destroyed
    )
  }

  /** As `write`, within the call, where nothing waits; false where something does. A throw in `outbound` destroys the layer. */
  takeNow(item: Upper): boolean {
    if (!this.isClear || !isReady(item, this.writableObjectMode)) return false
    try {
      this.outbound(item)
    } catch (error) {
      this.destroy(error as Error)
    }
    return true
  }

  /** The same for one after the other of some objects: how many were taken. What goes down goes at once, if the lower takes it so. */
  takeRunNow(items: readonly Upper[]): number {
    if (!this.writableObjectMode || this.#run !== undefined || !this.isClear) return 0
    if (this.#taker?.takeRunNow !== undefined && this.lower.writableObjectMode) this.#run = []
    let taken = 0
    try {
      // the lower stays as it is while what goes down is gathered
      const isClear = this.#run === undefined ? () => this.isClear : () => !this.destroyed
      while (taken < items.length && isClear()) this.outbound(items[taken++]!)
    } catch (error) {
      this.#handDown()
      this.destroy(error as Error)
    }
    this.#handDown()
    return taken
  }

  /** Hands one item to the reader above. */
  protected up(item: Upper): void {
    if (!this.push(item)) this.#full()
  }

  /** Lets through what was written so far, and leaves the pace to the reader above. */
  protected open(): void {
    this.#open = true
    if (!this.#wanted) this.#source.pause()
    this.#release()
  }

  /** Tells that the input ended inside something; nothing if it did not. */
  protected tell(cut: Truncated | undefined): void {
    if (cut !== undefined) (this as EmitterOf<StageEvents>).emit('truncated', cut)
  }

  #hear(item: Lower): void {
    if (this.destroyed) return
    try {
      this.#receive(item)
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  /** Takes what the source gives in person; what has to wait is late. */
  #hearRun(items: readonly unknown[]): number {
    const gathers = gather(this)
    for (const item of items) this.#hear(item as Lower)
    if (gathers && !handOver(this)) this.#full()
    return items.length
  }

  #receive(item: Lower): void {
    if (this.#receiving) {
      this.#source.pause()
      this.#late.push(item)
      return
    }
    this.#receiving = true
    const made = this.inbound(item)
    if (typeof made !== 'object') {
      this.#received()
      return
    }
    let isDrawn = false
    this.#outlet.draw(made, error => {
      isDrawn = true
      if (error === undefined) this.#received()
      else this.destroy(error as Error)
    })
    // a pause is a turn of the source's own: it is spared where the reader took all at once, which is the rule
    if (!isDrawn) this.#source.pause()
  }

  #received(): void {
    this.#receiving = false
    const next = this.#late.shift()
    if (next !== undefined) this.#receive(next)
    else if (this.#whenUp !== undefined) this.#isUp(this.#whenUp)
    else if (this.#source.isPaused() && !this.#outlet.waits && (this.#wanted || !this.#open)) this.#source.resume()
  }

  #isUp(then: () => void): void {
    this.#whenUp = undefined
    this.#attempt(then)
  }

  /** The reader above wants no more. */
  #full(): void {
    this.#wanted = false
    if (this.#open) this.#source.pause()
  }

  override _read(): void {
    if (isTooEarly(this)) return
    this.#wanted = true
    if (this.#outlet.waits) this.#outlet.resume()
    else this.#source.resume()
  }

  override _write(item: Upper, _encoding: string, done: (error?: Error | null) => void): void {
    this.#writing = done
    if (this.#open && !this.lower.writableNeedDrain) this.#send(item)
    else this.#held = () => this.#send(item)
  }

  override _final(done: (error?: Error | null) => void): void {
    const end = () => this.lower.end(() => done())
    if (this.#open) end()
    else this.#held = end
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#outlet.close()
    this.#late.length = 0
    this.#held = undefined
    const writing = this.#writing
    this.#writing = undefined
    this.lower.destroy()
    this.#source.destroy()
    done(error)
    writing?.(error ?? new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
  }

  /**
   * When the lower has closed by itself and all it brought has been read, there is nobody left to write to: a socket ends its
   * own half when the peer ends, unless it was told to allow half-open ones. Our own end may be on its way, and goes first.
   */
  #abandoned(): void {
    setImmediate(() => {
      if (!this.lower.closed || !this.readableEnded || this.writableFinished) return
      if (this.writableLength === 0) this.destroy()
      else this.failed(new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
    })
  }

  #handDown(): void {
    const run = this.#run
    this.#run = undefined
    if (run === undefined) return
    let taken = run.length > 1 ? this.#taker!.takeRunNow!(run) : 0
    while (taken < run.length) this.#give(run[taken++])
  }

  #send(item: Upper): void {
    if (this.destroyed) return
    try {
      if (this.outbound(item)) this.#written()
      else if (!this.destroyed) this.#held = this.#written
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  #release(): void {
    if (!this.#open) return
    const go = this.#held
    this.#held = undefined
    go?.()
  }

  readonly #written = (): void => {
    const done = this.#writing
    this.#writing = undefined
    done?.()
  }

  /** Runs `work`; what it throws destroys the layer and goes no further. A lower's last events may come after our end. */
  #attempt<Result>(work: () => Result): Result | undefined {
    if (this.destroyed) return undefined
    try {
      return work()
    } catch (error) {
      this.destroy(error as Error)
      return undefined
    }
  }
}
