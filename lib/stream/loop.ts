import { type Duplex, finished } from 'node:stream'
import { RtmpError } from '../errors.ts'

/**
 * Joins two that speak to each other, as `pipeline(one, other, one)` would, for a fifth of the memory: there is one of it a connection.
 * An error of one destroys both; so does one that closes before its end, with `ERR_RTMP_PREMATURE_CLOSE`. But what the first has
 * brought, if it was read to its end, the other takes before. Once both have closed `done` is called, with the first error there was.
 */
export function loop(one: Duplex, other: Duplex, done: (error?: Error) => void): void {
  let failure: Error | undefined
  let left = 2
  const fail = (from: Duplex, to: Duplex, error: Error) => {
    failure ??= error
    from.destroy(failure)
    if (from === one && from.readableEnded && to.writableEnded)
      finished(to, { readable: false }, () => to.destroy(failure))
    else to.destroy(failure)
  }
  const join = (from: Duplex, to: Duplex) => {
    const closed = () => {
      if (!from.readableEnded || !from.writableFinished) fail(from, to, new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
      if (--left === 0) done(failure)
    }
    from.on('error', error => fail(from, to, error))
    // one that was closed before tells it no more
    if (from.closed) setImmediate(closed)
    else from.once('close', closed)
    from.pipe(to)
  }
  join(one, other)
  join(other, one)
}
