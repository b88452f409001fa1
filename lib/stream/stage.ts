import { asError, inLayer, type Truncated } from '../errors.ts'
import { isTooEarly } from './direct.ts'
import { Outlet, type Turned } from './outlet.ts'
import { type SideOptions, sides } from './sides.ts'
import { TakingTransform } from './taking.ts'
import type { EmitterOf } from './typed.ts'

/** Events of every stage, beside those of a Duplex. */
export interface StageEvents {
  /** The input has ended inside something; a clean end follows. */
  truncated: [cut: Truncated]
}

/**
 * The first of the two shapes: a Transform over a codec. A subclass implements `turn`, which is called for each item, and `last`, which
 * is called at the end.
 *
 * - `turn` pushes its output with `this.push`, or returns an iterable of it (a generator), which is drawn with backpressure. It may
 *   return a promise; the next item waits until that has settled.
 * - A throw, or a rejection, destroys the stage with that error, whose `layer` is the stage's. It is not thrown to the caller.
 * - Input that ends within a message, a chunk or a tag is an event `'truncated'` (see Truncated) and then a clean end.
 * - `Own` are events of the subclass: `class Meter extends Stage<Message, Message, { level: [decibel: number] }>`.
 *
 *     takeNow, or write → _transform             taking.ts
 *       → _take → turn ─┬→ push                  direct.ts: takeNow of the next stream, or the buffer
 *                       └→ iterable → Outlet → push; _read continues it
 *     end() → _flush → _takeEnd → last           after the last item
 */
export abstract class Stage<In, Out, Own = unknown> extends TakingTransform<In, Out, StageEvents & Own> {
  /** The `layer` of its errors. */
  readonly layer: string
  readonly #outlet = new Outlet<Out>(this, error => this._taken(error === undefined ? undefined : asError(error)))

  constructor({ layer, ...options }: SideOptions & { layer?: string } = {}) {
    super(sides(options))
    this.layer = layer ?? this.constructor.name
  }

  protected abstract turn(item: In): Turned<Out>

  /** Processes the end of the input. */
  protected last(): Turned<Out> {}

  /**
   * A Transform whose buffer is full calls back a write later; an item that is taken has no callback, so it is not taken. Written out, for
   * `super._isClear` and its getters cost a tenth of a tower at chunk size 128.
   */
  override get _isClear(): boolean {
    if (this._isBusy || this.writableLength > 0 || !this.writable) return false
    return this.readableLength < this.readableHighWaterMark
  }

  override _take(item: In): boolean {
    return this.#isDone(this.turn(item))
  }

  override _takeEnd(): boolean {
    return this.#isDone(this.last())
  }

  override _taken(error?: Error): void {
    super._taken(error && inLayer(this.layer, error))
  }

  override _read(size: number): void {
    if (isTooEarly(this)) return
    this.#outlet.resume()
    // the Transform may still owe a callback: the source may have ended without another item
    if (!this.#outlet.waits) super._read(size)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#outlet.close()
    super._destroy(error, done)
  }

  /** Emits `'truncated'`, if the input was. */
  protected tell(cut: Truncated | undefined): void {
    if (cut !== undefined) (this as EmitterOf<StageEvents>).emit('truncated', cut)
  }

  #isDone(turned: Turned<Out>): boolean {
    if (typeof turned !== 'object') return true
    return 'then' in turned ? this._takenWhen(turned) : this.#outlet.draw(turned)
  }
}

/**
 * A factory of stages from a function: `stage((message, push) => ...)` makes stages that call it for every item. Both sides carry objects
 * by default.
 */
export function stage<In, Out>(
  turn: (item: In, push: (item: Out) => boolean) => Turned<Out>,
  options: SideOptions = {}
): () => Stage<In, Out> {
  class FunctionStage extends Stage<In, Out> {
    protected override turn(item: In): Turned<Out> {
      return turn(item, made => this.push(made))
    }
  }
  const layer = turn.name || 'stage'
  return () => new FunctionStage({ layer, ...options })
}
