import { inLayer, type Truncated } from '../errors.ts'
import { DirectTransform, gather, handOver, isReady, isTooEarly } from './direct.ts'
import { Outlet, type Turned } from './outlet.ts'
import { type SideOptions, sides } from './sides.ts'
import { type Later, promised, Turns } from './turns.ts'
import type { EmitterOf } from './typed.ts'

type Done = (error?: Error | null) => void

/** Events of every stage, beside those of a Duplex. */
export interface StageEvents {
  /** The input has ended inside something; a clean end follows. */
  truncated: [cut: Truncated]
}

/**
 * The first of the two shapes: a Transform that turns one thing into another. A stage of one's own says what `turn` does with
 * an item, and `last` what is left to do at the end; everything else is done here once.
 *
 * - `turn` pushes what it makes with `this.push`, or returns an iterable of it (a generator): that is drawn only as fast as the
 *   reader reads. It may return a promise; the next item waits for it.
 * - A throw, or a rejection, destroys the stage with that error, named with the stage's layer. It goes nowhere else.
 * - Input that ends inside something is an event `'truncated'` (see Truncated) and then a clean end.
 * - `Own` are further events of one's own: `class Meter extends Stage<Message, Message, { level: [decibel: number] }>`.
 */
export abstract class Stage<In, Out, Own = unknown> extends DirectTransform<In, Out, StageEvents & Own> {
  /** The name its errors carry. */
  readonly layer: string
  readonly #outlet = new Outlet<Out>(this)
  readonly #turns = new Turns()
  readonly #turn = (item: In): Later | undefined => this.#later(this.turn(item))
  readonly #taken = this.#naming(error => {
    if (error) this.destroy(error)
  })

  constructor({ layer, ...options }: SideOptions & { layer?: string } = {}) {
    super(sides(options))
    this.layer = layer ?? this.constructor.name
  }

  protected abstract turn(item: In): Turned<Out>

  /** What is left to do when the input has ended. */
  protected last(): Turned<Out> {}

  /** As `write`, within the call, where nothing waits; false where something does. A throw in `turn` destroys the stage. */
  takeNow(item: In): boolean {
    if (!this.#isClear || !isReady(item, this.writableObjectMode)) return false
    this.#turns.take(this.#turn, item, this.#taken)
    return true
  }

  /** The same for one after the other of some objects: how many were taken. What it makes of them goes on at once. */
  takeRunNow(items: readonly In[]): number {
    if (!this.writableObjectMode) return 0
    const gathers = gather(this)
    let taken = 0
    while (taken < items.length && this.#isClear) this.#turns.take(this.#turn, items[taken++]!, this.#taken)
    if (gathers) handOver(this)
    return taken
  }

  get #isClear(): boolean {
    if (this.#turns.isTaken || this.destroyed || this.writableEnded) return false
    return this.writableLength === 0 && this.readableLength < this.readableHighWaterMark
  }

  override _transform(item: In, _encoding: string, done: Done): void {
    this.#turns.take(this.#turn, item, this.#naming(done))
  }

  override _flush(done: Done): void {
    this.#turns.take(() => this.#later(this.last()), undefined, this.#naming(done))
  }

  override _read(size: number): void {
    if (isTooEarly(this)) return
    this.#outlet.resume()
    // what was asked of us may still be owed: the source may have ended without another item
    if (!this.#outlet.waits) super._read(size)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#outlet.close()
    this.#turns.close()
    super._destroy(error, done)
  }

  /** Tells that the input ended inside something; nothing if it did not. */
  protected tell(cut: Truncated | undefined): void {
    if (cut !== undefined) (this as EmitterOf<StageEvents>).emit('truncated', cut)
  }

  #naming(done: Done): Done {
    return error => done(error && inLayer(this.layer, error))
  }

  #later(turned: Turned<Out>): Later | undefined {
    if (typeof turned !== 'object') return undefined
    return 'then' in turned ? promised(turned) : settled => this.#outlet.draw(turned, settled)
  }
}

/**
 * A stage out of a function: `stage((message, push) => ...)` is a factory of stages that call it for every item. Both sides
 * carry objects unless told otherwise.
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
