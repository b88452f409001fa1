import type { Duplex, Readable, Writable } from 'node:stream'
import { Layer } from './layer.ts'
import type { DuplexOf, InOf, OutOf } from './typed.ts'

/** A layer that changes nothing, over two streams: one to write to, one to read from. */
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
 * Joins a Writable and a Readable into one Duplex; `duplex(child.stdin, child.stdout)` makes a program a stage. An error of either half
 * is emitted by the Duplex, and destroys the other half. (Node's Duplex.from does the same, but emits an AbortError after a destroy()
 * without an error.)
 */
export const duplex = <Into extends Writable, From extends Readable>(
  writable: Into,
  readable: From
): DuplexOf<InOf<Into>, OutOf<From>> => new Halves(writable, readable) as DuplexOf<InOf<Into>, OutOf<From>>
