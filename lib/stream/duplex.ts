import type { Duplex, Readable, Writable } from 'node:stream'
import { Layer } from './layer.ts'
import type { DuplexOf, InOf, OutOf } from './typed.ts'

/** The plainest layer: what comes goes up, what goes goes down, and the two ways lie over two streams. */
class Halves extends Layer<unknown> {
  constructor(writable: Writable, readable: Readable) {
    const from = writable.writableObjectMode ? 'objects' : 'bytes'
    const to = readable.readableObjectMode ? 'objects' : 'bytes'
    super(writable as Duplex, { from, to }, readable)
  }

  protected override inbound(item: unknown): void {
    this.up(item)
  }
}

/**
 * One Duplex of two halves: what is written goes to `writable`, what is read comes from `readable`; `duplex(child.stdin,
 * child.stdout)` makes a program a stage. An error of one half is its own, and destroys the other. (Node's Duplex.from does the
 * same, but a destroy() without a reason makes it emit an AbortError.)
 */
export const duplex = <Into extends Writable, From extends Readable>(
  writable: Into,
  readable: From
): DuplexOf<InOf<Into>, OutOf<From>> => new Halves(writable, readable) as DuplexOf<InOf<Into>, OutOf<From>>
