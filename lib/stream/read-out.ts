import type { Duplex } from 'node:stream'

type Done = (error?: Error | null) => void

/** By these codes a socket says that its peer takes nothing more. What that sent before may still be there to be read. */
const GONE: readonly (string | undefined)[] = ['EPIPE', 'ECONNRESET']

/** Whether an error says that the peer has gone, and nothing else. */
export const isGone = (error: NodeJS.ErrnoException | null | undefined): boolean => GONE.includes(error?.code)

/**
 * Has a socket read to its end though its peer has gone. Node destroys it at once, and with it the bytes that it holds and those
 * that the kernel does: FFmpeg -listen closes behind its last frame, and an answer of ours to what came before is refused. So writes
 * that fail for it are done with, as are those behind them, and a read that fails ends it behind what was read. Errors of other kinds,
 * and a socket that holds nothing to be read, are as ever.
 */
export function readOut(socket: Duplex): void {
  const { _write, _writev, destroy } = socket
  let isOver = false
  // a stream has one write at a time
  let done: Done
  const told: Done = error => {
    isOver ||= isGone(error)
    done(isOver ? null : error)
  }
  const begins = (whenDone: Done) => {
    // the _write that streams have by default goes on to _writev
    if (whenDone !== told) done = whenDone
    if (isOver) done()
    return !isOver
  }
  socket._write = (chunk, encoding, whenDone) => {
    if (begins(whenDone)) _write.call(socket, chunk, encoding, told)
  }
  if (_writev) {
    socket._writev = (chunks, whenDone) => {
      if (begins(whenDone)) _writev.call(socket, chunks, told)
    }
  }
  socket.destroy = error => {
    const failed: NodeJS.ErrnoException | null | undefined = error
    if (!isGone(failed) || failed?.syscall !== 'read' || socket.readableLength === 0 || socket.destroyed)
      return destroy.call(socket, error)
    socket.push(null)
    return socket
  }
}
