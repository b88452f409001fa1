import { finished, type Writable } from 'node:stream'
import { isMessage, type Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import type { Takes } from '../stream/typed.ts'
import { keyframeGate } from './keyframe-gate.ts'

/** Options of Tap. */
export interface TapOptions {
  /**
   * Apply the backpressure of every branch: nothing is lost, and a slow branch slows the source. By default no branch
   * does.
   */
  wait?: boolean
}

/** What a branch of a Tap has missed. */
export interface TapGap {
  /** Number of items that the branch missed. */
  readonly items: number
}

/** Events of Tap, beside those of every stage. */
export interface TapEvents {
  /** A branch that was full has missed items, and takes them again. */
  gap: [branch: Writable, gap: TapGap]
  /** A branch has failed or closed, and is no longer written to. */
  left: [branch: Writable, error: NodeJS.ErrnoException]
}

/**
 * Passes every item on, and copies it to each branch: bytes, Chunks or Messages, between any two stages. Without `wait`
 * a full branch misses items, and `'gap'` (branch, TapGap) reports them; Messages reach it through a KeyframeGate, so
 * it resumes at a keyframe. A branch that fails or closes is removed, which `'left'` (branch, error) reports, and the
 * line continues. Branches end with the line, however it ends.
 */
export class Tap<Item> extends Stage<Item, Item, TapEvents> {
  readonly #branches = new Set<Branch>()
  readonly #wait: boolean

  constructor(branches: readonly Branchable<Item>[], { wait = false }: TapOptions = {}) {
    super({ layer: 'tap' })
    this.#wait = wait
    for (const writable of branches) this.#watch({ writable, entrance: undefined, missed: 0 })
  }

  protected override turn(item: Item): void | Promise<unknown> {
    for (const branch of this.#branches) this.#copy(item, branch)
    this.push(item)
    const full = this.#wait ? [...this.#branches].filter(({ writable }) => writable.writableNeedDrain) : []
    if (full.length > 0) return Promise.all(full.map(roomIn))
  }

  protected override last(): void | Promise<unknown> {
    const ended = [...this.#branches].map(
      ({ writable }) => new Promise(resolve => finished(writable, { readable: false }, resolve))
    )
    this.#end()
    if (this.#wait) return Promise.all(ended)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#end()
    super._destroy(error, done)
  }

  #copy(item: Item, branch: Branch): void {
    branch.entrance ??= this.#wait || !isMessage(item) ? branch.writable : this.#gate(branch)
    if (!this.#wait && branch.entrance.writableNeedDrain) {
      branch.missed++
      return
    }
    if (branch.missed > 0) this.emit('gap', branch.writable, { items: branch.missed })
    branch.missed = 0
    branch.entrance.write(item)
  }

  /** A gate applies no backpressure, so its branch misses whole runs, not single items. */
  #gate({ writable }: Branch): Writable {
    const gate = keyframeGate()
    gate.on('gap', ({ messages }) => this.emit('gap', writable, { items: messages }))
    gate.pipe(writable)
    return gate
  }

  #watch(branch: Branch): void {
    this.#branches.add(branch)
    finished(branch.writable, { readable: false }, error => {
      if (this.#branches.delete(branch) && error) this.emit('left', branch.writable, error)
    })
  }

  #end(): void {
    for (const { entrance, writable } of this.#branches) (entrance ?? writable).end()
  }
}

/** What a tap can write its items to. */
export type Branchable<Item> = Writable & Takes<NoInfer<Item>>

interface Branch {
  readonly writable: Writable
  /** The input of the branch: the gate in front of the writable, or the writable; known from the first item on. */
  entrance: Writable | undefined
  missed: number
}

/** Resolves when the branch can be written to again, or never can be. */
function roomIn({ writable }: Branch): Promise<void> {
  return new Promise(resolve => {
    const settle = () => {
      writable.off('drain', settle).off('close', settle).off('error', settle)
      resolve()
    }
    writable.on('drain', settle).on('close', settle).on('error', settle)
  })
}

/** `tap(file)`, `tap(one, two)`, `tap(file, { wait: true })`: see Tap. `tap<Chunk>(...)` or `tap<Buffer>(...)` where it is not Messages. */
export function tap<Item = Message>(...given: [...Branchable<Item>[], Branchable<Item> | TapOptions]): Tap<Item> {
  const last = given.at(-1)
  const options = last !== undefined && !isWritable(last) ? last : {}
  return new Tap<Item>(given.filter(isWritable), options)
}

const isWritable = <Branch extends Writable>(given: Branch | TapOptions): given is Branch => 'write' in given
