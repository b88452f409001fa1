import { Duplex as CoreDuplex, type Readable, type Writable } from 'node:stream'

/** One Duplex of two halves: what is written goes to `writable`, what is read comes from `readable`. */
export function duplex(writable: Writable, readable: Readable): CoreDuplex {
  // @types/node leaves the { writable, readable } form out of Duplex.from
  const from = CoreDuplex.from as unknown as (halves: { writable: Writable; readable: Readable }) => CoreDuplex
  return from({ writable, readable })
}
