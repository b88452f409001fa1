import type { Duplex, Readable } from 'node:stream'
import { handTo, isTooEarly } from './direct.ts'
import { Outlet } from './outlet.ts'
import { isReady } from './taking.ts'

/**
 * The half of a Layer that receives: what the source (the lower Duplex) gives is passed to `inbound`, one item at a time, and what
 * that returns goes up with backpressure.
 *
 *     source 'data', or its fast path → hear → inbound ─┬→ up → push           direct.ts: takeNow of the next stream, or the buffer
 *                                                       └→ iterable → Outlet → push
 *     _read → read → Outlet, or source.resume()
 */
export class LayerInbound<Lower, Upper> {
  readonly #layer: Duplex
  readonly #source: Readable
  readonly #inbound: (item: Lower) => void | Iterable<Upper>
  readonly #outlet: Outlet<Upper>
  /** Until the layer is open it reads whether or not the reader above does. */
  #isOpen: boolean
  /** Whether the reader above wants more: set by `_read`, unset by a push that fills its buffer. */
  #isWanted = false
  /** Whether an item is being processed. What a lower in memory brings meanwhile, as the answer to a write of ours, has to wait. */
  #isBusy = false
  readonly #late: Lower[] = []
  #whenUp: (() => void) | undefined

  constructor(layer: Duplex, source: Readable, inbound: (item: Lower) => void | Iterable<Upper>, isOpen: boolean) {
    this.#layer = layer
    this.#source = source
    this.#inbound = inbound
    this.#isOpen = isOpen
    this.#outlet = new Outlet<Upper>(
      layer,
      error => (error === undefined ? this.#goOn() : layer.destroy(error as Error)),
      () => this.#full()
    )
    source.on('data', this.#hear)
    handTo(source, {
      takeNow: item => {
        const isTaken = isReady(item, source.readableObjectMode)
        if (isTaken) this.#hear(item as Lower)
        return isTaken
      }
    })
    if (isOpen) source.pause()
  }

  readonly #hear = (item: Lower): void => {
    if (this.#layer.destroyed) return
    if (this.#isBusy) {
      this.#late.push(item)
      this.#source.pause()
      return
    }
    this.#isBusy = true
    let isDone = true
    try {
      const made = this.#inbound(item)
      if (typeof made === 'object') isDone = this.#outlet.draw(made)
    } catch (error) {
      this.#layer.destroy(error as Error)
      return
    }
    if (isDone) this.#goOn()
    // a pause costs a turn of the source's own: it is spared where the reader took all at once, which is the rule
    else this.#source.pause()
  }

  /** An item has been processed: the next, or whoever waits for the last, or more from the source. */
  #goOn(): void {
    this.#isBusy = false
    const source = this.#source
    if (this.#late.length > 0) this.#hear(this.#late.shift()!)
    else if (this.#whenUp !== undefined) this.#up(this.#whenUp)
    else if (source.isPaused() && (this.#isWanted || !this.#isOpen)) source.resume()
  }

  /** Pushes one item to the reader above. */
  up(item: Upper): void {
    if (!this.#layer.push(item)) this.#full()
  }

  /** The reader above wants more. */
  read(): void {
    if (isTooEarly(this.#layer)) return
    this.#isWanted = true
    if (this.#outlet.waits) this.#outlet.resume()
    else this.#source.resume()
  }

  #full(): void {
    this.#isWanted = false
    if (this.#isOpen) this.#source.pause()
  }

  /** From now on it reads when the reader above does. */
  open(): void {
    this.#isOpen = true
    if (!this.#isWanted) this.#source.pause()
  }

  /** Calls `then` once all that the source brought has gone up. What it throws destroys the layer. */
  whenUp(then: () => void): void {
    if (this.#outlet.waits || this.#late.length > 0) this.#whenUp = then
    else this.#up(then)
  }

  #up(then: () => void): void {
    this.#whenUp = undefined
    if (this.#layer.destroyed) return
    try {
      then()
    } catch (error) {
      this.#layer.destroy(error as Error)
    }
  }

  close(): void {
    this.#outlet.close()
    this.#late.length = 0
    this.#source.destroy()
  }
}
