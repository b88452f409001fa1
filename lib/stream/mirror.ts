import { type Duplex, pipeline } from 'node:stream'
import { duplex } from './duplex.ts'
import type { DuplexOf, InOf, OutOf, Takes } from './typed.ts'

/**
 * Puts a stage on each side of a Duplex: what is written passes `out` into the wire, and what the wire gives passes `back` to the
 * reader. `mirror(chunkEncoder(), bytes, chunkDecoder())` is a Duplex of chunks over a Duplex of bytes. An error in any of them destroys
 * all, and is emitted by the mirror; destroy() without an error emits none.
 */
export function mirror<Out extends Duplex, Wire extends Duplex, Back extends Duplex>(
  out: Out,
  wire: Wire & Takes<OutOf<Out>>,
  back: Back & Takes<OutOf<Wire>>
): DuplexOf<InOf<Out>, OutOf<Back>> {
  const both = duplex(out, back)
  const fail = (error: Error | null | undefined) => {
    if (error) both.destroy(error)
  }
  pipeline(out, wire, fail)
  pipeline(wire, back, fail)
  return both
}
