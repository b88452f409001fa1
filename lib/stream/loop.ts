import { type Duplex, finished } from 'node:stream'
import { RtmpError } from '../errors.ts'

/**
 * Pipes two Duplexes into each other, as `pipeline(one, other, one)` would, with a fifth of the memory: each connection has one.
 * An error of either destroys both; so does one that closes before its end, with `ERR_RTMP_PREMATURE_CLOSE`. If the first was read to
 * its end before it failed, the other processes all of that before it is destroyed. `done` is called when both have closed, with the
 * first error.
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
